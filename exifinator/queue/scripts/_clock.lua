-- Defines `now`, the time of the Redis server in seconds. No script uses the clocks of the workers.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
