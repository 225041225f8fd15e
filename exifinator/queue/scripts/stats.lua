-- @include clock element
-- KEYS: download queue, write queue, size of the write queue in bytes. ARGV: seconds for which images are parked.
-- Returns six numbers: images in the download queue, due images, elements of the write queue, size of the write queue
-- in bytes, for how many milliseconds the oldest due image has been due, and for how many milliseconds the oldest
-- element has been in the write queue. The times are in milliseconds, because Redis truncates numbers to integers.
-- The age of the oldest element is computed here, because the element itself may be megabytes long.
local queue, writes, write_bytes, parked = KEYS[1], KEYS[2], KEYS[3], tonumber(ARGV[1])
local due = redis.call('ZCOUNT', queue, '-inf', now)
local first = redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES')
local download_age, write_age = 0, 0
if first[2] then download_age = math.max(0, now - tonumber(first[2])) end
local element = redis.call('LINDEX', writes, 0)
local member = element and parse_element(element)
local parked_until = member and redis.call('ZSCORE', queue, member)
if parked_until then write_age = math.max(0, now + parked - tonumber(parked_until)) end
return {
  redis.call('ZCARD', queue), due, redis.call('LLEN', writes), tonumber(redis.call('GET', write_bytes) or '0'),
  math.floor(download_age * 1000), math.floor(write_age * 1000)
}
