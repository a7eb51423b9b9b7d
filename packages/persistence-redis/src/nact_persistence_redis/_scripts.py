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
-- {id, event_id, created_at, tags, data}. Returns for each: -1 when it is stored, the highest number of the journal
-- when it isn't the next, or the text of an error that concerns it alone.
local has_written = false

local function is_stored(stream, item)
  local deleted = {}
  for _, each in ipairs(tombstones(stream, 0)) do deleted[each[1]] = each[2] end
  for n = 2, #item do
    local id, event_id = item[n][1], nil
    local entry = redis.call('XRANGE', stream, id, id)[1]
    if entry then
      event_id = field(entry[2], 'event_id')
    else
      event_id = deleted[number(id)]
    end
    if event_id ~= item[n][2] then return false end
  end
  return true
end

local function append(stream, item)
  local length = redis.pcall('XLEN', stream)
  if type(length) == 'table' then return length end
  if item[1] ~= dead(stream, length) + length + 1 then
    local last = highest(stream)
    if item[1] ~= last + 1 then
      if not is_stored(stream, item) then return last end
      touch(stream)
      return -1
    end
  end
  for n = 2, #item do
    local event = item[n]
    local reply = redis.pcall('XADD', stream, event[1],
      'event_id', event[2], 'created_at', event[3], 'tags', event[4], 'data', event[5])
    if type(reply) == 'table' then return reply end
    has_written = true
  end
  return -1
end

local outcomes = {}
for i, item in ipairs(cmsgpack.unpack(ARGV[1])) do
  local outcome = append(KEYS[i], item)
  if type(outcome) == 'table' then
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
  if last > 0 then touch(stream) end
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

PUT_SNAPSHOT = Script("""
-- KEYS: snapshots. ARGV: the first and the last place of this number in their order, the snapshot.
redis.call('ZREMRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2])
return redis.call('ZADD', KEYS[1], 0, ARGV[3])
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
