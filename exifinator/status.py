"""`status`: what runs, what waits and what failed, as far as it can be told."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from exifinator import __version__
from exifinator.config import Config, load_config
from exifinator.control import LEFT_BEHIND, read_batches
from exifinator.errors import EXIFinatorError, ServiceFailed
from exifinator.failed_jobs import FailedJobs, failed_filter
from exifinator.home import START
from exifinator.probes import Probe
from exifinator.services import listens, without_credentials
from exifinator.workers import web_addresses, worker_supervision

# A worker reports every five seconds.
SILENT_AFTER = timedelta(seconds=30)
BATCHES_SHOWN = 5
REFRESH_SECONDS = 2.0


@dataclass(slots=True)
class Status:
    """What is known at this moment; a part that cannot be told is None or empty, and `problems` says why.

    services: name, address, up, version. queues: name, images, oldest_seconds, paused; `in hand` has no age.
    redis, mongodb: sizes in bytes. hosts: name, processes, busy (0 to 1), load, cores, reads_per_second,
    writes_per_second, memory_mb; workers: the processes. batches: those under way, or left with images in the queue,
    else the latest; see control.read_batches. failures: exception, count, example.
    """

    at: datetime
    version: str = __version__
    services: list[dict[str, Any]] = field(default_factory=list)
    redis: dict[str, Any] | None = None
    mongodb: dict[str, Any] | None = None
    queues: list[dict[str, Any]] = field(default_factory=list)
    hosts: list[dict[str, Any]] = field(default_factory=list)
    workers: list[dict[str, Any]] = field(default_factory=list)
    batches: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    records: int | None = None
    problems: list[str] = field(default_factory=list)


class StatusReader:
    """Asks the servers; its connections are kept from one time to the next."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._probe = Probe(config)

    def close(self) -> None:
        self._probe.close()

    def read(self) -> Status:
        """What can be told, within a few seconds, whatever is away."""
        status = Status(datetime.now(UTC))
        for name, ask in (("Redis", self._ask_redis), ("MongoDB", self._ask_mongodb)):
            with _noted(status):
                ask(status)
                continue
            address = self._config.redis_url if name == "Redis" else self._config.mongodb_uri
            shown = without_credentials(address.get_secret_value()).rstrip("/")
            status.services.append({"name": name, "address": shown, "up": False, "version": None})
        self._ask_web(status)
        return status

    def _ask_redis(self, status: Status) -> None:
        found = self._probe.read_redis()
        control = self._probe.control
        look, paused = control.look(), control.paused()
        status.problems += control.refused().values()
        status.services.append({"name": found.product, "address": found.address, "up": True, "version": found.version})
        status.redis = {
            "memory_bytes": found.memory_bytes,
            "memory_limit_bytes": found.memory_limit_bytes,
            "disk_bytes": found.disk_bytes,
        }
        status.queues += [
            _queue(self._config.download_queue, look.to_read, look.to_read_seconds, paused),
            _queue(self._config.write_queue, look.in_write_queue, look.write_seconds, paused),
            _queue("in hand", look.in_hand, None, ()),
        ]

    def _ask_mongodb(self, status: Status) -> None:
        found = self._probe.read_mongodb()
        store = self._probe.store
        status.services.append({"name": "MongoDB", "address": found.address, "up": True, "version": found.version})
        status.mongodb = {
            "memory_bytes": found.memory_bytes,
            "disk_bytes": found.data_bytes,
            "disk_free_bytes": found.disk_free_bytes,
        }
        status.records = found.records
        waiting, oldest = store.count_waiting_jobs()
        since = (status.at - oldest).total_seconds() if oldest else 0.0
        status.queues.append(_queue("retries", waiting, max(0.0, since), ()))
        status.workers = store.find_workers(status.at - SILENT_AFTER)
        status.hosts = _by_host(status.workers)
        status.failures = FailedJobs(store).group(failed_filter())
        if status.redis is not None:
            open_batches = self._probe.queue.open_batches()
            batches = read_batches(store, self._probe.queue, limit=20)
            running = [b for b in batches if b["id"] in open_batches and not _is_over(b)]
            status.batches = running or batches[:BATCHES_SHOWN]

    def _ask_web(self, status: Status) -> None:
        ours: dict[str, str] = {}
        with _noted(status):
            ours = {process.program: process.state for process in worker_supervision().status()}
        for name, _, host, port in web_addresses(self._config):
            up = listens(host, port)
            by_us = up and ours.get(name) == "RUNNING"
            service = {"name": {"api": "API"}.get(name, "Dashboard"), "address": f"http://{host}:{port}", "up": up}
            status.services.append({**service, "version": None, "ours": by_us})


def _is_over(batch: dict[str, Any]) -> bool:
    """Whether a batch that was left has nothing to come any more."""
    numbers = batch["numbers"]
    done = sum(numbers[name] for name in ("stored", "no_exif", "unsupported", "damaged", "failed"))
    return batch["state"] in LEFT_BEHIND and done >= numbers["queued"]


def _queue(name: str, images: int, oldest_seconds: float | None, paused: Any) -> dict[str, Any]:
    oldest = round(oldest_seconds, 1) if oldest_seconds is not None and images else None
    return {"name": name, "images": images, "oldest_seconds": oldest, "paused": name in paused}


def _by_host(workers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    hosts: dict[str, list[dict[str, Any]]] = {}
    for worker in workers:
        hosts.setdefault(worker["host"], []).append(worker)
    return [
        {
            "name": name,
            "processes": len(theirs),
            "busy": round(sum(worker["busy"] for worker in theirs) / len(theirs), 3),
            "load": max(worker["load"] for worker in theirs),
            "cores": max(worker["cores"] for worker in theirs),
            "reads_per_second": round(sum(worker["reads_per_second"] for worker in theirs), 1),
            "writes_per_second": round(sum(worker["writes_per_second"] for worker in theirs), 1),
            "memory_mb": round(sum(worker["memory_mb"] for worker in theirs)),
        }
        for name, theirs in sorted(hosts.items())
    ]


@contextmanager
def _noted(status: Status) -> Iterator[None]:
    try:
        yield
    except EXIFinatorError as exc:
        status.problems.append(str(exc))


@click.command("status")
@click.option("--watch", is_flag=True, help="Show it anew every two seconds, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; with --watch one a line.")
def status_command(watch: bool, as_json: bool) -> None:
    """Show what runs, what is queued and what failed."""
    from exifinator.status_view import show, show_live

    reader = StatusReader(load_config())

    def print_json(status: Status) -> None:
        click.echo(json.dumps(asdict(status), default=_plain))

    try:
        if watch and not as_json:
            show_live(reader.read, REFRESH_SECONDS)
            return
        _repeat(reader.read, print_json if as_json else show, watch)
    finally:
        reader.close()


def _repeat(read: Callable[[], Status], print_it: Callable[[Status], None], watch: bool) -> None:
    status = read()
    print_it(status)
    while watch:
        try:
            time.sleep(REFRESH_SECONDS)
        except KeyboardInterrupt:
            return
        print_it(read())
    if status.redis is None and status.mongodb is None:
        raise ServiceFailed(f"neither Redis nor MongoDB answers: {START} starts those of this machine")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
