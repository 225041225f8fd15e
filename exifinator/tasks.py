"""The two tasks of the pipeline, as MRQ runs them: read an image's metadata bytes, and store what they say.

A raw job (straight from a queue) does its own half. A job that MRQ keeps itself (a retry, a requeue from the
dashboard) does the whole image, so that its success means that the record is stored.
"""

from __future__ import annotations

import logging
import random
from time import perf_counter
from typing import Any

from mrq.context import get_current_job, retry_current_job
from mrq.exceptions import JobInterrupt
from mrq.task import Task

from exifinator.errors import AccessDenied, QueueUnavailable, StoreUnavailable, TransientError
from exifinator.fetch import fetch_header
from exifinator.isolated import read_image
from exifinator.metrics import COUNTS, observe_parse, observe_store, retry_cause
from exifinator.parse import build_record
from exifinator.pipeline import current_pipeline
from exifinator.records import HeaderBytes, ImageRef
from exifinator.testing_hooks import end_process_if_poisoned

log = logging.getLogger("mrq.current")

RETRY_GROWTH = 3


def retry_delay_seconds(first_seconds: float, tries: int, chance: float) -> float:
    """The pause before try number `tries` + 1: three times the one before, spread by half either way.

    chance: a random number from 0 to 1, so that what failed together does not come back together.
    """
    return first_seconds * float(RETRY_GROWTH**tries) * (0.5 + chance)


class ImageTask(Task):  # type: ignore[misc]
    """What both tasks share: which errors are tried again, and when an image gets a process of its own."""

    def run_wrapped(self, params: dict[str, Any]) -> None:
        job = get_current_job()
        config = current_pipeline().config
        try:
            self._run_or_wait(params)
        except TransientError as exc:
            if job.member is not None and isinstance(exc, (QueueUnavailable, StoreUnavailable)):
                COUNTS.add_retry(retry_cause(exc))
                # The servers are ill, not the image: it goes back to the queue, and no job tells of it.
                raise JobInterrupt from exc
            tries = job.data.get("retry_count", 0)
            if tries >= config.max_retries:
                raise
            COUNTS.add_retry(retry_cause(exc))
            delay = retry_delay_seconds(config.retry_delay_seconds, tries, random.random())  # noqa: S311
            log.warning("retry: %s/%s in %.0f s: %s", params.get("bucket"), params.get("key"), delay, exc)
            retry_current_job(delay=delay, max_retries=config.max_retries)

    def _run_or_wait(self, params: dict[str, Any]) -> None:
        """Run; where S3 refuses not this image but its bucket, the image goes back to the queue, and no job tells."""
        try:
            self.run(params)
        except AccessDenied as exc:
            if not current_pipeline().guard.is_refused(ImageRef.from_params(params), exc):
                raise
            raise JobInterrupt from exc

    def process_whole(self, ref: ImageRef, deliveries: int) -> None:
        """Fetch, parse and store one image here; in a process of its own where workers died with it."""
        pipeline = current_pipeline()
        if get_current_job().member is None and pipeline.guard.is_waiting(ref):
            raise JobInterrupt
        if deliveries >= pipeline.config.max_deliveries:
            record, bytes_read, requests = pipeline.isolated.read(ref)
            # What another process read: its own counts end with it.
            COUNTS.requests["get"] += requests
            COUNTS.bytes_read += bytes_read
        else:
            record, bytes_read, requests = read_image(pipeline.s3, ref, pipeline.config)
        job = get_current_job()
        pipeline.store_record(ref, record, job.member, bytes_read=bytes_read, requests=requests)


class Download(ImageTask):
    """Reads the bytes of an image that hold its metadata and queues them for a write worker."""

    def run(self, params: dict[str, Any]) -> None:
        job = get_current_job()
        pipeline = current_pipeline()
        ref = job.ref or ImageRef.from_params(params)
        if job.member is None:
            self.process_whole(ref, pipeline.queue.count_delivery(ref))
        elif job.deliveries >= pipeline.config.max_deliveries:
            self.process_whole(ref, job.deliveries)
        else:
            header = fetch_header(pipeline.s3, ref, first_read_bytes=pipeline.config.first_read_bytes)
            pipeline.push_header(job, job.member, header)


class Write(ImageTask):
    """Decodes the metadata of an image and stores its record."""

    def run(self, params: dict[str, Any]) -> None:
        job = get_current_job()
        pipeline = current_pipeline()
        if job.member is None:
            ref = ImageRef.from_params(params)
            self.process_whole(ref, pipeline.queue.count_delivery(ref))
            return
        header = HeaderBytes.from_bytes(job.message)
        end_process_if_poisoned(header.ref)
        config = pipeline.config
        began = perf_counter()
        record = build_record(header, deadline_seconds=config.parse_deadline_seconds, memory_mb=config.parse_memory_mb)
        parsed = perf_counter()
        observe_parse(parsed - began)
        pipeline.store_record(header.ref, record, job.member, bytes_read=header.bytes_read, requests=header.requests)
        observe_store(perf_counter() - parsed)
