"""`run`: a bucket goes in, records come out. Starts what is not running, lists, queues, watches, sums up."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from exifinator import local_s3
from exifinator.batch_state import Numbers
from exifinator.batches import Batch
from exifinator.config import Config, load_config
from exifinator.errors import (
    AccessDenied,
    BucketGone,
    ConfigError,
    EXIFinatorError,
    PermanentError,
    TransientError,
)
from exifinator.garbage import collect_seldom
from exifinator.home import RUN, STOP
from exifinator.listing import Source, parse_typed_source
from exifinator.logs import add_context, configure, escape_control
from exifinator.metrics import flushing
from exifinator.migrations import check_schema
from exifinator.mongodb import connect_mongodb
from exifinator.progress import ProgressDisplay, summarize
from exifinator.queue_control import QueueControl
from exifinator.queues import ImageQueue, connect_redis
from exifinator.records import ImageRef
from exifinator.s3 import S3
from exifinator.services import ensure_services
from exifinator.store import Store

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

DEMO_BUCKET = "demo"
# Objects of a source that are tried before it is queued.
PROBES = 3


def find_sources(arguments: Sequence[str], config: Config, *, cwd: Path) -> list[Source | Path]:
    """What the command line, or else the settings, name: buckets, and folders of this machine.

    A name is a folder where such a folder is there, unless it starts with s3://. No name at all: the demo library.
    Raises: ConfigError.
    """
    found: list[Source | Path] = []
    for text in arguments or config.s3_buckets:
        path = (cwd / Path(text).expanduser()).resolve()
        # Nothing at all, as an unset variable of a shell gives it, would be the folder that one is in.
        if text.strip() and not text.startswith("s3://") and _is_folder(path):
            found.append(path)
        elif text.startswith(("/", "./", "../", "~")):
            raise ConfigError(f"there is no folder {path}; a bucket is written bucket, bucket/prefix or s3://bucket")
        else:
            found.append(parse_typed_source(text))
    return found


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        # A name that is longer than any file's.
        return False


def serve_sources(found: Sequence[Source | Path], say: ProgressDisplay) -> list[Source]:
    """The sources as buckets: folders are served as such, and where there is nothing at all, the demo library is."""
    sources = []
    for item in found:
        if isinstance(item, Source):
            sources.append(item)
        else:
            bucket = local_s3.serve_folder(item)
            say.note(f"The folder {escape_control(str(item))} is served as the bucket {bucket}.")
            sources.append(Source(bucket))
    if not sources:
        from exifinator.demo import make_demo

        folder = local_s3.demo_folder()
        say.note(f"No bucket is named, so this is the demo library: photos in {folder}.")
        make_demo(folder)
        sources.append(Source(local_s3.serve_folder(folder, bucket=DEMO_BUCKET)))
    return sources


def check_sources(sources: Sequence[Source], s3: S3) -> list[ImageRef]:
    """List the first page of each source and read a byte of some of its objects, before anything is queued.

    So a wrong name or credential is one sentence now instead of a million failed jobs later.
    Returns: an object of each source that S3 does not refuse. Raises: ConfigError.
    """
    answering = []
    for source in sources:
        try:
            page = s3.list_page(source.bucket, source.prefix, None)
        except (AccessDenied, BucketGone) as exc:
            raise ConfigError(str(exc)) from exc
        objects = [ref for ref in page.refs if ref.size_bytes]
        probed = objects[:: max(1, len(objects) // PROBES)][:PROBES]
        refusals = [_probe(s3, ref) for ref in probed]
        if refusals and all(refusals):
            raise ConfigError(f"{source} can be listed, but its objects cannot be read: {refusals[0]}")
        answering += [ref for ref, refusal in zip(probed, refusals, strict=True) if refusal is None][:1]
    return answering


def _probe(s3: S3, ref: ImageRef) -> AccessDenied | None:
    try:
        s3.read_range(ref, 0, 1)
    except AccessDenied as exc:
        return exc
    except (TransientError, PermanentError):
        # What is wrong with this one alone becomes its failed job.
        pass
    return None


def show_addresses(config: Config) -> str:
    """Where to look at the result."""
    make = f"{config.mongodb_database}/{config.mongodb_collection}"
    return (
        f"Records:   http://{config.api_host}:{config.api_port}/{make}?limit=3\n"
        f"Dashboard: http://{config.dashboard_host}:{config.dashboard_port}/"
    )


@click.command("run")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout instead of the summary.")
@click.option("--dry-run", is_flag=True, help="Only list and count; nothing is queued.")
@click.option("--no-wait", is_flag=True, help="Return once everything is queued; the workers go on.")
@click.option("--refresh", is_flag=True, help="Read again, too, what an older version has read.")
@click.option("--verify", is_flag=True, help="Compare the bucket with what is stored; read what is missing.")
@click.option("--prune", is_flag=True, help="Remove the records of images that have left the bucket.")
@click.option("--yes", is_flag=True, help="With --prune: do not ask.")
@click.option("--batch-id", hidden=True, help="The id of a batch that the API has made; services are left as they are.")
def run_command(
    sources: tuple[str, ...],
    as_json: bool,
    dry_run: bool,
    no_wait: bool,
    refresh: bool,
    verify: bool,
    prune: bool,
    yes: bool,
    batch_id: str | None,
) -> None:
    """Read the metadata of every photo in the sources into MongoDB.

    SOURCE is bucket, bucket/prefix, s3://bucket/prefix, or a folder of this machine. None: S3_BUCKETS of settings.py;
    if that is empty too, a demo library of 240 photos is made and read.

    Exit code: 0 nothing failed, 1 something did, 2 wrong usage or settings, or S3 refuses.
    """
    _check_options(dry_run=dry_run, no_wait=no_wait, refresh=refresh, verify=verify, prune=prune, yes=yes)
    config = load_config()
    configure(config)
    if batch_id is not None:
        # Nobody types Ctrl-C for it; `stop --all` ends it so.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    found = find_sources(sources, config, cwd=Path(os.environ.get("EXIFINATOR_CWD") or Path.cwd()))
    with ProgressDisplay() as display:
        for report in ensure_services(config) if batch_id is None else ():
            if report.started:
                display.note(str(report))
        s3 = S3(config)
        served = serve_sources(found, display)
        answering = check_sources(served, s3)
        store = Store(connect_mongodb(config), config)
        check_schema(store, writes=True)
        queue = ImageQueue(connect_redis(config), config)
        if prune:
            from exifinator.prune import prune_command

            prune_command(served, s3, store, queue, display, as_json=as_json, dry_run=dry_run, yes=yes)
            return
        store.ensure_indexes_if_quick()
        for ref in answering:
            queue.note_answering(ref)
        batch = Batch(served, s3, store, queue, batch_id=batch_id, refresh=refresh, verify=verify)
        # The API runs beside the workers: to start them anew would end the API too.
        if not dry_run and batch_id is None:
            from exifinator.workers import start_workers

            workers = start_workers(config)
            if workers.outdated and (batch.is_idle() or batch.was_refused()):
                # Else they would ask the S3 of before, with the credentials of before, for this run's images.
                workers = start_workers(config, restart=True)
            if workers.started or workers.outdated:
                display.note(str(workers))
        add_context(lambda: {"batch": batch.id})
        collect_seldom()
        with flushing(QueueControl(batch.queue, config)):
            numbers = _follow(batch, display, dry_run=dry_run, no_wait=no_wait)
    if as_json:
        click.echo(json.dumps(numbers.as_dict()))
    else:
        _sum_up(numbers, config, dry_run=dry_run, no_wait=no_wait)
    if numbers.failed:
        sys.exit(EXIT_FAILED)


def _check_options(**given: bool) -> None:
    """Raises: ConfigError where two options exclude each other, or one would ask and nobody is there."""
    for one, others in {
        "verify": ("refresh", "prune", "dry_run", "no_wait"),
        "prune": ("refresh", "no_wait"),
        "dry_run": ("no_wait",),
    }.items():
        for other in others:
            if given[one] and given[other]:
                first, second = (f"--{name.replace('_', '-')}" for name in (one, other))
                raise ConfigError(f"{first} and {second} exclude each other: give one of them")
    if given["yes"] and not given["prune"]:
        raise ConfigError("--yes goes with --prune: nothing else asks")
    if given["prune"] and not (given["yes"] or given["dry_run"] or sys.stdin.isatty()):
        raise ConfigError("--prune asks before it removes anything: give --yes where nobody can answer, or --dry-run")


def _follow(batch: Batch, display: ProgressDisplay, *, dry_run: bool, no_wait: bool) -> Numbers:
    if not dry_run:
        batch.open(waits=not no_wait)
        if batch.resumed:
            display.note(
                f"Going on with batch {batch.id}, started {batch.started_at:%Y-%m-%d %H:%M} UTC and broken off after "
                f"{batch.numbers.listed:,} keys."
            )
    try:
        for numbers in batch.list_and_queue(dry_run=dry_run):
            display.show("listing", numbers)
        if dry_run:
            return batch.numbers
        if no_wait:
            batch.leave("reading")
            return batch.numbers
        for numbers in batch.wait():
            display.show("reading", numbers, empty=batch.settled)
    except KeyboardInterrupt:
        if not dry_run:
            batch.leave("left")
        display.note(
            f"Stopped watching. The {max(0, batch.numbers.queued - batch.numbers.done):,} images that are queued are "
            f"read by the workers all the same: watch them with {RUN} again (it takes up what is left) or on the "
            f"dashboard; {STOP} stops the workers."
        )
        sys.exit(EXIT_INTERRUPTED)
    except EXIFinatorError as exc:
        if not dry_run:
            batch.leave("stopped", problem=str(exc))
        if isinstance(exc, (AccessDenied, BucketGone)):
            raise ConfigError(f"{exc}. Run it again once that is mended: it goes on from here") from exc
        raise
    if batch.older and not batch.options["refresh"]:
        display.note(
            f"{batch.older:,} of the unchanged images were read by an older version: --refresh reads them again."
        )
    return batch.numbers


def _sum_up(numbers: Numbers, config: Config, *, dry_run: bool, no_wait: bool) -> None:
    if dry_run:
        click.echo(
            f"{numbers.listed:,} listed: {numbers.unchanged:,} unchanged, {numbers.queued:,} would be queued, "
            f"{numbers.listed - numbers.unchanged - numbers.queued:,} folders and empty objects."
        )
        return
    if no_wait:
        click.echo(f"{numbers.queued:,} of {numbers.listed:,} images are queued; {numbers.unchanged:,} are unchanged.")
    else:
        click.echo(summarize(numbers))
    click.echo(show_addresses(config))
