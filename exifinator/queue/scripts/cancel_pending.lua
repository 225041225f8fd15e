-- @include clock member batch_images
-- Removes the images that belong only to this batch from one part of the download queue. The client calls the script
-- until the whole queue has been scanned. Scanning millions of images in one call would block Redis.
-- KEYS and ARGV: those of _batch_images.lua, then KEYS[3]: delivery counts; KEYS[4]: deliveries in progress;
-- ARGV[3]: '1' to remove images in progress too; ARGV[4]: cursor; ARGV[5]: approximate number of members to scan.
-- Returns the next cursor and how many images were removed.
local deliveries, in_progress, include_in_progress = KEYS[3], KEYS[4], ARGV[3] == '1'
local page = redis.call('ZSCAN', queue, ARGV[4], 'COUNT', ARGV[5])
local removed = 0
for i = 1, #page[2], 2 do
  local member = page[2][i]
  local is_due = tonumber(page[2][i + 1]) <= now
  if (include_in_progress or is_due or redis.call('HEXISTS', in_progress, member) == 0) and is_own(member) then
    redis.call('ZREM', queue, member)
    redis.call('HDEL', deliveries, member)
    redis.call('HDEL', in_progress, member)
    removed = removed + 1
  end
end
return {page[1], removed}
