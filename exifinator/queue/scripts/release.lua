-- @include clock
-- KEYS: download queue, deliveries. ARGV: members.
-- Makes images due now and takes back their last delivery. Images that have left the queue stay out of it.
for i = 1, #ARGV do
  redis.call('ZADD', KEYS[1], 'XX', now, ARGV[i])
  if redis.call('HINCRBY', KEYS[2], ARGV[i], -1) <= 0 then redis.call('HDEL', KEYS[2], ARGV[i]) end
end
