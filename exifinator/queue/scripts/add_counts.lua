-- KEYS: metrics, sequence number of the sender's last addition.
-- ARGV: sequence number of this addition, seconds to remember it; then names and counts.
-- A sender that gets no response repeats the addition with the same sequence number. It is not added twice.
-- Returns 1 if the counts were added, 0 if not.
local metrics, last = KEYS[1], KEYS[2]
if tonumber(redis.call('GET', last) or '0') >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', last, ARGV[1], 'EX', ARGV[2])
for i = 3, #ARGV, 2 do redis.call('HINCRBY', metrics, ARGV[i], ARGV[i + 1]) end
return 1
