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
    """A job of MRQ, raw or regular.

    A raw job comes straight from a queue of images. It is stored only if it fails or is retried. Its delivery sets
    `member`, `ref` (None if the member is invalid), `deliveries` and, for Write jobs, `message`.
    A regular job, a retry or a requeue, comes from MongoDB.
    """

    is_raw = False
    member = b""
    ref: ImageRef | None = None
    message = b""
    deliveries = 1
    # Whether the job is in MongoDB. An attribute of MRQ's class.
    stored: bool | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.log_lines: list[str] = []

    @classmethod
    def from_queue(cls, worker_id: str, path: str, queue: QueueRaw, member: bytes) -> ImageJob:
        """Return a raw job for an image.

        A member in another format becomes a job that fails. If this method raised an error, MRQ would lose the member.
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
        """The context of this process. Not an attribute: MRQ constructs jobs, with mrq-run even without a worker."""
        return current_context()

    def restart_time_limit(self) -> None:
        """Restart the job's time limit, after a wait that should not count."""
        self.datestarted = CLOCK.utcnow()

    def store(self, ref: ImageRef, record: ExifRecord, *, bytes_read: int, requests: int) -> None:
        """Store the record of the job's image, then acknowledge the image. Wait until both are done."""
        member = self.member if self.is_raw else ref.to_member()
        outcome = Outcome(member, ref.id, record.status, bytes_read, requests)
        self.context.store_record(record, outcome, is_raw=self.is_raw)

    def _save_status(
        self, status: str, updates: Any = None, exception: bool = False, w: Any = None, j: Any = None
    ) -> None:
        """Store the job's status, then acknowledge its image. In this order, a crash between the two loses no image."""
        if self.is_raw and status == "interrupt":
            # This is how a raw job carries out the failure policy's Release.
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
        """Store a raw job, unless it is stored. Its log lines and later jobs of the same image use the same id."""
        if not self.stored:
            document = {name: value for name, value in self.data.items() if name != "_id"}
            self.collection.update_one({"_id": self.id}, {"$set": {**document, "retry_count": 0}}, upsert=True)
            self.stored = True

    def _acknowledge(self, status: str) -> None:
        if self.data is None or self.data.get("path") not in IMAGE_TASKS:
            return
        self._store_log()
        has_failed = status in FAILED_STATUSES
        # The retry of a raw job is a regular job, so its image leaves the download queue.
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
    """Keeps the log lines of a job in memory. They reach MongoDB only if the job is stored there."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep up to LOG_LINES_PER_JOB lines of the current job. Leave lines outside of jobs to MRQ."""
        job = get_current_job()
        if isinstance(job, ImageJob):
            if len(job.log_lines) < LOG_LINES_PER_JOB:
                job.log_lines.append(self.format(record))
        else:
            super().emit(record)


def job_context() -> dict[str, Any]:
    """Return the fields that structured log lines have about the current greenlet's job."""
    job = get_current_job()
    if job is None or not job.data:
        return {}
    params = job.data.get("params") or {}
    return {"job": job.id, "task": job.data.get("path"), "bucket": params.get("bucket"), "key": params.get("key")}
