"""MRQ's raw queues, which deliver images as raw jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mrq.queue_raw import QueueRaw

from exifinator.storage.jobs import DOWNLOAD_TASK, WRITE_TASK
from exifinator.worker.job import ImageJob


class DownloadQueue(QueueRaw):  # type: ignore[misc]
    """The raw timed set of images to fetch."""

    def dequeue_jobs(
        self,
        max_jobs: int = 1,
        job_class: Any = None,  # noqa: ARG002
        worker: Any = None,
    ) -> Iterator[ImageJob]:
        """Take images from the queue, and yield a Download job for each."""
        for delivery in worker.context.queue.take_downloads(max_jobs):
            job = ImageJob.from_queue(worker.id, DOWNLOAD_TASK, self, delivery.member)
            job.deliveries = delivery.count
            yield job


class WriteQueue(QueueRaw):  # type: ignore[misc]
    """The raw list of fetched metadata to decode and store."""

    def dequeue_jobs(
        self,
        max_jobs: int = 1,
        job_class: Any = None,  # noqa: ARG002
        worker: Any = None,
    ) -> Iterator[ImageJob]:
        """Take metadata from the queue, and yield a Write job for each image."""
        for member, message in worker.context.queue.take_writes(max_jobs, reserve=worker.writes_to_reserve()):
            job = ImageJob.from_queue(worker.id, WRITE_TASK, self, member)
            job.message = message
            yield job
