"""The job class of EXIFinator's workers, and the log lines that are stored with a job."""

from __future__ import annotations

import logging
from typing import Any

from mrq.context import connections, get_current_job
from mrq.job import Job
from mrq.logger import MongoHandler
from mrq.queue_raw import QueueRaw

from exifinator.models import ExifRecord, ImageRef
from exifinator.queue.image_queue import Outcome
from exifinator.storage.jobs import FAILED_STATUSES, IMAGE_TASKS, image_job_id
from exifinator.worker.context import WorkerContext, current_context
from exifinator.worker.redis_clock import CLOCK

LOG_LINES_PER_JOB = 200


class ImageJob(Job):  # type: ignore[misc]
    """A raw or regular job of MRQ.

    A raw job comes straight from the download queue or the write queue, and is stored only if it fails or is retried. A
    regular job is a retry or a requeue, and comes from MongoDB.

    Attributes:
        is_raw: Whether the job is raw.
        member: Raw jobs only: the member of the download queue that stands for the image.
        ref: Raw jobs only: the image, or None if the member cannot be parsed.
        message: Raw Write jobs only: the fetched metadata bytes, from FetchedMetadata.to_bytes.
        deliveries: Raw Download jobs only: how often the image has been delivered.
        stored: Whether the job is in MongoDB. MRQ's class defines this attribute.
    """

    is_raw = False
    member = b""
    ref: ImageRef | None = None
    message = b""
    deliveries = 1
    stored: bool | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.log_lines: list[str] = []

    @classmethod
    def from_queue(cls, worker_id: str, path: str, queue: QueueRaw, member: bytes) -> ImageJob:
        """Return a raw job for an image.

        If the member cannot be parsed, return a job that will fail. If this method raised an error instead, each
        delivery of the member would stop the worker that receives it.
        """
        ref = None
        try:
            ref = ImageRef.from_member(member)
            job_id, params = image_job_id(ref.id), ref.to_params()
        except ValueError:
            params = {"member": repr(member)}
            job_id = image_job_id(params["member"])
        now = CLOCK.utcnow()
        job = cls(job_id)
        job.is_raw, job.member, job.ref = True, member, ref
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
                "worker": worker_id,
            }
        )
        job.datestarted = now
        job.stored = False
        job.statuses_no_storage = queue.get_config().get("statuses_no_storage")
        return job

    @property
    def context(self) -> WorkerContext:
        """The context of this process.

        This is a property, because MRQ constructs the jobs, and mrq-run does so even without a worker.
        """
        return current_context()

    def restart_time_limit(self) -> None:
        """Restart the job's time limit, so that the time since its start does not count."""
        self.datestarted = CLOCK.utcnow()

    def store(self, ref: ImageRef, record: ExifRecord, *, bytes_read: int, requests: int) -> None:
        """Store the record of the job's image, then acknowledge the image. Return when both are done."""
        member = self.member if self.is_raw else ref.to_member()
        outcome = Outcome(member, ref.id, record.status, bytes_read, requests)
        self.context.store_record(record, outcome, is_raw=self.is_raw)

    def _save_status(
        self, status: str, updates: Any = None, exception: bool = False, w: Any = None, j: Any = None
    ) -> None:
        """Store the job's status, then acknowledge its image.

        In this order, no image is lost if the process dies between the two steps.
        """
        if self.is_raw and status == "interrupt":
            # The failure policy decided on Release, or the worker is stopping.
            self.data["status"] = status
            self.context.queue.release([self.member])
            return
        if self.is_raw and status in (self.statuses_no_storage or ()):
            self.data["status"] = status
            return
        if self.is_raw:
            self._insert_raw_job()
        super()._save_status(status, updates=updates, exception=exception, w=w, j=j)
        self._acknowledge(status)

    def _insert_raw_job(self) -> None:
        """Store a raw job, unless it is already stored."""
        if not self.stored:
            document = {name: value for name, value in self.data.items() if name != "_id"}
            self.collection.update_one({"_id": self.id}, {"$set": {**document, "retry_count": 0}}, upsert=True)
            self.stored = True

    def _acknowledge(self, status: str) -> None:
        if self.data is None or self.data.get("path") not in IMAGE_TASKS:
            return
        self._store_log()
        has_failed = status in FAILED_STATUSES
        # The retry of a raw job is a regular job, so the image must leave the download queue.
        becomes_regular = self.is_raw and status == "retry"
        if not has_failed and not becomes_regular:
            return
        params = self.data["params"]
        image_id = f"{params.get('bucket')}/{params.get('key')}"
        member = self.member if self.is_raw else ImageRef.from_params(params).to_member()
        self.context.acknowledge([(Outcome(member, image_id, "failed" if has_failed else ""), self.is_raw)])

    def _store_log(self) -> None:
        if self.log_lines and connections.mongodb_logs is not None:
            lines, self.log_lines = self.log_lines, []
            connections.mongodb_logs.mrq_logs.insert_one({"job": self.id, "logs": "\n".join(lines) + "\n"})


class JobLogHandler(MongoHandler):  # type: ignore[misc]
    """Keeps the log lines of a job in memory. They are stored in MongoDB only if the job itself is stored."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep up to LOG_LINES_PER_JOB lines of the current job. Pass other lines on to MRQ's handler."""
        job = get_current_job()
        if isinstance(job, ImageJob):
            if len(job.log_lines) < LOG_LINES_PER_JOB:
                job.log_lines.append(self.format(record))
        else:
            super().emit(record)


def job_context() -> dict[str, Any]:
    """Return the current greenlet's job, as fields for structured log lines."""
    job = get_current_job()
    if job is None or not job.data:
        return {}
    params = job.data.get("params") or {}
    return {"job": job.id, "task": job.data.get("path"), "bucket": params.get("bucket"), "key": params.get("key")}
