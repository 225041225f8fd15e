-- @include clock
-- Extends leases to one full lease from now. Does not add images that have left the queue (XX), and does not shorten
-- the time for which an image is parked (GT).
-- KEYS: download queue. ARGV: lease in seconds, then members.
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', 'GT', now + tonumber(ARGV[1]), ARGV[i]) end
