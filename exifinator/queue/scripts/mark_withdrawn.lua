-- @include clock
-- Marks images as withdrawn, and drops the oldest marks if there are too many.
-- KEYS: download queue, withdrawn images.
-- ARGV: how many marks are kept, in addition to one for each image in the queue; for how many seconds after the last
-- mark they are kept; then the image ids.
for i = 3, #ARGV do redis.call('ZADD', KEYS[2], now, ARGV[i]) end
local limit = tonumber(ARGV[1]) + redis.call('ZCARD', KEYS[1])
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -limit - 1)
redis.call('EXPIRE', KEYS[2], ARGV[2])
