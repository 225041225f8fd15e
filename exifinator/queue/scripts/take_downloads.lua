-- @include clock member
-- Delivers due images from the download queue, but none while the write queue is full.
-- KEYS: download queue, deliveries, size of the write queue in bytes, open circuits.
-- ARGV: maximum number of images, lease in seconds, limit of the write queue in bytes, seconds by which images of
-- refused buckets are postponed.
-- Returns the member and the number of deliveries of each delivered image.
local queue, deliveries, write_bytes, open_circuits = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local limit, lease = tonumber(ARGV[1]), tonumber(ARGV[2])
local write_limit, postponement = tonumber(ARGV[3]), tonumber(ARGV[4])
if tonumber(redis.call('GET', write_bytes) or '0') >= write_limit then return {} end
local delivered, refused_buckets, candidates = {}, nil, limit
if redis.call('EXISTS', open_circuits) == 1 then
  -- Read up to 1000 more images, so that images of refused buckets do not hold up the others.
  refused_buckets, candidates = {}, limit + 1000
  for _, bucket in ipairs(redis.call('HKEYS', open_circuits)) do refused_buckets[bucket] = true end
end
for _, member in ipairs(redis.call('ZRANGEBYSCORE', queue, '-inf', now, 'LIMIT', 0, candidates)) do
  if refused_buckets and refused_buckets[bucket_of(member)] then
    redis.call('ZADD', queue, now + postponement, member)
  elseif #delivered < 2 * limit then
    redis.call('ZADD', queue, now + lease, member)
    delivered[#delivered + 1] = member
    delivered[#delivered + 1] = redis.call('HINCRBY', deliveries, member, 1)
  end
end
return delivered
