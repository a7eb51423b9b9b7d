"""The Lua scripts. Redis runs nothing else beside a script, and writes its effects to the append-only file as one unit.

Every call can be sent again when its reply was lost: an event that comes again is recognised by its event_id, and
everything else has the same effect again.
"""

from __future__ import annotations

from hashlib import sha1
from typing import TypeAlias

Word: TypeAlias = bytes | str | int
Command: TypeAlias = tuple[Word, ...]


class Script:
    """A script and its digest, by which a server that ran the script before knows it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._digest = sha1(text.encode(), usedforsecurity=False).hexdigest()

    def by_digest(self, keys: tuple[bytes, ...], *arguments: Word) -> Command:
        """The call by digest. The server may have forgotten the script: it forgets all scripts when it restarts."""
        return ("EVALSHA", self._digest, len(keys), *keys, *arguments)

    def in_full(self, command: Command) -> Command:
        """The same call, with the text of the script."""
        return ("EVAL", self._text, *command[2:])


# A journal is one key: Redis Cluster refuses commands of several keys of a slot that is on its way to another node. So
# the tombstone is in the stream, too, as a consumer group: its last-delivered-id is the last number deleted, its name
# holds the rest of the event. This engine leaves one; several, which another program wrote, are read as well.
_IDS = """
local function field(reply, name)
  for i = 1, #reply, 2 do
    if reply[i] == name then return reply[i + 1] end
  end
end

-- Sequence numbers are texts of digits: Lua's own numbers are exact up to 2^53 only.
local function number(id)
  return string.match(id, '^%d+')
end
"""

_ARITHMETIC = """
local function is_less(one, other)
  return #one < #other or #one == #other and one < other
end

-- The number that is higher by n, which is an ordinary number below 10^12.
local function plus(number, n)
  local high, low = tonumber(string.sub(number, 1, -13)) or 0, tonumber(string.sub(number, -12)) + n
  if low >= 1e12 then high, low = high + 1, low - 1e12 end
  return high > 0 and string.format('%.0f%012.0f', high, low) or string.format('%.0f', low)
end
"""

_HIGHEST = """
local function highest(stream)
  if redis.call('EXISTS', stream) == 0 then return '0' end
  return number(field(redis.call('XINFO', 'STREAM', stream), 'last-generated-id'))
end
"""

_TOMBSTONES = """
-- The number, event_id, created_at and name of each tombstone, the last one last.
local function tombstones(stream, length)
  local found = {}
  if length > 0 or redis.call('EXISTS', stream) == 1 then
    for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
      local name = field(group, 'name')
      local event_id, created_at = string.match(name, '^tombstone (.*) (%-?%d+)$')
      if event_id then
        found[#found + 1] = {number(field(group, 'last-delivered-id')), event_id, created_at, name}
      end
    end
    if #found > 1 then table.sort(found, function(one, other) return is_less(one[1], other[1]) end) end
  end
  return found
end

-- The number of the last tombstone, or nil.
local function dead(stream, length)
  local found = tombstones(stream, length)
  return #found > 0 and found[#found][1] or nil
end

-- Adds the group that stands for a deleted event. It also makes the stream of a journal that begins with one.
local function bury(stream, id, event_id, created_at)
  return redis.pcall('XGROUP', 'CREATE', stream, 'tombstone ' .. event_id .. ' ' .. created_at, id, 'MKSTREAM')
end
"""

_TOUCH = """
-- Changes nothing. WAITAOF and WAIT confirm what their own connection wrote, and one that wrote nothing they confirm at
-- once. A call whose work another connection did before writes this, and so waits for that work's confirmation.
local function touch(stream)
  redis.call('XSETID', stream, field(redis.call('XINFO', 'STREAM', stream), 'last-generated-id'))
end
"""

_ALL = _IDS + _ARITHMETIC + _HIGHEST + _TOMBSTONES + _TOUCH

# The last sequence number is the tombstone's plus the count of entries after it. Only where that doesn't fit is the
# stream asked for the last id it ever had, since the answer holds two whole events.
APPEND = Script(
    _ALL
    + """
-- KEYS: the stream of each item. ARGV[1]: the items in MessagePack, each its first number and then its events
-- {id, event_id, created_at, tags, data, metadata}, without the last if there is none. A tombstone, which begins a
-- journal, is {id, event_id, created_at}. Returns an outcome for each: -1 when it is stored, or a text: an error that
-- concerns this item alone, or a word and what it is about.
--   TAKEN n    its number isn't the next; n is the highest number
--   DELETED n  the same, and it was deleted if it ever was stored
--   GAP n      it would be the next, but event n before it is gone
--   UNSURE e   it couldn't be looked up, because of the error e
--   PARTLY e   some of its events are stored, then came the error e
local has_written = false

-- true, false, or nil if nothing is left that would tell.
local function is_stored(stream, item)
  local deleted, last, told = {}, '0', nil
  for _, each in ipairs(tombstones(stream, 0)) do
    deleted[each[1]] = each[2]
    last = each[1]
  end
  for n = 2, #item do
    local id, event_id = item[n][1], nil
    local entry = redis.call('XRANGE', stream, id, id)[1]
    if entry then
      event_id = field(entry[2], 'event_id')
    else
      event_id = deleted[number(id)]
    end
    if event_id or is_less(last, number(id)) then
      if event_id ~= item[n][2] then return false end
      told = true
    end
  end
  return told
end

-- The outcome of an item that isn't the next: it came before, or another one did.
local function repeated(stream, item, last)
  local stored = is_stored(stream, item)
  if stored then
    touch(stream)
    return -1
  end
  return (stored == nil and 'DELETED ' or 'TAKEN ') .. last
end

-- The outcome of an item that doesn't fit; nil if it does after all, and comes after the last event.
local function misfit(stream, item)
  local last = highest(stream)
  if item[2][1] ~= plus(last, 1) .. '-0' then return repeated(stream, item, last) end
  local entry = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  if entry and number(entry[1]) == last or (dead(stream, 0) or '0') == last then return nil end
  return 'GAP ' .. last
end

local function begin_with_tombstone(stream, item)
  local id, event_id, created_at = unpack(item[2])
  local last = highest(stream)
  if last ~= '0' or dead(stream, 0) then return repeated(stream, item, last) end
  local reply = bury(stream, id, event_id, created_at)
  if reply.err then return reply end
  reply = redis.pcall('XSETID', stream, id)
  if reply.err then
    redis.call('XGROUP', 'DESTROY', stream, tombstones(stream, 0)[1][4])
    return reply
  end
  has_written = true
  return -1
end

local function append(stream, item)
  local length = redis.pcall('XLEN', stream)
  if type(length) == 'table' then return length end
  if not item[2][4] then return begin_with_tombstone(stream, item) end
  local last, is_next = dead(stream, length), nil
  if last then
    is_next = item[2][1] == plus(last, length + 1) .. '-0'
  else
    is_next = item[1] == length + 1
  end
  if not is_next then
    local outcome = misfit(stream, item)
    if outcome then return outcome end
  end
  for n = 2, #item do
    local event = item[n]
    local reply
    if event[6] then
      reply = redis.pcall('XADD', stream, event[1],
        'event_id', event[2], 'created_at', event[3], 'tags', event[4], 'data', event[5], 'metadata', event[6])
    else
      reply = redis.pcall('XADD', stream, event[1],
        'event_id', event[2], 'created_at', event[3], 'tags', event[4], 'data', event[5])
    end
    if type(reply) == 'table' then
      if n > 2 then return 'PARTLY ' .. reply.err end
      -- The stream had an event of this number, whatever the count of its entries says.
      return string.sub(reply.err, 1, 4) == 'ERR ' and misfit(stream, item) or reply
    end
    has_written = true
  end
  return -1
end

local outcomes = {}
for i, item in ipairs(cmsgpack.unpack(ARGV[1])) do
  -- Whatever happens to one item, the others have their outcomes, or they would be told that nothing was stored.
  local is_known, outcome = pcall(append, KEYS[i], item)
  if not is_known then
    outcome = 'UNSURE ' .. (type(outcome) == 'table' and outcome.err or tostring(outcome))
  elseif type(outcome) == 'table' then
    local concerns_all = string.sub(outcome.err, 1, 9) ~= 'WRONGTYPE'
    if concerns_all and not has_written then return outcome end
    outcome = outcome.err
  end
  outcomes[i] = outcome
end
return outcomes
"""
)

# A full memory must not keep anyone from deleting.
_ALSO_WHEN_FULL = "#!lua flags=allow-oom\n"

DELETE_EVENTS = Script(
    _ALSO_WHEN_FULL
    + _ALL
    + """
-- KEYS: the stream. ARGV: the last number to delete, and how many events to delete at most. Returns 1 when all of them
-- are deleted, 0 when some are left.
local stream, up_to, last = KEYS[1], ARGV[1], '0'
local deleted, newest = tombstones(stream, 0), highest(stream)
if #deleted > 0 then last = deleted[#deleted][1] end
if is_less(newest, up_to) then up_to = newest end
if not is_less(last, up_to) then
  -- Done before, or begun before: a user without the right to trim has left the events.
  if #deleted > 0 and redis.call('XTRIM', stream, 'MINID', '=', plus(last, 1) .. '-0') == 0 then touch(stream) end
  return 1
end
local stop = plus(last, tonumber(ARGV[2]))
if is_less(up_to, stop) then stop = up_to end
local entry = redis.call('XREVRANGE', stream, stop .. '-0', '-', 'COUNT', 1)[1]
if entry then
  for _, each in ipairs(deleted) do redis.call('XGROUP', 'DESTROY', stream, each[4]) end
  local reply = bury(stream, entry[1], field(entry[2], 'event_id'), field(entry[2], 'created_at'))
  if reply.err then return reply end
  redis.call('XTRIM', stream, 'MINID', '=', plus(number(entry[1]), 1) .. '-0')
end
return (stop == up_to or not entry) and 1 or 0
"""
)

HIGHEST = Script(_IDS + _HIGHEST + "return highest(KEYS[1])")

TOMBSTONES = Script(
    _IDS
    + _ARITHMETIC
    + _TOMBSTONES
    + """
-- KEYS: the stream. Returns the number, event_id, created_at and name of each tombstone, the last one last.
return tombstones(KEYS[1], 0)
"""
)

TOUCH = Script(
    _ALSO_WHEN_FULL
    + _IDS
    + _TOUCH
    + """
-- KEYS: the stream. Returns when there is nothing to confirm, or after a write that can be confirmed.
if redis.call('EXISTS', KEYS[1]) == 1 then touch(KEYS[1]) end
return 1
"""
)

PUT_SNAPSHOT = Script("""
-- KEYS: snapshots. ARGV: the first and the last place of this number in their order, the snapshot.
-- The new one is there before an old one goes. The same one again is written again, as `touch` does for events.
if redis.call('ZADD', KEYS[1], 0, ARGV[3]) == 0 then
  redis.call('ZREMRANGEBYLEX', KEYS[1], '[' .. ARGV[3], '[' .. ARGV[3])
  redis.call('ZADD', KEYS[1], 0, ARGV[3])
end
redis.call('ZREMRANGEBYLEX', KEYS[1], ARGV[1], '(' .. ARGV[3])
redis.call('ZREMRANGEBYLEX', KEYS[1], '(' .. ARGV[3], ARGV[2])
return 1
""")

DELETE_SNAPSHOTS = Script(
    _ALSO_WHEN_FULL
    + """
-- KEYS: snapshots. ARGV: the last place of those to delete. Writes also if there are none, as `touch` does for events.
local deleted = redis.call('ZREMRANGEBYLEX', KEYS[1], '-', ARGV[1])
if deleted == 0 then
  redis.call('ZADD', KEYS[1], 0, '~')
  redis.call('ZREMRANGEBYLEX', KEYS[1], '[~', '[~')
end
return deleted
"""
)
