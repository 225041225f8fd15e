-- @include clock
-- Reserves the start of a batch, unless too many batches are running. Reservations and running batches are counted
-- together, so that processes that start batches at the same time do not exceed the limit.
-- KEYS: starting batches.
-- ARGV: id of the batch, limit, seconds for which the reservation lasts; then the ids of the running batches.
-- Returns 1 if the start is reserved.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local others, count = {}, 0
local function add(id)
  if id ~= ARGV[1] and not others[id] then
    others[id] = true
    count = count + 1
  end
end
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do add(id) end
for i = 4, #ARGV do add(ARGV[i]) end
if count >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
return 1
