-- @include clock member batch_images
-- Returns how many of the images that belong only to this batch are delivered or parked. The score of such an image is
-- in the future: it is the time at which the lease expires, or at which the image is no longer parked.
-- KEYS and ARGV: those of _batch_images.lua.
local count = 0
for _, member in ipairs(redis.call('ZRANGEBYSCORE', queue, '(' .. now, '+inf')) do
  if is_own(member) then count = count + 1 end
end
return count
