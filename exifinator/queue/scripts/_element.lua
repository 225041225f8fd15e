-- An element of the write queue is "<length of the member>:<member><message>". The client joins and splits elements:
-- each step would copy the message once more here.
-- Returns the member, or nil if the element has another format.
local function member_of(element)
  local colon = string.find(element, ':', 1, true)
  local length = colon and tonumber(string.sub(element, 1, colon - 1))
  return length and string.sub(element, colon + 1, colon + length)
end
