-- An element of the write queue is "<length of member>:<member><message>". The Python client joins and splits elements,
-- because doing so in a script would copy the message once more.

-- Returns the member in an element, or nil if the element has another format.
local function member_of(element)
  local colon = string.find(element, ':', 1, true)
  local length = colon and tonumber(string.sub(element, 1, colon - 1))
  return length and string.sub(element, colon + 1, colon + length)
end
