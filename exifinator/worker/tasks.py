"""The two tasks of the pipeline: Download fetches an image's metadata bytes, and Write decodes and stores them.

MRQ runs these tasks. A raw job, which comes straight from the download queue or the write queue, does one of the two
steps. A regular job, which is a retry or a requeue, does both steps. Its success therefore means that the record is
stored.
"""

from __future__ import annotations

import logging
import random
from time import perf_counter
from typing import Any

from mrq.context import get_current_job
from mrq.exceptions import JobInterrupt
from mrq.task import Task

from exifinator.errors import AccessDenied, ClockSkew, EXIFinatorError, ObjectGone, TransientError
from exifinator.metadata.fingerprint import add_fingerprint
from exifinator.metadata.parse import build_record
from exifinator.metrics import COUNTS, observe_parse, observe_store, retry_cause
from exifinator.models import FetchedMetadata, ImageRef
from exifinator.queue.image_queue import ReadCost
from exifinator.worker.deleted_objects import remove_withdrawn
from exifinator.worker.failure_policy import (
    AcknowledgeDeleted,
    Attempt,
    Drop,
    Fail,
    Interrupted,
    Release,
    Retry,
    decide,
)
from exifinator.worker.isolated import read_image
from exifinator.worker.job import ImageJob

log = logging.getLogger("mrq.current")


class ImageTask(Task):  # type: ignore[misc]
    """Base class of both tasks. Applies the failure policy, and indexes images completely for regular jobs."""

    def run_wrapped(self, params: dict[str, Any]) -> None:
        """Run the task. If it fails, raise the exception that makes MRQ carry out the failure policy's decision."""
        job: ImageJob = get_current_job()
        released_by_breaker = is_removed = False
        try:
            try:
                self.run(params)
            except ObjectGone:
                # This call too may raise another error.
                is_removed = remove_withdrawn(job.context, ImageRef.from_params(params))
                raise
            except (AccessDenied, ClockSkew) as exc:
                # This call may raise a TransientError, about which the failure policy then decides instead.
                released_by_breaker = job.context.circuit_breaker.should_release(ImageRef.from_params(params), exc)
                raise
        except (EXIFinatorError, Interrupted) as exc:
            if isinstance(exc, EXIFinatorError):
                job.failed_cost = ReadCost(exc.bytes_read, exc.requests)
            decision = decide(exc, _attempt(job, released_by_breaker, is_removed))
            if isinstance(exc, TransientError) and not isinstance(decision, Fail):
                COUNTS.add_retry(retry_cause(exc))
            match decision:
                case Retry(delay_seconds):
                    bucket, key = params.get("bucket"), params.get("key")
                    log.warning(
                        "retry: %s/%s in %.0f s: %s", bucket, key, delay_seconds, exc, extra={"action": "retry"}
                    )
                    job.retry(delay=delay_seconds, max_retries=job.context.config.max_retries)
                case Release(is_counted):
                    job.is_delivery_counted = is_counted
                    raise JobInterrupt from exc
                case Drop():
                    job.drop(str(exc))
                case AcknowledgeDeleted():
                    job.acknowledge_deleted(ImageRef.from_params(params))
                case Fail():
                    raise

    def index_image(self, job: ImageJob, ref: ImageRef, deliveries: int) -> None:
        """Fetch, decode and store one image.

        From the MAX_DELIVERIES-th delivery on, fetch and decode the image in a subprocess, because it may be the reason
        why the workers died.
        """
        context = job.context
        if deliveries >= context.config.max_deliveries:
            record, cost = context.subprocess_reader.read(ref)
            # Count these here, because the counts of the subprocess are lost when it exits.
            COUNTS.requests["get"] += cost.requests
            COUNTS.bytes_read += cost.bytes_read
        else:
            record, cost = read_image(context.downloader.reader, ref, context.config)
        context.circuit_breaker.note_served(ref.bucket)
        job.store(ref, record, cost)

    def write(self, job: ImageJob, fetched: FetchedMetadata) -> None:
        """Decode fetched metadata and store the record."""
        config = job.context.config
        began = perf_counter()
        record = build_record(fetched, deadline_seconds=config.parse_deadline_seconds, memory_mb=config.parse_memory_mb)
        add_fingerprint(record, fetched)
        parsed = perf_counter()
        observe_parse(parsed - began)
        job.store(fetched.ref, record, ReadCost.of(fetched))
        observe_store(perf_counter() - parsed)

    def index_regular(self, job: ImageJob, ref: ImageRef) -> None:
        """Index the image of a regular job."""
        context = job.context
        if context.circuit_breaker.is_suspended or context.circuit_breaker.is_open(ref.bucket):
            raise Interrupted(f"S3 denies access to {ref.bucket}")
        if context.queue.batch_limits.is_limited(ref.id):
            raise Interrupted(f"the batch of {ref.id} has reached its limit")
        self.index_image(job, ref, context.queue.count_delivery(ref))


def _attempt(job: ImageJob, released_by_breaker: bool, is_removed: bool) -> Attempt:
    config = job.context.config
    return Attempt(
        is_raw=job.is_raw,
        retries=job.data.get("retry_count", 0),
        max_retries=config.max_retries,
        first_delay_seconds=config.retry_delay_seconds,
        jitter=random.random(),  # noqa: S311
        released_by_breaker=released_by_breaker,
        is_removed=is_removed,
    )


class Download(ImageTask):
    """Fetches the metadata bytes of an image, and adds them to the write queue."""

    def run(self, params: dict[str, Any]) -> None:
        """Fetch the image of the current job."""
        job: ImageJob = get_current_job()
        context = job.context
        ref = job.ref or ImageRef.from_params(params)
        if not job.is_raw:
            self.index_regular(job, ref)
        elif job.delivery.count >= context.config.max_deliveries:
            self.index_image(job, ref, job.delivery.count)
        else:
            # Keep only one copy of the metadata, because it may be 16 MiB long, and the write queue may be full.
            message = context.downloader.fetch(ref, on_wait=job.restart_time_limit).to_bytes()
            context.circuit_breaker.note_served(ref.bucket)
            if not context.downloader.push_metadata(job.delivery, ref, message, on_wait=job.restart_time_limit):
                self.write(job, FetchedMetadata.from_bytes(message))


class Write(ImageTask):
    """Decodes the metadata of an image and stores its record."""

    def run(self, params: dict[str, Any]) -> None:
        """Decode and store the image of the current job."""
        job: ImageJob = get_current_job()
        if not job.is_raw:
            self.index_regular(job, ImageRef.from_params(params))
            return
        self.write(job, FetchedMetadata.from_bytes(job.message))
