-- @include clock delivery
-- KEYS: download queue, deliveries in progress. ARGV: the member and the number of each delivery.
-- Returns 1 for each delivery that still has its image, and 0 for each that has lost it.
local held = {}
for i = 1, #ARGV, 2 do held[#held + 1] = is_held(KEYS[1], KEYS[2], ARGV[i], ARGV[i + 1]) and 1 or 0 end
return held
