"""`run`: a bucket goes in, records come out. Starts what is not running, lists, queues, watches, sums up."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from exifinator import local_s3
from exifinator.batches import Batch, Numbers
from exifinator.config import Config, load_config
from exifinator.errors import (
    AccessDenied,
    BucketGone,
    ConfigError,
    EXIFinatorError,
    PermanentError,
    TransientError,
)
from exifinator.listing import Source, parse_source
from exifinator.logs import configure, escape_control
from exifinator.progress import ProgressDisplay, summarize
from exifinator.queues import ImageQueue, connect_redis
from exifinator.records import ImageRef
from exifinator.s3 import S3
from exifinator.services import ensure_services
from exifinator.store import Store, connect_mongodb

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
        if not text.startswith("s3://") and path.is_dir():
            found.append(path)
        elif text.startswith(("/", "./", "../", "~")):
            raise ConfigError(f"there is no folder {path}; a bucket is written bucket, bucket/prefix or s3://bucket")
        else:
            found.append(parse_source(text))
    return found


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


def check_sources(sources: Sequence[Source], s3: S3) -> None:
    """List the first page of each source and read a byte of some of its objects, before anything is queued.

    So a wrong name or credential is one sentence now instead of a million failed jobs later.
    Raises: ConfigError.
    """
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
def run_command(sources: tuple[str, ...], as_json: bool, dry_run: bool, no_wait: bool) -> None:
    """Read the metadata of every photo in the sources into MongoDB.

    SOURCE is bucket, bucket/prefix, s3://bucket/prefix, or a folder of this machine. None: S3_BUCKETS of settings.py;
    if that is empty too, a demo library of 240 photos is made and read.

    Exit code: 0 nothing failed, 1 something did, 2 wrong usage or settings.
    """
    config = load_config()
    configure(config)
    found = find_sources(sources, config, cwd=Path(os.environ.get("EXIFINATOR_CWD") or Path.cwd()))
    with ProgressDisplay() as display:
        for report in ensure_services(config):
            if report.started:
                display.note(str(report))
        s3 = S3(config)
        served = serve_sources(found, display)
        check_sources(served, s3)
        store = Store(connect_mongodb(config), config)
        store.ensure_indexes_if_quick()
        batch = Batch(served, s3, store, ImageQueue(connect_redis(config), config))
        if not dry_run:
            from exifinator.workers import start_workers

            workers = start_workers(config)
            if workers.outdated and batch.is_idle():
                # Else they would ask the S3 of before, with the credentials of before, for this run's images.
                workers = start_workers(config, restart=True)
            if workers.started or workers.outdated:
                display.note(str(workers))
        numbers = _follow(batch, display, dry_run=dry_run, no_wait=no_wait)
    if as_json:
        click.echo(json.dumps(numbers.as_dict()))
    else:
        _sum_up(numbers, config, dry_run=dry_run, no_wait=no_wait)
    if numbers.failed:
        sys.exit(EXIT_FAILED)


def _follow(batch: Batch, display: ProgressDisplay, *, dry_run: bool, no_wait: bool) -> Numbers:
    if not dry_run:
        batch.open()
    try:
        for numbers in batch.list_and_queue(dry_run=dry_run):
            display.show("listing", numbers)
        if dry_run:
            return batch.numbers
        if no_wait:
            batch.leave("reading")
            return batch.numbers
        for numbers in batch.wait():
            display.show("reading", numbers, empty=batch.empty)
    except KeyboardInterrupt:
        if not dry_run:
            batch.leave("left")
        display.note(
            f"Stopped watching. The {max(0, batch.numbers.queued - batch.numbers.done):,} images that are queued are "
            "read by the workers all the same: watch them with ./run.sh again (it takes up what is left) or on the "
            "dashboard; ./stop.sh stops the workers."
        )
        sys.exit(EXIT_INTERRUPTED)
    except EXIFinatorError:
        if not dry_run:
            batch.leave("stopped")
        raise
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
