"""The listings of a batch's sources: the first, which is checkpointed and resumable, and later ones to reconcile."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from exifinator.models import BucketEndpoint, ListedPage, SourceCheckpoint
from exifinator.sources import local_buckets
from exifinator.sources.listing import THREADS, PartitionedListing
from exifinator.sources.source import Lister, Source

_ALL_KEYS: list[list[str | None]] = [["", None]]


@dataclass(frozen=True, slots=True)
class SourcePage:
    """A listed page of one source. Call `take` once the page is processed: only then does the listing move past it."""

    source: Source
    listed: ListedPage
    take: Callable[[], None]


class SourceListings:
    """Lists the sources of a batch, as often as it takes.

    started_over: whether a listing of the current pass had to begin again, so that some objects came twice.
    """

    def __init__(self, sources: Sequence[Source], lister: Lister) -> None:
        self.sources = sources
        self.lister = lister
        self.started_over = False
        # The first listings, which the checkpoint describes.
        self._first: dict[Source, PartitionedListing] = {}
        # What the checkpoint of a resumed batch leaves to be listed.
        self._remaining: dict[Source, list[list[str | None]]] = {}
        # Sources whose server does not list keys in order.
        self._unordered: set[Source] = set()
        # By source: the server's clock at the end of its first listing. Later objects belong to the next batch.
        self._listed_until: dict[Source, datetime] = {}

    def resume(self, checkpoint: Sequence[SourceCheckpoint]) -> None:
        """Have the first listing continue from a checkpoint."""
        ranges = {item["source"]: item["ranges"] for item in checkpoint}
        self._remaining = {source: ranges[str(source)] for source in self.sources if str(source) in ranges}

    def checkpoint(self) -> list[SourceCheckpoint]:
        """Return what the first listing still has to list."""
        return [{"source": str(source), "ranges": self._ranges_left(source)} for source in self.sources]

    def endpoints(self) -> list[BucketEndpoint]:
        buckets = {source.bucket for source in self.sources}
        return [{"bucket": bucket, "endpoint": self.lister.endpoint(bucket)} for bucket in buckets]

    @property
    def listed_once(self) -> bool:
        """Whether each object came once so far."""
        return not self._unordered

    def first_pages(self, pause: Callable[[float], None]) -> Generator[SourcePage]:
        """Yield the pages of the first pass, from the checkpoint on."""
        for source in self.sources:
            listing = self._first[source] = self._open(source, pause, self._remaining.get(source))
            with closing(self._pages(source, listing)) as pages:
                for page in pages:
                    yield page
                    served_at, until = page.listed.served_at, self._listed_until.get(source)
                    self._listed_until[source] = max(until, served_at) if until else served_at

    def all_pages(self, pause: Callable[[float], None]) -> Generator[SourcePage]:
        """Yield all pages of all sources: a later pass."""
        self.started_over = False
        for source in self.sources:
            yield from self._pages(source, self._open(source, pause, None))

    def listed_until(self, page: SourcePage) -> datetime:
        """Return the server's clock at the end of the first listing of the page's source.

        Where a process that has exited listed the source, that is the time of this page.
        """
        return self._listed_until.setdefault(page.source, page.listed.served_at)

    def _open(
        self, source: Source, pause: Callable[[float], None], ranges: list[list[str | None]] | None
    ) -> PartitionedListing:
        # rclone walks through the whole folder for each page.
        one_by_one = source in self._unordered or local_buckets.lookup(source.bucket) is not None
        return PartitionedListing(
            self.lister,
            source,
            ranges=ranges,
            threads=1 if one_by_one else THREADS,
            pause=None if pause is time.sleep else pause,
        )

    def _pages(self, source: Source, listing: PartitionedListing) -> Generator[SourcePage]:
        with closing(listing.pages()) as pages:
            for listed in pages:
                yield SourcePage(source, listed, listing.take)
        if listing.started_over:
            self._unordered.add(source)
            self.started_over = True

    def _ranges_left(self, source: Source) -> list[list[str | None]]:
        if source in self._first:
            return self._first[source].remaining()
        return self._remaining.get(source, _ALL_KEYS)
