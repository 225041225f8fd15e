"""Stop a batch that has reached its limit of requests or dollars, so that a later run can resume it.

Redis delivers only as many images as the rest of the limit allows (queue/scripts/_limits.lua), and postpones the others
once the limit is reached, whether or not a process watches the batch. The process that watches the batch then removes
its images from the queue. The run that resumes the batch queues them again, because they have no records.

The batch may exceed its limit by the difference between what the images in flight cost and what they were expected to
cost, which is the average cost of the images before them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from exifinator.batches.cancellation import cancel_pending
from exifinator.batches.model import BatchCounts
from exifinator.batches.tally import BatchTally
from exifinator.config import Config
from exifinator.cost.counting_lister import CountingLister
from exifinator.cost.prices import NANODOLLARS, Prices, find_prices
from exifinator.errors import ConfigError, LimitReached
from exifinator.metadata.fetch import FIRST_READ_BYTES
from exifinator.queue.image_queue import ImageQueue
from exifinator.retry import Retry
from exifinator.sources.client import SourceClient
from exifinator.sources.source import Lister, Source
from exifinator.storage.store import Store


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """The limits of a batch, over all its runs.

    Attributes:
        max_requests: The maximum number of GET and LIST requests; None if there is no limit.
        max_dollars: The maximum price of these requests and of the bytes that are read; None if there is no limit.
    """

    max_requests: int | None = None
    max_dollars: float | None = None

    def __bool__(self) -> bool:
        return self.max_requests is not None or self.max_dollars is not None

    def explain(self, counts: BatchCounts) -> str | None:
        """Return which limit the batch has reached and how to resume it, in a sentence; None if it has reached none."""
        requests = counts.requests + counts.list_requests
        if self.max_requests is not None and requests >= self.max_requests:
            return (
                f"The batch stopped at its limit of {self.max_requests:,} "
                f"request{'s' if self.max_requests != 1 else ''}, after {requests:,}; to resume it, "
                "run the same sources with a higher --max-requests or without it"
            )
        if self.max_dollars is not None and counts.dollars >= self.max_dollars:
            return (
                f"The batch stopped at its limit of ${self.max_dollars:,.10g}, after ${counts.dollars:,.6f}; to resume "
                "it, run the same sources with a higher --max-dollars or without it"
            )
        return None

    def to_queue(self, prices: Prices, first_read_bytes: int) -> dict[str, float]:
        """Return the limits as _limits.lua uses them.

        Args:
            prices: The prices of one of the batch's sources. They give the expected cost of an image until one is done.
            first_read_bytes: FIRST_READ_BYTES.
        """
        limits: dict[str, float] = {}
        if self.max_requests is not None:
            limits["requests"] = self.max_requests
        if self.max_dollars is not None:
            limits["nanodollars"] = round(self.max_dollars * NANODOLLARS)
            limits["image_nanodollars"] = prices.nanodollars_for(1, first_read_bytes)
        return limits


def find_source_prices(sources: Sequence[Source], client: SourceClient, config: Config) -> dict[str, Prices]:
    """Return the prices of requests to the buckets in S3. Folders are left out."""
    prices = {}
    for bucket in {source.bucket for source in sources}:
        region = client.s3_region(bucket)
        if region is not None:
            prices[bucket] = find_prices(config, bucket, client.endpoint(bucket), region)
    return prices


@dataclass(frozen=True, slots=True)
class CostTerms:
    """What a batch may cost, and at which prices.

    Attributes:
        prices: The prices of requests by bucket, for buckets in S3.
        limits: The limits of the batch.
        first_read_bytes: FIRST_READ_BYTES, by which the cost of the first images is estimated.
    """

    prices: Mapping[str, Prices] = field(default_factory=dict)
    limits: BatchLimits = field(default_factory=BatchLimits)
    first_read_bytes: int = FIRST_READ_BYTES

    def check(self) -> None:
        """Check that a limit of dollars can be reached.

        Raises:
            ConfigError: No request costs anything, as far as the prices tell.
        """
        if self.limits.max_dollars is not None and all(item.is_free for item in self.prices.values()):
            raise ConfigError(
                "The limit of dollars has no effect, because the prices of these sources are unknown or zero",
                code="unknown_prices",
                pointer="max_dollars",
                hint="set S3_PRICES, or limit the requests",
            )


class CostControl:
    """Counts what a batch costs, and compares it with the limits of the batch.

    Args:
        sources: The sources of the batch.
        lister: Lists them.
        counts_listing: Whether listing takes LIST requests. Reading an inventory report takes none.

    Attributes:
        lister: The lister that the batch has to use.
    """

    def __init__(
        self, queue: ImageQueue, sources: Sequence[Source], lister: Lister, terms: CostTerms, *, counts_listing: bool
    ) -> None:
        self.lister = CountingLister(lister, terms.prices if counts_listing else {})
        self._queue = queue
        self._sources = sources
        self._terms = terms

    def open(self, batch_id: str) -> None:
        """Store the prices of the batch's images and the limits of the batch in Redis."""
        terms = self._terms
        prices = [terms.prices.get(source.bucket, Prices()) for source in self._sources]
        self._queue.batch_limits.set_prices(batch_id, [item.to_queue() for item in prices])
        dearest = max(prices, key=lambda item: item.nanodollars_for(1, terms.first_read_bytes))
        self._queue.batch_limits.set_limits(batch_id, terms.limits.to_queue(dearest, terms.first_read_bytes))

    def update(self, batch_id: str, tally: BatchTally) -> dict[str, int] | None:
        """Update the counts of the batch with those of the listing and of the workers.

        Returns:
            The counts of the workers; None if Redis does not have them.
        """
        tally.update_listing(self.lister.requests, self.lister.nanodollars)
        worker_counts = self._queue.batches.counts(batch_id)
        tally.update(worker_counts)
        if worker_counts and self._terms.limits:
            nanodollars = round(tally.counts.list_dollars * NANODOLLARS)
            self._queue.batch_limits.note_listing(batch_id, tally.counts.list_requests, nanodollars)
        return worker_counts

    def check(self, counts: BatchCounts) -> None:
        """Check the limits of the batch.

        Raises:
            LimitReached: The batch has reached one.
        """
        if message := self._terms.limits.explain(counts):
            raise LimitReached(message)


def withdraw(
    queue: ImageQueue, store: Store, batch_id: str, sources: Sequence[Source], retry: Retry, poll_seconds: float
) -> Iterator[None]:
    """Remove the images of a batch from the queue. Yield repeatedly until those in progress are done.

    Images that another open batch also covers stay in the queue.
    """
    # A request that is older than a lease would also remove the images in progress, so make a new one each time.
    while not retry(cancel_pending, queue, store, batch_id, sources, requested_at=datetime.now(UTC)):
        yield
        retry.pause(poll_seconds)
