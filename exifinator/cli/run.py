"""`run`: index the images in buckets and folders, after starting the services and workers that are not running."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from exifinator.batches.limits import CostTerms, find_source_prices
from exifinator.batches.model import BatchCounts
from exifinator.batches.runner import Batch
from exifinator.batches.sources import Folder, check_sources, find_sources, raise_together, register_folders
from exifinator.batches.webhook import EVENTS, send_webhook
from exifinator.cli.forecast_view import describe_forecast
from exifinator.cli.formatting import format_count
from exifinator.cli.progress import EventDisplay, ProgressDisplay, summarize
from exifinator.cli.run_options import RunOptions
from exifinator.config import Config, load_config
from exifinator.cost.disk import measure_disk_usage
from exifinator.cost.forecast import Listing, make_forecast
from exifinator.cost.sample import SAMPLE_SIZE, Sampler
from exifinator.errors import (
    AccessDenied,
    BucketGone,
    ConfigError,
    EXIFinatorError,
    LimitReached,
    PermanentError,
    TransientError,
)
from exifinator.gc_tuning import freeze_startup_heap
from exifinator.logging_setup import add_context, configure
from exifinator.models import ImageRef
from exifinator.monitoring.doctor import find_obstacles
from exifinator.monitoring.reporter import flushing
from exifinator.monitoring.standstill import Standstill
from exifinator.net import url_host
from exifinator.paths import RUN, STOP
from exifinator.processes.databases import OWN_SERVERS_HINT, ensure_services
from exifinator.queue.admin import QueueAdmin
from exifinator.queue.image_queue import ImageQueue
from exifinator.queue.redis_client import connect_redis
from exifinator.queue.worker_health import WorkerHealth
from exifinator.retry import Retry
from exifinator.sources.client import SourceClient
from exifinator.sources.inventory.client import InventoryClient
from exifinator.sources.patterns import Patterns
from exifinator.sources.s3.client import S3Client
from exifinator.sources.source import Source, SourceReader
from exifinator.storage.migrations import check_schema
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store

EXIT_FAILED = 1
EXIT_LIMIT = 3
EXIT_INTERRUPTED = 130


def result_addresses(config: Config) -> str:
    """Return the addresses where users can see the results, one per line."""
    collection = f"{config.mongodb_database}/{config.mongodb_collection}"
    api = f"http://{url_host(config.api_host)}:{config.api_port}/"
    return (
        f"Explore: {api}\n"
        f"Records: {api}{collection}?limit=3\n"
        f"Dashboard: http://{url_host(config.dashboard_host)}:{config.dashboard_port}/"
    )


class _RunCommand(click.Command):
    """Accepts --json=events. An option of Click with an optional value would take the next source as its value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, ["--json-events" if arg == "--json=events" else arg for arg in args])


@click.command("run", cls=_RunCommand)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--include", multiple=True, metavar="PATTERN", help="Index only objects that match. Repeatable.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Do not index objects that match. Repeatable.")
@click.option("--include-from", multiple=True, metavar="FILE", help="Read --include patterns from the lines of a file.")
@click.option("--exclude-from", multiple=True, metavar="FILE", help="Read --exclude patterns from the lines of a file.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object on stdout instead of the summary; --json=events prints one per event and line.",
)
@click.option("--json-events", "as_events", is_flag=True, hidden=True)
@click.option("--dry-run", is_flag=True, help="List and count only, and forecast cost and duration.")
@click.option("--no-wait", is_flag=True, help="Exit once all images are queued; the workers continue.")
@click.option("--refresh", is_flag=True, help="Also index images again that an older version of EXIFinator indexed.")
@click.option("--verify", is_flag=True, help="Index images without a current record; do not requeue failed images.")
@click.option("--prune", is_flag=True, help="Index nothing; remove the records of images that were deleted from S3.")
@click.option("--yes", is_flag=True, help="With --prune: do not ask for confirmation.")
@click.option("--inventory", metavar="URL", help="Read the keys from an S3 Inventory report: s3://.../manifest.json.")
@click.option("--max-dollars", type=float, metavar="N", help="Stop at this price of S3's requests and traffic.")
@click.option("--max-requests", type=click.IntRange(1), metavar="N", help="Stop after this many requests to S3.")
@click.option("--batch-id", hidden=True, help="Id of a batch that start_batch has created; no services are started.")
@click.option("--then-prune", is_flag=True, hidden=True, help="Prune once the batch is done, without asking.")
def run_command(**arguments: Any) -> None:
    """Index the metadata of every photo in the sources.

    SOURCE is bucket, bucket/prefix, s3://bucket/prefix, or a local folder. Default: S3_BUCKETS in settings.py. If
    S3_BUCKETS is empty too, a demo library of 240 photos is created and indexed.

    PATTERN is a glob such as '*.heic' for names, '/2024/**' from the start of keys, or 'drafts/' for folders. --exclude
    takes precedence over --include.

    Exit code: 0 no image failed; 1 some images failed, or a server is unavailable; 2 wrong usage or settings, or S3
    denies access; 3 stopped by --max-dollars or --max-requests; 130 interrupted.
    """
    options = RunOptions(**arguments)
    options.check()
    config = load_config()
    configure(config)
    if options.batch_id is not None:
        # start_batch started this process, so `stop --all` ends it with SIGTERM. Handle SIGTERM like Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Reject wrong names and patterns before starting anything.
    cwd = Path(os.environ.get("EXIFINATOR_CWD") or Path.cwd())
    patterns = options.read_patterns(cwd)
    requested = [] if options.inventory else find_sources(options.sources, config, cwd=cwd, patterns=patterns)
    with EventDisplay() if options.as_events else ProgressDisplay() as display:
        if options.batch_id is None:
            started = [str(report) for report in ensure_services(config, note=display.note) if report.started]
            for line in [*started, OWN_SERVERS_HINT] if started else ():
                display.note(line)
        client = SourceClient(S3Client(config))
        sources, lister = _choose_lister(options, requested, patterns, client, display)
        sources, probe_objects, failures = _check_access(sources, lister, display)
        terms = CostTerms(find_source_prices(sources, client, config), options.limits, config.default_first_read_bytes)
        terms.check()
        store, queue = _connect(config)
        if options.prune:
            from exifinator.cli.prune import prune

            prune(sources, client, store, queue, display, options)
            raise_together(failures, "The other sources were pruned")
            return
        retry = Retry()
        if not options.dry_run:
            retry(store.ensure_indexes_if_quick)
            for ref in probe_objects:
                retry(queue.refused_buckets.set_probe_object, ref)
        sampler = Sampler(config.default_first_read_bytes)
        batch = Batch(
            sources,
            lister,
            store,
            queue,
            batch_id=options.batch_id,
            refresh=options.refresh,
            verify=options.verify,
            includes_junk=not config.skip_junk_files,
            inventory=options.inventory,
            terms=terms,
            sampler=sampler,
        )
        # The API and the workers start such batches. Restarting the workers would also stop the API.
        if not options.dry_run and options.batch_id is None:
            _start_workers(batch, config, display)
        add_context(lambda: {"batch": batch.id})
        freeze_startup_heap()
        with flushing(QueueAdmin(queue, config)), _webhook_at_end(batch, config):
            counts = _run_batch(batch, display, options)
            forecast = None
            if options.dry_run:
                display.show_line(f"reading a sample of up to {SAMPLE_SIZE} images")
                listing = Listing(counts.list_requests, counts.list_dollars, counts.seconds)
                forecast = make_forecast(sampler, client, config, terms.prices, listing, measure_disk_usage(store))
            if counts.listed == 0 and not failures:
                display.note(f"Warning: there is nothing under {', '.join(map(str, sources))}; check the spelling.")
        if options.then_prune and not batch.limit_reached:
            from exifinator.batches.prune import prune_after_batch

            prune_after_batch(batch.id, sources, client, store, queue)
    extra_fields: dict[str, Any] = {"forecast": forecast.as_dict()} if forecast else {}
    if batch.limit_reached:
        extra_fields["problem"] = str(batch.limit_reached)
    if isinstance(display, EventDisplay):
        display.event("end", numbers=counts.as_dict(), **extra_fields)
    elif options.as_json:
        click.echo(json.dumps({**counts.as_dict(), **extra_fields}))
    else:
        _print_summary(counts, config, options)
        if forecast:
            click.echo(describe_forecast(forecast))
    raise_together(failures, "The other sources were indexed")
    if batch.limit_reached:
        sys.exit(EXIT_LIMIT)
    if counts.failed:
        sys.exit(EXIT_FAILED)


def _choose_lister(
    options: RunOptions,
    requested: Sequence[Source | Folder],
    patterns: Patterns,
    client: SourceClient,
    display: ProgressDisplay,
) -> tuple[list[Source], SourceReader]:
    """Return the sources, and the reader that lists them: the client, or an inventory report."""
    if options.inventory:
        inventory = InventoryClient(client, options.inventory)
        click.get_current_context().call_on_close(inventory.close)
        return [replace(source, patterns=patterns) for source in inventory.find_sources(options.sources)], inventory
    return register_folders(requested, display.note, demo_patterns=patterns), client


def _check_access(
    sources: Sequence[Source], client: SourceReader, display: ProgressDisplay
) -> tuple[list[Source], list[ImageRef], list[EXIFinatorError]]:
    """Check that the sources can be read.

    Returns:
        The sources that can be read; a readable object of each source, for probing the bucket later; and the errors of
        the other sources.

    Raises:
        ConfigError: S3 denies access to all sources, or the buckets do not exist.
        TransientError, PermanentError: No source can be read, for another reason.
    """
    readable: list[Source] = []
    probe_objects: list[ImageRef] = []
    failures: list[EXIFinatorError] = []
    for source in sources:
        try:
            probe_objects += check_sources([source], client)
            readable.append(source)
        except (PermanentError, TransientError) as exc:
            failures.append(exc)
            if len(sources) > 1:
                display.note(f"Warning: {exc}")
    if failures and len(failures) == len(sources):
        first = failures[0]
        if isinstance(first, (AccessDenied, BucketGone)):
            # Nothing has been queued yet, so treat this error as wrong usage.
            raise ConfigError(first.message, code=first.code, hint=first.hint, pointer=first.pointer) from first
        raise first
    return readable, probe_objects, failures


def _connect(config: Config) -> tuple[Store, ImageQueue]:
    mongodb = connect_mongodb(config)
    click.get_current_context().call_on_close(mongodb.close)
    store = Store(mongodb, config)
    Retry()(check_schema, store, writes=True)
    return store, ImageQueue(connect_redis(config), config)


def _start_workers(batch: Batch, config: Config, display: ProgressDisplay) -> None:
    from exifinator.processes.workers import start_workers

    workers = start_workers(config)
    retry = Retry()
    if workers.outdated and (retry(batch.is_idle) or retry(batch.is_blocked)):
        # Without a restart, the workers would read this run's images with outdated S3 settings and credentials.
        workers = start_workers(config, restart=True)
    if workers.started or workers.outdated:
        display.note(str(workers))


@contextmanager
def _webhook_at_end(batch: Batch, config: Config) -> Iterator[None]:
    """Send the webhook after the run, even if it failed, provided that the batch has ended."""
    try:
        yield
    finally:
        if config.batch_webhook_url:
            with suppress(EXIFinatorError):
                document = batch.store.batches.find(batch.id)
                if document is not None and document["state"] in EVENTS:
                    send_webhook(config, document)


def _run_batch(batch: Batch, display: ProgressDisplay, options: RunOptions) -> BatchCounts:
    """Run a batch to its end and show its progress. Return the counts of the batch."""
    if not options.dry_run:
        batch.open(will_watch=not options.no_wait)
        if batch.resumed:
            display.note(
                f"Resuming batch {batch.id}, started {batch.started_at:%Y-%m-%d %H:%M} UTC and interrupted after "
                f"{batch.counts.listed:,} keys."
            )
    try:
        for counts in batch.list_and_queue(dry_run=options.dry_run):
            display.show("listing", counts)
        if options.dry_run or options.no_wait:
            raise_together(batch.failures, "The other sources were listed")
        if options.dry_run:
            return batch.counts
        if options.no_wait:
            batch.detach("reading")
            return batch.counts
        standstill = Standstill(lambda: find_obstacles(load_config()), display.note)
        for counts in batch.wait():
            standstill.update(counts.done)
            display.show("indexing", counts, done_when_listed=batch.tally.done_when_listed)
    except KeyboardInterrupt:
        if not options.dry_run:
            batch.detach("left")
            display.note(_detached_message(batch.counts))
        sys.exit(EXIT_INTERRUPTED)
    except LimitReached as exc:
        for counts in batch.stop(exc):
            display.show("indexing", counts, done_when_listed=batch.tally.done_when_listed)
        display.note(f"{exc}.")
        return batch.counts
    except EXIFinatorError as exc:
        if not options.dry_run:
            batch.detach("stopped", problem=str(exc))
        if isinstance(exc, (AccessDenied, BucketGone)):
            raise ConfigError(str(exc), hint="fix this, then repeat the command to resume the batch") from exc
        raise
    for message in WorkerHealth(batch.queue.client, batch.queue.keys).refused_workers():
        display.note(message)
    if batch.tally.older_extractor and not options.refresh:
        display.note(
            f"Indexed by an older version: {format_count(batch.tally.older_extractor, 'unchanged image')}. "
            "Use --refresh to index these images again."
        )
    return batch.counts


def _detached_message(counts: BatchCounts) -> str:
    queued = format_count(max(0, counts.queued - counts.done), "queued image")
    return (
        f"Detached. Workers will keep processing the {queued}. Use {RUN} again to resume watching, or open the "
        f"dashboard. {STOP} stops the workers."
    )


def _print_summary(counts: BatchCounts, config: Config, options: RunOptions) -> None:
    if options.dry_run:
        folders_and_empty = counts.listed - counts.excluded - counts.unchanged - counts.archived - counts.queued
        not_queued = f"{counts.archived:,} archived, " if counts.archived else ""
        not_queued += f"{counts.excluded:,} excluded, " if counts.excluded else ""
        click.echo(
            f"{counts.listed:,} listed: {counts.unchanged:,} unchanged, {counts.queued:,} to be queued, "
            f"{not_queued}{folders_and_empty:,} folders and empty objects."
        )
        return
    if options.no_wait:
        click.echo(
            f"{counts.queued:,} of {format_count(counts.listed, 'listed image')} queued; "
            f"{counts.unchanged:,} unchanged."
        )
    else:
        click.echo(summarize(counts))
    click.echo(result_addresses(config))
