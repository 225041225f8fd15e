-- @include clock delivery
-- Extends leases to one full lease from now, except for deliveries that have lost their image. Does not shorten the
-- time for which an image is parked (GT).
-- KEYS: download queue, deliveries in progress.
-- ARGV: lease in seconds; then the member and the number of each delivery.
for i = 2, #ARGV, 2 do
  if is_held(KEYS[1], KEYS[2], ARGV[i], ARGV[i + 1]) then
    redis.call('ZADD', KEYS[1], 'XX', 'GT', now + tonumber(ARGV[1]), ARGV[i])
  end
end
