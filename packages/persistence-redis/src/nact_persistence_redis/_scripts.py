"""The Lua that writes. Redis runs a script alone and writes what it did to the append-only file as one unit.

Nothing here is written twice: whatever comes again is recognised by its event_id, or has the same effect again. So
every call can be sent again when its answer was lost.
"""

from __future__ import annotations

from hashlib import sha1
from typing import TypeAlias

Word: TypeAlias = bytes | str | int
Command: TypeAlias = tuple[Word, ...]


class Script:
    """A script and its digest, by which a server that ran it before knows it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._digest = sha1(text.encode(), usedforsecurity=False).hexdigest()

    def short(self, keys: tuple[bytes, ...], *arguments: Word) -> Command:
        """The call by digest. The server may have forgotten it: it forgets all when it restarts."""
        return ("EVALSHA", self._digest, len(keys), *keys, *arguments)

    def whole(self, command: Command) -> Command:
        """The same call with the script itself."""
        return ("EVAL", self._text, *command[2:])


# A journal is one key: Redis Cluster refuses commands of several keys of a slot that is on its way to another node. So
# the tombstone is in the stream, too, as a consumer group: its last-delivered-id is the last number deleted, its name
# holds the rest of the event. This engine leaves one; several, which something else wrote, are read as well.
_COMMON = """
local function field(reply, name)
  for i = 1, #reply, 2 do
    if reply[i] == name then return reply[i + 1] end
  end
end

local function number(id)
  return tonumber(string.match(id, '^%d+'))
end

local function highest(stream)
  if redis.call('EXISTS', stream) == 0 then return 0 end
  return number(field(redis.call('XINFO', 'STREAM', stream), 'last-generated-id'))
end

-- Of each tombstone its number, event_id, time and name; the last one last.
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
    if #found > 1 then table.sort(found, function(one, other) return one[1] < other[1] end) end
  end
  return found
end

local function dead(stream, length)
  local found = tombstones(stream, length)
  return #found > 0 and found[#found][1] or 0
end

-- Changes nothing. WAITAOF and WAIT confirm what their own connection wrote, and one that wrote nothing they confirm at
-- once; so whoever finds that another connection did the work writes this behind it.
local function touch(stream)
  redis.call('XSETID', stream, field(redis.call('XINFO', 'STREAM', stream), 'last-generated-id'))
end
"""

# The last sequence number is the tombstone's plus the count of entries behind it. Only where that doesn't fit is the
# stream asked for the last id it ever had, since the answer holds two whole events.
APPEND = Script(
    _COMMON
    + """
-- KEYS: of each item its stream. ARGV[1]: the items in MessagePack, each its first number and then its events
-- {id, event_id, created_at, tags, data, metadata}, the last only if there is any. Returns for each: -1 when it is
-- stored, the highest number of the journal when it isn't the next, or a text: an error that concerns it alone, or one of these words and what they are about.
--   DELETED n  isn't the next, and was deleted if it ever was stored; n is the highest number
--   GAP n      would be the next, but event n before it is gone
--   UNSURE e   couldn't be looked up, because of the error e
--   PARTLY e   some of its events are stored, then came the error e
local has_written = false

-- true, false, or nil if nothing is left that would tell.
local function is_stored(stream, item)
  local deleted, last, told = {}, 0, nil
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
    if event_id or number(id) > last then
      if event_id ~= item[n][2] then return false end
      told = true
    end
  end
  return told
end

-- What became of an item that doesn't fit; nil if it does after all, being behind the last event.
local function misfit(stream, item)
  local last = highest(stream)
  if item[1] == last + 1 then
    local entry = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
    if entry and number(entry[1]) == last or dead(stream, 0) == last then return nil end
    return string.format('GAP %.0f', last)
  end
  local stored = is_stored(stream, item)
  if stored then
    touch(stream)
    return -1
  end
  return stored == nil and string.format('DELETED %.0f', last) or last
end

local function append(stream, item)
  local length = redis.pcall('XLEN', stream)
  if type(length) == 'table' then return length end
  if item[1] ~= dead(stream, length) + length + 1 then
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

# Who has no memory left has to be able to delete.
_ALSO_WHEN_FULL = "#!lua flags=allow-oom\n"

DELETE_EVENTS = Script(
    _ALSO_WHEN_FULL
    + _COMMON
    + """
-- KEYS: the stream. ARGV: delete up to this number, at most so many events. Returns 1 when that is done.
local stream = KEYS[1]
local deleted = tombstones(stream, 0)
local last = #deleted > 0 and deleted[#deleted][1] or 0
local up_to = math.min(tonumber(ARGV[1]), highest(stream))
if up_to <= last then
  -- Done before, or begun before: whoever may not trim has left the events.
  if last > 0 and redis.call('XTRIM', stream, 'MINID', '=', string.format('%.0f-0', last + 1)) == 0 then
    touch(stream)
  end
  return 1
end
local stop = math.min(up_to, last + tonumber(ARGV[2]))
local entry = redis.call('XREVRANGE', stream, string.format('%.0f-0', stop), '-', 'COUNT', 1)[1]
if entry then
  for _, each in ipairs(deleted) do redis.call('XGROUP', 'DESTROY', stream, each[4]) end
  local name = 'tombstone ' .. field(entry[2], 'event_id') .. ' ' .. field(entry[2], 'created_at')
  redis.call('XGROUP', 'CREATE', stream, name, entry[1])
  redis.call('XTRIM', stream, 'MINID', '=', string.format('%.0f-0', number(entry[1]) + 1))
end
return (stop == up_to or not entry) and 1 or 0
"""
)

HIGHEST = Script(_COMMON + "return highest(KEYS[1])")

TOMBSTONES = Script(
    _COMMON
    + """
-- KEYS: the stream. Returns of each tombstone its number, event_id and created_at; the last one last.
return tombstones(KEYS[1], 0)
"""
)

TOUCH = Script(
    _ALSO_WHEN_FULL
    + _COMMON
    + """
-- KEYS: the stream. Returns when there is nothing to confirm, or something was written behind it.
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
