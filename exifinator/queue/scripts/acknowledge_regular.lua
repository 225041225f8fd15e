-- @include acknowledge
-- Acknowledges images of regular jobs. They are counted even if they are not in the download queue, which is normal:
-- such an image is in the queue only if it was queued again in the meantime.
return acknowledge(false)
