"""EXIFinator: index the metadata of every photo in S3 buckets of any size into MongoDB, ready to explore."""

__version__ = "0.1.0"

# Version of the extractor, stored in each record. Increment it whenever the same file would produce a different record,
# so that records from an older version can be found and their images indexed again.
EXTRACTOR_VERSION = 2
