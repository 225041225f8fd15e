"""Records, thumbnails and failed jobs of images that have left their bucket: found, shown, and removed once that is
confirmed.

A source's listing and what is known under it are gone through side by side, both in the order of their ids, so a bucket
of any size takes no memory; what is found waits in a file. Nothing is removed before the listing has come to its end.
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
from typing import IO, TYPE_CHECKING, Literal

import click

from exifinator.errors import ConfigError, SourceUnavailable
from exifinator.home import RUN
from exifinator.listing import Source, covering, list_pages
from exifinator.logs import escape_control
from exifinator.queues import ImageQueue
from exifinator.s3 import S3
from exifinator.store import Store

if TYPE_CHECKING:
    from exifinator.progress import ProgressDisplay

log = logging.getLogger(__name__)

Kind = Literal["record", "job"]
CHUNK = 1000
EXAMPLES = 5


@dataclass(slots=True)
class Leftovers:
    """What is known of images that are not in the bucket any more; `file` holds a line each: its kind and its id.

    began_at: what was stored later is left alone.
    """

    file: IO[str]
    began_at: datetime
    listed: int = 0
    records: int = 0
    jobs: int = 0
    examples: list[str] = field(default_factory=list)


def left_behind(known: Iterator[tuple[str, Kind]], listed: Iterator[str]) -> Iterator[tuple[str, Kind, bool]]:
    """For each that is known, in the order of the ids: its id, its kind, and whether it is missing in the listing.

    known, listed: in the order of their ids; the listing is gone through to its end.
    """
    at = next(listed, None)
    for image_id, kind in known:
        while at is not None and at < image_id:
            at = next(listed, None)
        yield image_id, kind, at != image_id
    for _ in listed:
        pass


@contextmanager
def find_leftovers(
    sources: Sequence[Source], s3: S3, store: Store, queue: ImageQueue, *, show: Callable[[int], None]
) -> Iterator[Leftovers]:
    """What is known under the sources and not listed any more; show: is told how many objects were listed so far.

    Raises: ConfigError where it would not be safe to say; AccessDenied, BucketGone, TransientError.
    """
    if any(queue.sizes()) or store.count_pending_jobs():
        raise ConfigError("images are being read: prune when they are done (see python -m exifinator status)")
    for source in sources:
        _check_endpoint(source, s3, store)
    # The system removes it when this process ends.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        found = Leftovers(file, datetime.now(UTC))
        for source in sorted(sources, key=lambda each: each.id_prefix):
            _find(source, s3, store, found, show)
        yield found


def _check_endpoint(source: Source, s3: S3, store: Store) -> None:
    now, before = s3.endpoint(source.bucket), store.batches.find_endpoint(source.bucket)
    if before is None:
        raise ConfigError(f"no finished run of {source} is known: {RUN} it first, then prune")
    if before != now:
        raise ConfigError(
            f"the records of the bucket {source.bucket} were read from {before}, and now it would be {now}: "
            "that is another bucket, and nothing is removed for it"
        )


def _find(source: Source, s3: S3, store: Store, found: Leftovers, show: Callable[[int], None]) -> None:
    kept, missing, before = 0, 0, found.listed
    records: Iterator[tuple[str, Kind]] = ((image_id, "record") for image_id in store.scan_ids(source.id_prefix))
    jobs: Iterator[tuple[str, Kind]] = ((image_id, "job") for image_id in store.scan_failed_ids(source.id_prefix))
    for image_id, kind, is_missing in left_behind(heapq.merge(records, jobs), _listed(source, s3, found, show)):
        if not is_missing:
            kept += 1
            continue
        missing += 1
        found.file.write(json.dumps([kind, image_id]) + "\n")
        if kind == "record":
            found.records += 1
        else:
            found.jobs += 1
        if len(found.examples) < EXAMPLES:
            found.examples.append(image_id)
    if found.listed == before and missing:
        raise ConfigError(f"the listing of {source} came back empty: nothing is removed for it")
    if missing and not kept:
        raise ConfigError(
            f"nothing that is listed in {source} is known, so it may be another bucket: {RUN} it first, then prune"
        )


def _listed(source: Source, s3: S3, found: Leftovers, show: Callable[[int], None]) -> Iterator[str]:
    last = ""
    for page in list_pages(s3, source):
        for ref in page.refs:
            if ref.key <= last:
                raise SourceUnavailable(f"the server does not list {source} in order, so it cannot be pruned")
            last = ref.key
            yield ref.id
        found.listed += len(page.refs)
        show(found.listed)


def remove_leftovers(found: Leftovers, store: Store) -> tuple[int, int]:
    """Remove what was found and has not been stored anew since. Returns: the records and the failed jobs removed."""
    records = jobs = 0
    found.file.seek(0)
    while lines := list(islice(found.file, CHUNK)):
        chunk = [json.loads(line) for line in lines]
        records += store.remove_images([image_id for kind, image_id in chunk if kind == "record"], found.began_at)
        jobs += store.remove_failed_jobs([image_id for kind, image_id in chunk if kind == "job"], found.began_at)
    log.info("prune: %d records and %d failed jobs", records, jobs)
    return records, jobs


def prune_command(
    sources: Sequence[Source],
    s3: S3,
    store: Store,
    queue: ImageQueue,
    display: ProgressDisplay,
    *,
    as_json: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """What `run --prune` does: find, show, ask, remove. Raises: as find_leftovers."""
    with find_leftovers(
        covering(sources), s3, store, queue, show=lambda listed: display.show_line(f"listing: {listed:,} listed")
    ) as found:
        display.note(
            f"{found.listed:,} listed; {found.records:,} records and {found.jobs:,} failed jobs are of images that "
            "have left the bucket."
        )
        for image_id in found.examples:
            display.note(f"  {escape_control(image_id)}")
        if found.records + found.jobs > len(found.examples):
            display.note("  ...")
        records = jobs = 0
        if (found.records or found.jobs) and not dry_run:
            display.stop()
            if yes or click.confirm("Remove them?", err=True):
                records, jobs = remove_leftovers(found, store)
            display.note(f"{records:,} records and {jobs:,} failed jobs are removed.")
    if as_json:
        click.echo(
            json.dumps(
                {
                    "listed": found.listed,
                    "records": found.records,
                    "failed_jobs": found.jobs,
                    "removed_records": records,
                    "removed_failed_jobs": jobs,
                }
            )
        )
