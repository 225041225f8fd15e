"""MRQ's worker, queues and jobs, made to deal with images.

MRQ's raw queues know one name each; a person types `mrq-worker download write`. So the worker reads, for each of the
two names, the raw queue that images come from and the regular queue of the same name, to which MRQ's retries and the
dashboard's Requeue button bring jobs back. Writes come before downloads: the pipe drains before it fills.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import gevent
import mrq.basetasks.cleaning
import mrq.basetasks.utils
import mrq.job
import mrq.queue_regular
import mrq.scheduler
import mrq.worker
from gevent.event import Event
from mrq.context import connections, get_current_job
from mrq.exceptions import JobInterrupt, StopRequested
from mrq.job import Job
from mrq.logger import MongoHandler
from mrq.queue import Queue
from mrq.queue_raw import QueueRaw
from mrq.utils import load_class_by_path
from mrq.worker import Worker
from pymongo.errors import PyMongoError
from redis.exceptions import RedisError

from exifinator import logs
from exifinator.errors import EXIFinatorError, QueueUnavailable
from exifinator.garbage import collect_seldom
from exifinator.load import LoadMeter
from exifinator.metrics import FLUSH_SECONDS
from exifinator.migrations import check_schema
from exifinator.mongodb import describe_error
from exifinator.mrq_options import DOWNLOAD_TASK, MAINTENANCE_QUEUE, WRITE_TASK
from exifinator.pipeline import current_pipeline
from exifinator.queues import Outcome
from exifinator.records import ImageRef
from exifinator.shared_clock import CLOCK, take_over
from exifinator.store import JOB_ENDED_BADLY, image_job_id

log = logging.getLogger(__name__)

# MRQ asks MongoDB for each regular queue at each look-up; what comes through them can wait this long.
REGULAR_POLL_SECONDS = 1.0
# Of a worker that reads and writes, this share of the greenlets is kept for writing: else a full write queue would
# fill it with reads that wait for a write that has no greenlet.
WRITE_SHARE = 0.2
LOG_LINES_A_JOB = 200
GATHER_SECONDS = 0.01

take_over(
    (mrq.basetasks.cleaning, mrq.basetasks.utils, mrq.job, mrq.queue_regular, mrq.scheduler, mrq.worker),
)


class ImageJob(Job):  # type: ignore[misc]
    """A job of MRQ; for a raw one, `member` is what the download queue calls its image `ref`, until acknowledged."""

    stored: bool | None
    member: bytes | None = None
    ref: ImageRef | None = None
    message: bytes = b""
    deliveries = 1

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.log_lines: list[str] = []

    @classmethod
    def from_queue(cls, worker: ImageWorker, path: str, queue: QueueRaw, member: bytes) -> ImageJob:
        """A raw job for an image. A member that cannot be read becomes a job that fails: MRQ would lose it."""
        ref = None
        try:
            ref = ImageRef.from_member(member)
            job_id, params = image_job_id(ref.id), ref.to_params()
        except ValueError:
            params = {"member": repr(member)}
            job_id = image_job_id(params["member"])
        now = CLOCK.utcnow()
        job = cls(job_id)
        job.member, job.ref = member, ref
        job.set_data(
            {
                "_id": job_id,
                "path": path,
                "params": params,
                "status": "started",
                "queue": queue.get_retry_queue(),
                "raw_queue": queue.id,
                "datequeued": now,
                "datestarted": now,
                "worker": worker.id,
            }
        )
        job.datestarted = now
        job.stored = False
        job.statuses_no_storage = queue.get_config().get("statuses_no_storage")
        return job

    def _save_status(
        self, status: str, updates: Any = None, exception: bool = False, w: Any = None, j: Any = None
    ) -> None:
        """Store what happened, then acknowledge: in this order nothing is lost between the two."""
        if self.member is None:
            super()._save_status(status, updates=updates, exception=exception, w=w, j=j)
            self._finish(status, always=True)
            return
        if status == "interrupt":
            # Not its own fault, so no job tells of it: the image goes back to the queue.
            self.data["status"] = status
            current_pipeline().queue.hand_back([self.member])
            return
        if status in (self.statuses_no_storage or ()):
            self.data["status"] = status
            return
        self._store_first()
        super()._save_status(status, updates=updates, exception=exception, w=w, j=j)
        self._finish(status, always=False)

    def _store_first(self) -> None:
        """Make the job's record, under the id that its log lines and its image's later jobs have too."""
        if not self.stored:
            whole = {name: value for name, value in self.data.items() if name != "_id"}
            self.collection.update_one({"_id": self.id}, {"$set": {**whole, "retry_count": 0}}, upsert=True)
            self.stored = True

    def _finish(self, status: str, *, always: bool) -> None:
        if self.data is None or self.data.get("path") not in (DOWNLOAD_TASK, WRITE_TASK):
            return
        self._store_log()
        if status not in JOB_ENDED_BADLY and (always or status != "retry"):
            return
        params = self.data["params"]
        image_id = f"{params.get('bucket')}/{params.get('key')}"
        member = self.member or ImageRef.from_params(params).to_member()
        result = "failed" if status in JOB_ENDED_BADLY else ""
        current_pipeline().queue.acknowledge([Outcome(member, image_id, result)], always=always)

    def _store_log(self) -> None:
        if self.log_lines and connections.mongodb_logs is not None:
            lines, self.log_lines = self.log_lines, []
            connections.mongodb_logs.mrq_logs.insert_one({"job": self.id, "logs": "\n".join(lines) + "\n"})


class JobLogHandler(MongoHandler):  # type: ignore[misc]
    """Keeps a job's log lines with the job: they reach MongoDB when the job is stored there, and only then."""

    def emit(self, record: logging.LogRecord) -> None:
        job = get_current_job()
        if isinstance(job, ImageJob):
            if len(job.log_lines) < LOG_LINES_A_JOB:
                job.log_lines.append(self.format(record))
        else:
            super().emit(record)


class DownloadQueue(QueueRaw):  # type: ignore[misc]
    """The raw timed set that images are handed out from."""

    def dequeue_jobs(self, max_jobs: int = 1, job_class: Any = None, worker: Any = None) -> Iterator[ImageJob]:  # noqa: ARG002
        for delivery in current_pipeline().queue.take_downloads(max_jobs):
            job = ImageJob.from_queue(worker, DOWNLOAD_TASK, self, delivery.member)
            job.deliveries = delivery.times
            yield job


class WriteQueue(QueueRaw):  # type: ignore[misc]
    """The raw list of metadata on its way to a write worker."""

    def dequeue_jobs(self, max_jobs: int = 1, job_class: Any = None, worker: Any = None) -> Iterator[ImageJob]:  # noqa: ARG002
        for member, message in current_pipeline().queue.take_writes(max_jobs, leave=worker.writes_left_to_others()):
            job = ImageJob.from_queue(worker, WRITE_TASK, self, member)
            job.message = message
            yield job


class ImageWorker(Worker):  # type: ignore[misc]
    """A worker process of EXIFinator: what MRQ's does, with leases that are kept while it lives."""

    job_class = ImageJob

    def __init__(self) -> None:
        self.held: dict[ImageJob, bytes] = {}
        self.reading = 0
        self._next_poll = 0.0
        self._freed = Event()
        self._interrupting = False
        self._load = LoadMeter()
        logs.add_context(job_context)
        current_pipeline().s3.prepare()
        super().__init__()

    def refresh_queues(self, fatal: bool = False) -> None:  # noqa: ARG002
        """Turn the names of the command line into queues: maintenance, then writes, then downloads, then others."""
        config = current_pipeline().config
        names = list(self.config["queues"])
        queues: list[Queue] = [Queue(MAINTENANCE_QUEUE)]
        if config.write_queue in names:
            queues += [Queue(config.write_queue), WriteQueue(config.write_list)]
        if config.download_queue in names:
            queues += [Queue(config.download_queue), DownloadQueue(config.download_set)]
        ours = {MAINTENANCE_QUEUE, config.write_queue, config.download_queue}
        self.queues = queues + [Queue(name) for name in names if name not in ours]
        self.writes_too = config.write_queue in names

    def work(self) -> None:
        """MRQ's work loop; where Redis or MongoDB is gone it ends in one sentence, and the supervisor starts anew."""
        try:
            super().work()
        except (EXIFinatorError, PyMongoError, RedisError) as exc:
            self.log.error("this worker ends, and is started again: %s", describe_error(exc))
            self.exitcode = 1

    def work_init(self) -> None:
        check_schema(current_pipeline().store, writes=True)
        CLOCK.set(current_pipeline().queue.now())
        self.datestarted = CLOCK.utcnow()
        # Else the first look into the queues would come before MRQ's, and take from one that is paused.
        self.paused_queues = current_pipeline().control.paused_ids()
        super().work_init()
        # Each job asks for its collection, and pymongo would make a new object each time.
        connections.mongodb_jobs.mrq_jobs = connections.mongodb_jobs["mrq_jobs"]
        # The first image need not wait for the imports that tasks make.
        for task in (DOWNLOAD_TASK, WRITE_TASK):
            load_class_by_path(task)
        collect_seldom()
        self.greenlets["leases"] = gevent.spawn(self.greenlet_leases)
        self.greenlets["metrics"] = gevent.spawn(self.greenlet_metrics)

    def greenlet_leases(self) -> None:
        """Extend the leases of the images in hand, three times a lease."""
        queue = current_pipeline().queue
        while True:
            gevent.sleep(queue.lease_seconds / 3)
            try:
                queue.extend_leases(list(self.held.values()))
            except QueueUnavailable as exc:
                self.log.warning("retry: %s", exc)

    def greenlet_paused_queues(self) -> None:
        """See which queues are paused. MRQ's own ends for good with the first error of Redis."""
        while True:
            gevent.sleep(self.config["paused_queues_refresh_interval"])
            try:
                self.paused_queues = current_pipeline().control.paused_ids()
            except QueueUnavailable as exc:
                self.log.warning("retry: %s", exc)

    def greenlet_metrics(self) -> None:
        """Hand what this process has counted to Redis, now and then, and learn the time and which batches its log
        lines are of."""
        while True:
            gevent.sleep(FLUSH_SECONDS)
            self._flush_metrics()
            with contextlib.suppress(QueueUnavailable):
                CLOCK.set(current_pipeline().queue.now())

    def _flush_metrics(self) -> None:
        pipeline = current_pipeline()
        try:
            pipeline.flusher.flush()
            if pipeline.config.log_format == "json":
                logs.note_batches(pipeline.queue.open_prefixes())
        except QueueUnavailable as exc:
            self.log.debug("metrics wait: %s", exc)

    def work_once(self, free_pool_slots: int = 1, max_jobs: int | None = None) -> tuple[str | None, int]:
        """Look once into the queues. Returns: what to do next ("wait", "break" or None) and the jobs started."""
        if self.graceful_stop:
            return "break", 0
        poll_all = time.monotonic() >= self._next_poll
        if poll_all:
            self._next_poll = time.monotonic() + REGULAR_POLL_SECONDS
        started = 0
        for queue in self.queues:
            if queue.id in self.paused_queues or not (poll_all or queue.is_raw):
                continue
            most = free_pool_slots - started
            if isinstance(queue, DownloadQueue) and self.writes_too:
                most = min(most, int(self.pool_size * (1 - WRITE_SHARE)) - self.reading)
            if most <= 0:
                continue
            for job in queue.dequeue_jobs(max_jobs=most, job_class=self.job_class, worker=self):
                self._start_job(job, reads=isinstance(queue, DownloadQueue))
                started += 1
        if max_jobs and self.done_jobs >= max_jobs:
            self.log.info("Reached max_jobs=%s", self.done_jobs)
            return "break", started
        if started:
            return None, started
        if poll_all and self.config["dequeue_strategy"] == "burst":
            return "break", 0
        return "wait", 0

    def writes_left_to_others(self) -> int:
        """How many writes a worker that has reads in hand leaves in the queue.

        Those that only write would find it empty else, and one core would do the work of two. Nothing is left while a
        read waits for room in the queue: then nobody else may be there to make any.
        """
        return self.pool_size if self.reading and not current_pipeline().waiting_for_room else 0

    def work_wait(self) -> None:
        """Wait until a job ends, for then there is room again, or until it is time to look for new ones.

        MRQ would sleep through its whole latency although all that was missing is a free place.
        """
        self._freed.clear()
        if self._freed.wait(self.config["max_latency"]):
            # Others are about to end too: what is taken together costs one round trip.
            gevent.sleep(GATHER_SECONDS)

    def _start_job(self, job: ImageJob, *, reads: bool) -> None:
        if self._interrupting:
            job._save_status("interrupt")
            return
        if job.member is not None:
            self.held[job] = job.member
        self.reading += reads
        self.gevent_pool.spawn(self._perform, job, reads)

    def _perform(self, job: ImageJob, reads: bool) -> None:
        keeps = False
        try:
            self.perform_job(job)
        except (EXIFinatorError, PyMongoError) as exc:
            # Neither stored nor acknowledged, so the lease runs out and the image comes back.
            self.log.error("the outcome of job %s could not be saved: %s", job.id, exc)
        except JobInterrupt:
            # For the second time, while it said that it was: the image is handed back with all that is held.
            keeps = True
        finally:
            self.reading -= reads
            if not keeps:
                self.held.pop(job, None)
            self._freed.set()

    def get_worker_report(self, with_memory: bool = False) -> dict[str, Any]:
        """MRQ's report, with the number of greenlets that its dashboard shows and a missing comma there leaves out."""
        report: dict[str, Any] = super().get_worker_report(with_memory=with_memory)
        report["config"]["greenlets"] = self.pool_size
        report["exifinator"] = self._load.report()
        # Whoever asks whether it still reports goes by the clock of a host.
        report["datereported"] = datetime.now(UTC).replace(tzinfo=None)
        return report

    def get_memory(self) -> dict[str, int]:
        """In bytes. MRQ adds up the process's maps one by one, which takes 40 ms of each report."""
        memory = self.process.memory_full_info()
        swap = getattr(memory, "swap", 0)  # Linux alone tells it
        return {"rss": memory.rss, "swap": swap, "total": memory.rss + swap}

    def shutdown_graceful(self) -> None:
        """Ctrl-C: take no more jobs, finish those in hand."""
        self._end_soon(super().shutdown_graceful)

    def shutdown_now(self) -> None:
        """SIGTERM: hand back what is in hand, and end."""
        self._interrupting = True
        self._end_soon(super().shutdown_now)

    def _end_soon(self, shut_down: Callable[[], None]) -> None:
        self.graceful_stop = True
        current_pipeline().stopping = True
        # gevent would throw what MRQ raises here into the work loop, wherever that is: images that Redis is just
        # handing out would be in nobody's hands until their lease ends. The loop reads graceful_stop instead.
        with contextlib.suppress(StopRequested):
            shut_down()
        self._freed.set()

    def work_stop(self) -> None:
        super().work_stop()
        try:
            current_pipeline().queue.hand_back(list(self.held.values()))
        except QueueUnavailable as exc:
            self.log.warning("images in hand come back when their lease ends: %s", exc)
        self._flush_metrics()


def job_context() -> dict[str, Any]:
    """What structured log lines say of the job that the current greenlet is at."""
    job = get_current_job()
    if job is None or not job.data:
        return {}
    params = job.data.get("params") or {}
    return {"job": job.id, "task": job.data.get("path"), "bucket": params.get("bucket"), "key": params.get("key")}
