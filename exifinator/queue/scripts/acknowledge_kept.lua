-- @include acknowledge
-- Count images of jobs that MRQ keeps: these are not in the download queue, unless they were queued again meanwhile.
return acknowledge(false)
