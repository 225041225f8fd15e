-- @include member
-- Finds the members of some images among a part of the deliveries in progress. The client calls the script until all of
-- them have been scanned. A member whose delivery is in progress from the first call to the last is found.
-- KEYS: deliveries in progress. ARGV: cursor, approximate number of deliveries to scan, JSON list of image ids.
-- Returns the next cursor, and the members.
local ids = {}
for _, id in ipairs(cjson.decode(ARGV[3])) do ids[id] = true end
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local members = {}
for i = 1, #page[2], 2 do
  local id = image_id_of(page[2][i])
  if id and ids[id] then members[#members + 1] = page[2][i] end
end
return {page[1], members}
