-- @include acknowledge
-- Acknowledges images of regular jobs. They are not in the download queue, unless they were queued again meanwhile.
return acknowledge(false)
