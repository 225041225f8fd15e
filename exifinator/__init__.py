"""EXIFinator: the metadata of every photo in S3 buckets of any size, in MongoDB, ready to explore."""

__version__ = "0.1.0"

# What made a record. It grows by one whenever the same file would give another record, so that
# records of an older extractor can be told apart and made anew.
EXTRACTOR_VERSION = 1
