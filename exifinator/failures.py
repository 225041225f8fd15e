"""`failures`: which images could not be read, why, and queueing them again once the cause is mended."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from exifinator.config import load_config
from exifinator.failed_jobs import FailedJobs, failed_filter, read_job_id
from exifinator.logs import escape_control
from exifinator.probes import Probe
from exifinator.progress import open_console

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
CAUSE = click.option("--exception", metavar="TYPE", help="Only those with this type of exception, as in AccessDenied.")
BUCKET = click.option("--bucket", metavar="NAME", help="Only those of this bucket.")


@contextmanager
def _opened() -> Iterator[FailedJobs]:
    with closing(Probe(load_config())) as probe:
        yield FailedJobs(probe.store)


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, default=str))


def _safe(value: object) -> str:
    """Text of a stranger's, for a table on a terminal."""
    return escape(escape_control(str(value)).replace("\n", "\\n"))


@click.group("failures", invoke_without_command=True)
@AS_JSON
@click.pass_context
def failures_command(ctx: click.Context, as_json: bool) -> None:
    """List, group, show and requeue the images that could not be read."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(group_failures, as_json=as_json)
    elif as_json:
        raise click.UsageError(f"Put --json behind {ctx.invoked_subcommand}.")


@failures_command.command("list")
@CAUSE
@BUCKET
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many at most.")
@AS_JSON
def list_failures(exception: str | None, bucket: str | None, limit: int, as_json: bool) -> None:
    """List failed images, one by one."""
    wanted = failed_filter(exception=exception, bucket=bucket)
    with _opened() as jobs:
        found = jobs.find(wanted, limit)
        total = jobs.count(wanted) if len(found) == limit else len(found)
    if as_json:
        _print_json(found)
        return
    if not found:
        click.echo("No image has failed." if exception is None and bucket is None else "No such image has failed.")
        return
    table = Table("id", "exception", "image", "message", box=None, pad_edge=False)
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for job in found:
        image = f"{job['bucket']}/{job['key']}"
        table.add_row(job["id"], _safe(job["exception"] or job["status"]), _safe(image), _safe(_brief(job)))
    open_console().print(table)
    if total > len(found):
        click.echo(f"{len(found):,} of {total:,}; --limit shows more.")


@failures_command.command("group")
@BUCKET
@AS_JSON
def group_failures(bucket: str | None = None, as_json: bool = False) -> None:
    """Count failed images by the type of their exception, with an example of each. What `failures` alone does."""
    with _opened() as jobs:
        groups = jobs.group(failed_filter(bucket=bucket))
    if as_json:
        _print_json(groups)
        return
    if not groups:
        click.echo("No image has failed.")
        return
    table = Table("exception", "images", "for example", "says", box=None, pad_edge=False)
    table.columns[0].no_wrap = table.columns[2].no_wrap = True
    table.columns[1].justify = "right"
    for group in groups:
        example = group["example"]
        name = group["exception"] or example["status"]
        table.add_row(_safe(name), f"{group['count']:,}", example["id"], _safe(_brief(example)))
    open_console().print(table)
    click.echo(
        "`failures show ID` tells all of one; `failures requeue --exception TYPE` tries those of one cause again."
    )


@failures_command.command("show")
@click.argument("job_id", metavar="ID")
@AS_JSON
def show_failure(job_id: str, as_json: bool) -> None:
    """Show everything about one: its traceback and the lines that were logged for it.

    ID is what `failures list` shows, or the image as bucket/key.
    """
    wanted = read_job_id(job_id)
    with _opened() as jobs:
        job = jobs.show(wanted)
    if job is None:
        raise click.ClickException(f"there is no job of {job_id}: it succeeded, or was never queued, or is long gone")
    if as_json:
        _print_json({"id": str(job.pop("_id")), **job})
        return
    params = job.get("params") or {}
    for name, value in (
        ("Job", job["_id"]),
        ("Image", f"{params.get('bucket')}/{params.get('key')}"),
        ("Size", f"{params.get('size', 0):,} bytes"),
        ("Status", job.get("status")),
        ("Tries", (job.get("retry_count") or 0) + 1),
        ("Queued", job.get("datequeued")),
        ("Ended", job.get("dateupdated")),
    ):
        click.echo(f"{name:<10}{_plain(value)}")
    for name, text in (("Traceback", job.get("traceback")), ("Log", job.get("logs"))):
        click.echo(f"\n{name}:\n{escape_control(str(text).rstrip()) if text else '(none)'}")


@failures_command.command("requeue")
@click.argument("job_ids", metavar="[ID]...", nargs=-1)
@CAUSE
@BUCKET
@click.option("--all", "everything", is_flag=True, help="All of them.")
@AS_JSON
def requeue_failures(
    job_ids: Sequence[str], exception: str | None, bucket: str | None, everything: bool, as_json: bool
) -> None:
    """Queue failed images again: those of these IDs, of one cause, of one bucket, or all."""
    selected = sum((bool(job_ids), exception is not None or bucket is not None, everything))
    if selected != 1:
        raise click.UsageError("Say which: IDs, or --exception and --bucket, or --all.")
    ids = [read_job_id(text) for text in job_ids] if job_ids else None
    with _opened() as jobs:
        count = jobs.requeue(failed_filter(exception=exception, bucket=bucket, ids=ids))
    if as_json:
        _print_json({"requeued": count})
    else:
        click.echo(f"{count:,} queued again.{' The workers take them up within seconds.' if count else ''}")
    if ids is not None and count < len(set(ids)):
        click.echo(f"{len(set(ids)) - count:,} of these IDs are of no failed image.", err=True)
        raise SystemExit(1)


def _brief(job: Mapping[str, Any]) -> str:
    """A job's message without the module of its exception, which the type says already."""
    message = str(job["message"])
    head, colon, rest = message.partition(": ")
    return rest if colon and head.endswith(str(job["exception"])) else message


def _plain(value: object) -> str:
    return escape_control(str(value)).replace("\n", "\\n")
