"""Find and remove the records, thumbnails and failed jobs of images that have been deleted from their bucket.

The listing of each source is compared with the ids of the records and failed jobs stored for the source. The listing
and these ids are both sorted by id, so they can be read in parallel, and the results go to a temporary file. Memory use
therefore does not depend on the size of the bucket. If the server does not list keys in order, the listing is sorted
first. Nothing is removed before all listings are complete. A source that cannot be listed or compared does not keep the
others from being pruned.

If a source has patterns, only the records of keys that they choose are compared. Records of other keys are kept, as
`rclone sync` and `aws s3 sync --delete` keep excluded files. Junk files are compared like all others.
"""

from __future__ import annotations

import heapq
import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import IO, Literal

from exifinator.batches.sorted_listing import sort_ids
from exifinator.errors import ConfigError, EXIFinatorError, QueueUnavailable, SourceUnavailable, StoreUnavailable
from exifinator.models import PruneResult
from exifinator.paths import COMMAND, RUN
from exifinator.queue.image_queue import ImageQueue
from exifinator.sources.listing import list_pages
from exifinator.sources.s3.endpoint import endpoint_name
from exifinator.sources.source import Lister, Source
from exifinator.storage.store import Store

log = logging.getLogger(__name__)

Kind = Literal["record", "job"]
REMOVED_PER_CALL = 1000
MAX_EXAMPLES = 5
# The code of the error while images are being indexed.
IMAGES_QUEUED = "images_queued"
# While images of other batches are being indexed, prune_after_batch tries again this often, for an hour in total.
BUSY_ATTEMPTS = 360
BUSY_PAUSE_SECONDS = 10.0


class _NotSorted(Exception):
    """The server does not list keys in order."""


@dataclass(slots=True)
class Orphans:
    """Records and failed jobs of images that are no longer in the bucket.

    Attributes:
        file: One JSON array [kind, image id] per line.
        began_at: The start of the search. Records and jobs that were stored later are kept.
        listed: The number of objects listed so far.
        records: The number of orphaned records.
        jobs: The number of orphaned failed jobs.
        examples: The image ids of up to MAX_EXAMPLES orphans.
        failures: Why sources could not be searched. Nothing of these sources is in the file.
    """

    file: IO[str]
    began_at: datetime
    listed: int = 0
    records: int = 0
    jobs: int = 0
    examples: list[str] = field(default_factory=list)
    failures: list[EXIFinatorError] = field(default_factory=list)


def find_missing(known: Iterator[tuple[str, Kind]], listed: Iterator[str]) -> Iterator[tuple[str, Kind, bool]]:
    """Yield the id and kind of each known record or job, and whether its id is missing from the listing.

    Both iterators must be sorted by id. The listing is read to its end, even after the last known id, so that all its
    objects are counted.
    """
    listed_id = next(listed, None)
    for image_id, kind in known:
        while listed_id is not None and listed_id < image_id:
            listed_id = next(listed, None)
        yield image_id, kind, listed_id != image_id
    for _ in listed:
        pass


@contextmanager
def find_orphans(
    sources: Sequence[Source], lister: Lister, store: Store, queue: ImageQueue, *, on_progress: Callable[[int], None]
) -> Iterator[Orphans]:
    """Find the orphans of the sources. Their file can be read only inside the `with` block.

    Args:
        on_progress: Called with the number of objects listed so far.

    Raises:
        ConfigError: Images are being indexed.
        StoreUnavailable, QueueUnavailable: MongoDB or Redis is unavailable.
        EXIFinatorError: None of the sources could be searched.
    """
    if any(queue.sizes()) or store.jobs.count_pending():
        raise ConfigError(
            "Images are being indexed",
            code=IMAGES_QUEUED,
            hint=f"prune once they are done; `{COMMAND} status` shows the progress",
        )
    # The operating system deletes this file when the process ends, even after a crash.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        orphans = Orphans(file, datetime.now(UTC))
        for source in sorted(sources, key=lambda source: source.id_prefix):
            _try_source(source, lister, store, orphans, on_progress)
        if len(orphans.failures) == len(sources):
            raise orphans.failures[0]
        yield orphans


def _try_source(
    source: Source, lister: Lister, store: Store, orphans: Orphans, on_progress: Callable[[int], None]
) -> None:
    """Find the orphans of one source. If this fails, remove the source's orphans from the file, and keep the error."""
    position, before = orphans.file.tell(), replace(orphans, examples=list(orphans.examples))
    for is_sorted in (True, False):
        try:
            _check_endpoint(source, lister, store)
            _find_in_source(source, lister, store, orphans, on_progress, is_sorted=is_sorted)
            return
        except _NotSorted:
            _reset(orphans, position, before)
            log.info("wait: the listing of %s is not in key order, so it is sorted", source, extra={"action": "wait"})
        except (StoreUnavailable, QueueUnavailable):
            # The source is not the cause, so the search would fail for each of the other sources too.
            raise
        except EXIFinatorError as exc:
            _reset(orphans, position, before)
            log.error("stop: %s", exc, extra={"action": "stop", "bucket": source.bucket})
            orphans.failures.append(exc)
            return


def _reset(orphans: Orphans, position: int, before: Orphans) -> None:
    """Cut off the file at `position`, and restore the counts and examples from `before`."""
    orphans.file.seek(position)
    orphans.file.truncate()
    orphans.listed, orphans.records, orphans.jobs = before.listed, before.records, before.jobs
    orphans.examples[:] = before.examples


def _check_endpoint(source: Source, lister: Lister, store: Store) -> None:
    """Raise ConfigError if the bucket was last indexed from another S3 endpoint, or if no batch over it has finished.

    Another endpoint may have another bucket of the same name, and the records would then look like orphans.
    """
    current, indexed = lister.endpoint(source.bucket), store.batches.find_endpoint(source.bucket)
    if indexed is None:
        raise ConfigError(f"No run over {source} has finished", hint=f"{RUN} it first, then prune")
    if (endpoint_name(indexed) if "://" in indexed else indexed) != current:
        raise ConfigError(
            f"The records of the bucket {source.bucket} were read from {indexed}, but it is now at {current}",
            hint="that is another bucket, so nothing was removed",
        )


def _find_in_source(
    source: Source,
    lister: Lister,
    store: Store,
    orphans: Orphans,
    on_progress: Callable[[int], None],
    *,
    is_sorted: bool,
) -> None:
    """Write the orphans of one source to the file.

    Args:
        is_sorted: Whether the server is expected to list keys in order. Otherwise, sort the listing.

    Raises:
        _NotSorted: The server does not list keys in order, although `is_sorted`.
    """
    kept, missing, listed_before = 0, 0, orphans.listed
    is_chosen, key_start = source.patterns.compile(), len(source.bucket) + 1

    def chosen(image_ids: Iterator[str], kind: Kind) -> Iterator[tuple[str, Kind]]:
        return ((image_id, kind) for image_id in image_ids if is_chosen(image_id[key_start:]))

    records = chosen(store.records.scan_ids(source.id_prefix), "record")
    jobs = chosen(store.jobs.scan_failed_ids(source.id_prefix), "job")
    # What the ids in unreadable subfolders start with. Because the listing is in key order, this list is complete up to
    # the id that is being compared.
    unlisted: list[str] = []
    listing = _list_ids(source, lister, orphans, unlisted, on_progress)
    with nullcontext(listing) if is_sorted else sort_ids(listing) as ids:
        listed = _check_order(ids, source, is_sorted=is_sorted)
        for image_id, kind, is_missing in find_missing(heapq.merge(records, jobs), listed):
            if not is_missing or image_id.startswith(tuple(unlisted)):
                kept += 1
                continue
            missing += 1
            orphans.file.write(json.dumps([kind, image_id]) + "\n")
            if kind == "record":
                orphans.records += 1
            else:
                orphans.jobs += 1
            if len(orphans.examples) < MAX_EXAMPLES:
                orphans.examples.append(image_id)
    if orphans.listed == listed_before and missing:
        raise ConfigError(f"The listing of {source} is empty", hint="nothing was removed")
    if missing and not kept:
        raise ConfigError(
            f"None of the objects in {source} has a record, so it may be another bucket",
            hint=f"{RUN} it first, then prune",
        )


def _list_ids(
    source: Source, lister: Lister, orphans: Orphans, unlisted: list[str], on_progress: Callable[[int], None]
) -> Iterator[str]:
    for page in list_pages(lister, source, is_strict=True):
        unlisted += [f"{source.bucket}/{prefix}" for prefix in page.unlisted]
        for ref in page.refs:
            yield ref.id
        orphans.listed += len(page.refs)
        on_progress(orphans.listed)


def _check_order(ids: Iterator[str], source: Source, *, is_sorted: bool) -> Iterator[str]:
    """Yield the ids, and check that each is greater than the previous one.

    A server that lists a key twice may leave out another key, whose record would then be removed.

    Raises:
        _NotSorted: The ids are not in ascending order, although `is_sorted`.
        SourceUnavailable: An id is listed twice.
    """
    last_id = ""
    for image_id in ids:
        if image_id <= last_id and is_sorted:
            raise _NotSorted
        if image_id == last_id:
            raise SourceUnavailable(f"The server lists {image_id} twice, so {source} cannot be pruned")
        last_id = image_id
        yield image_id


def remove_orphans(orphans: Orphans, store: Store) -> tuple[int, int]:
    """Remove the orphans, except those that were stored again after the search began.

    Returns:
        How many records and how many failed jobs were removed.
    """
    records = jobs = 0
    orphans.file.seek(0)
    while lines := list(islice(orphans.file, REMOVED_PER_CALL)):
        chunk = [json.loads(line) for line in lines]
        records += store.records.remove([image_id for kind, image_id in chunk if kind == "record"], orphans.began_at)
        jobs += store.jobs.remove_failed([image_id for kind, image_id in chunk if kind == "job"], orphans.began_at)
    log.info("prune: removed %d records and %d failed jobs", records, jobs, extra={"action": "prune"})
    return records, jobs


def prune_after_batch(
    batch_id: str,
    sources: Sequence[Source],
    lister: Lister,
    store: Store,
    queue: ImageQueue,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Remove the orphans of a batch's sources if the batch is done, and store the result in its document.

    While images of other batches are being indexed, wait. Errors are stored too, because the batch itself has not
    failed.

    Args:
        pause: Sleeps for a number of seconds.
    """
    batch = store.batches.find(batch_id)
    if batch is None or batch.get("state") != "done":
        return
    result: PruneResult = {"records": 0, "failed_jobs": 0, "problem": None}
    for attempt in range(1, BUSY_ATTEMPTS + 1):
        try:
            with find_orphans(sources, lister, store, queue, on_progress=lambda _: None) as orphans:
                result["records"], result["failed_jobs"] = remove_orphans(orphans, store)
                if orphans.failures:
                    result["problem"] = str(orphans.failures[0])
        except EXIFinatorError as exc:
            if exc.code == IMAGES_QUEUED and attempt < BUSY_ATTEMPTS:
                pause(BUSY_PAUSE_SECONDS)
                continue
            result["problem"] = str(exc)
        break
    store.batches.change(batch_id, ("done",), {"pruned": result})
