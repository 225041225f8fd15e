-- @include clock delivery member limits
-- Delivers due images from the download queue, but none while the write queue is full.
-- KEYS: download queue, delivery counts, size of the write queue in bytes, open circuits, deliveries in progress, then
-- those of _limits.lua.
-- ARGV: maximum number of images, lease in seconds, limit of the write queue in bytes, seconds by which images of
-- refused buckets are postponed, seconds by which images of batches that have reached their limit are postponed.
-- Returns for each delivered image its member, how often it has been delivered, and the number of this delivery.
local queue, deliveries, write_bytes, open_circuits, in_progress = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local limit, lease = tonumber(ARGV[1]), tonumber(ARGV[2])
local write_limit, postponement, limit_postponement = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
-- Elements are added only if they fit, so the write queue rarely reaches its limit exactly. It counts as full from 90%.
if tonumber(redis.call('GET', write_bytes) or '0') >= 0.9 * write_limit then return {} end
local number, delivered, refused_buckets, candidates = new_number(), {}, nil, limit
if redis.call('EXISTS', open_circuits) == 1 then
  -- Read up to 1000 more images, so that images of refused buckets do not hold up the others.
  refused_buckets, candidates = {}, limit + 1000
  for _, bucket in ipairs(redis.call('HKEYS', open_circuits)) do refused_buckets[bucket] = true end
end
-- Also read more images if batches have a limit, so that their images do not hold up the others.
if #limited > 0 then candidates = limit + 1000 end
for _, member in ipairs(redis.call('ZRANGEBYSCORE', queue, '-inf', now, 'LIMIT', 0, candidates)) do
  if refused_buckets and refused_buckets[bucket_of(member)] then
    redis.call('ZADD', queue, now + postponement, member)
  elseif #delivered < 3 * limit then
    local decision = decide(member)
    if decision == 'postpone' then
      redis.call('ZADD', queue, now + limit_postponement, member)
    elseif decision == 'deliver' then
      redis.call('ZADD', queue, now + lease, member)
      delivered[#delivered + 1] = member
      delivered[#delivered + 1] = redis.call('HINCRBY', deliveries, member, 1)
      redis.call('HSET', in_progress, member, number)
      delivered[#delivered + 1] = number
    end
  end
end
return delivered
