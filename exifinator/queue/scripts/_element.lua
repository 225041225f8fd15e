-- An element of the write queue is "<length of member>,<number of delivery>:<member><message>". In elements of earlier
-- versions, the number is missing. The Python client joins and splits elements, because doing so in a script would copy
-- the message once more.

-- Returns the member in an element and the number of the delivery, which may be "". Returns nil if the element has
-- another format.
local function parse_element(element)
  local colon = string.find(element, ':', 1, true)
  local length, number = string.match(string.sub(element, 1, (colon or 1) - 1), '^(%d+),?(%d*)$')
  if not length then return nil end
  return string.sub(element, colon + 1, colon + tonumber(length)), number
end
