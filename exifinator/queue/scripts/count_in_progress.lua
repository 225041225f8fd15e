-- @include clock member batch_images
-- KEYS and ARGV as in _batch_images.lua.
-- Returns how many of the batch's own images are delivered or parked. Their score is in the future: it is the time at
-- which the lease expires, or at which the image is no longer parked.
local count = 0
for _, member in ipairs(redis.call('ZRANGEBYSCORE', queue, '(' .. now, '+inf')) do
  if is_own(member) then count = count + 1 end
end
return count
