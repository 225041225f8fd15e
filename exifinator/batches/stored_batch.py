"""The MongoDB document of a batch, which holds its checkpoint, its counts and the process that owns it.

If the owner dies, the next run over the same sources resumes the batch from its checkpoint, under the same id.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from exifinator.batches.model import WATCHED_STATES, new_batch_id
from exifinator.batches.recovery import BatchClaim
from exifinator.batches.source_listings import SourceListings
from exifinator.batches.tally import BatchTally
from exifinator.batches.throughput import RateMeter
from exifinator.models import BatchDocument, BatchOptions, SourcePatterns
from exifinator.sources.source import Source
from exifinator.storage.store import Store


def make_options(
    sources: Sequence[Source],
    *,
    refresh: bool = False,
    verify: bool = False,
    includes_junk: bool = False,
    inventory: str | None = None,
) -> BatchOptions:
    """Return the options of a batch over these sources."""
    options: BatchOptions = {"refresh": refresh, "verify": verify}
    patterns = [
        SourcePatterns(source=str(source), include=list(source.patterns.include), exclude=list(source.patterns.exclude))
        for source in sorted(sources, key=str)
        if source.patterns
    ]
    # Without patterns, the options equal the options of earlier versions, so that their batches can be resumed.
    if patterns:
        options["patterns"] = patterns
    if includes_junk:
        options["includes_junk"] = True
    if inventory:
        options["inventory"] = inventory
    return options


class _Interval:
    """Tells when something is due that is done at most once in this many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due_at = 0.0

    def is_due(self) -> bool:
        return time.monotonic() >= self._due_at

    def restart(self) -> None:
        self._due_at = time.monotonic() + self._seconds


class StoredBatch:
    """The document of a batch in MongoDB. `resume` and the save methods may raise StoreUnavailable.

    Args:
        batch_id: The id to use. If None, `resume` looks for a batch by its sources and options.
        save_interval_seconds: The minimum time between two saves by `save_if_due`.

    Attributes:
        resumed: Whether this process took over a batch that another process started.
        cancel_requested_at: When cancellation was requested, or None. Updated by each save.
        limit_reached: Whether the batch is being stopped because it has reached its limit.
    """

    def __init__(
        self, store: Store, options: BatchOptions, *, batch_id: str | None, save_interval_seconds: float
    ) -> None:
        self.store = store
        self.options = options
        self.started_at = datetime.now(UTC)
        self.id = batch_id or new_batch_id(self.started_at)
        self.resumed = False
        self.cancel_requested_at: datetime | None = None
        self.limit_reached = False
        self._claim = BatchClaim(store, batch_id)
        self._saves = _Interval(save_interval_seconds)
        self._rate = RateMeter()

    def resume(self, sources: Sequence[Source], *, will_watch: bool) -> BatchDocument | None:
        """Take over the batch with the given id, or else the interrupted batch over these sources, if there is one.

        Args:
            will_watch: Whether this process will watch the batch until it ends; see find_interrupted.

        Returns:
            The document of the batch. None if there is no such batch, or if another process has claimed it first.
        """
        interrupted = self._claim.take_over(sources, self.options, will_watch=will_watch)
        if interrupted is not None:
            self.id, self.started_at = interrupted["_id"], interrupted["started_at"]
            self.resumed = True
        return interrupted

    def set_owner(self) -> None:
        """Make this process the owner of the batch. The next save stores the owner."""
        self._claim.set_owner()

    def save_if_due(self, state: str, tally: BatchTally, listings: SourceListings) -> None:
        """Save the batch, unless this method last saved it less than `save_interval_seconds` ago."""
        if self._saves.is_due():
            self.save(state, tally, listings)
            self._saves.restart()

    def save(
        self,
        state: str,
        tally: BatchTally,
        listings: SourceListings,
        *,
        problem: str | None = None,
        detach: bool = False,
    ) -> None:
        """Store the document of the batch, and check whether cancellation of the batch has been requested.

        Args:
            problem: Why the batch stopped early, for users.
            detach: Give up ownership, because this process stops watching the batch.

        Raises:
            BatchTaken: Another process has taken over the batch.
        """
        watched = state in WATCHED_STATES and not detach
        document: BatchDocument = {
            "_id": self.id,
            "sources": [str(source) for source in listings.sources],
            "options": self.options,
            "state": state,
            "started_at": self.started_at,
            "updated_at": datetime.now(UTC),
            "numbers": tally.counts.as_dict(),
            "empty": tally.empty_images,
            "failed_before": tally.already_failed,
            "rate": self._rate.update(tally.done_by_workers, time.monotonic()) if watched else None,
            "problem": problem,
            "limit_reached": self.limit_reached,
            "owner": self._claim.owner if watched else None,
            "checkpoint": listings.checkpoint(),
            "endpoints": listings.endpoints(),
        }
        self.cancel_requested_at = self.store.batches.save(document, owner=self._claim.owner)
