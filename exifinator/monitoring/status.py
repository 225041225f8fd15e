"""The state of an installation, for `status`: services, queues, workers, batches and failures."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from exifinator import __version__
from exifinator.batches.model import DETACHED_STATES, BatchCounts
from exifinator.batches.schedule import read_schedule
from exifinator.batches.scheduler import describe_schedule
from exifinator.batches.service import read_batches
from exifinator.config import Config
from exifinator.errors import ConfigError, EXIFinatorError
from exifinator.metrics import EVENT_OUTCOMES
from exifinator.monitoring.connections import Connections
from exifinator.net import listens, without_credentials
from exifinator.own_servers import mongodb_uri, redis_url
from exifinator.processes.workers import web_addresses, worker_supervision
from exifinator.storage.failed_jobs import FailedJobs, failed_filter

# Running batches are searched among this many of the latest batches.
RECENT_BATCHES = 20
# Number of latest batches to show if none is running.
SHOWN_BATCHES = 5


@dataclass(slots=True)
class Status:
    """The state at one moment. A part that cannot be read is None or empty, and `problems` has the reason.

    Attributes:
        services: Redis, MongoDB, the API and the dashboard. Each has name, address, up and version. The API and the
            dashboard also have `managed`: whether this checkout runs them.
        redis: Sizes of Redis's memory and data, in bytes.
        mongodb: Sizes of MongoDB's memory and data, in bytes.
        queues: The download queue, the write queue, the images in progress and the retries. Each has name, images,
            oldest_seconds and paused. For the images in progress, oldest_seconds is always None.
        hosts: The workers' reports, combined by machine. Each entry has name, processes, busy (0 to 1), load, cores,
            reads_per_second, writes_per_second and memory_mb.
        workers: The reports of the workers, as WorkerReports.find_since returns them.
        batches: The running batches, or the latest ones if none is running, as batches.service.read_batches returns
            them.
        schedule: The schedule, as describe_schedule returns it.
        failures: The failed jobs, as FailedJobs.group returns them.
        events: The events of S3's notifications by outcome, and `lag_seconds`: the average time from the change of an
            object until its event was applied, or None. Empty if there were no events.
        records: The number of records.
        orphan_sidecars: The number of sidecars that belong to no photo.
        problems: Messages for the user.
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
    schedule: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    events: dict[str, Any] = field(default_factory=dict)
    records: int | None = None
    orphan_sidecars: int | None = None
    problems: list[str] = field(default_factory=list)


class StatusReader:
    """Reads the status, and keeps its connections open between reads."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._connections = Connections(config)

    def close(self) -> None:
        self._connections.close()

    def read(self) -> Status:
        """Read the status within a few seconds, even if servers are down."""
        status = Status(datetime.now(UTC))
        for name, url, read in (
            ("Redis", redis_url(self._config), self._read_redis),
            ("MongoDB", mongodb_uri(self._config), self._read_mongodb),
        ):
            try:
                read(status)
            except EXIFinatorError as exc:
                status.problems.append(str(exc))
                address = without_credentials(url).rstrip("/")
                status.services.append({"name": name, "address": address, "up": False, "version": None})
        self._read_web_servers(status)
        return status

    def _read_redis(self, status: Status) -> None:
        server = self._connections.read_redis()
        queue_admin = self._connections.queue_admin
        stats, paused = queue_admin.stats(), queue_admin.paused()
        status.problems += self._connections.queue.refused_buckets.refusals().values()
        status.problems += self._connections.worker_health.refused_workers()
        status.services.append(
            {"name": server.product, "address": server.address, "up": True, "version": server.version}
        )
        status.redis = {
            "memory_bytes": server.memory_bytes,
            "memory_limit_bytes": server.memory_limit_bytes,
            "disk_bytes": server.disk_bytes,
        }
        status.events = describe_events(queue_admin.counts())
        status.queues += [
            _queue(self._config.download_queue, stats.due, stats.due_seconds, paused),
            _queue(self._config.write_queue, stats.in_write_queue, stats.write_seconds, paused),
            _queue("in progress", stats.in_progress, None, ()),
        ]

    def _read_mongodb(self, status: Status) -> None:
        server = self._connections.read_mongodb()
        store = self._connections.store
        status.services.append({"name": "MongoDB", "address": server.address, "up": True, "version": server.version})
        status.mongodb = {
            "memory_bytes": server.memory_bytes,
            "disk_bytes": server.data_bytes,
            "disk_free_bytes": server.disk_free_bytes,
        }
        status.records = server.records
        status.orphan_sidecars = store.records.families.count_orphans()
        waiting, due_at = store.jobs.count_waiting()
        due_seconds = (status.at - due_at).total_seconds() if due_at else 0.0
        status.queues.append(_queue("retries", waiting, max(0.0, due_seconds), ()))
        status.workers = store.workers.find_active(status.at)
        status.hosts = _group_by_host(status.workers)
        status.failures = FailedJobs(store.jobs).group(failed_filter())
        if status.redis is not None:
            open_ids = self._connections.queue.batches.open_ids()
            batches = read_batches(store, self._connections.queue, limit=RECENT_BATCHES)
            running = [batch for batch in batches if batch["id"] in open_ids and not _is_finished(batch)]
            status.batches = running or batches[:SHOWN_BATCHES]
            self._read_schedule(status)

    def _read_schedule(self, status: Status) -> None:
        try:
            entries = read_schedule(self._config)
        except ConfigError as exc:
            status.problems.append(str(exc))
            return
        status.schedule = describe_schedule(self._connections.store, self._connections.queue, entries)

    def _read_web_servers(self, status: Status) -> None:
        states: dict[str, str] = {}
        try:
            states = {process.program: process.state for process in worker_supervision().status()}
        except EXIFinatorError as exc:
            status.problems.append(str(exc))
        for name, _, host, port in web_addresses(self._config):
            is_up = listens(host, port)
            status.services.append(
                {
                    "name": "API" if name == "api" else "Dashboard",
                    "address": f"http://{host}:{port}",
                    "up": is_up,
                    "version": None,
                    "managed": is_up and states.get(name) == "RUNNING",
                }
            )


def describe_events(counts: Mapping[str, int]) -> dict[str, Any]:
    """Return Status.events for the totals of all processes, by the names of metrics.py."""
    events: dict[str, Any] = {outcome: counts.get(f"events:{outcome}", 0) for outcome in EVENT_OUTCOMES}
    if not any(events.values()):
        return {}
    timed = counts.get("events:timed", 0)
    return {**events, "lag_seconds": round(counts["events:lag_us"] / timed / 1_000_000, 1) if timed else None}


def _is_finished(batch: dict[str, Any]) -> bool:
    """Return whether the batch is detached, and all of its queued images are done."""
    counts = BatchCounts.from_dict(batch["numbers"])
    return batch["state"] in DETACHED_STATES and counts.done >= counts.queued


def _queue(name: str, images: int, oldest_seconds: float | None, paused: Container[str]) -> dict[str, Any]:
    oldest = round(oldest_seconds, 1) if oldest_seconds is not None and images else None
    return {"name": name, "images": images, "oldest_seconds": oldest, "paused": name in paused}


def _group_by_host(workers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    hosts: dict[str, list[dict[str, Any]]] = {}
    for worker in workers:
        hosts.setdefault(worker["host"], []).append(worker)
    return [
        {
            "name": name,
            "processes": len(processes),
            "busy": round(sum(process["busy"] for process in processes) / len(processes), 3),
            "load": max(process["load"] for process in processes),
            "cores": max(process["cores"] for process in processes),
            "reads_per_second": round(sum(process["reads_per_second"] for process in processes), 1),
            "writes_per_second": round(sum(process["writes_per_second"] for process in processes), 1),
            "memory_mb": round(sum(process["memory_mb"] for process in processes)),
        }
        for name, processes in sorted(hosts.items())
    ]
