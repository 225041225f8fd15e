"""`queue`: show, pause and resume the queues."""

from __future__ import annotations

import json
from contextlib import closing

import click

from exifinator.cli.formatting import format_duration
from exifinator.cli.queue_names import check_queues
from exifinator.config import load_config
from exifinator.monitoring.connections import Connections


@click.group("queue", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def queue_command(ctx: click.Context, as_json: bool) -> None:
    """Show, pause and resume the queues."""
    if ctx.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError("--json works only without a subcommand, as in `queue --json`.")
        return
    config = load_config()
    with closing(Connections(config)) as connections:
        stats, paused = connections.queue_admin.stats(), connections.queue_admin.paused()
    rows = [
        (config.download_queue, stats.due, stats.due_seconds),
        (config.write_queue, stats.in_write_queue, stats.write_seconds),
    ]
    if as_json:
        queues = [
            {"name": name, "images": images, "oldest_seconds": seconds if images else None, "paused": name in paused}
            for name, images, seconds in rows
        ]
        click.echo(json.dumps({"queues": queues, "in_progress": stats.in_progress}))
        return
    for name, images, seconds in rows:
        oldest = f", oldest {format_duration(seconds)}" if images else ""
        click.echo(f"{name:<12}{images:>12,} queued{oldest}{'   PAUSED' if name in paused else ''}")
    click.echo(f"{'in progress':<12}{stats.in_progress:>12,}")


@queue_command.command("pause")
@click.argument("names", nargs=-1, metavar="[QUEUE]...")
def pause_command(names: tuple[str, ...]) -> None:
    """Pause one or both queues. Images in progress are finished. Queued images stay queued.

    QUEUE is the name of a queue: download or write, unless DOWNLOAD_QUEUE or WRITE_QUEUE set another name. Without
    QUEUE, both queues are paused.
    """
    config = load_config()
    queues = check_queues(config, names)
    with closing(Connections(config)) as connections:
        for name in queues:
            connections.queue_admin.pause(name)
    click.echo(f"Paused: {', '.join(queues)}. Deliveries stop within seconds. Use `queue resume` to resume.")


@queue_command.command("resume")
@click.argument("names", nargs=-1, metavar="[QUEUE]...")
def resume_command(names: tuple[str, ...]) -> None:
    """Resume one or both queues.

    QUEUE is the name of a queue: download or write, unless DOWNLOAD_QUEUE or WRITE_QUEUE set another name. Without
    QUEUE, both queues are resumed.
    """
    config = load_config()
    queues = check_queues(config, names)
    with closing(Connections(config)) as connections:
        paused = connections.queue_admin.paused()
        for name in queues:
            connections.queue_admin.resume(name)
    resumed = [name for name in queues if name in paused]
    if resumed:
        click.echo(f"Resumed: {', '.join(resumed)}.")
    else:
        click.echo(f"Not paused: {', '.join(queues)}.")
