-- @include clock delivery
-- Restores images that were withdrawn from their deliveries, because their objects exist again: makes them due at once,
-- and ends their deliveries, so that these cannot acknowledge the images as deleted.
-- KEYS: download queue, deliveries in progress. ARGV: the members.
for _, member in ipairs(ARGV) do
  local number = redis.call('HGET', KEYS[2], member)
  if number and is_withdrawn_number(number) then
    redis.call('HDEL', KEYS[2], member)
    redis.call('ZADD', KEYS[1], 'XX', now, member)
  end
end
