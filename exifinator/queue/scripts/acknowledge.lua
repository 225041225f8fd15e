-- @include acknowledge
-- Acknowledges images of raw jobs. An image that is no longer in the download queue was counted by another delivery.
return acknowledge(true)
