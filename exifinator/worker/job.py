"""The job class of EXIFinator's workers, and the log lines that are stored with a job."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from mrq.context import connections, get_current_job
from mrq.job import Job
from mrq.logger import MongoHandler
from mrq.queue_raw import QueueRaw

from exifinator.errors import DeliveryLost, QueueUnavailable
from exifinator.models import ExifRecord, ImageRef
from exifinator.queue.image_queue import Delivery, Outcome, ReadCost
from exifinator.queue.withdrawals import DELETED
from exifinator.storage.jobs import FAILED_STATUSES, IMAGE_TASKS, image_job_id
from exifinator.storage.mongodb import mongodb_errors
from exifinator.worker.context import WorkerContext, current_context
from exifinator.worker.redis_clock import CLOCK

LOG_LINES_PER_JOB = 200
# MRQ reads CLOCK twice when a job starts: for the time that it stores, and for the job's attribute. CLOCK may be set in
# between, so the two times may differ by this much. If MRQ starts the job again, the stored time is minutes later.
CLOCK_TOLERANCE = timedelta(seconds=10)

log = logging.getLogger(__name__)


class ImageJob(Job):  # type: ignore[misc]
    """A raw or regular job of MRQ.

    A raw job comes straight from the download queue or the write queue, and is stored only if it fails or is retried. A
    regular job is a retry or a requeue, and comes from MongoDB.

    Attributes:
        is_raw: Whether the job is raw.
        delivery: Raw jobs only: the delivery of the image.
        ref: Raw jobs only: the image, or None if the member cannot be parsed.
        message: Raw Write jobs only: the fetched metadata bytes, from FetchedMetadata.to_bytes.
        is_dropped: Whether the outcome of the job must not be stored, because the image no longer belongs to the job.
        is_delivery_counted: Whether the delivery still counts if the image is released.
        failed_cost: What reading the image cost before it failed.
        stored: Whether the job is in MongoDB. MRQ's class defines this attribute.
    """

    is_raw = False
    delivery = Delivery(b"", 0)
    ref: ImageRef | None = None
    message = b""
    is_dropped = False
    is_delivery_counted = False
    failed_cost = ReadCost()
    stored: bool | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.log_lines: list[str] = []

    @classmethod
    def from_queue(cls, worker_id: str, path: str, queue: QueueRaw, delivery: Delivery) -> ImageJob:
        """Return a raw job for an image.

        If the member cannot be parsed, return a job that will fail. If this method raised an error instead, each
        delivery of the member would stop the worker that receives it.
        """
        ref = None
        try:
            ref = ImageRef.from_member(delivery.member)
            job_id, params = image_job_id(ref.id), ref.to_params()
        except ValueError:
            params = {"member": repr(delivery.member)}
            job_id = image_job_id(params["member"])
        now = CLOCK.utcnow()
        job = cls(job_id)
        job.is_raw, job.delivery, job.ref = True, delivery, ref
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

    @property
    def _started_at(self) -> datetime:
        """When the job started, as a naive time in UTC, rounded down to milliseconds like all times in MongoDB."""
        at: datetime = self.datestarted
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    def restart_time_limit(self) -> None:
        """Restart the job's time limit, so that the time since its start does not count."""
        self.datestarted = CLOCK.utcnow()

    def store(self, ref: ImageRef, record: ExifRecord, cost: ReadCost) -> None:
        """Store the record of the job's image, then acknowledge the image. Return when both are done.

        Raises:
            DeliveryLost: The image no longer belongs to this job.
            StoreUnavailable, RecordRefused, QueueUnavailable: See RecordWriter.write.
        """
        if self.is_raw:
            member, delivered_at = self.delivery.member, self.delivery.delivered_at
        else:
            if not self._is_held():
                raise DeliveryLost(f"the job of {ref.id} was started again, requeued or cancelled")
            member, delivered_at = ref.to_member(), self._started_at.replace(tzinfo=UTC)
        record.document["delivered_at"] = delivered_at
        self.context.record_writer.write(record, self._outcome(member, ref.id, record.status, cost))
        if not self.is_raw and self.id != image_job_id(ref.id):
            # `mrq-run` runs a task under another id, or none, so the failed job of the image would remain.
            self.context.store.jobs.remove_failed([ref.id], datetime.now(UTC))

    def drop(self, message: str) -> None:
        """End the job without storing its outcome.

        If the image was withdrawn from this delivery, acknowledge it. If that fails, its lease expires, and the next
        worker acknowledges it.
        """
        self.is_dropped = True
        log.warning("skip: %s", message, extra={"action": "skip"})
        if self.is_raw:
            with suppress(QueueUnavailable):
                self._acknowledge_as(DELETED, self.delivery.member)

    def acknowledge_deleted(self, ref: ImageRef) -> None:
        """Acknowledge an image whose object is gone, and about which nothing is stored any more."""
        self._acknowledge_as(DELETED, self.delivery.member if self.is_raw else ref.to_member())

    def _is_held(self) -> bool:
        """Return whether the image still belongs to this job.

        A regular job loses its image if its worker was stopped for so long that MRQ requeued the job. A job that
        `mrq-run` runs has no id and no worker, so nothing can take its image away.
        """
        if self.is_raw:
            return self.context.queue.find_held([self.delivery])[0]
        if self.id is None:
            return True
        with mongodb_errors("look up a job"):
            job = self.collection.find_one({"_id": self.id, "status": "started"}, {"datestarted": 1})
        return job is not None and job["datestarted"] <= self._started_at + CLOCK_TOLERANCE

    def _save_status(
        self, status: str, updates: Any = None, exception: bool = False, w: Any = None, j: Any = None
    ) -> None:
        """Store the job's status, then acknowledge its image.

        In this order, no image is lost if the process dies between the two steps.
        """
        if self.is_raw and status == "interrupt":
            # The failure policy decided on Release, or the worker is stopping.
            self.data["status"] = status
            self.context.queue.release([self.delivery], counted=self.is_delivery_counted)
            return
        # Before a success, `store` has checked this, and a raw job's image is acknowledged by now.
        if status not in ("started", "success") and self._is_image_job and not self._is_held():
            self.drop(f"{self._image_id} was delivered again, so its status {status} is not stored")
        if self.is_dropped:
            return
        if self.is_raw and status in (self.statuses_no_storage or ()):
            self.data["status"] = status
            return
        if self.is_raw:
            self._insert_raw_job()
        super()._save_status(status, updates=updates, exception=exception, w=w, j=j)
        self._acknowledge(status)

    @property
    def _is_image_job(self) -> bool:
        return self.data is not None and self.data.get("path") in IMAGE_TASKS

    @property
    def _image_id(self) -> str:
        params = self.data["params"]
        return f"{params.get('bucket')}/{params.get('key')}"

    def _insert_raw_job(self) -> None:
        """Store a raw job, unless it is already stored."""
        if not self.stored:
            document = {name: value for name, value in self.data.items() if name != "_id"}
            self.collection.update_one({"_id": self.id}, {"$set": {**document, "retry_count": 0}}, upsert=True)
            self.stored = True

    def _acknowledge(self, status: str) -> None:
        if not self._is_image_job:
            return
        self._store_log()
        has_failed = status in FAILED_STATUSES
        # The retry of a raw job is a regular job, so the image must leave the download queue.
        becomes_regular = self.is_raw and status == "retry"
        if not has_failed and not becomes_regular:
            return
        params = self.data["params"]
        member = self.delivery.member if self.is_raw else ImageRef.from_params(params).to_member()
        self._acknowledge_as("failed" if has_failed else "", member)

    def _acknowledge_as(self, result: str, member: bytes) -> None:
        self.context.queue.acknowledge([self._outcome(member, self._image_id, result, self.failed_cost)])

    def _outcome(self, member: bytes, image_id: str, result: str, cost: ReadCost) -> Outcome:
        number = self.delivery.number
        return Outcome(member, image_id, result, cost.bytes_read, cost.requests, number, cost.storage_class)

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
