-- @include clock delivery element
-- Delivers elements of the write queue, oldest first. Drops the elements of images that another delivery has taken or
-- acknowledged, that were withdrawn, or whose batch was cancelled. Another delivery takes an image if its element was
-- not delivered within the time for which it was parked.
-- KEYS: write queue, size of the write queue in bytes, download queue, deliveries in progress.
-- ARGV: maximum number of elements, lease in seconds, number of elements to leave for other workers, seconds for which
-- images are parked, number of bytes after which no more elements are taken.
-- Returns for each delivered element the element, for how many microseconds it has been in the queue, and the number of
-- its image's delivery. This is the delivery for which the metadata was fetched.
local writes, write_bytes, queue, in_progress = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local limit, lease, reserve, parked = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local limit_bytes = tonumber(ARGV[5])
local length = redis.call('LLEN', writes)
if length == 0 then redis.call('DEL', write_bytes) return {} end
if length <= reserve then return {} end
local taken, bytes, popped = {}, 0, 0
-- Redis keeps a copy of each taken element for the script, and another one for the response.
while popped < math.min(limit, length - reserve) and bytes < limit_bytes do
  local element = redis.call('LPOP', writes)
  popped, bytes = popped + 1, bytes + #element
  local member, fetched_by = parse_element(element)
  local parked_until = member and redis.call('ZSCORE', queue, member)
  local held_by = member and redis.call('HGET', in_progress, member)
  local is_withdrawn = held_by and is_withdrawn_number(held_by)
  if parked_until and not is_withdrawn and (fetched_by == '' or not held_by or held_by == fetched_by) then
    redis.call('ZADD', queue, 'XX', now + lease, member)
    taken[#taken + 1] = element
    taken[#taken + 1] = math.floor(math.max(0, now + parked - tonumber(parked_until)) * 1000000)
    -- Workers of earlier versions store no number when they take an image.
    redis.call('HSETNX', in_progress, member, new_number())
    taken[#taken + 1] = redis.call('HGET', in_progress, member)
  end
end
redis.call('DECRBY', write_bytes, bytes)
return taken
