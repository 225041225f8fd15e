"""A source -> its objects, page by page, and what has to be done about each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from exifinator import EXTRACTOR_VERSION
from exifinator.errors import ConfigError
from exifinator.key_ranges import Listing
from exifinator.records import ImageRef, ListedPage, Status
from exifinator.store import JOB_ENDED_BADLY, JOB_PENDING, StoredImage

# What boto3 lets through; Amazon itself takes less, other servers have upper case and underscores.
_BUCKET_NAME = re.compile(r"[A-Za-z0-9._-]{1,255}")


@dataclass(frozen=True, slots=True)
class Source:
    """A bucket, or what lies under a prefix of it. The prefix is compared as S3 does: character by character."""

    bucket: str
    prefix: str = ""

    @property
    def id_prefix(self) -> str:
        """What the ids of this source's images start with."""
        return f"{self.bucket}/{self.prefix}"

    def __str__(self) -> str:
        return f"s3://{self.id_prefix}" if self.prefix else f"s3://{self.bucket}"


def parse_source(text: str) -> Source:
    """`bucket`, `bucket/prefix` or `s3://bucket/prefix`.

    Raises: ConfigError where no bucket is named.
    """
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    if not bucket.strip() or bucket in (".", "..") or "://" in text.removeprefix("s3://"):
        raise ConfigError(f"{text!r} names no bucket: write bucket, bucket/prefix, s3://bucket/prefix, or a folder")
    return Source(bucket, prefix)


def covering(sources: Sequence[Source]) -> list[Source]:
    """The sources without those that another of them covers, so that no image is listed twice."""

    def is_covered(source: Source) -> bool:
        return any(source != other and source.id_prefix.startswith(other.id_prefix) for other in sources)

    return [source for source in dict.fromkeys(sources) if not is_covered(source)]


def parse_typed_source(text: str) -> Source:
    """parse_source of what a person has typed. Raises: ConfigError, too, where no bucket can have this name."""
    source = parse_source(text)
    if not source.bucket.startswith("arn:") and not _BUCKET_NAME.fullmatch(source.bucket):
        raise ConfigError(
            f"{source.bucket!r} is no bucket's name, which has letters, digits, dots, hyphens and underscores; "
            "of a folder, write the path from / or ./"
        )
    return source


class Lister(Protocol):
    """What lists: exifinator.s3.S3."""

    def endpoint(self, bucket: str) -> str: ...

    def list_page(
        self, bucket: str, prefix: str, token: str | None, *, start_after: str = "", max_keys: int = 1000
    ) -> ListedPage: ...


class Knowledge(Protocol):
    """What is known of images already: exifinator.store.Store."""

    def find_images(self, ids: list[str]) -> dict[str, StoredImage]: ...

    def find_job_statuses(self, ids: list[str]) -> dict[str, str]: ...


@dataclass(slots=True)
class Page:
    """A page of a listing, sorted by what has to be done; every object of the page is in exactly one list.

    outdated: of the unread ones, those that have a record which is not of this very object: its status by image id.
    older: how many of the current ones were read by an older extractor.
    """

    folders: list[ImageRef] = field(default_factory=list)
    current: list[tuple[ImageRef, StoredImage]] = field(default_factory=list)
    empty: list[ImageRef] = field(default_factory=list)
    failed: list[ImageRef] = field(default_factory=list)
    pending: list[ImageRef] = field(default_factory=list)
    unread: list[ImageRef] = field(default_factory=list)
    outdated: dict[str, Status] = field(default_factory=dict)
    older: int = 0

    @property
    def listed(self) -> int:
        others = (self.folders, self.empty, self.failed, self.pending, self.unread)
        return len(self.current) + sum(len(refs) for refs in others)


def list_pages(
    lister: Lister, source: Source, *, pause: Callable[[float], object] | None = None
) -> Iterator[ListedPage]:
    """Every object of a source, whatever its name, a page at a time, in the server's order.

    A page that fails in a way that may pass is asked for again, after growing pauses.
    Raises: AccessDenied, BucketGone; SourceUnavailable after the last try.
    """
    return Listing(lister, source, threads=1, pause=pause).pages()


def sort_page(refs: list[ImageRef], known: Knowledge, *, refresh: bool = False) -> Page:
    """Say for each object of a page what has to be done about it, with two queries in all.

    refresh: what an older extractor read is to be read again.
    A key that ends in "/" and holds nothing is what consoles make for a folder.
    """
    page = Page()
    objects = []
    for ref in refs:
        if ref.size_bytes == 0 and ref.key.endswith("/"):
            page.folders.append(ref)
        else:
            objects.append(ref)
    ids = [ref.id for ref in objects]
    stored = known.find_images(ids)
    rest = []
    for ref in objects:
        image = stored.get(ref.id)
        if image and image.is_current(ref) and not (refresh and image.extractor_version < EXTRACTOR_VERSION):
            page.current.append((ref, image))
            page.older += image.extractor_version < EXTRACTOR_VERSION
        elif ref.size_bytes == 0:
            page.empty.append(ref)
        else:
            rest.append(ref)
    jobs = known.find_job_statuses([ref.id for ref in rest]) if rest else {}
    for ref in rest:
        status = jobs.get(ref.id)
        if status in JOB_ENDED_BADLY:
            page.failed.append(ref)
        elif status in JOB_PENDING:
            page.pending.append(ref)
        else:
            page.unread.append(ref)
            if ref.id in stored:
                page.outdated[ref.id] = stored[ref.id].status
    return page
