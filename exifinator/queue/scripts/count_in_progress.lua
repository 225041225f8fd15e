-- @include clock member batch_images
-- KEYS and ARGV as in batch_images. Returns how many of the batch's own images are delivered or parked: their score,
-- the end of the lease or of the parking, is in the future.
local count = 0
for _, member in ipairs(redis.call('ZRANGEBYSCORE', queue, '(' .. now, '+inf')) do
  if is_own(member) then count = count + 1 end
end
return count
