-- Adds the counts of a process to the metrics. A process that gets no response sends the counts again with the same
-- sequence number, so they are never added twice.
-- KEYS: metrics, sequence number of the last counts that the process sent.
-- ARGV: sequence number of these counts, TTL of the sequence number in seconds; then alternating names and counts.
-- Returns 1 if the counts were added, or 0 if they had been added before.
local metrics, last_sequence_number = KEYS[1], KEYS[2]
if tonumber(redis.call('GET', last_sequence_number) or '0') >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', last_sequence_number, ARGV[1], 'EX', ARGV[2])
for i = 3, #ARGV, 2 do redis.call('HINCRBY', metrics, ARGV[i], ARGV[i + 1]) end
return 1
