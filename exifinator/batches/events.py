"""Bring the index up to date for single objects that may have changed, as S3's notifications report them.

A notification may arrive late, twice, or after a later one of the same object. It is therefore only a reason to look at
the object: the index follows what the bucket holds now, whatever the notification says. An object that exists is queued
under the same member as in a listing. If the object is gone, the record, the thumbnail and the failed job are removed.

A worker that is reading the image cannot undo the removal: the image is first withdrawn from the worker's
delivery, so the worker stores nothing. An image that still waits in the queue stays there until a worker finds that its
object is gone. After the removal, the object is looked up once more. If it was created again in the meantime, either
this second look-up finds it, or its own notification is still to come.

The images belong to no batch of their own: docs/explanation/events.md has the reasons.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from exifinator.batches.recovery import is_full
from exifinator.batches.sources import split_entry
from exifinator.batches.triage import Page, triage_page
from exifinator.config import Config
from exifinator.errors import (
    AccessDenied,
    ConfigError,
    CredentialsRefused,
    EncryptedObject,
    EXIFinatorError,
    ObjectArchived,
    ObjectGone,
    QueueUnavailable,
    SourceUnavailable,
    TransientError,
)
from exifinator.metadata.parse import empty_record
from exifinator.metrics import COUNTS
from exifinator.models import BatchDocument, ImageRef, SourcePatterns
from exifinator.queue.image_queue import ImageQueue
from exifinator.sources.junk import JUNK
from exifinator.sources.notifications import ObjectEvent
from exifinator.sources.patterns import Patterns
from exifinator.sources.source import SourceReader, parse_source
from exifinator.storage.store import Store

log = logging.getLogger(__name__)

# The maximum number of objects that are looked up at the same time.
THREADS = 16
# The latest batch of each list of sources decides which objects are indexed. At most this many lists are considered.
MAX_BATCHES = 1000
# A placeholder for a modification time that is not known yet.
_NO_TIME = datetime.fromtimestamp(0, UTC)
# Later than any record. A record is removed however late it was extracted, because its object is gone.
ANY_TIME = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class AppliedEvents:
    """The outcomes of some events, as numbers.

    Attributes:
        failures: Why events could not be applied, by image id. They have to be applied again later.
    """

    queued: int = 0
    removed: int = 0
    unchanged: int = 0
    ignored: int = 0
    failures: dict[str, EXIFinatorError] = field(default_factory=dict)


class EventApplier:
    """Applies events to the index."""

    def __init__(self, config: Config, client: SourceReader, store: Store, queue: ImageQueue) -> None:
        self._config = config
        self._client = client
        self._store = store
        self._queue = queue

    def apply(self, events: Sequence[ObjectEvent]) -> AppliedEvents:
        """Look at the objects of these events, and bring the index up to date.

        When this method returns, the images are queued or removed, except those in `failures`.

        Raises:
            QueueUnavailable, StoreUnavailable, RecordRefused: Redis or MongoDB is unavailable, or the download queue is
                full. Some events may have been applied. All of them can be applied again.
        """
        if not events:
            return AppliedEvents()
        if is_full(self._queue):
            raise QueueUnavailable("The download queue is full", code="queue_full")
        is_indexed = make_selector(self._config, self._store.batches.find_latest_by_sources(MAX_BATCHES))
        selected = {event.id: event for event in events if is_indexed(event)}
        applied = AppliedEvents(ignored=sum(event.id not in selected for event in events))
        objects = self._find(list(selected.values()), applied)
        gone = [image_id for image_id, ref in objects.items() if ref is None]
        if gone:
            self._remove(gone, applied)
            objects |= self._find([selected[image_id] for image_id in gone], applied)
        existing = self._without_started(objects, applied)
        page = triage_page(existing, self._store)
        changed = {ref.id for ref in self._queue_page(page)}
        applied.queued = len(changed)
        gone = [image_id for image_id in gone if image_id not in changed]
        applied.removed = sum(image_id not in applied.failures for image_id in gone)
        # Repeated events of one object are merged, so all but one of them count as unchanged.
        other_outcomes = applied.queued + applied.removed + applied.ignored + len(applied.failures)
        applied.unchanged = max(0, len(events) - other_outcomes)
        self._count(applied, [event for image_id, event in selected.items() if image_id in changed or image_id in gone])
        return applied

    def _find(self, events: Sequence[ObjectEvent], applied: AppliedEvents) -> dict[str, ImageRef | None]:
        """Return the current objects by image id, and None for those that are gone. Note failures in `applied`."""

        def find(event: ObjectEvent) -> ImageRef | EXIFinatorError | None:
            try:
                return find_object(self._client, event.bucket, event.key)
            except EXIFinatorError as exc:
                return exc

        objects: dict[str, ImageRef | None] = {}
        with ThreadPoolExecutor(THREADS) as threads:
            for event, result in zip(events, threads.map(find, events), strict=True):
                if isinstance(result, EXIFinatorError):
                    applied.failures[event.id] = result
                    log.warning("retry: %s", result, extra={"action": "retry", "bucket": event.bucket})
                else:
                    objects[event.id] = result
        return objects

    def _without_started(self, objects: Mapping[str, ImageRef | None], applied: AppliedEvents) -> list[ImageRef]:
        """Return the objects that exist, except those that a regular job is reading. Note the latter in `applied`.

        Such a job may have read an earlier version, and has no delivery from which the image could be withdrawn. A job
        that starts after this check reads the current version.
        """
        refs = [ref for ref in objects.values() if ref]
        statuses = self._store.jobs.find_statuses([ref.id for ref in refs])
        for image_id, status in statuses.items():
            if status == "started":
                applied.failures[image_id] = TransientError(f"{image_id} has changed, but a worker is reading it")
        return [ref for ref in refs if ref.id not in applied.failures]

    def _remove(self, image_ids: Sequence[str], applied: AppliedEvents) -> None:
        """Remove what is stored about images, and withdraw them from their deliveries."""
        self._queue.withdrawals.withdraw(image_ids)
        for image_id in self._store.jobs.remove_unless_started(image_ids):
            # A job that MRQ runs again has no delivery from which the image could be withdrawn.
            applied.failures[image_id] = TransientError(f"{image_id} is gone, but a worker is reading it")
        self._store.records.remove(image_ids, ANY_TIME)

    def _queue_page(self, page: Page) -> list[ImageRef]:
        """Queue the images that need it. Return the images whose index entries change."""
        if page.empty:
            for error in self._store.records.upsert([empty_record(ref) for ref in page.empty]):
                if error:
                    raise error
            COUNTS.empty_objects += len(page.empty)
        if page.failed:
            self._store.jobs.requeue([ref.id for ref in page.failed])
        # The record is up to date, but a worker that is reading an earlier version would replace it.
        versions = {ref.id: ref for ref in [*page.empty, *(ref for ref, _ in page.current)]}
        in_progress = map(ImageRef.from_member, self._queue.withdrawals.find_in_progress(list(versions)))
        replaced = {old.id: versions[old.id] for old in in_progress if not _is_same(old, versions[old.id])}
        self._queue.enqueue([*page.unread, *replaced.values()])
        return [*page.empty, *page.failed, *page.unread, *replaced.values()]

    def _count(self, applied: AppliedEvents, events: Sequence[ObjectEvent]) -> None:
        for outcome in ("queued", "removed", "unchanged", "ignored"):
            COUNTS.events[outcome] += getattr(applied, outcome)
        COUNTS.events["failed"] += len(applied.failures)
        now = datetime.now(UTC)
        for event in events:
            if event.at and event.id not in applied.failures:
                COUNTS.timed_events += 1
                COUNTS.event_lag_microseconds += max(0, int((now - event.at).total_seconds() * 1_000_000))


def _is_same(ref: ImageRef, other: ImageRef) -> bool:
    return (ref.etag, ref.size_bytes) == (other.etag, other.size_bytes)


def find_object(client: SourceReader, bucket: str, key: str) -> ImageRef | None:
    """Return an object as a listing would, or None if it does not exist.

    One byte is read, because a GET costs a twelfth of a listing. An object that is empty, cannot be read or seems to be
    gone is listed. A 404 alone proves nothing: a proxy responds so while the S3 server restarts.

    Raises:
        EXIFinatorError: S3 does not say whether the object exists.
    """
    COUNTS.requests["get"] += 1
    is_gone = False
    try:
        read = client.read_range(ImageRef(bucket, key, "", 0, _NO_TIME), 0, 1)
        if read.total_bytes > 0:
            return ImageRef(bucket, key, read.etag, read.total_bytes, read.last_modified)
    except ObjectGone:
        is_gone = True
    except CredentialsRefused:
        raise
    except (AccessDenied, ObjectArchived, EncryptedObject):
        pass
    # The key itself comes before all longer keys that begin with it.
    for ref in client.list_page(bucket, key, None, max_keys=1).refs:
        if ref.key == key:
            return ref
    if is_gone:
        return None
    raise SourceUnavailable(f"{bucket}/{key} exists, but is not listed")


def make_selector(config: Config, batches: Sequence[BatchDocument]) -> Callable[[ObjectEvent], bool]:
    """Return a function that tells whether the object of an event is indexed.

    The latest batch over a source that contains the object decides, with its patterns. If there is none, the sources in
    S3_BUCKETS decide.

    Args:
        batches: The latest batches, latest first.
    """
    rules: list[tuple[str, str, Callable[[str], bool]]] = []
    for batch in batches:
        options: Mapping[str, Any] = batch.get("options") or {}
        patterns: dict[str, SourcePatterns] = {item["source"]: item for item in options.get("patterns", ())}
        for text in batch.get("sources", ()):
            chosen = patterns.get(text)
            include, exclude = (chosen["include"], chosen["exclude"]) if chosen else ((), ())
            rules.append(_rule(text, tuple(include), tuple(exclude), includes_junk=bool(options.get("includes_junk"))))
    for entry in config.s3_buckets:
        text, entry_patterns = split_entry(entry)
        # No events come from a folder.
        with suppress(ConfigError):
            rules.append(
                _rule(
                    text,
                    tuple(entry_patterns.include),
                    tuple(entry_patterns.exclude),
                    includes_junk=not config.skip_junk_files,
                )
            )

    def is_indexed(event: ObjectEvent) -> bool:
        for bucket, prefix, is_chosen in rules:
            if event.bucket == bucket and event.key.startswith(prefix):
                return is_chosen(event.key)
        return False

    return is_indexed


# Compiling patterns takes longer than applying an event.
@functools.lru_cache(maxsize=2 * MAX_BATCHES)
def _rule(
    text: str, include: tuple[str, ...], exclude: tuple[str, ...], *, includes_junk: bool
) -> tuple[str, str, Callable[[str], bool]]:
    """Return the bucket and prefix of a source, and a function that tells whether its patterns choose a key."""
    source = parse_source(text)
    junk = () if includes_junk else JUNK
    return source.bucket, source.prefix, Patterns(tuple(include), tuple(exclude)).excluding(junk).compile()
