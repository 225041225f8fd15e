-- @include clock delivery
-- Adds elements to the write queue, and parks their images in the download queue.
-- KEYS: write queue, size of the write queue in bytes, download queue, deliveries in progress.
-- ARGV: limit of the write queue in bytes, lease in seconds, seconds to park; then for each image its member, the
-- number of its delivery, and the element.
-- Returns for each image: 1 if the element was added; 0 if the write queue has no room for it, so that the lease is
-- extended; 2 if the delivery has lost the image. An empty write queue has room for any element.
local writes, write_bytes, queue, in_progress = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local limit, lease, parked = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local bytes = tonumber(redis.call('GET', write_bytes) or '0')
local results = {}
for i = 4, #ARGV, 3 do
  local member, element = ARGV[i], ARGV[i + 2]
  if not is_held(queue, in_progress, member, ARGV[i + 1]) then
    results[#results + 1] = 2
  elseif bytes > 0 and bytes + #element > limit then
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
