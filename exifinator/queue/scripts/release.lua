-- @include clock
-- Makes images due now, and does not count their last delivery. Does not add images that have left the queue.
-- KEYS: download queue, deliveries. ARGV: members.
for i = 1, #ARGV do
  redis.call('ZADD', KEYS[1], 'XX', now, ARGV[i])
  if redis.call('HINCRBY', KEYS[2], ARGV[i], -1) <= 0 then redis.call('HDEL', KEYS[2], ARGV[i]) end
end
