"""EXIFinator indexes the metadata of every photo in S3 buckets of any size into MongoDB, ready to explore."""

__version__ = "0.1.0"

# The version of the extraction, stored in each record. Increase it by one whenever the same file would give another
# record, so that records of an older version can be found and extracted again.
EXTRACTOR_VERSION = 1
