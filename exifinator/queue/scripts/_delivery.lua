-- A delivery has a number: the time of the delivery, in microseconds. The hash of deliveries in progress maps each
-- delivered or parked image to the number of its latest delivery. A delivery whose number is not in the hash has lost
-- its image: the lease expired and the image was delivered again or acknowledged, or its batch was cancelled.
-- While an image is withdrawn from a delivery because its object is gone, the letter w follows the number in the hash.
-- Needs `time` of _clock.lua.
local function new_number() return string.format('%.0f', time[1] * 1000000 + time[2]) end

-- Returns whether the delivery with this number is the latest one of an image that is still in the download queue. The
-- number 0 stands for a regular job: its image has left the queue, so no delivery can take the image away.
local function is_held(queue, in_progress, member, number)
  if number == '0' then return true end
  return redis.call('HGET', in_progress, member) == number and redis.call('ZSCORE', queue, member) and true or false
end

local function withdrawn_number(number) return number .. 'w' end
local function is_withdrawn_number(number) return string.sub(number, -1) == 'w' end
