-- A member of the download queue is "<bucket>\31<size>\31<seconds>\31<ETag>\31<key>", as ImageRef.to_member in
-- exifinator/models.py defines it. Only the functions in this file parse members.
local function bucket_of(member)
  return string.match(member, '^[^\31]*')
end

-- Returns "<bucket>/<key>", or nil if the member has another format.
local function image_id_of(member)
  local bucket, key = string.match(member, '^(.-)\31.-\31.-\31.-\31(.*)$')
  return bucket and bucket .. '/' .. key
end
