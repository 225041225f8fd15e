"""EXIFinator indexes the metadata of every photo in S3 buckets of any size, and makes it explorable."""

__version__ = "0.1.0"

# Version of the code that extracts metadata, stored in each record. Increment this number whenever the same file would
# produce a different record, so that the images of older records can be found and indexed again.
EXTRACTOR_VERSION = 4
