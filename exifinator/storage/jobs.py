"""Access to the jobs that MRQ stores in MongoDB: failed, retried, requeued and interrupted jobs of images.

An image that is indexed at the first attempt has no stored job. failed_jobs.py lists and groups failed jobs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import blake2b

from bson import ObjectId
from pymongo.collection import Collection

from exifinator.bucket_names import split_bucket
from exifinator.storage.mongodb import Document, mongodb_errors

DOWNLOAD_TASK = "exifinator.worker.tasks.Download"
WRITE_TASK = "exifinator.worker.tasks.Write"
# Task path in a job that version 0.0 stored -> the current path. exifinator/tasks.py keeps the former paths
# importable. Remove both after release 0.1.
FORMER_TASKS = {"exifinator.tasks.Download": DOWNLOAD_TASK, "exifinator.tasks.Write": WRITE_TASK}
IMAGE_TASKS = (DOWNLOAD_TASK, WRITE_TASK, *FORMER_TASKS)

# MRQ's job statuses. MRQ runs waiting jobs again by itself. Failed jobs are not run again until a user or the next
# batch requeues them.
FAILED_STATUSES = ("failed", "timeout", "maxretries", "maxconcurrency", "abort")
WAITING_STATUSES = ("queued", "retry", "interrupt")
PENDING_STATUSES = (*WAITING_STATUSES, "started")

# Excludes MRQ's maintenance jobs, which have no bucket.
_IMAGE_JOB: Document = {"params.bucket": {"$exists": True}}


def image_job_id(image_id: str) -> ObjectId:
    """Return the job id of an image. It depends only on the image, so an image has at most one stored job.

    A mass action of MRQ, such as requeueing all failed jobs, covers only jobs whose ids are not greater than its own
    job id, which begins with the current time. The ids returned here are always lower than that, because their first
    byte is at most 0x3F. So mass actions cover these jobs too.
    """
    digest = bytearray(blake2b(image_id.encode(), digest_size=12).digest())
    digest[0] &= 0x3F
    return ObjectId(bytes(digest))


def waiting_filter() -> Document:
    """Return a MongoDB filter for jobs of images that wait to be run again."""
    return {"status": {"$in": list(WAITING_STATUSES)}, **_IMAGE_JOB}


def requeue_update() -> Document:
    """Return the MongoDB update that requeues a job. The dashboard's Requeue button makes the same update."""
    now = datetime.now(UTC)
    return {"$set": {"status": "queued", "datequeued": now, "dateupdated": now, "retry_count": 0}}


class JobStore:
    """The stored jobs of images. Images are identified by their ids (bucket/key)."""

    def __init__(self, collection: Collection[Document]) -> None:
        self.collection = collection

    def find_statuses(self, image_ids: Sequence[str]) -> dict[str, str]:
        """Return the status of each image's stored job, by image id. Images without a stored job are omitted."""
        unfinished = {"status": {"$in": [*FAILED_STATUSES, *PENDING_STATUSES]}, **_IMAGE_JOB}
        with mongodb_errors("look up jobs"):
            if self.collection.find_one(unfinished, {"_id": 1}) is None:
                # Usually, there are no such jobs. Then return early, without computing the job ids of up to a million
                # images.
                return {}
            image_ids_by_job = {image_job_id(image_id): image_id for image_id in image_ids}
            jobs = self.collection.find({"_id": {"$in": list(image_ids_by_job)}}, {"status": 1})
            return {image_ids_by_job[job["_id"]]: job["status"] for job in jobs}

    def requeue(self, image_ids: Iterable[str]) -> int:
        """Requeue the failed jobs of these images. Return the number of requeued jobs."""
        query = {"_id": {"$in": [image_job_id(i) for i in image_ids]}, "status": {"$in": list(FAILED_STATUSES)}}
        with mongodb_errors("requeue jobs"):
            return self.collection.update_many(query, requeue_update()).modified_count

    def count_pending(self) -> int:
        """Return how many image jobs MRQ is running or will run again: retried, requeued and interrupted jobs."""
        with mongodb_errors("count jobs"):
            return self.collection.count_documents({"status": {"$in": list(PENDING_STATUSES)}, **_IMAGE_JOB})

    def count_waiting(self) -> tuple[int, datetime | None]:
        """Return the number of image jobs that wait to be run again, and the time since which a job has been due.

        The time is None if no job is due.
        """
        with mongodb_errors("count jobs"):
            due = {"status": "queued", **_IMAGE_JOB}
            oldest = self.collection.find_one(due, {"datequeued": 1}, sort=[("datequeued", 1)])
            return self.collection.count_documents(waiting_filter()), oldest["datequeued"] if oldest else None

    def scan_failed_ids(self, id_prefix: str) -> Iterator[str]:
        """Yield the ids of images whose job failed and whose id starts with `id_prefix`, in ascending order."""
        bucket, prefix = split_bucket(id_prefix)
        query = {"status": {"$in": list(FAILED_STATUSES)}, "params.bucket": bucket, "params.key": {"$gte": prefix}}
        with mongodb_errors("look up jobs"):
            jobs = self.collection.find(query, {"params.key": 1}).sort("params.key", 1).allow_disk_use(True)
            for job in jobs:
                if not job["params"]["key"].startswith(prefix):
                    return
                yield f"{bucket}/{job['params']['key']}"

    def remove_failed(self, image_ids: Sequence[str], before: datetime) -> int:
        """Remove the failed jobs of these images that were last updated before `before`.

        Return the number of removed jobs.
        """
        if not image_ids:
            return 0
        query = {
            "_id": {"$in": [image_job_id(i) for i in image_ids]},
            "status": {"$in": list(FAILED_STATUSES)},
            "dateupdated": {"$not": {"$gte": before}},
        }
        with mongodb_errors("remove jobs"):
            return self.collection.delete_many(query).deleted_count

    def remove_unless_started(self, image_ids: Sequence[str]) -> set[str]:
        """Remove the failed and waiting jobs of these images.

        Returns:
            The images whose job a worker is running. These jobs are kept.
        """
        query: Document = {"_id": {"$in": [image_job_id(image_id) for image_id in image_ids]}}
        with mongodb_errors("remove jobs"):
            self.collection.delete_many({**query, "status": {"$in": [*FAILED_STATUSES, *WAITING_STATUSES]}})
            started = {job["_id"] for job in self.collection.find({**query, "status": "started"}, {"_id": 1})}
        return {image_id for image_id in image_ids if image_job_id(image_id) in started}

    def move(self, job: Document, changes: Document) -> None:
        """Store a job and its log under another id.

        A job that is already stored under this id is kept. Repeating the call after an interruption is safe.

        Args:
            job: The whole job.
            changes: The fields to change, which may include `_id`.
        """
        moved = {**job, **changes}
        content = {name: value for name, value in moved.items() if name != "_id"}
        with mongodb_errors("move jobs"):
            if moved["_id"] == job["_id"]:
                self.collection.update_one({"_id": job["_id"]}, {"$set": content})
                return
            self.collection.update_one({"_id": moved["_id"]}, {"$setOnInsert": content}, upsert=True)
            logs = self.collection.database["mrq_logs"]
            logs.update_many({"job": job["_id"]}, {"$set": {"job": moved["_id"]}})
            self.collection.delete_one({"_id": job["_id"]})

    def drop_waiting(self, id_prefixes: Sequence[str], excluded_prefixes: Sequence[str]) -> int:
        """Remove waiting jobs, so that the next batch treats their images as new. Return the number of removed jobs.

        Args:
            id_prefixes: Only jobs of images whose id (bucket/key) has one of these prefixes are removed.
            excluded_prefixes: Jobs of images whose id has one of these prefixes are kept.
        """
        query: Document = {
            "status": {"$in": list(WAITING_STATUSES)},
            "$or": [_under_prefix(prefix) for prefix in id_prefixes],
        }
        if excluded_prefixes:
            query["$nor"] = [_under_prefix(prefix) for prefix in excluded_prefixes]
        with mongodb_errors("remove jobs"):
            return self.collection.delete_many(query).deleted_count


def _under_prefix(id_prefix: str) -> Document:
    """Return a filter for the jobs of images whose id (bucket/key) has this prefix."""
    bucket, key = split_bucket(id_prefix)
    return (
        {"params.bucket": bucket, "params.key": {"$regex": f"^{re.escape(key)}"}} if key else {"params.bucket": bucket}
    )
