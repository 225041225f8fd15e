"""`failures`: show and requeue the images that could not be indexed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import click

from exifinator.cli.formatting import format_count, make_table, open_console, safe_cell, safe_text
from exifinator.config import load_config
from exifinator.logging_setup import escape_control
from exifinator.monitoring.connections import Connections
from exifinator.storage.failed_jobs import FailedJobs, failed_filter, parse_job_id

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
EXCEPTION = click.option(
    "--exception", metavar="TYPE", help="Select only images with this exception type, e.g. AccessDenied."
)
BUCKET = click.option("--bucket", metavar="NAME", help="Select only images in this bucket.")


@contextmanager
def _failed_jobs() -> Iterator[FailedJobs]:
    with closing(Connections(load_config())) as connections:
        yield FailedJobs(connections.store.jobs)


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, default=str))


@click.group("failures", invoke_without_command=True)
@AS_JSON
@click.pass_context
def failures_command(ctx: click.Context, as_json: bool) -> None:
    """List, group, show and requeue the images that could not be indexed."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(group_failures, as_json=as_json)
    elif as_json:
        raise click.UsageError(f"Put --json after {ctx.invoked_subcommand}.")


@failures_command.command("list")
@EXCEPTION
@BUCKET
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="Maximum number of images to list."
)
@AS_JSON
def list_failures(exception: str | None, bucket: str | None, limit: int, as_json: bool) -> None:
    """List failed images, one per line."""
    selected = failed_filter(exception=exception, bucket=bucket)
    with _failed_jobs() as failed:
        jobs = failed.find(selected, limit)
        total = failed.count(selected) if len(jobs) == limit else len(jobs)
    if as_json:
        _print_json(jobs)
        return
    if not jobs:
        click.echo("No failures." if exception is None and bucket is None else "No failures match these options.")
        return
    table = make_table("id", "exception", "image", "message")
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for job in jobs:
        image = f"{job['bucket']}/{job['key']}"
        table.add_row(
            job["id"], safe_cell(job["exception"] or job["status"]), safe_cell(image), safe_cell(_message(job))
        )
    open_console().print(table)
    if total > len(jobs):
        click.echo(f"{len(jobs):,} of {total:,} shown; use --limit to show more.")


@failures_command.command("group")
@BUCKET
@AS_JSON
def group_failures(bucket: str | None = None, as_json: bool = False) -> None:
    """Count failed images by exception type, and show an example of each. Runs if no command is given."""
    with _failed_jobs() as failed:
        groups = failed.group(failed_filter(bucket=bucket))
    if as_json:
        _print_json(groups)
        return
    if not groups:
        click.echo("No failures.")
        return
    table = make_table("exception", "images", "example", "message", right_aligned=(1,))
    table.columns[0].no_wrap = table.columns[2].no_wrap = True
    for group in groups:
        example = group["example"]
        name = group["exception"] or example["status"]
        table.add_row(safe_cell(name), f"{group['count']:,}", example["id"], safe_cell(_message(example)))
    open_console().print(table)
    click.echo("Use `failures show ID` to show details, and `failures requeue --exception TYPE` to requeue the images.")


@failures_command.command("show")
@click.argument("job_id", metavar="ID")
@AS_JSON
def show_failure(job_id: str, as_json: bool) -> None:
    """Show the traceback and the log of one failed image.

    ID is an id from `failures list`, or the image as bucket/key.
    """
    parsed_id = parse_job_id(job_id)
    with _failed_jobs() as failed:
        job = failed.show(parsed_id)
    if job is None:
        raise click.ClickException(
            f"No failed job with id {job_id}: it may have succeeded, never been queued, or been deleted."
        )
    if as_json:
        _print_json({"id": str(job.pop("_id")), **job})
        return
    params = job.get("params") or {}
    for name, value in (
        ("Job", job["_id"]),
        ("Image", f"{params.get('bucket')}/{params.get('key')}"),
        ("Size", f"{params.get('size', 0):,} bytes"),
        ("Status", job.get("status")),
        ("Attempts", (job.get("retry_count") or 0) + 1),
        ("Queued", job.get("datequeued")),
        ("Ended", job.get("dateupdated")),
    ):
        click.echo(f"{name:<10}{safe_text(value)}")
    for name, text in (("Traceback", job.get("traceback")), ("Log", job.get("logs"))):
        click.echo(f"\n{name}:\n{escape_control(str(text).rstrip()) if text else '(none)'}")


@failures_command.command("requeue")
@click.argument("job_ids", metavar="[ID]...", nargs=-1)
@EXCEPTION
@BUCKET
@click.option("--all", "select_all", is_flag=True, help="Select all failed images.")
@AS_JSON
def requeue_failures(
    job_ids: Sequence[str], exception: str | None, bucket: str | None, select_all: bool, as_json: bool
) -> None:
    """Requeue failed images, selected by ID, by exception type, by bucket, or all.

    ID is an id from `failures list`, or the image as bucket/key.
    """
    selections = (bool(job_ids), exception is not None or bucket is not None, select_all)
    if sum(selections) != 1:
        raise click.UsageError("Select failed images by ID, by --exception or --bucket or both, or with --all.")
    ids = [parse_job_id(text) for text in job_ids] if job_ids else None
    with _failed_jobs() as failed:
        count = failed.requeue(failed_filter(exception=exception, bucket=bucket, ids=ids))
    if as_json:
        _print_json({"requeued": count})
    else:
        click.echo(f"Requeued {format_count(count, 'image')}.")
    if ids is not None and count < len(set(ids)):
        click.echo(f"{format_count(len(set(ids)) - count, 'ID')} matched no failed image.", err=True)
        raise SystemExit(1)


def _message(job: Mapping[str, Any]) -> str:
    """Return the message of a job without the exception type, which has its own column."""
    message = str(job["message"])
    head, colon, rest = message.partition(": ")
    return rest if colon and head.endswith(str(job["exception"])) else message
