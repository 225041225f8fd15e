-- @include clock delivery
-- Acknowledges images: removes them from the download queue, and counts each image for every open batch that covers it.
-- An image that its delivery has lost is neither removed nor counted: another delivery acknowledges it. The image of a
-- regular job has no delivery and is normally not in the queue, but it is counted. An image that was withdrawn from its
-- delivery is acknowledged only as `deleted`.
-- A process that gets no response sends the request again, with the same id. It then gets the first response, because
-- images that it has acknowledged itself would look as if it had lost them.
-- KEYS: download queue, delivery counts, open batches, prefix of the batches' counts, metrics, deliveries in progress,
-- response to the request (its name ends with the id of the request), prices of the open batches.
-- ARGV: for how many seconds the response is kept; then for each image its member, id, result, bytes read, requests,
-- the number of its delivery (0 for a regular job), and its storage class. An image with an empty result is not
-- counted, but its bytes and requests are.
-- Returns the positions of the images that their deliveries have lost, counted from 0.
local queue, deliveries, batches, prefix, metrics, in_progress = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local response = redis.call('GET', KEYS[7])
if response then return cjson.decode(response) end
local open = redis.call('HGETALL', batches)
local prefixes_by_batch, prices_by_batch, counts_by_batch, counts_by_result, lost = {}, {}, {}, {}, {}
for i = 1, #open, 2 do
  prefixes_by_batch[open[i]] = cjson.decode(open[i + 1])
  counts_by_batch[open[i]] = {}
  local prices = redis.call('HGET', KEYS[8], open[i])
  prices_by_batch[open[i]] = prices and cjson.decode(prices) or {}
end
for i = 2, #ARGV, 7 do
  local member, id, result = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local is_acknowledged = is_held(queue, in_progress, member, ARGV[i + 5])
  if not is_acknowledged and result == 'deleted' then
    is_acknowledged = is_held(queue, in_progress, member, withdrawn_number(ARGV[i + 5]))
  end
  if not is_acknowledged then
    lost[#lost + 1] = (i - 2) / 7
  else
    redis.call('ZREM', queue, member)
    redis.call('HDEL', deliveries, member)
    redis.call('HDEL', in_progress, member)
    if result ~= '' then counts_by_result[result] = (counts_by_result[result] or 0) + 1 end
    for batch, prefixes in pairs(prefixes_by_batch) do
      for number, start in ipairs(prefixes) do
        if string.sub(id, 1, #start) == start then
          local counts = counts_by_batch[batch]
          if result ~= '' then counts[result] = (counts[result] or 0) + 1 end
          local bytes, requests = tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4])
          counts.bytes_read = (counts.bytes_read or 0) + bytes
          counts.requests = (counts.requests or 0) + requests
          local prices = prices_by_batch[batch][number]
          local price = prices and (prices[ARGV[i + 6]] or prices[''])
          if price then counts.nanodollars = (counts.nanodollars or 0) + requests * price[1] + bytes * price[2] end
          break
        end
      end
    end
  end
end
for batch, counts in pairs(counts_by_batch) do
  for name, count in pairs(counts) do redis.call('HINCRBY', prefix .. batch, name, string.format('%.0f', count)) end
end
for result, count in pairs(counts_by_result) do redis.call('HINCRBY', metrics, 'images:' .. result, count) end
redis.call('SET', KEYS[7], cjson.encode(lost), 'EX', ARGV[1])
return lost
