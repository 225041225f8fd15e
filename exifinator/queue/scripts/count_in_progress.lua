-- @include clock member batch_images
-- Returns how many of the images that belong only to this batch are delivered or parked. The score of such an image is
-- the time from which it may be delivered again. Postponed images are not due either, but no delivery has them.
-- KEYS and ARGV: those of _batch_images.lua, then KEYS[3]: deliveries in progress.
local count = 0
for _, member in ipairs(redis.call('ZRANGEBYSCORE', queue, '(' .. now, '+inf')) do
  if redis.call('HEXISTS', KEYS[3], member) == 1 and is_own(member) then count = count + 1 end
end
return count
