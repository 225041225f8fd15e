"""The names of buckets, and how they are written in sources."""

from __future__ import annotations

import re

# The names that boto3 accepts, except names that start with a hyphen, because they would be options on a command line.
# Amazon's rules are stricter, but other servers allow upper case, underscores, and a dot or an underscore at the start.
_BUCKET_NAME = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._-]{0,254}")
# What a bucket's ARN starts with. The bucket's name follows. Requests need the name instead of the ARN.
_BUCKET_ARN_START = re.compile(r"arn:[a-z0-9-]+:(?:s3:::|s3express:[a-z0-9-]*:[0-9]*:bucket/)(?=[^/:])")

# The ARN of an access point, which S3 accepts in place of a bucket's name, and which may contain a slash. boto3 checks
# the details. Source: AWS Service Authorization Reference, "Amazon S3".
ACCESS_POINT_ARN = re.compile(
    r"arn:[a-z0-9-]+:s3[a-z-]*:[a-z0-9-]*:[0-9]*:(?:outpost[:/][A-Za-z0-9-]+[:/])?accesspoint[:/][A-Za-z0-9._-]+"
)


def split_bucket(text: str) -> tuple[str, str]:
    """Split `bucket/key` or `bucket/prefix` into its parts. The bucket may be the ARN of an access point."""
    arn = ACCESS_POINT_ARN.match(text) if text.startswith("arn:") else None
    if arn is not None and text[arn.end() :][:1] in ("", "/"):
        return arn[0], text[arn.end() + 1 :]
    bucket, _, rest = text.partition("/")
    return bucket, rest


def is_bucket_name(name: str) -> bool:
    """Return whether `name` is a possible bucket name, or the ARN of an access point.

    The settings, the command line, the API and the errors all use this rule. It allows names that only some servers
    accept.
    """
    if name in (".", ".."):
        return False
    return _BUCKET_NAME.fullmatch(name) is not None or ACCESS_POINT_ARN.fullmatch(name) is not None


def split_source(text: str) -> tuple[str, str]:
    """Split `bucket`, `bucket/prefix` or `s3://bucket/prefix` into bucket and prefix. The bucket may be an ARN."""
    return split_bucket(_BUCKET_ARN_START.sub("", text.removeprefix("s3://"), count=1))
