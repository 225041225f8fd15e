-- @include clock member batch_images
-- Returns how many of the images that belong only to this batch are delivered, parked, or postponed because S3 denies
-- access to their bucket. The score of such an image is the time from which it may be delivered again.
-- KEYS and ARGV: those of _batch_images.lua.
local count = 0
for _, member in ipairs(redis.call('ZRANGEBYSCORE', queue, '(' .. now, '+inf')) do
  if is_own(member) then count = count + 1 end
end
return count
