"""`purge`: delete queued images, failed jobs, ended batches or records."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import click

from exifinator.batches.model import WATCHED_STATES
from exifinator.batches.purge import Purge
from exifinator.batches.service import read_batches
from exifinator.cli.formatting import format_count
from exifinator.config import Config, load_config
from exifinator.errors import EXIFinatorError
from exifinator.monitoring.connections import Connections
from exifinator.storage.failed_jobs import failed_filter


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeOptions:
    """The arguments of `purge`.

    Attributes:
        exception: The exception type of the failed jobs to delete; None for all types.
    """

    queues: bool = False
    failures: bool = False
    exception: str | None = None
    batches: bool = False
    records: bool = False
    yes: bool = False

    def check(self) -> None:
        """Check the combination of options.

        Raises:
            click.UsageError: Nothing is selected, or --exception is used without --failures.
        """
        if not (self.queues or self.failures or self.batches or self.records):
            raise click.UsageError("Specify what to delete: --queues, --failures, --batches, --records.")
        if self.exception is not None and not self.failures:
            raise click.UsageError("--exception works only with --failures.")


@dataclass(frozen=True, slots=True)
class _Step:
    """One kind of item to delete.

    Attributes:
        name: The plural noun for the items.
        count: The number of items.
        delete: Function that deletes the items, and returns the number of deleted items.
        note: A sentence to print after the items have been deleted.
    """

    name: str
    count: int
    delete: Callable[[], int]
    note: str = ""


@click.command("purge")
@click.option("--queues", is_flag=True, help="Delete queued images and waiting retries, and cancel running batches.")
@click.option("--failures", is_flag=True, help="Delete failed jobs.")
@click.option("--exception", metavar="TYPE", help="With --failures: delete only jobs with this exception type.")
@click.option("--batches", is_flag=True, help="Delete the history of ended batches.")
@click.option("--records", is_flag=True, help="Delete ALL RECORDS and thumbnails. Always asks for the database name.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation, except for records.")
def purge_command(**arguments: Any) -> None:
    """Delete queued images, failed jobs, ended batches or records.

    Nothing changes in S3. The command shows what would be deleted, and asks first. Records are deleted only with
    --records, and only after you type the name of the database.
    """
    options = PurgeOptions(**arguments)
    options.check()
    config = load_config()
    with closing(Connections(config)) as connections:
        if options.records and not options.queues:
            _check_idle(connections)
        _purge(Purge(connections.store, connections.queue, connections.queue_admin), config, options)


def _purge(purge: Purge, config: Config, options: PurgeOptions) -> None:
    steps = list(_steps(purge, options))
    for step in steps:
        click.echo(f"{step.count:>12,}  {step.name}")
    if options.records:
        collection = f"{config.mongodb_database}.{config.mongodb_collection}"
        click.echo(f"{purge.count_records():>12,}  records in {collection}, and their thumbnails")
    if any(step.count for step in steps) and not options.yes:
        click.confirm("Delete all of these except the records?" if options.records else "Delete these?", abort=True)
    for step in steps:
        deleted = step.delete()
        click.echo(f"Deleted {deleted:,} {step.name}. {step.note if deleted else ''}".rstrip())
    if options.records:
        _delete_records(purge, config)


def _steps(purge: Purge, options: PurgeOptions) -> Iterator[_Step]:
    if options.queues:
        note = "The next run queues them again."
        yield _Step("queued images and retries", purge.count_queued(), purge.drop_queued, note)
    if options.failures:
        selected = failed_filter(exception=options.exception)
        name = f"failed jobs ({options.exception})" if options.exception else "failed jobs"
        note = "The next run queues their images again."
        yield _Step(name, purge.failed.count(selected), lambda: purge.failed.drop(selected), note)
    if options.batches:
        ended = purge.ended_batches()
        yield _Step("ended batches", len(ended), lambda: purge.drop_batches(ended))


def _check_idle(connections: Connections) -> None:
    queued, _ = connections.queue.sizes()
    running = sum(batch["state"] in WATCHED_STATES for batch in read_batches(connections.store, connections.queue))
    if queued or running:
        raise EXIFinatorError(
            f"{format_count(queued, 'queued image')} and "
            f"{format_count(running, 'running batch', 'running batches')} would create new records",
            hint="add --queues to delete and cancel these, or wait until they are done",
        )


def _delete_records(purge: Purge, config: Config) -> None:
    database = config.mongodb_database
    typed = click.prompt(
        f"To delete the records permanently, type the name of the database ({database})", default="", show_default=False
    )
    if typed.strip() != database:
        click.echo("The name does not match. No records were deleted.", err=True)
        sys.exit(1)
    click.echo(f"Deleted {format_count(purge.drop_records(), 'record')}. The next run indexes every image again.")
