"""`run --prune`: find the records and failed jobs of deleted images, and remove them after confirmation."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from exifinator.batches.prune import find_orphans, remove_orphans
from exifinator.batches.sources import raise_together
from exifinator.cli.formatting import format_count
from exifinator.cli.progress import ProgressDisplay
from exifinator.cli.run_options import RunOptions
from exifinator.logging_setup import escape_control
from exifinator.queue.image_queue import ImageQueue
from exifinator.sources.source import Lister, Source, remove_covered
from exifinator.storage.store import Store


def prune(
    sources: Sequence[Source],
    lister: Lister,
    store: Store,
    queue: ImageQueue,
    display: ProgressDisplay,
    options: RunOptions,
) -> None:
    """Find the records and failed jobs of deleted images, show examples, and remove them all after confirmation.

    Raises:
        EXIFinatorError: See find_orphans; also raised at the end if a source could not be searched.
    """

    def on_progress(listed: int) -> None:
        display.show_line(f"listing: {listed:,} listed")

    with find_orphans(remove_covered(sources), lister, store, queue, on_progress=on_progress) as orphans:
        display.note(
            f"{orphans.listed:,} listed. {_format_counts(orphans.records, orphans.jobs)} belong to images that are no "
            "longer in the bucket."
        )
        for image_id in orphans.examples:
            display.note(f"  {escape_control(image_id)}")
        if orphans.records + orphans.jobs > len(orphans.examples):
            display.note("  ...")
        records = jobs = 0
        if (orphans.records or orphans.jobs) and not options.dry_run:
            display.stop()
            if options.yes or click.confirm("Remove them?", err=True):
                records, jobs = remove_orphans(orphans, store)
            display.note(f"Removed {_format_counts(records, jobs)}.")
        failures = orphans.failures
    if options.as_json:
        click.echo(
            json.dumps(
                {
                    "listed": orphans.listed,
                    "records": orphans.records,
                    "failed_jobs": orphans.jobs,
                    "removed_records": records,
                    "removed_failed_jobs": jobs,
                }
            )
        )
    raise_together(failures, "The other sources were pruned")


def _format_counts(records: int, jobs: int) -> str:
    return f"{format_count(records, 'record')} and {format_count(jobs, 'failed job')}"
