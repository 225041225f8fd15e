-- A member of the download queue is "<bucket>\31<size>\31<seconds>\31<ETag>\31<key>", as ImageRef.to_member in
-- exifinator/models.py defines it. Only the functions in this file parse members.

-- The same as normalize_bucket in exifinator/bucket_names.py: version 0.1 queued images of access points with colons in
-- the ARN.
local function normalize_bucket(bucket)
  local start, resource = string.match(bucket, '^(arn:[^:]*:[^:]*:[^:]*:[^:]*:)(.*)$')
  return start and start .. string.gsub(resource, ':', '/') or bucket
end

local function bucket_of(member)
  return normalize_bucket(string.match(member, '^[^\31]*'))
end

-- Returns "<bucket>/<key>", or nil if the member has another format.
local function image_id_of(member)
  local bucket, key = string.match(member, '^(.-)\31.-\31.-\31.-\31(.*)$')
  return bucket and normalize_bucket(bucket) .. '/' .. key
end
