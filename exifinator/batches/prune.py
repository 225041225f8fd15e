"""Find and remove the records, thumbnails and failed jobs of images that have been deleted from their bucket.

The listing of a source and the stored ids under it are merged, both in the order of their ids, so a bucket of any size
needs no memory; the results are kept in a temporary file. Nothing is removed before the listing is complete.
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
EXAMPLES = 5


@dataclass(slots=True)
class Orphans:
    """Records and failed jobs of images that are not in the bucket any more.

    file: a line of JSON each, with its kind and image id. began_at: records and jobs stored later are kept.
    """

    file: IO[str]
    began_at: datetime
    listed: int = 0
    records: int = 0
    jobs: int = 0
    examples: list[str] = field(default_factory=list)


def find_missing(known: Iterator[tuple[str, Kind]], listed: Iterator[str]) -> Iterator[tuple[str, Kind, bool]]:
    """Yield the id and kind of each known item, and whether its id is missing in the listing.

    Both iterators are sorted by id. The listing is read to its end.
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
    """Provide the orphans under the sources, while the block runs.

    Args:
        on_progress: called with the number of objects that were listed so far.

    Raises: ConfigError where removing them would not be safe; AccessDenied, BucketGone, TransientError.
    """
    if any(queue.sizes()) or store.jobs.count_pending():
        raise ConfigError(
            "Images are being read", hint=f"prune once they are done; `{COMMAND} status` shows the progress"
        )
    for source in sources:
        _check_endpoint(source, s3, store)
    # The system removes it when this process ends.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        orphans = Orphans(file, datetime.now(UTC))
        for source in sorted(sources, key=lambda each: each.id_prefix):
            _find(source, s3, store, orphans, on_progress)
        yield orphans


def _check_endpoint(source: Source, s3: S3Client, store: Store) -> None:
    now, before = s3.endpoint(source.bucket), store.batches.find_endpoint(source.bucket)
    if before is None:
        raise ConfigError(f"{source} has no finished run", hint=f"{RUN} it first, then prune")
    if before != now:
        raise ConfigError(
            f"The records of the bucket {source.bucket} were read from {before}, and now it is at {now}",
            hint="that is another bucket, so nothing is removed",
        )


def _find(source: Source, s3: S3Client, store: Store, orphans: Orphans, on_progress: Callable[[int], None]) -> None:
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
        if len(orphans.examples) < EXAMPLES:
            orphans.examples.append(image_id)
    if orphans.listed == listed_before and missing:
        raise ConfigError(f"The listing of {source} is empty", hint="so nothing is removed")
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
                raise SourceUnavailable(f"The server does not list {source} in order, so it cannot be pruned")
            last_key = ref.key
            yield ref.id
        orphans.listed += len(page.refs)
        on_progress(orphans.listed)


def remove_orphans(orphans: Orphans, store: Store) -> tuple[int, int]:
    """Remove orphans, except those stored again since. Return how many records and failed jobs were removed."""
    records = jobs = 0
    orphans.file.seek(0)
    while lines := list(islice(orphans.file, REMOVED_PER_CALL)):
        chunk = [json.loads(line) for line in lines]
        records += store.records.remove([image_id for kind, image_id in chunk if kind == "record"], orphans.began_at)
        jobs += store.jobs.remove_failed([image_id for kind, image_id in chunk if kind == "job"], orphans.began_at)
    log.info("prune: removed %d records and %d failed jobs", records, jobs, extra={"action": "prune"})
    return records, jobs
