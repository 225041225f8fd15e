"""What a bucket may be called: a name, or the ARN of an access point; and how sources are written.

The settings, the command line, the API and the errors all use these rules. They allow names that only some servers
accept.
"""

from __future__ import annotations

import re

# The names that boto3 accepts, except names that start with a hyphen, because they would be options on a command line.
# Amazon's rules are stricter, but other servers allow upper case, underscores, and a dot or an underscore at the start.
_BUCKET_NAME = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._-]{0,254}")
# The start of the ARN of a bucket, or of the ARN of an access point of a directory bucket. The name follows. Requests
# need the name instead of the ARN.
_NAME_ARN_START = re.compile(r"arn:[a-z0-9-]+:(?:s3:::|s3express:[a-z0-9-]*:[0-9]*:(?:bucket|accesspoint)/)(?=[^/:])")
# The ARN of an access point, which S3 accepts in place of a bucket's name. The parts at its end may be separated by
# colons or by slashes. A multi-region access point has no region. boto3 has the same rule.
# Source: AWS Service Authorization Reference, "Amazon S3".
_ACCESS_POINT_ARN = re.compile(
    r"arn:aws[a-z-]*:(?:(?:s3|s3-object-lambda):[a-z0-9-]*:[0-9]{12}:accesspoint[:/][A-Za-z0-9.-]{1,63}"
    r"|s3-outposts:[a-z0-9-]+:[0-9]{12}:outpost[:/][A-Za-z0-9-]{1,63}[:/]accesspoint[:/][A-Za-z0-9-]{1,63})"
)
# The endings of the names of directory buckets (S3 Express One Zone), and of the names of their access points.
_DIRECTORY_BUCKET_SUFFIXES = ("--x-s3", "--xa-s3")


def normalize_bucket(name: str) -> str:
    """Return the name by which a bucket is recorded. The last part of an access point's ARN gets slashes for colons."""
    if not is_access_point(name):
        return name
    *start, resource = name.split(":", 5)
    return ":".join([*start, resource.replace(":", "/")])


def split_bucket(text: str) -> tuple[str, str]:
    """Split `bucket/key` or `bucket/prefix` into its parts. The bucket may be the ARN of an access point.

    Both forms of an ARN result in the same bucket.
    """
    arn = _ACCESS_POINT_ARN.match(text) if text.startswith("arn:") else None
    if arn is not None and text[arn.end() :][:1] in ("", "/"):
        return normalize_bucket(arn[0]), text[arn.end() + 1 :]
    bucket, _, rest = text.partition("/")
    return bucket, rest


def split_source(text: str) -> tuple[str, str]:
    """Split `bucket`, `bucket/prefix` or `s3://bucket/prefix` into bucket and prefix. The bucket may be an ARN."""
    return split_bucket(_NAME_ARN_START.sub("", text.removeprefix("s3://"), count=1))


def is_bucket_name(name: str) -> bool:
    """Return whether `name` is a possible bucket name, or the ARN of an access point."""
    if name in (".", ".."):
        return False
    return _BUCKET_NAME.fullmatch(name) is not None or is_access_point(name)


def is_access_point(name: str) -> bool:
    """Return whether `name` is the ARN of an access point. The alias of an access point is a bucket name."""
    return _ACCESS_POINT_ARN.fullmatch(name) is not None


def is_directory_bucket(name: str) -> bool:
    """Return whether `name` names a directory bucket, or an access point of one.

    Directory buckets list their keys in no order, and only under prefixes that end in a slash.
    """
    return name.endswith(_DIRECTORY_BUCKET_SUFFIXES)


def explain_bad_name(name: str) -> str:
    """Return what to write instead of a name for which is_bucket_name returns False."""
    if name.startswith("arn:"):
        return (
            "write the ARN of a bucket, or of an access point with its account and name, as in "
            "arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME; a bucket on Outposts is read through an access point"
        )
    return (
        "use up to 255 letters, digits, dots, underscores and hyphens (not first); "
        "for a folder, write its path from / or ./"
    )
