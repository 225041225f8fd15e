-- Defines decide(member), which returns whether to deliver an image: 'deliver', 'hold' while the images in flight may
-- use up the rest of a limit, or 'postpone' if the limits of all batches that cover the image are reached. An image
-- that a batch without a limit covers, or no batch, is delivered.
-- Needs `now` of _clock.lua and image_id_of of _member.lua. KEYS[6]: open batches; KEYS[7]: prefix of their counts;
-- KEYS[8]: their limits. KEYS[1]: download queue; KEYS[5]: deliveries in progress.
local limited, unlimited_prefixes = {}, {}

-- Returns how many more images a batch may read, as far as the average cost of its images tells, and whether it has
-- reached a limit.
local function read_budget(batch, limit, in_flight)
  local counts, flat = {}, redis.call('HGETALL', KEYS[7] .. batch)
  for i = 1, #flat, 2 do counts[flat[i]] = tonumber(flat[i + 1]) end
  local function count(name) return counts[name] or 0 end
  local done = count('ok') + count('no_exif') + count('unsupported') + count('damaged') + count('failed')
  local images, is_reached = math.huge, false
  for name, expected in pairs({ requests = 1, nanodollars = limit.image_nanodollars or 0 }) do
    if limit[name] then
      local left = limit[name] - count(name) - count('list_' .. name)
      local average = done > 0 and count(name) / done or expected
      if left <= 0 then is_reached = true end
      if average > 0 then images = math.min(images, math.ceil(left / average) - in_flight) end
    end
  end
  return images, is_reached
end

if redis.call('EXISTS', KEYS[8]) == 1 then
  -- Deliveries of dead workers stay in the hash, and postponed images are not due either. The smaller of the two
  -- numbers is the better estimate of the images in flight.
  local not_due = redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf')
  local in_flight = math.min(redis.call('HLEN', KEYS[5]), not_due)
  local open = redis.call('HGETALL', KEYS[6])
  for i = 1, #open, 2 do
    local prefixes, limit = cjson.decode(open[i + 1]), redis.call('HGET', KEYS[8], open[i])
    if limit then
      local images, is_reached = read_budget(open[i], cjson.decode(limit), in_flight)
      limited[#limited + 1] = { prefixes = prefixes, images = images, is_reached = is_reached }
    else
      for _, prefix in ipairs(prefixes) do unlimited_prefixes[#unlimited_prefixes + 1] = prefix end
    end
  end
end

local function starts_with_any_of(id, prefixes)
  for _, prefix in ipairs(prefixes) do
    if string.sub(id, 1, #prefix) == prefix then return true end
  end
  return false
end

local function decide(member)
  if #limited == 0 then return 'deliver' end
  local id = image_id_of(member)
  if not id or starts_with_any_of(id, unlimited_prefixes) then return 'deliver' end
  local decision = nil
  for _, batch in ipairs(limited) do
    if starts_with_any_of(id, batch.prefixes) then
      if not batch.is_reached and batch.images > 0 then
        decision = 'deliver'
      elseif decision ~= 'deliver' then
        decision = (not batch.is_reached or decision == 'hold') and 'hold' or 'postpone'
      end
    end
  end
  if decision == 'deliver' then
    for _, batch in ipairs(limited) do
      if starts_with_any_of(id, batch.prefixes) then batch.images = batch.images - 1 end
    end
  end
  return decision or 'deliver'
end
