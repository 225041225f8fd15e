-- Defines acknowledge(count_only_removed), which removes images from the download queue, and counts each image for
-- every open batch that covers it. If count_only_removed is true, an image that was not in the download queue is not
-- counted.
-- KEYS: download queue, deliveries, open batches, prefix of the batches' counts, metrics.
-- ARGV: for each image its member, id, result, bytes read and requests. An image with an empty result is not counted.
-- The function returns how many images were removed.
local function acknowledge(count_only_removed)
  local queue, deliveries, batches, prefix, metrics = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
  local open = redis.call('HGETALL', batches)
  local prefixes_by_batch, counts_by_batch, counts_by_result, total_removed = {}, {}, {}, 0
  for i = 1, #open, 2 do
    prefixes_by_batch[open[i]] = cjson.decode(open[i + 1])
    counts_by_batch[open[i]] = {}
  end
  for i = 1, #ARGV, 5 do
    local member, id, result = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    local removed = redis.call('ZREM', queue, member)
    redis.call('HDEL', deliveries, member)
    total_removed = total_removed + removed
    if result ~= '' and (removed == 1 or not count_only_removed) then
      counts_by_result[result] = (counts_by_result[result] or 0) + 1
      for batch, prefixes in pairs(prefixes_by_batch) do
        for _, start in ipairs(prefixes) do
          if string.sub(id, 1, #start) == start then
            local counts = counts_by_batch[batch]
            counts[result] = (counts[result] or 0) + 1
            counts.bytes_read = (counts.bytes_read or 0) + tonumber(ARGV[i + 3])
            counts.requests = (counts.requests or 0) + tonumber(ARGV[i + 4])
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
  return total_removed
end
