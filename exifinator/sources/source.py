"""Sources: the buckets and prefixes that a batch lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from exifinator.bucket_names import explain_bad_name, is_bucket_name, is_directory_bucket, split_source
from exifinator.errors import ConfigError
from exifinator.models import ListedPage, RangeReader
from exifinator.sources.patterns import EVERYTHING, Patterns

# S3's limit on the length of a key.
_MAX_PREFIX_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Source:
    """A bucket, or the part of a bucket whose keys start with a prefix.

    As in S3, a prefix need not end at a slash.

    Attributes:
        patterns: The patterns by which the objects are chosen.
    """

    bucket: str
    prefix: str = ""
    patterns: Patterns = EVERYTHING

    @property
    def id_prefix(self) -> str:
        """The start of the ids of this source's images."""
        return f"{self.bucket}/{self.prefix}"

    def __str__(self) -> str:
        return f"s3://{self.id_prefix}" if self.prefix else f"s3://{self.bucket}"


def parse_source(text: str) -> Source:
    """Parse `bucket`, `bucket/prefix` or `s3://bucket/prefix`. The bucket may be an ARN.

    Raises:
        ConfigError: The text does not start with a bucket.
    """
    bucket, prefix = split_source(text)
    if not bucket.strip() or bucket in (".", "..") or "://" in text.removeprefix("s3://"):
        raise ConfigError(
            f"Not a bucket: {text!r}",
            code="invalid_source",
            hint="write bucket, bucket/prefix, s3://bucket/prefix, or a folder",
        )
    return Source(bucket, prefix)


def parse_user_source(text: str) -> Source:
    """Parse a source that a user has entered in `run` or the API, and check its bucket name and prefix.

    The check finds mistakes before any request is sent to S3.

    Raises:
        ConfigError: The text does not start with a bucket, the bucket name is invalid, or no key can have this prefix.
    """
    source = parse_source(text)
    if not is_bucket_name(source.bucket):
        raise ConfigError(
            f"Not a bucket name: {source.bucket!r}",
            code="invalid_source",
            hint=explain_bad_name(source.bucket),
        )
    try:
        is_prefix = "\0" not in source.prefix and len(source.prefix.encode()) <= _MAX_PREFIX_BYTES
    except UnicodeEncodeError:
        # The command-line argument contains bytes that are not UTF-8.
        is_prefix = False
    if not is_prefix:
        raise ConfigError(
            f"Not a prefix: {source.prefix[:100]!r}",
            code="invalid_source",
            hint=f"use at most {_MAX_PREFIX_BYTES:,} bytes of UTF-8 without NUL characters, as in S3 keys",
        )
    if is_directory_bucket(source.bucket) and source.prefix and not source.prefix.endswith("/"):
        raise ConfigError(
            f"Not a prefix of a directory bucket: {source.prefix[:100]!r}",
            code="invalid_source",
            hint="end the prefix in a slash, because S3 Express lists only whole folders",
        )
    return source


def remove_covered(sources: Sequence[Source]) -> list[Source]:
    """Return the sources without duplicates and without sources that are part of another one.

    So no image is listed twice.

    Raises:
        ConfigError: Two sources overlap and have different patterns.
    """
    kept = []
    for source in dict.fromkeys(sources):
        wider = [
            other
            for other in sources
            if source != other and source.id_prefix.startswith(other.id_prefix) and not is_part(other, source)
        ]
        if not wider:
            kept.append(source)
        elif not any(is_part(source, other) for other in wider):
            raise ConfigError(
                f"{source} is part of {wider[0]}, but they have different patterns",
                code="invalid_source",
                hint="index them one after the other, or give both the same patterns",
            )
    return kept


def is_part(source: Source, other: Source) -> bool:
    """Return whether a source contains no object that the other does not contain."""
    return source.id_prefix.startswith(other.id_prefix) and other.patterns in (EVERYTHING, source.patterns)


class Lister(Protocol):
    """Lists a bucket page by page. See exifinator.sources.client.SourceClient, which implements this protocol."""

    def endpoint(self, bucket: str) -> str: ...

    def can_list_ranges(self, bucket: str) -> bool: ...

    def list_page(
        self,
        bucket: str,
        prefix: str,
        token: str | None,
        *,
        start_after: str = "",
        max_keys: int = 1000,
        version: Literal[1, 2] = 2,
    ) -> ListedPage: ...


class SourceReader(Lister, RangeReader, Protocol):
    """Lists buckets, and reads objects in them."""
