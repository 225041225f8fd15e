"""`status`: what runs, what waits, what failed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exifinator.config import Config, load_config
from exifinator.logs import escape_control
from exifinator.queues import ImageQueue, connect_redis
from exifinator.services import ensure_services
from exifinator.store import Store, connect_mongodb

# A worker reports every five seconds.
SILENT_AFTER = timedelta(seconds=30)
BATCHES_SHOWN = 5


@dataclass(slots=True)
class Status:
    """services: name -> address; workers: those that reported lately; failures: exception type -> images."""

    services: dict[str, str] = field(default_factory=dict)
    workers: list[dict[str, Any]] = field(default_factory=list)
    images_in_queue: int = 0
    waiting_for_write: int = 0
    jobs_pending: int = 0
    records: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    batches: list[dict[str, Any]] = field(default_factory=list)


def collect_status(config: Config) -> Status:
    """Ask the servers.

    Raises: ServiceFailed, StoreUnavailable, QueueUnavailable.
    """
    services = {report.name: report.address for report in ensure_services(config)}
    store = Store(connect_mongodb(config), config)
    queue = ImageQueue(connect_redis(config), config)
    in_queue, waiting = queue.sizes()
    return Status(
        services=services,
        workers=store.find_workers(datetime.now(UTC) - SILENT_AFTER),
        images_in_queue=in_queue,
        waiting_for_write=waiting,
        jobs_pending=store.count_pending_jobs(),
        records=store.count_records(),
        failures=store.count_failures(),
        batches=store.find_batches(BATCHES_SHOWN),
    )


def _print(status: Status) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for name, address in status.services.items():
        console.print(f"{name:<10}{address}", markup=False)
    console.print(
        f"Records   {status.records:,}\n"
        f"Queues    {status.images_in_queue:,} images, {status.waiting_for_write:,} of them read and waiting to be "
        f"written; {status.jobs_pending:,} retries and requeues"
    )
    if not status.workers:
        console.print("Workers   none: ./start_workers.sh starts them")
    else:
        table = Table("worker", "queues", "state", "jobs done", "busy", "memory", box=None, pad_edge=False)
        for worker in status.workers:
            table.add_row(
                escape(worker["name"]),
                escape(" ".join(worker["queues"])),
                worker["status"],
                f"{worker['done_jobs']:,}",
                f"{worker['busy']:.0%}",
                f"{worker['memory_mb']:.0f} MB",
            )
        console.print(table)
    if status.failures:
        table = Table("failed", "images", box=None, pad_edge=False)
        for cause, images in status.failures.items():
            table.add_row(escape(escape_control(cause)), f"{images:,}")
        console.print(table)
    if status.batches:
        table = Table("batch", "sources", "state", "listed", "queued", "stored", "failed", box=None, pad_edge=False)
        for batch in status.batches:
            numbers = batch["numbers"]
            counts = [f"{numbers[name]:,}" for name in ("listed", "queued", "stored", "failed")]
            sources = escape(escape_control(" ".join(batch["sources"])))
            table.add_row(batch["id"], sources, batch["state"], *counts)
        console.print(table)


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status_command(as_json: bool) -> None:
    """Show what runs, what is queued and what failed."""
    status = collect_status(load_config())
    if as_json:
        click.echo(json.dumps(asdict(status), default=str))
    else:
        _print(status)
