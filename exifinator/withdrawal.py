"""The scripts that take the images of a cancelled batch out of the download queue; exifinator.queues runs them.

An image is the batch's own when its id starts with one of the batch's prefixes and with none of another open batch.
"""

from __future__ import annotations

_OWN = """
local time = redis.call('TIME'); local now = time[1] + time[2] / 1000000
local set, batches, batch = KEYS[1], KEYS[2], ARGV[1]
local ours, others = cjson.decode(ARGV[2]), {}
local running = redis.call('HGETALL', batches)
for i = 1, #running, 2 do
  if running[i] ~= batch then
    for _, prefix in ipairs(cjson.decode(running[i + 1])) do others[#others + 1] = prefix end
  end
end
local function starts(id, prefixes)
  for _, prefix in ipairs(prefixes) do
    if string.sub(id, 1, #prefix) == prefix then return true end
  end
  return false
end
local function is_own(member)
  local bucket, key = string.match(member, '^(.-)\\31.-\\31.-\\31.-\\31(.*)$')
  if not bucket then return false end
  local id = bucket .. '/' .. key
  return starts(id, ours) and not starts(id, others)
end
"""

# One step of a scan, so that a queue of millions does not hold up Redis. Returns: where to go on, and how many went.
WITHDRAW = (
    _OWN
    + """
local deliveries, in_hand_too = KEYS[3], ARGV[3] == '1'
local page = redis.call('ZSCAN', set, ARGV[4], 'COUNT', ARGV[5])
local removed = 0
for i = 1, #page[2], 2 do
  local member = page[2][i]
  if (in_hand_too or tonumber(page[2][i + 1]) <= now) and is_own(member) then
    redis.call('ZREM', set, member)
    redis.call('HDEL', deliveries, member)
    removed = removed + 1
  end
end
return {page[1], removed}
"""
)

# What is handed out has a moment in the future: a lease, or the time for which it is parked.
COUNT_IN_HAND = (
    _OWN
    + """
local count = 0
for _, member in ipairs(redis.call('ZRANGEBYSCORE', set, '(' .. now, '+inf')) do
  if is_own(member) then count = count + 1 end
end
return count
"""
)
