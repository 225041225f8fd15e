"""Find and remove the records, thumbnails and failed jobs of images that have been deleted from their bucket.

The listing of a source is merged with the stored ids under it. Both are sorted by id and the results go to a temporary
file, so memory use does not depend on the size of the bucket. Nothing is removed before the listing is complete.
"""

from __future__ import annotations

import heapq
import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import IO, Literal

from exifinator.errors import ConfigError, SourceUnavailable
from exifinator.paths import COMMAND, RUN
from exifinator.queue.image_queue import ImageQueue
from exifinator.sources.listing import list_pages
from exifinator.sources.s3.client import S3Client
from exifinator.sources.source import Source
from exifinator.storage.store import Store

log = logging.getLogger(__name__)

Kind = Literal["record", "job"]
REMOVED_PER_CALL = 1000
MAX_EXAMPLES = 5


@dataclass(slots=True)
class Orphans:
    """Records and failed jobs of images that are no longer in the bucket.

    file: one JSON array [kind, image id] per line. began_at: the start of the search; records and jobs that were stored
    later are kept. listed: number of listed objects. records, jobs: numbers of orphans. examples: up to MAX_EXAMPLES
    image ids of orphans.
    """

    file: IO[str]
    began_at: datetime
    listed: int = 0
    records: int = 0
    jobs: int = 0
    examples: list[str] = field(default_factory=list)


def find_missing(known: Iterator[tuple[str, Kind]], listed: Iterator[str]) -> Iterator[tuple[str, Kind, bool]]:
    """Yield the id and kind of each known item, and whether its id is missing from the listing.

    Both iterators must be sorted by id. The listing is read to its end, even after the last known item.
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
    sources: Sequence[Source], s3: S3Client, store: Store, queue: ImageQueue, *, on_progress: Callable[[int], None]
) -> Iterator[Orphans]:
    """Yield the orphans under the sources. They are usable only inside the `with` block.

    Args:
        on_progress: called with the number of objects listed so far.

    Raises: ConfigError if removing them would not be safe; AccessDenied, BucketGone, TransientError.
    """
    if any(queue.sizes()) or store.jobs.count_pending():
        raise ConfigError(
            "Images are being indexed", hint=f"prune once they are done; `{COMMAND} status` shows the progress"
        )
    for source in sources:
        _check_endpoint(source, s3, store)
    # The operating system deletes the file when this process ends, however it ends.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        orphans = Orphans(file, datetime.now(UTC))
        for source in sorted(sources, key=lambda source: source.id_prefix):
            _find_in_source(source, s3, store, orphans, on_progress)
        yield orphans


def _check_endpoint(source: Source, s3: S3Client, store: Store) -> None:
    """Raise ConfigError if the bucket was indexed from another S3 endpoint: it may be another bucket of that name."""
    current, indexed = s3.endpoint(source.bucket), store.batches.find_endpoint(source.bucket)
    if indexed is None:
        raise ConfigError(f"{source} has no finished run", hint=f"{RUN} it first, then prune")
    if indexed != current:
        raise ConfigError(
            f"The records of the bucket {source.bucket} were read from {indexed}, but it is now at {current}",
            hint="that is another bucket, so nothing was removed",
        )


def _find_in_source(
    source: Source, s3: S3Client, store: Store, orphans: Orphans, on_progress: Callable[[int], None]
) -> None:
    kept, missing, listed_before = 0, 0, orphans.listed
    records: Iterator[tuple[str, Kind]] = (
        (image_id, "record") for image_id in store.records.scan_ids(source.id_prefix)
    )
    jobs: Iterator[tuple[str, Kind]] = ((image_id, "job") for image_id in store.jobs.scan_failed_ids(source.id_prefix))
    listed = _list_ids(source, s3, orphans, on_progress)
    for image_id, kind, is_missing in find_missing(heapq.merge(records, jobs), listed):
        if not is_missing:
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


def _list_ids(source: Source, s3: S3Client, orphans: Orphans, on_progress: Callable[[int], None]) -> Iterator[str]:
    last_key = ""
    for page in list_pages(s3, source):
        for ref in page.refs:
            if ref.key <= last_key:
                raise SourceUnavailable(f"The server does not list {source} in key order, so it cannot be pruned")
            last_key = ref.key
            yield ref.id
        orphans.listed += len(page.refs)
        on_progress(orphans.listed)


def remove_orphans(orphans: Orphans, store: Store) -> tuple[int, int]:
    """Remove the orphans that have not been stored again since.

    Returns: how many records and how many failed jobs were removed.
    """
    records = jobs = 0
    orphans.file.seek(0)
    while lines := list(islice(orphans.file, REMOVED_PER_CALL)):
        chunk = [json.loads(line) for line in lines]
        records += store.records.remove([image_id for kind, image_id in chunk if kind == "record"], orphans.began_at)
        jobs += store.jobs.remove_failed([image_id for kind, image_id in chunk if kind == "job"], orphans.began_at)
    log.info("prune: removed %d records and %d failed jobs", records, jobs, extra={"action": "prune"})
    return records, jobs
