"""A source -> its objects, page by page, and what has to be done about each."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from exifinator.errors import ConfigError, TransientError
from exifinator.records import ImageRef, ListedPage, Status
from exifinator.store import JOB_ENDED_BADLY, JOB_PENDING, StoredImage

log = logging.getLogger(__name__)

TRIES_A_PAGE = 5


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
    if not bucket or bucket in (".", "..") or "://" in text.removeprefix("s3://"):
        raise ConfigError(f"{text!r} names no bucket: write bucket, bucket/prefix, s3://bucket/prefix, or a folder")
    return Source(bucket, prefix)


class Lister(Protocol):
    """What lists: exifinator.s3.S3."""

    def list_page(self, bucket: str, prefix: str, token: str | None) -> ListedPage: ...


class Knowledge(Protocol):
    """What is known of images already: exifinator.store.Store."""

    def find_images(self, ids: list[str]) -> dict[str, StoredImage]: ...

    def find_job_statuses(self, ids: list[str]) -> dict[str, str]: ...


@dataclass(slots=True)
class Page:
    """A page of a listing, sorted by what has to be done; every object of the page is in exactly one list.

    outdated: of the unread ones, those that have a record which is not of this very object: its status by image id.
    """

    folders: list[ImageRef] = field(default_factory=list)
    current: list[tuple[ImageRef, StoredImage]] = field(default_factory=list)
    empty: list[ImageRef] = field(default_factory=list)
    failed: list[ImageRef] = field(default_factory=list)
    pending: list[ImageRef] = field(default_factory=list)
    unread: list[ImageRef] = field(default_factory=list)
    outdated: dict[str, Status] = field(default_factory=dict)

    @property
    def listed(self) -> int:
        others = (self.folders, self.empty, self.failed, self.pending, self.unread)
        return len(self.current) + sum(len(refs) for refs in others)


def list_pages(lister: Lister, source: Source, *, pause: Callable[[float], None] = time.sleep) -> Iterator[ListedPage]:
    """Every object of a source, whatever its name, a page at a time.

    A page that fails in a way that may pass is asked for again, after growing pauses.
    Raises: AccessDenied, BucketGone; SourceUnavailable after the last try.
    """
    token: str | None = None
    while True:
        for attempt in range(1, TRIES_A_PAGE + 1):
            try:
                page = lister.list_page(source.bucket, source.prefix, token)
                break
            except TransientError as exc:
                if attempt == TRIES_A_PAGE:
                    raise
                log.warning("retry: listing %s: %s", source, exc)
                pause(random.uniform(0.5, 1) * 2**attempt)  # noqa: S311
        yield page
        token = page.next_token
        if token is None:
            return


def sort_page(refs: list[ImageRef], known: Knowledge) -> Page:
    """Say for each object of a page what has to be done about it, with two queries in all.

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
        if image and image.is_current(ref):
            page.current.append((ref, image))
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
