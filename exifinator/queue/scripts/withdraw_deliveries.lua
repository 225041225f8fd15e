-- @include clock delivery
-- Withdraws images from their deliveries in progress. Each image stays in the queue for one lease, until the worker
-- that had it acknowledges it. If that worker has died, the image is delivered again.
-- KEYS: download queue, deliveries in progress. ARGV: lease in seconds; then the members.
for i = 2, #ARGV do
  local number = redis.call('HGET', KEYS[2], ARGV[i])
  if number and not is_withdrawn_number(number) then
    redis.call('HSET', KEYS[2], ARGV[i], withdrawn_number(number))
    redis.call('ZADD', KEYS[1], 'XX', now + tonumber(ARGV[1]), ARGV[i])
  end
end
