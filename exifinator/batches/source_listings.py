"""List the sources of a batch, several times if necessary.

The first pass can be resumed from a checkpoint. Later passes are for reconciliation, and always start over.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime

from exifinator.errors import EXIFinatorError
from exifinator.models import BucketEndpoint, ImageRef, ListedPage, SourceCheckpoint
from exifinator.sources.junk import JUNK
from exifinator.sources.listing import THREADS, PartitionedListing
from exifinator.sources.source import Lister, Source

log = logging.getLogger(__name__)

# One range [after, end] that covers all keys.
_ALL_KEYS: list[list[str | None]] = [["", None]]


@dataclass(frozen=True, slots=True)
class SourcePage:
    """A listed page of one source. Call `mark_done` after processing the page, so that the checkpoint moves past it.

    Attributes:
        listed: The page, without the objects that are not indexed.
        excluded: The objects that are not indexed, because they are junk or the source's patterns leave them out.
    """

    source: Source
    listed: ListedPage
    excluded: list[ImageRef]
    mark_done: Callable[[], None]


class SourceListings:
    """Lists the sources of a batch, in one pass or several.

    Args:
        is_strict: Whether to fail if a server truncates a page without saying where the listing continues.
        includes_junk: Whether to index junk files.

    Attributes:
        started_over: Whether the listing of a source had to start over during this pass. If so, some objects were
            listed twice.
        failures: The sources that could not be listed or whose bucket is refused, each with the reason. The other
            sources are indexed nevertheless.
    """

    def __init__(
        self, sources: Sequence[Source], lister: Lister, *, is_strict: bool = False, includes_junk: bool = False
    ) -> None:
        self.sources = sources
        self.lister = lister
        self.started_over = False
        self.failures: dict[Source, EXIFinatorError] = {}
        self._is_strict = is_strict
        # By the patterns of a source: a function that tells whether a key is indexed. All passes share these functions.
        junk = () if includes_junk else JUNK
        self._choosers = {patterns: patterns.excluding(junk).compile() for patterns in {s.patterns for s in sources}}
        # The listings of the first pass.
        self._first_listings: dict[Source, PartitionedListing] = {}
        # The ranges of keys that a resumed batch still has to list.
        self._resumed_ranges: dict[Source, list[list[str | None]]] = {}
        # Sources whose server does not list keys in order.
        self._unordered: set[Source] = set()
        # The time at the end of the first listing of each source, by the S3 server's clock. Reconciliation ignores
        # objects modified later: the next batch indexes them.
        self._listed_until: dict[Source, datetime] = {}

    def resume(self, checkpoint: Sequence[SourceCheckpoint]) -> None:
        """Make the first pass continue from a checkpoint."""
        ranges = {item["source"]: item["ranges"] for item in checkpoint}
        self._resumed_ranges = {source: ranges[str(source)] for source in self.sources if str(source) in ranges}

    def checkpoint(self) -> list[SourceCheckpoint]:
        """Return the ranges of keys that the first pass still has to list."""
        return [{"source": str(source), "ranges": self._remaining_ranges(source)} for source in self.sources]

    @property
    def is_listed(self) -> bool:
        """Whether the first pass is complete, apart from sources that cannot be listed."""
        return not any(self._remaining_ranges(source) for source in self.sources if source not in self.failures)

    def endpoints(self) -> list[BucketEndpoint]:
        buckets = {source.bucket for source in self.sources}
        return [{"bucket": bucket, "endpoint": self.lister.endpoint(bucket)} for bucket in buckets]

    @property
    def listed_once(self) -> bool:
        """Whether every pass has listed each object only once."""
        return not self._unordered

    def note_refusals(self, refusals: Mapping[str, EXIFinatorError]) -> None:
        """Stop listing the sources in refused buckets.

        Args:
            refusals: The errors with which S3 denied access, by bucket.
        """
        for source in self.sources:
            if source.bucket in refusals:
                self.failures.setdefault(source, refusals[source.bucket])

    def first_pages(self, pause: Callable[[float], None]) -> Generator[SourcePage]:
        """Yield the pages of the first pass, starting from the checkpoint if there is one."""
        for source in self.sources:
            listing = self._first_listings[source] = self._open(source, pause, self._resumed_ranges.get(source))
            with closing(self._pages(source, listing)) as pages:
                while (page := self._next_page(source, pages)) is not None:
                    yield page
                    served_at, until = page.listed.served_at, self._listed_until.get(source)
                    self._listed_until[source] = max(until, served_at) if until else served_at

    def all_pages(self, pause: Callable[[float], None]) -> Generator[SourcePage]:
        """Yield the pages of a later pass: all pages of all sources."""
        self.started_over = False
        for source in self.sources:
            if source in self.failures:
                continue
            with closing(self._pages(source, self._open(source, pause, None))) as pages:
                while (page := self._next_page(source, pages)) is not None:
                    yield page

    def _next_page(self, source: Source, pages: Generator[SourcePage]) -> SourcePage | None:
        """Return the next page of a source. Return None at the end, or if the source cannot be listed."""
        if source in self.failures:
            return None
        try:
            return next(pages, None)
        except EXIFinatorError as exc:
            # Redis and MongoDB are not used while a page is listed, so this is an error of S3.
            log.error("stop: %s", exc, extra={"action": "stop", "bucket": source.bucket})
            self.failures[source] = exc
            return None

    def listed_until(self, page: SourcePage) -> datetime:
        """Return the time at the end of the first listing of the page's source, by the S3 server's clock.

        If another process listed the source before this process resumed the batch, return the time of the first page
        that was passed to this method instead.
        """
        return self._listed_until.setdefault(page.source, page.listed.served_at)

    def _open(
        self, source: Source, pause: Callable[[float], None], ranges: list[list[str | None]] | None
    ) -> PartitionedListing:
        # Parallel listing requires ordered keys.
        is_sequential = source in self._unordered or not self.lister.can_list_ranges(source.bucket)
        return PartitionedListing(
            self.lister,
            source,
            ranges=ranges,
            threads=1 if is_sequential else THREADS,
            pause=None if pause is time.sleep else pause,
            is_strict=self._is_strict,
        )

    def _pages(self, source: Source, listing: PartitionedListing) -> Generator[SourcePage]:
        is_chosen = self._choosers[source.patterns]
        with closing(listing.pages()) as pages:
            for listed in pages:
                refs: list[ImageRef] = []
                excluded: list[ImageRef] = []
                for ref in listed.refs:
                    is_indexed = ref.is_folder or is_chosen(ref.key)
                    (refs if is_indexed else excluded).append(ref)
                yield SourcePage(source, replace(listed, refs=refs), excluded, listing.mark_processed)
        if listing.started_over:
            self._unordered.add(source)
            self.started_over = True

    def _remaining_ranges(self, source: Source) -> list[list[str | None]]:
        if source in self._first_listings:
            return self._first_listings[source].remaining()
        return self._resumed_ranges.get(source, _ALL_KEYS)
