-- @include clock member batch_images
-- KEYS and ARGV as in _batch_images.lua, then KEYS[3]: deliveries; ARGV[3..5]: '1' to remove images in progress too,
-- cursor, approximate number of members to scan.
-- Makes one step of a scan, so that a queue of millions does not block Redis.
-- Returns the next cursor and how many images were removed.
local deliveries, include_in_progress = KEYS[3], ARGV[3] == '1'
local page = redis.call('ZSCAN', queue, ARGV[4], 'COUNT', ARGV[5])
local removed = 0
for i = 1, #page[2], 2 do
  local member = page[2][i]
  if (include_in_progress or tonumber(page[2][i + 1]) <= now) and is_own(member) then
    redis.call('ZREM', queue, member)
    redis.call('HDEL', deliveries, member)
    removed = removed + 1
  end
end
return {page[1], removed}
