"""The metrics at /metrics: the counters of all processes, and the state of queues, workers and batches.

No label contains a key, a bucket, an address or a credential, and each label has few values: see metrics.py.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from exifinator import EXTRACTOR_VERSION
from exifinator.batches.model import WATCHED_STATES, BatchCounts
from exifinator.batches.schedule import read_schedule
from exifinator.batches.service import read_batches
from exifinator.config import Config
from exifinator.errors import EXIFinatorError
from exifinator.metrics import BOUNDS_SECONDS, EVENT_OUTCOMES, OUTCOMES, REQUEST_KINDS, RETRY_CAUSES, STAGES
from exifinator.monitoring.connections import Connections
from exifinator.storage.failed_jobs import FailedJobs, failed_filter
from exifinator.storage.schedule import OUTCOMES as SCHEDULE_OUTCOMES
from exifinator.storage.workers import is_silent

log = logging.getLogger(__name__)

# A worker that stops reporting is shown as down. When its last report is older than this, it is omitted.
MAX_REPORT_AGE = timedelta(minutes=10)
MAX_WORKERS = 1000
MAX_BATCHES = 16
MAX_EXCEPTIONS = 30
# The exception type of a failed job can be any text, but only class names become labels.
_CLASS_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")


class ExifinatorCollector(Collector):
    """Collector that queries Redis and MongoDB at each scrape.

    If one of the servers does not respond within a few seconds, its metrics are omitted.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._connections = Connections(config)

    def close(self) -> None:
        self._connections.close()

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        yield _gauge(
            "exifinator_extractor_version", "Version of the extractor that this API was built with.", EXTRACTOR_VERSION
        )
        for name, server, collect in (
            ("redis", "Redis", self._collect_redis),
            ("mongodb", "MongoDB", self._collect_mongodb),
        ):
            try:
                metrics = list(collect())
                is_up = True
            except EXIFinatorError as exc:
                log.warning("skip: metrics of %s: %s", server, exc, extra={"action": "skip"})
                metrics, is_up = [], False
            yield _gauge(f"exifinator_{name}_up", f"Whether {server} responds.", int(is_up))
            yield from metrics

    def _collect_redis(self) -> Iterator[Metric]:
        queue_admin = self._connections.queue_admin
        yield from counter_metrics(queue_admin.counts())
        stats, paused = queue_admin.stats(), queue_admin.paused()
        length = GaugeMetricFamily(
            "exifinator_queue_length", "Images that wait in a queue (`download` or `write`).", labels=["queue"]
        )
        age = GaugeMetricFamily(
            "exifinator_queue_oldest_age_seconds",
            "Time since the longest-waiting image became due.",
            labels=["queue"],
        )
        is_paused = GaugeMetricFamily("exifinator_queue_paused", "Whether a queue is paused.", labels=["queue"])
        for label, name, images, seconds in (
            ("download", self._config.download_queue, stats.due, stats.due_seconds),
            ("write", self._config.write_queue, stats.in_write_queue, stats.write_seconds),
        ):
            length.add_metric([label], images)
            age.add_metric([label], seconds)
            is_paused.add_metric([label], int(name in paused))
        yield from (length, age, is_paused)
        yield _gauge(
            "exifinator_images_in_progress",
            "Images that are delivered to workers, including workers that have died.",
            stats.in_progress,
        )
        yield _gauge(
            "exifinator_write_queue_bytes", "Size of the metadata that waits for write workers.", stats.write_bytes
        )
        server = self._connections.read_redis()
        yield _gauge("exifinator_redis_memory_bytes", "Memory that Redis uses.", server.memory_bytes)
        yield _gauge(
            "exifinator_redis_memory_limit_bytes", "Redis's maxmemory; 0 means no limit.", server.memory_limit_bytes
        )

    def _collect_mongodb(self) -> Iterator[Metric]:
        store = self._connections.store
        server = self._connections.read_mongodb()
        yield _gauge("exifinator_records", "Stored records.", server.records)
        yield _gauge(
            "exifinator_mongodb_disk_bytes", "Disk space of records and thumbnails, with indexes.", server.data_bytes
        )
        if server.disk_free_bytes is not None:
            yield _gauge("exifinator_mongodb_disk_free_bytes", "Free space on MongoDB's disk.", server.disk_free_bytes)
        waiting, _ = store.jobs.count_waiting()
        yield _gauge("exifinator_retries_waiting", "Images whose job waits to be run again.", waiting)
        failed = GaugeMetricFamily("exifinator_failed_images", "Failed images by exception type.", labels=["exception"])
        for exception, count in _count_by_label(FailedJobs(store.jobs).group(failed_filter())).items():
            failed.add_metric([exception], count)
        yield failed
        now = datetime.now(UTC)
        yield from _worker_metrics(store.workers.find_since(now - MAX_REPORT_AGE)[:MAX_WORKERS], now)
        yield self._batch_metric()
        yield self._schedule_metric()

    def _batch_metric(self) -> Metric:
        images = GaugeMetricFamily(
            "exifinator_batch_images", "Images of a running batch, by state.", labels=["batch", "state"]
        )
        for batch in read_batches(self._connections.store, self._connections.queue, limit=MAX_BATCHES):
            if batch["state"] in (*WATCHED_STATES, "cancelling"):
                counts = BatchCounts.from_dict(batch["numbers"])
                for state in ("listed", "unchanged", "queued", "done", "failed"):
                    images.add_metric([batch["id"], state], getattr(counts, state))
        return images

    def _schedule_metric(self) -> Metric:
        sources = GaugeMetricFamily(
            "exifinator_scheduled_sources",
            "Sources in SCHEDULE, by what happened when a batch was last due (`none`: it never was).",
            labels=["outcome"],
        )
        documents = self._connections.store.schedule.find([entry.key for entry in read_schedule(self._config)])
        outcomes = [last["outcome"] if (last := document.get("last")) else "none" for document in documents.values()]
        for outcome in SCHEDULE_OUTCOMES:
            sources.add_metric([outcome], outcomes.count(outcome))
        sources.add_metric(["none"], len(self._config.schedule) - len(documents) + outcomes.count("none"))
        return sources


def counter_metrics(counts: Mapping[str, int]) -> Iterator[Metric]:
    """Yield the counters and histograms for the totals of all processes, by the names of metrics.py.

    Ignore counts with other names.
    """
    images = CounterMetricFamily("exifinator_images", "Images that are done, by outcome.", labels=["outcome"])
    for outcome in OUTCOMES:
        images.add_metric([outcome], counts.get(f"images:{outcome}", 0))
    requests = CounterMetricFamily("exifinator_s3_requests", "Ranged GETs and listing requests.", labels=["request"])
    for kind in REQUEST_KINDS:
        requests.add_metric([kind], counts.get(f"requests:{kind}", 0))
    read_bytes = CounterMetricFamily("exifinator_read_bytes", "Bytes that ranged GETs returned.")
    read_bytes.add_metric([], counts.get("bytes", 0))
    retries = CounterMetricFamily("exifinator_retries", "Retried requests and images, by cause.", labels=["cause"])
    for cause in RETRY_CAUSES:
        retries.add_metric([cause], counts.get(f"retries:{cause}", 0))
    events = CounterMetricFamily("exifinator_events", "Events of S3's notifications, by outcome.", labels=["outcome"])
    for outcome in EVENT_OUTCOMES:
        events.add_metric([outcome], counts.get(f"events:{outcome}", 0))
    lag = SummaryMetricFamily(
        "exifinator_event_lag_seconds", "Time from the changes of objects until their events were applied."
    )
    lag.add_metric([], counts.get("events:timed", 0), counts.get("events:lag_us", 0) / 1_000_000)
    stages = HistogramMetricFamily("exifinator_stage_seconds", "Duration of each stage of an image.", labels=["stage"])
    bounds = [*(f"{bound:g}" for bound in BOUNDS_SECONDS), "+Inf"]
    for stage in STAGES:
        cumulative, buckets = 0, []
        for i, bound in enumerate(bounds):
            cumulative += counts.get(f"stage:{stage}:{i}", 0)
            buckets.append((bound, cumulative))
        stages.add_metric([stage], buckets, counts.get(f"stage:{stage}:us", 0) / 1_000_000)
    yield from (images, read_bytes, requests, retries, events, lag, stages)


def _gauge(name: str, text: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, text)
    family.add_metric([], value)
    return family


def _count_by_label(groups: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return the number of failed jobs by exception type.

    Types beyond MAX_EXCEPTIONS, and types that are not class names, are counted as `other`.
    """
    counts: dict[str, int] = {}
    for group in groups:
        name = str(group["exception"] or group["example"]["status"])
        if not _CLASS_NAME.fullmatch(name) or (name not in counts and len(counts) >= MAX_EXCEPTIONS):
            name = "other"
        counts[name] = counts.get(name, 0) + group["count"]
    return counts


def _worker_metrics(workers: Iterable[Mapping[str, Any]], now: datetime) -> Iterator[Metric]:
    labels = ["host", "worker"]
    up = GaugeMetricFamily(
        "exifinator_worker_up", "1 if a worker reports, 0 if it has stopped reporting.", labels=labels
    )
    busy = GaugeMetricFamily("exifinator_worker_busy_ratio", "Share of a worker's greenlets in use.", labels=labels)
    memory = GaugeMetricFamily("exifinator_worker_memory_bytes", "Memory of a worker.", labels=labels)
    load = GaugeMetricFamily("exifinator_host_load", "1-minute load average of a worker's machine.", labels=["host"])
    loads: dict[str, float] = {}
    for worker in workers:
        host = str(worker["host"])
        values = [host, str(worker["name"])]
        is_up = not is_silent(worker["reported_at"], now)
        up.add_metric(values, int(is_up))
        if is_up:
            busy.add_metric(values, worker["busy"])
            memory.add_metric(values, worker["memory_mb"] * 1024**2)
            loads[host] = max(loads.get(host, 0.0), worker["load"])
    for host, value in loads.items():
        load.add_metric([host], value)
    yield from (up, busy, memory, load)
