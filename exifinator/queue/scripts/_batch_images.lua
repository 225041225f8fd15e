-- Defines is_own(member), which returns whether the image belongs only to this batch: its id starts with one of the
-- batch's prefixes, and with no prefix of another open batch.
-- KEYS: download queue, open batches. ARGV: batch id, the batch's prefixes as JSON.
local queue, batches, batch = KEYS[1], KEYS[2], ARGV[1]
local own_prefixes, other_prefixes = cjson.decode(ARGV[2]), {}
local open = redis.call('HGETALL', batches)
for i = 1, #open, 2 do
  if open[i] ~= batch then
    for _, prefix in ipairs(cjson.decode(open[i + 1])) do other_prefixes[#other_prefixes + 1] = prefix end
  end
end

local function starts_with_any(id, prefixes)
  for _, prefix in ipairs(prefixes) do
    if string.sub(id, 1, #prefix) == prefix then return true end
  end
  return false
end

local function is_own(member)
  local id = image_id_of(member)
  return id and starts_with_any(id, own_prefixes) and not starts_with_any(id, other_prefixes)
end
