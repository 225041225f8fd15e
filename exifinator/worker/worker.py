"""MRQ's worker, adapted to images: it extends leases, gives writes priority over downloads, and stops quickly.

Users start a worker with `mrq-worker download write`. For each of these two names, the worker serves two queues: the
raw queue from which images come, and the regular queue, which holds retries and requeues. The worker takes writes
before downloads, so that the write queue is emptied before it is filled further.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import gevent
from mrq.context import connections, run_task
from mrq.exceptions import JobInterrupt, StopRequested
from mrq.queue import Queue
from mrq.utils import load_class_by_path
from mrq.worker import Worker
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from exifinator import logging_setup
from exifinator.errors import EXIFinatorError, QueueUnavailable
from exifinator.gc_tuning import freeze_startup_heap
from exifinator.monitoring.reporter import FLUSH_SECONDS, Flusher
from exifinator.notify import notify_ready
from exifinator.queue.admin import QueueAdmin
from exifinator.queue.image_queue import Delivery
from exifinator.queue.redis_client import read_clock
from exifinator.storage.jobs import DOWNLOAD_TASK, WRITE_TASK
from exifinator.storage.migrations import check_schema
from exifinator.storage.mongodb import describe_error, mongodb_errors
from exifinator.storage.upkeep import Upkeep
from exifinator.worker.context import current_context
from exifinator.worker.failure_policy import Release, decide_unsaved
from exifinator.worker.greenlets import GreenletShares
from exifinator.worker.job import ImageJob, job_context
from exifinator.worker.load_report import LoadMeter
from exifinator.worker.mrq_config import MAINTENANCE_QUEUE
from exifinator.worker.mrq_queues import DownloadQueue, WriteQueue
from exifinator.worker.poll_pause import PollPause
from exifinator.worker.redis_clock import CLOCK

# MRQ queries MongoDB each time it polls a regular queue. So poll the regular queues less often than the raw queues:
# retries and requeues can wait this long.
REGULAR_POLL_SECONDS = 1.0
# How often to check whether MongoDB has lost its data.
UPKEEP_SECONDS = 20.0


class ImageWorker(Worker):  # type: ignore[misc]
    """MRQ's worker, adapted to images. It extends the leases of its images while it is alive.

    Attributes:
        leased: Maps each raw job in progress to the delivery of its image.
        running_downloads: The number of running jobs that came from the download queue.
    """

    job_class = ImageJob

    def __init__(self) -> None:
        self.context = current_context()
        self.leased: dict[ImageJob, Delivery] = {}
        self.running_downloads = 0
        self._admin = QueueAdmin(self.context.queue, self.context.config)
        self._flusher = Flusher(self._admin)
        self._load_meter = LoadMeter()
        self._next_regular_poll_at = 0.0
        self._interrupting = False
        logging_setup.add_context(job_context)
        self.context.sources.prepare()
        super().__init__()
        self._pause = PollPause(self.config["max_latency"])
        self._greenlets = GreenletShares(
            self.pool_size,
            self.context.read_limit,
            serves_writes=self.context.config.write_queue in self.config["queues"],
        )
        self._ensure_job_indexes()

    def _ensure_job_indexes(self) -> None:
        """Create the indexes of MRQ's jobs. If MongoDB denies it, work without them, only slower."""
        try:
            with mongodb_errors("create the job indexes"):
                run_task("mrq.basetasks.indexes.EnsureIndexes", {})
        except EXIFinatorError as exc:
            self.log.warning("start: %s", exc, extra={"action": "start"})

    def refresh_queues(self, fatal: bool = False) -> None:  # noqa: ARG002
        """Create the queues named on the command line, in order of priority.

        The order is: the maintenance queue, the queues for writes, those for downloads, and any other queues.
        """
        config = self.context.config
        names = list(self.config["queues"])
        queues: list[Queue] = [Queue(MAINTENANCE_QUEUE)]
        if config.write_queue in names:
            queues += [Queue(config.write_queue), WriteQueue(config.write_list)]
        if config.download_queue in names:
            queues += [Queue(config.download_queue), DownloadQueue(config.download_set)]
        known = {MAINTENANCE_QUEUE, config.write_queue, config.download_queue}
        self.queues = queues + [Queue(name) for name in names if name not in known]

    def work(self) -> None:
        """Run MRQ's work loop. If Redis or MongoDB is down, log one message and exit: supervisord restarts it."""
        try:
            super().work()
        except (EXIFinatorError, PyMongoError, RedisError) as exc:
            self.log.error(
                "stop: this worker exits and will be restarted: %s", describe_error(exc), extra={"action": "stop"}
            )
            self.exitcode = 1

    def work_init(self) -> None:
        """Check the schema, set the clock, and start the greenlets."""
        check_schema(self.context.store, writes=True)
        CLOCK.set(read_clock(self.context.queue.client))
        self._note_alive()
        self.datestarted = CLOCK.utcnow()
        # Refresh this set now. MRQ itself refreshes it only after the first poll, which would take images from paused
        # queues.
        self.paused_queues = self._admin.paused_mrq_names()
        super().work_init()
        # Each job reads the attribute `mrq_jobs`. Without this assignment, pymongo would create a new Collection object
        # each time.
        connections.mongodb_jobs.mrq_jobs = connections.mongodb_jobs["mrq_jobs"]
        # Import the tasks now, so that the first image does not wait for their imports.
        for task in (DOWNLOAD_TASK, WRITE_TASK):
            load_class_by_path(task)
        freeze_startup_heap()
        self.greenlets["leases"] = gevent.spawn(self._extend_leases)
        self.greenlets["metrics"] = gevent.spawn(self._refresh_metrics)
        self.greenlets["upkeep"] = gevent.spawn(
            self._keep_database, Upkeep(self.context.store, since=datetime.now(UTC))
        )
        notify_ready()

    def _extend_leases(self) -> None:
        """Extend the leases of the images in progress, three times per lease."""
        queue = self.context.queue
        while True:
            gevent.sleep(queue.lease_seconds / 3)
            try:
                queue.extend_leases(list(self.leased.values()))
            except QueueUnavailable as exc:
                self.log.warning("retry: %s", exc, extra={"action": "retry"})

    def _note_alive(self) -> None:
        if self.context.config.download_queue in self.config["queues"]:
            self.context.health.note_alive()

    def greenlet_paused_queues(self) -> None:
        """Refresh the set of paused queues at intervals. MRQ's own version would exit on the first Redis error."""
        while True:
            gevent.sleep(self.config["paused_queues_refresh_interval"])
            try:
                self.paused_queues = self._admin.paused_mrq_names()
            except QueueUnavailable as exc:
                self.log.warning("retry: %s", exc, extra={"action": "retry"})

    def _refresh_metrics(self) -> None:
        """Every few seconds, send the metrics to Redis and set the clock.

        If logs are in JSON, also update the batches that log lines name.
        """
        while True:
            gevent.sleep(FLUSH_SECONDS)
            self._flush_metrics()
            with contextlib.suppress(QueueUnavailable):
                self._note_alive()
                CLOCK.set(read_clock(self.context.queue.client))

    def _keep_database(self, upkeep: Upkeep) -> None:
        """At intervals, check whether MongoDB has lost data, and restore what can be restored."""
        while True:
            try:
                upkeep.check()
            except EXIFinatorError as exc:
                self.log.warning("retry: %s", exc, extra={"action": "retry"})
            gevent.sleep(UPKEEP_SECONDS)

    def _flush_metrics(self) -> None:
        try:
            self._flusher.flush()
            if self.context.config.log_format == "json":
                logging_setup.set_running_batches(self.context.queue.batches.open_prefixes())
        except QueueUnavailable as exc:
            self.log.debug("wait: the metrics will be sent later: %s", exc, extra={"action": "wait"})

    def work_once(self, free_pool_slots: int = 1, max_jobs: int | None = None) -> tuple[str | None, int]:
        """Poll the queues once.

        Returns:
            What MRQ's loop must do next (wait, break, or poll again if None), and how many jobs were started.
        """
        if self.graceful_stop:
            return "break", 0
        free_pool_slots = min(free_pool_slots, self._greenlets.total - len(self.gevent_pool))
        if free_pool_slots <= 0:
            return "wait", 0
        poll_regular = time.monotonic() >= self._next_regular_poll_at
        if poll_regular:
            self._next_regular_poll_at = time.monotonic() + REGULAR_POLL_SECONDS
        started = 0
        for queue in self.queues:
            if queue.id in self.paused_queues or not (poll_regular or queue.is_raw):
                continue
            limit = free_pool_slots - started
            if isinstance(queue, DownloadQueue) and self.context.circuit_breaker.is_suspended:
                continue
            if isinstance(queue, DownloadQueue):
                limit = min(limit, self._greenlets.downloads - self.running_downloads)
            if limit <= 0:
                continue
            for job in queue.dequeue_jobs(max_jobs=limit, job_class=self.job_class, worker=self):
                self._start_job(job, is_download=isinstance(queue, DownloadQueue))
                started += 1
        self._greenlets.note_downloads(self.running_downloads)
        self._pause.note_poll(is_idle=not (started or len(self.gevent_pool)))
        if max_jobs and self.done_jobs >= max_jobs:
            self.log.info("Reached max_jobs=%s: %s jobs are done", max_jobs, self.done_jobs)
            return "break", started
        if started:
            return None, started
        if poll_regular and self.config["dequeue_strategy"] == "burst":
            return "break", 0
        return "wait", 0

    def writes_to_reserve(self) -> int:
        """Return how many elements this worker leaves in the write queue for other workers.

        While this worker runs downloads, other workers can write. If this worker took all elements, the other workers
        would find the write queue empty, and one CPU core would do the work of two. But if a download waits for room in
        the write queue, leave no elements, because there may be no other worker that makes room.
        """
        return self._greenlets.total if self.running_downloads and not self.context.downloader.waiting_for_room else 0

    def work_wait(self) -> None:
        """Wait until a job ends, which frees a greenlet, or until it is time for the next poll.

        MRQ's own version would always sleep for `max_latency` seconds.
        """
        self._pause.wait()

    def _start_job(self, job: ImageJob, *, is_download: bool) -> None:
        if self._interrupting:
            job._save_status("interrupt")
            return
        if job.is_raw:
            self.leased[job] = job.delivery
        self.running_downloads += is_download
        self.gevent_pool.spawn(self._perform, job, is_download)

    def _perform(self, job: ImageJob, is_download: bool) -> None:
        is_released_at_stop = False
        try:
            self.perform_job(job)
        except (EXIFinatorError, PyMongoError, JobInterrupt) as exc:
            is_released_at_stop = isinstance(decide_unsaved(exc), Release)
            if not is_released_at_stop:
                self.log.error("the outcome of job %s could not be saved: %s", job.id, exc, extra={"action": "wait"})
        finally:
            self.running_downloads -= is_download
            if not is_released_at_stop:
                self.leased.pop(job, None)
            self._pause.wake()

    def get_worker_report(self, with_memory: bool = False) -> dict[str, Any]:
        """Return MRQ's report, extended with the load and the number of greenlets that may run at the same time.

        MRQ means to report the size of its pool itself, but a missing comma in its code prevents it.
        """
        report: dict[str, Any] = super().get_worker_report(with_memory=with_memory)
        report["config"]["greenlets"] = self._greenlets.total
        # MRQ divides by the size of its pool.
        report["usage_avg"] = min(1.0, report["usage_avg"] * self.pool_size / self._greenlets.total)
        report["exifinator"] = self._load_meter.report()
        # Code that reads the report compares this time with the clock of its host, so do not use CLOCK here.
        report["datereported"] = datetime.now(UTC).replace(tzinfo=None)
        return report

    def get_memory(self) -> dict[str, int]:
        """Return rss, swap and their total in bytes.

        MRQ's own version adds up the memory maps of the process, which takes 40 ms per report.
        """
        memory = self.process.memory_full_info()
        swap = getattr(memory, "swap", 0)  # only Linux has it
        return {"rss": memory.rss, "swap": swap, "total": memory.rss + swap}

    def shutdown_graceful(self) -> None:
        """Handle Ctrl-C: start no more jobs, and finish the jobs in progress."""
        self._stop(super().shutdown_graceful)

    def shutdown_now(self) -> None:
        """Handle SIGTERM: release the images in progress, and exit."""
        self._interrupting = True
        self._stop(super().shutdown_now)

    def _stop(self, shut_down: Callable[[], None]) -> None:
        self.graceful_stop = True
        self.context.downloader.is_stopping = True
        # shut_down raises MRQ's StopRequested to leave the work loop. A signal handler could raise it anywhere in the
        # loop, even while Redis is delivering images. These images would then belong to no job until their leases
        # expire. So suppress the exception: the loop checks graceful_stop and ends by itself.
        with contextlib.suppress(StopRequested):
            shut_down()
        self._pause.wake()

    def work_stop(self) -> None:
        """Release the images still in progress, and flush the metrics."""
        super().work_stop()
        try:
            self.context.queue.release(list(self.leased.values()))
            self.context.health.note_stopped()
        except QueueUnavailable as exc:
            message = "wait: the images in progress will be delivered again when their leases expire: %s"
            self.log.warning(message, exc, extra={"action": "wait"})
        self._flush_metrics()
