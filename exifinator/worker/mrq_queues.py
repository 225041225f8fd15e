"""MRQ's raw queues, which deliver images as raw jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mrq.queue_raw import QueueRaw

from exifinator.storage.jobs import DOWNLOAD_TASK, WRITE_TASK
from exifinator.worker.downloader import HELD_BYTES_LIMIT
from exifinator.worker.job import ImageJob


class DownloadQueue(QueueRaw):  # type: ignore[misc]
    """The download queue, which is a raw timed set for MRQ."""

    def dequeue_jobs(
        self,
        max_jobs: int = 1,
        job_class: Any = None,  # noqa: ARG002
        worker: Any = None,
    ) -> Iterator[ImageJob]:
        """Yield a Download job for each image that the queue delivers."""
        for delivery in worker.context.queue.take_downloads(max_jobs):
            yield ImageJob.from_queue(worker.id, DOWNLOAD_TASK, self, delivery)


class WriteQueue(QueueRaw):  # type: ignore[misc]
    """The write queue, which is a raw list for MRQ."""

    def dequeue_jobs(
        self,
        max_jobs: int = 1,
        job_class: Any = None,  # noqa: ARG002
        worker: Any = None,
    ) -> Iterator[ImageJob]:
        """Yield a Write job for each image whose metadata bytes the queue delivers.

        Yield none while the jobs that this worker holds have more than HELD_BYTES_LIMIT of messages.
        """
        if sum(len(job.message) for job in worker.leased) > HELD_BYTES_LIMIT:
            return
        for delivery, message in worker.context.queue.take_writes(max_jobs, reserve=worker.writes_to_reserve()):
            job = ImageJob.from_queue(worker.id, WRITE_TASK, self, delivery)
            job.message = message
            yield job
