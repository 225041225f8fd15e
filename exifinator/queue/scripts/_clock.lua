-- Defines now: the time of the Redis server, in seconds. The clocks of the workers do not matter.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
