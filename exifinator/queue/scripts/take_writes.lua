-- @include clock element
-- KEYS: write queue, bytes of the write queue, download queue.
-- ARGV: limit, lease in seconds, elements to leave in the queue, seconds for which images are parked.
-- Returns each element and the microseconds for which it waited. Elements of images that were acknowledged or cancelled
-- meanwhile are dropped.
local writes, write_bytes, queue = KEYS[1], KEYS[2], KEYS[3]
local limit, lease, leave, parked = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local length = redis.call('LLEN', writes)
if length == 0 then redis.call('DEL', write_bytes) return {} end
if length <= leave then return {} end
local taken, bytes = {}, 0
for _, element in ipairs(redis.call('LPOP', writes, math.min(limit, length - leave))) do
  bytes = bytes + #element
  local member = member_of(element)
  local parked_until = member and redis.call('ZSCORE', queue, member)
  if parked_until then
    redis.call('ZADD', queue, 'XX', now + lease, member)
    taken[#taken + 1] = element
    taken[#taken + 1] = math.floor(math.max(0, now + parked - tonumber(parked_until)) * 1000000)
  end
end
redis.call('DECRBY', write_bytes, bytes)
return taken
