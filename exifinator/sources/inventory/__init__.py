"""Take the objects of a bucket from an S3 Inventory report instead of listing the bucket."""
