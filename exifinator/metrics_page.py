"""What /metrics shows: the counts of all processes from Redis, and how queues, workers and batches stand just now."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from exifinator import EXTRACTOR_VERSION
from exifinator.batch_state import UNDER_WAY
from exifinator.config import Config
from exifinator.control import read_batches
from exifinator.errors import EXIFinatorError
from exifinator.failed_jobs import FailedJobs, failed_filter
from exifinator.metrics import BOUNDS_SECONDS, CAUSES, OUTCOMES, REQUESTS, STAGES
from exifinator.probes import Probe

log = logging.getLogger(__name__)

# A worker reports every five seconds.
UP_WITHIN = timedelta(seconds=30)
# One that fell silent without saying goodbye is shown as down for so long; then it is history.
SHOWN_FOR = timedelta(minutes=10)
MOST_WORKERS = 1000
MOST_BATCHES = 16
MOST_CAUSES = 30
# A label is for machines and people, not for whatever a failed job may hold.
_CLASS_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")


class EverySource(Collector):
    """Asks Redis and MongoDB at each scrape, for a few seconds at most; what cannot be told is left out.

    No label holds a key, a bucket, an address or a credential, and each takes few values: see metrics.py.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._probe = Probe(config)

    def close(self) -> None:
        self._probe.close()

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily(
            "exifinator_extractor_version", "Version of the extractor that this API was built with."
        )
        info.add_metric([], EXTRACTOR_VERSION)
        yield info
        redis_up, mongodb_up = (
            GaugeMetricFamily(f"exifinator_{name}_up", f"Whether {shown} answers.")
            for name, shown in (("redis", "Redis"), ("mongodb", "MongoDB"))
        )
        for up, ask in ((redis_up, self._from_redis), (mongodb_up, self._from_mongodb)):
            try:
                found: Iterable[Metric] = list(ask())
                up.add_metric([], 1)
            except EXIFinatorError as exc:
                log.warning("metrics: %s", exc)
                found = ()
                up.add_metric([], 0)
            yield up
            yield from found

    def _from_redis(self) -> Iterator[Metric]:
        control = self._probe.control
        yield from counted(control.counts())
        look, paused = control.look(), control.paused()
        names = (self._config.download_queue, self._config.write_queue)
        length = GaugeMetricFamily(
            "exifinator_queue_length", "Images that wait in a queue, `download` or `write`.", labels=["queue"]
        )
        age = GaugeMetricFamily(
            "exifinator_queue_oldest_age_seconds",
            "How long the image that is due longest has waited.",
            labels=["queue"],
        )
        stopped = GaugeMetricFamily("exifinator_queue_paused", "Whether a queue is paused.", labels=["queue"])
        waiting = ((look.to_read, look.to_read_seconds), (look.in_write_queue, look.write_seconds))
        for label, name, (images, seconds) in zip(("download", "write"), names, waiting, strict=True):
            length.add_metric([label], images)
            age.add_metric([label], seconds)
            stopped.add_metric([label], int(name in paused))
        yield from (length, age, stopped)
        yield _gauge("exifinator_images_in_hand", "Images that workers are at, or that a dead one held.", look.in_hand)
        yield _gauge("exifinator_write_queue_bytes", "Metadata that waits for write workers.", look.write_bytes)
        found = self._probe.read_redis()
        yield _gauge("exifinator_redis_memory_bytes", "Memory that Redis uses.", found.memory_bytes)
        limit = found.memory_limit_bytes
        yield _gauge("exifinator_redis_memory_limit_bytes", "Redis's maxmemory; 0: none.", limit)

    def _from_mongodb(self) -> Iterator[Metric]:
        store = self._probe.store
        found = self._probe.read_mongodb()
        yield _gauge("exifinator_records", "Records that are stored.", found.records)
        yield _gauge(
            "exifinator_mongodb_disk_bytes", "What the records take on the disk, with indexes.", found.data_bytes
        )
        if found.disk_free_bytes is not None:
            yield _gauge("exifinator_mongodb_disk_free_bytes", "What is free on that disk.", found.disk_free_bytes)
        waiting, _ = store.count_waiting_jobs()
        yield _gauge("exifinator_retries_waiting", "Images that wait to be tried again.", waiting)
        failed = GaugeMetricFamily(
            "exifinator_failed_images", "Images that could not be read, by type of exception.", labels=["exception"]
        )
        for name, count in _few(FailedJobs(store).group(failed_filter())).items():
            failed.add_metric([name], count)
        yield failed
        now = datetime.now(UTC)
        yield from _workers(store.find_workers(now - SHOWN_FOR)[:MOST_WORKERS], now)
        yield self._batches()

    def _batches(self) -> Metric:
        progress = GaugeMetricFamily(
            "exifinator_batch_images",
            "Images of a batch that is under way, by how far they are.",
            labels=["batch", "state"],
        )
        batches = read_batches(self._probe.store, self._probe.queue, limit=MOST_BATCHES)
        for batch in batches:
            if batch["state"] in (*UNDER_WAY, "cancelling"):
                numbers = batch["numbers"]
                done = sum(numbers[name] for name in ("stored", "no_exif", "unsupported", "damaged", "failed"))
                for state, count in (
                    ("listed", numbers["listed"]),
                    ("unchanged", numbers["unchanged"]),
                    ("queued", numbers["queued"]),
                    ("done", done),
                    ("failed", numbers["failed"]),
                ):
                    progress.add_metric([batch["id"], state], count)
        return progress


def counted(counts: Mapping[str, int]) -> Iterator[Metric]:
    """The counters, from the hash in Redis. What is in there under other names than ours is not shown."""
    images = CounterMetricFamily("exifinator_images", "Images that came to an end, by outcome.", labels=["outcome"])
    for outcome in OUTCOMES:
        images.add_metric([outcome], counts.get(f"images:{outcome}", 0))
    requests = CounterMetricFamily(
        "exifinator_s3_requests", "Ranged GETs and listings asked of S3.", labels=["request"]
    )
    for request in REQUESTS:
        requests.add_metric([request], counts.get(f"requests:{request}", 0))
    size = CounterMetricFamily("exifinator_read_bytes", "Bytes that ranged GETs brought.")
    size.add_metric([], counts.get("bytes", 0))
    retries = CounterMetricFamily("exifinator_retries", "Requests and images tried again, by cause.", labels=["cause"])
    for cause in CAUSES:
        retries.add_metric([cause], counts.get(f"retries:{cause}", 0))
    stages = HistogramMetricFamily(
        "exifinator_stage_seconds", "How long each stage of an image took.", labels=["stage"]
    )
    for stage in STAGES:
        below, buckets = 0, []
        bounds = [*(f"{bound:g}" for bound in BOUNDS_SECONDS), "+Inf"]
        for at, bound in enumerate(bounds):
            below += counts.get(f"stage:{stage}:{at}", 0)
            buckets.append((bound, below))
        stages.add_metric([stage], buckets, counts.get(f"stage:{stage}:us", 0) / 1_000_000)
    yield from (images, size, requests, retries, stages)


def _gauge(name: str, text: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, text)
    family.add_metric([], value)
    return family


def _few(groups: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The counts by class name, the rest under `other`."""
    found: dict[str, int] = {}
    for group in groups:
        name = str(group["exception"] or group["example"]["status"])
        if not _CLASS_NAME.fullmatch(name) or (name not in found and len(found) >= MOST_CAUSES):
            name = "other"
        found[name] = found.get(name, 0) + group["count"]
    return found


def _workers(workers: Iterable[Mapping[str, Any]], now: datetime) -> Iterator[Metric]:
    names = ["host", "worker"]
    up = GaugeMetricFamily("exifinator_worker_up", "1 a worker that reports, 0 one that fell silent.", labels=names)
    busy = GaugeMetricFamily("exifinator_worker_busy_ratio", "Share of its greenlets that are at work.", labels=names)
    memory = GaugeMetricFamily("exifinator_worker_memory_bytes", "Memory of a worker.", labels=names)
    load = GaugeMetricFamily("exifinator_host_load", "Load average of a worker's machine, 1 minute.", labels=["host"])
    loads: dict[str, float] = {}
    for worker in workers:
        labels = [str(worker["host"]), str(worker["name"])]
        reports = now - worker["reported_at"] <= UP_WITHIN
        up.add_metric(labels, int(reports))
        if reports:
            busy.add_metric(labels, worker["busy"])
            memory.add_metric(labels, worker["memory_mb"] * 1024**2)
            loads[labels[0]] = max(loads.get(labels[0], 0.0), worker["load"])
    for host, value in loads.items():
        load.add_metric([host], value)
    yield from (up, busy, memory, load)
