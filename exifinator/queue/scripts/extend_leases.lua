-- @include clock
-- KEYS: download queue. ARGV: lease in seconds, then members.
-- Makes leases end one full lease from now. Images that have left the queue stay out of it.
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', 'GT', now + tonumber(ARGV[1]), ARGV[i]) end
