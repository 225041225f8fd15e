"""Run all checks of `doctor`, in the order in which their findings are shown."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from exifinator.batches.schedule import read_schedule
from exifinator.batches.scheduler import describe_schedule
from exifinator.batches.sources import Folder, find_sources
from exifinator.config import Config
from exifinator.errors import ConfigError, EXIFinatorError
from exifinator.monitoring.checks import Finding, error, machine, mongodb, ok, redis, s3, settings
from exifinator.monitoring.checks.clock import check_clock
from exifinator.monitoring.checks.events import check_events
from exifinator.monitoring.checks.schedule import check_schedule
from exifinator.monitoring.connections import Connections
from exifinator.paths import COMMAND, START
from exifinator.processes.databases import explain_fault


def run_checks(config: Config, arguments: Iterable[str] = (), *, cwd: Path | None = None) -> Iterator[Finding]:
    """Run all checks. Yield each finding as soon as it is known.

    Args:
        arguments: The sources to check, as `run` accepts them. If empty, those in S3_BUCKETS and SCHEDULE are checked.
        cwd: The folder that relative paths in `arguments` start from. The default is the user's working directory.
    """
    yield machine.check_python()
    yield machine.check_packages()
    yield from settings.check_settings(config)
    yield machine.check_open_files(config)
    yield machine.check_process_limit(config)
    yield machine.check_own_disk()
    yield from machine.check_ports(config)
    connections = Connections(config)
    try:
        yield from _check_redis(config, connections)
        yield from _check_mongodb(config, connections)
        yield from _check_schedule(config, connections)
    finally:
        connections.close()
    if config.events_sqs_url is not None:
        yield check_events(config, config.events_sqs_url)
    yield from _check_sources(config, arguments, cwd or Path(os.environ.get("EXIFINATOR_CWD") or Path.cwd()))


def find_obstacles(config: Config) -> list[str]:
    """Return a message for each problem with Redis, MongoDB, queues, workers or open files that can stop a batch."""
    connections = Connections(config)
    try:
        findings = [
            *_check_redis(config, connections),
            *_check_mongodb(config, connections),
            machine.check_open_files(config),
        ]
    finally:
        connections.close()
    return [
        f"{finding.message}; {finding.fix}"
        for finding in findings
        if finding.level == "error" or (finding.level == "warning" and finding.area in ("queues", "workers"))
    ]


def _check_redis(config: Config, connections: Connections) -> Iterator[Finding]:
    try:
        server = connections.read_redis()
        paused, refused = connections.queue_admin.paused(), connections.queue.refused_buckets.refusals()
        refused_workers = connections.worker_health.refused_workers()
    except EXIFinatorError as exc:
        yield _explain(config, "redis", "REDIS_URL", exc)
        return
    yield from redis.check_server(server, config)
    yield check_clock(server.product, server.offset_seconds)
    yield redis.check_paused(paused)
    yield redis.check_refused(refused)
    for message in refused_workers:
        yield error("workers", message, "correct the credentials, the settings or the clock of that machine")


def _check_mongodb(config: Config, connections: Connections) -> Iterator[Finding]:
    try:
        server = connections.read_mongodb()
        findings = mongodb.check_all(connections)
        active_workers = len(connections.store.workers.find_active(datetime.now(UTC)))
    except EXIFinatorError as exc:
        yield _explain(config, "mongodb", "MONGODB_URI", exc)
        yield machine.check_workers(config, None)
        return
    yield from findings
    yield check_clock("MongoDB", server.offset_seconds)
    if server.disk_free_bytes is not None and server.disk_total_bytes is not None:
        fix = f"enlarge its volume   (`{COMMAND} status` shows the size of the records)"
        yield machine.check_disk("MongoDB's disk", server.disk_free_bytes, server.disk_total_bytes, fix)
    yield machine.check_workers(config, active_workers)


def _check_schedule(config: Config, connections: Connections) -> Iterator[Finding]:
    try:
        entries = read_schedule(config)
        if entries:
            schedule = describe_schedule(connections.store, connections.queue, entries)
            yield from check_schedule(schedule, datetime.now(UTC))
    except ConfigError as exc:
        yield error("schedule", str(exc), "correct SCHEDULE")
    except EXIFinatorError:
        # The checks of Redis and MongoDB report this.
        return


def _explain(config: Config, area: Literal["redis", "mongodb"], setting: str, exc: EXIFinatorError) -> Finding:
    """Return the finding for a server that cannot be used, explained as a run would explain it."""
    fault = explain_fault(config, area)
    if fault is not None:
        return error(area, fault.message, fault.hint or _connection_fix(setting, fault))
    return error(area, str(exc), _connection_fix(setting, exc))


def _connection_fix(setting: str, exc: EXIFinatorError) -> str:
    if exc.code in ("redis_unauthorized", "mongodb_unauthorized"):
        return (
            f"set {setting} to a URL with user and password, SCHEME://USER:PASSWORD@HOST:PORT, or grant the user the "
            "missing permission"
        )
    return f"{START}   (starts the server if {setting} points to this machine), or correct {setting}"


def _check_sources(config: Config, arguments: Iterable[str], cwd: Path) -> Iterator[Finding]:
    arguments = tuple(arguments)
    try:
        sources = find_sources(arguments, config, cwd=cwd)
        if not arguments:
            sources += [entry.source for entry in read_schedule(config) if entry.source not in sources]
    except ConfigError as exc:
        yield error("source", str(exc), f"{COMMAND} doctor my-bucket/2024/")
        return
    if not sources:
        yield ok("source", "no source to check: S3_BUCKETS is empty; `doctor BUCKET` checks a bucket")
    for source in sources:
        if isinstance(source, Folder):
            yield s3.check_folder(source.path)
        else:
            yield from s3.check_source(config, source)
