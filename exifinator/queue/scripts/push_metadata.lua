-- @include clock
-- Adds elements to the write queue, and parks their images in the download queue.
-- KEYS: write queue, size of the write queue in bytes, download queue.
-- ARGV: limit of the write queue in bytes, lease in seconds, seconds to park; then the member and the element of each
-- image.
-- Returns for each image: 1 if the element was added; 0 if the write queue is full, in which case the lease is
-- extended; 2 if the element is not needed, because another delivery has acknowledged the image or its batch was
-- cancelled.
local writes, write_bytes, queue = KEYS[1], KEYS[2], KEYS[3]
local limit, lease, parked = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local bytes = tonumber(redis.call('GET', write_bytes) or '0')
local results = {}
for i = 4, #ARGV, 2 do
  local member, element = ARGV[i], ARGV[i + 1]
  if not redis.call('ZSCORE', queue, member) then
    results[#results + 1] = 2
  elseif bytes >= limit then
    redis.call('ZADD', queue, 'XX', now + lease, member)
    results[#results + 1] = 0
  else
    redis.call('RPUSH', writes, element)
    bytes = redis.call('INCRBY', write_bytes, #element)
    redis.call('ZADD', queue, 'XX', now + parked, member)
    results[#results + 1] = 1
  end
end
return results
