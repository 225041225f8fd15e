-- @include clock delivery
-- Makes images due now. Ignores deliveries that have lost their image.
-- KEYS: download queue, delivery counts, deliveries in progress.
-- ARGV: 1 if these deliveries still count, else 0; then the member and the number of each delivery.
local counted = ARGV[1] == '1'
for i = 2, #ARGV, 2 do
  local member = ARGV[i]
  if is_held(KEYS[1], KEYS[3], member, ARGV[i + 1]) then
    redis.call('ZADD', KEYS[1], 'XX', now, member)
    redis.call('HDEL', KEYS[3], member)
    if not counted and redis.call('HINCRBY', KEYS[2], member, -1) <= 0 then redis.call('HDEL', KEYS[2], member) end
  end
end
