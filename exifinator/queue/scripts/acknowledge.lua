-- @include acknowledge
-- Acknowledge delivered images. An image that is not in the download queue any more was counted by another delivery.
return acknowledge(true)
