-- @include acknowledge
-- Acknowledges images of raw jobs. An image that is no longer in the download queue is not counted, because another
-- delivery of the image has already been counted.
return acknowledge(true)
