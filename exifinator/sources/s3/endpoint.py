"""Name the server that a bucket is on, to tell apart buckets that have the same name on two servers."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

AMAZON_S3 = "Amazon S3"

# All endpoints of Amazon S3: regional, dual-stack, FIPS, VPC and access point endpoints, and those of AWS China.
# Other hosts of amazonaws.com, such as virtual machines, may run other S3 servers.
_AMAZON_HOST = re.compile(
    r"(^|\.)s3[a-z0-9-]*\.([a-z0-9-]+\.)*(amazonaws\.com(\.cn)?|api\.aws|api\.amazonwebservices\.com\.cn)$"
)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def endpoint_name(url: str, partition: str = "aws") -> str:
    """Return a name for the server at a URL. All endpoints of one partition of Amazon S3 have the same name.

    Args:
        url: The URL of the endpoint.
        partition: The partition of AWS. A bucket's name is unique in its partition.
    """
    parts = urlsplit(url)
    if _AMAZON_HOST.search((parts.hostname or "").rstrip(".")):
        return AMAZON_S3 if partition == "aws" else f"{AMAZON_S3} ({partition})"
    scheme = parts.scheme.lower()
    host = parts.netloc.rpartition("@")[2].lower().removesuffix(_DEFAULT_PORTS.get(scheme, " "))
    return f"{scheme}://{host}{parts.path.rstrip('/')}"
