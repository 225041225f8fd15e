"""`queue`: how the queues stand, pausing and resuming them; `purge`: forgetting what is queued, past or failed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import click

from exifinator.batch_state import UNDER_WAY
from exifinator.config import Config, load_config
from exifinator.control import read_batches
from exifinator.errors import EXIFinatorError
from exifinator.failed_jobs import failed_filter
from exifinator.probes import Probe
from exifinator.progress import format_duration
from exifinator.purging import Purge


def _names(config: Config, given: tuple[str, ...]) -> list[str]:
    """The queues that are meant: all where none is named. Raises: click.UsageError."""
    known = [config.download_queue, config.write_queue]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise click.UsageError(f"There is no queue {unknown[0]!r}: it is {' or '.join(known)}.")
    return [name for name in known if not given or name in given]


@click.group("queue", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def queue_command(ctx: click.Context, as_json: bool) -> None:
    """Show the queues; pause and resume them."""
    if ctx.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError("--json is for `queue` alone.")
        return
    config = load_config()
    with closing(Probe(config)) as probe:
        look, paused = probe.control.look(), probe.control.paused()
    rows = [
        (config.download_queue, look.to_read, look.to_read_seconds),
        (config.write_queue, look.in_write_queue, look.write_seconds),
    ]
    if as_json:
        queues = [
            {"name": name, "images": images, "oldest_seconds": seconds if images else None, "paused": name in paused}
            for name, images, seconds in rows
        ]
        click.echo(json.dumps({"queues": queues, "in_hand": look.in_hand}))
        return
    for name, images, seconds in rows:
        oldest = f", the oldest for {format_duration(seconds)}" if images else ""
        click.echo(f"{name:<10}{images:>12,} wait{oldest}{'   PAUSED' if name in paused else ''}")
    click.echo(f"{'in hand':<10}{look.in_hand:>12,}")


@queue_command.command("pause")
@click.argument("names", nargs=-1, metavar="[QUEUE]...")
def pause_command(names: tuple[str, ...]) -> None:
    """Have all workers leave a queue alone; none named: both. What is in hand ends, what is queued stays.

    The queues are those of DOWNLOAD_QUEUE and WRITE_QUEUE: download and write.
    """
    config = load_config()
    meant = _names(config, names)
    with closing(Probe(config)) as probe:
        for name in meant:
            probe.control.pause(name)
    click.echo(f"Paused: {', '.join(meant)}. Workers stop taking from there within seconds; `queue resume` goes on.")


@queue_command.command("resume")
@click.argument("names", nargs=-1, metavar="[QUEUE]...")
def resume_command(names: tuple[str, ...]) -> None:
    """Have the workers go on with a queue; none named: with both."""
    config = load_config()
    meant = _names(config, names)
    with closing(Probe(config)) as probe:
        before = probe.control.paused()
        for name in meant:
            probe.control.resume(name)
    resumed = [name for name in meant if name in before]
    click.echo(
        f"Resumed: {', '.join(resumed)}."
        if resumed
        else "Neither was paused."
        if len(meant) > 1
        else "It was not paused."
    )


@dataclass(frozen=True)
class _Step:
    """One thing to forget: what it is, how much of it, and what does it (returns how much went)."""

    what: str
    count: int
    do: Callable[[], int]
    after: str


@click.command("purge")
@click.option("--queues", is_flag=True, help="Images that wait, and retries; running batches are cancelled.")
@click.option("--failures", is_flag=True, help="Jobs of images that could not be read.")
@click.option("--exception", metavar="TYPE", help="With --failures: only those with this type of exception.")
@click.option("--batches", is_flag=True, help="What is remembered of batches that have ended.")
@click.option(
    "--records", is_flag=True, help="ALL RECORDS and thumbnails; asks for the database's name, whatever else."
)
@click.option("--yes", is_flag=True, help="Do not ask (records are asked for all the same).")
def purge_command(queues: bool, failures: bool, exception: str | None, batches: bool, records: bool, yes: bool) -> None:
    """Forget what is queued, failed or past; nothing is touched in S3.

    Says first what would go, and asks. Records go only with --records, and only when the database's name is typed.
    """
    if not (queues or failures or batches or records):
        raise click.UsageError("Say what: --queues, --failures, --batches, --records.")
    if exception is not None and not failures:
        raise click.UsageError("--exception goes with --failures.")
    config = load_config()
    with closing(Probe(config)) as probe:
        _purge(
            config,
            probe,
            queues=queues,
            failures=failures,
            exception=exception,
            batches=batches,
            records=records,
            yes=yes,
        )


def _purge(
    config: Config,
    probe: Probe,
    *,
    queues: bool,
    failures: bool,
    exception: str | None,
    batches: bool,
    records: bool,
    yes: bool,
) -> None:
    purge = Purge(probe)
    if records and not queues:
        _refuse_while_busy(probe)
    steps = []
    if queues:
        count = purge.count_queued()
        steps.append(_Step("queued images and retries", count, purge.drop_queued, "The next run finds them again."))
    if failures:
        wanted = failed_filter(exception=exception)
        which = f"failed jobs ({exception})" if exception else "failed jobs"
        count = purge.failed.count(wanted)
        after = "The next run reads their images anew."
        steps.append(_Step(which, count, lambda: purge.failed.drop(wanted), after))
    if batches:
        ended = purge.ended_batches()
        steps.append(_Step("ended batches", len(ended), lambda: purge.drop_batches(ended), ""))
    for step in steps:
        click.echo(f"{step.count:>12,}  {step.what}")
    if records:
        click.echo(
            f"{purge.count_records():>12,}  records of {config.mongodb_database}.{config.mongodb_collection} "
            "and their thumbnails"
        )
    if steps and any(step.count for step in steps) and not yes:
        click.confirm("Forget these?" if not records else "Forget all but the records?", abort=True)
    for step in steps:
        gone = step.do()
        click.echo(f"Forgotten: {gone:,} {step.what}. {step.after if gone else ''}".rstrip())
    if records:
        _drop_records(config, purge)


def _refuse_while_busy(probe: Probe) -> None:
    queued, _ = probe.queue.sizes()
    running = [b["id"] for b in read_batches(probe.store, probe.queue) if b["state"] in UNDER_WAY]
    if queued or running:
        raise EXIFinatorError(
            f"{queued:,} images are queued and {len(running)} batches run, which would make records anew: "
            "add --queues, or wait"
        )


def _drop_records(config: Config, purge: Purge) -> None:
    name = config.mongodb_database
    typed = click.prompt(
        f"To drop them for ever, type the name of the database ({name})", default="", show_default=False
    )
    if typed.strip() != name:
        click.echo("That is another name: the records stay.", err=True)
        sys.exit(1)
    click.echo(f"Dropped: {purge.drop_records():,} records. The next run reads every image anew.")
