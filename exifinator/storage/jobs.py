"""Jobs of images that MRQ stores in MongoDB: failed, retried, requeued or interrupted ones.

An image that is indexed at the first attempt never has a stored job. failed_jobs.py lists and groups the failed ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import blake2b

from bson import ObjectId
from pymongo.collection import Collection

from exifinator.storage.mongodb import Document, mongodb_errors

DOWNLOAD_TASK = "exifinator.worker.tasks.Download"
WRITE_TASK = "exifinator.worker.tasks.Write"
# Paths that jobs stored by version 0.0 have, and the present ones. exifinator/tasks.py keeps them importable; remove
# both after release 0.1.
FORMER_TASKS = {"exifinator.tasks.Download": DOWNLOAD_TASK, "exifinator.tasks.Write": WRITE_TASK}
IMAGE_TASKS = (DOWNLOAD_TASK, WRITE_TASK, *FORMER_TASKS)

# MRQ's statuses of a job. Nothing changes a failed job but a user; a waiting one is run again.
FAILED_STATUSES = ("failed", "timeout", "maxretries", "maxconcurrency", "abort")
WAITING_STATUSES = ("queued", "retry", "interrupt")
PENDING_STATUSES = (*WAITING_STATUSES, "started")

# Maintenance jobs have no bucket.
_OF_AN_IMAGE: Document = {"params.bucket": {"$exists": True}}


def image_job_id(image_id: str) -> ObjectId:
    """Return the id of the one stored job that an image can have.

    MRQ's mass actions reach only jobs with ids up to that of the action, which starts with its time in seconds. The
    first byte stays below today's, so that they reach these jobs too.
    """
    digest = bytearray(blake2b(image_id.encode(), digest_size=12).digest())
    digest[0] &= 0x3F
    return ObjectId(bytes(digest))


def waiting_filter() -> Document:
    """Return a filter for the jobs of images that wait to be run again."""
    return {"status": {"$in": list(WAITING_STATUSES)}, **_OF_AN_IMAGE}


def requeue_update() -> Document:
    """Return the update that requeues a job, the same as the dashboard's Requeue button makes."""
    now = datetime.now(UTC)
    return {"$set": {"status": "queued", "datequeued": now, "dateupdated": now, "retry_count": 0}}


class JobStore:
    """Stored jobs of images, by the ids of their images (bucket/key)."""

    def __init__(self, collection: Collection[Document]) -> None:
        self.collection = collection

    def find_statuses(self, image_ids: Sequence[str]) -> dict[str, str]:
        """Return the status of the stored job of each of these images that has one, by the image's id."""
        unfinished = {"status": {"$in": [*FAILED_STATUSES, *PENDING_STATUSES]}, **_OF_AN_IMAGE}
        with mongodb_errors("look up jobs"):
            if self.collection.find_one(unfinished, {"_id": 1}) is None:
                # Nearly always so. It saves computing the job ids of a million images.
                return {}
            image_ids_by_job = {image_job_id(image_id): image_id for image_id in image_ids}
            jobs = self.collection.find({"_id": {"$in": list(image_ids_by_job)}}, {"status": 1})
            return {image_ids_by_job[job["_id"]]: job["status"] for job in jobs}

    def requeue(self, image_ids: Iterable[str]) -> int:
        """Requeue the failed jobs of these images. Return how many."""
        query = {"_id": {"$in": [image_job_id(i) for i in image_ids]}, "status": {"$in": list(FAILED_STATUSES)}}
        with mongodb_errors("requeue jobs"):
            return self.collection.update_many(query, requeue_update()).modified_count

    def count_pending(self) -> int:
        """Return how many jobs of images MRQ runs now, or will run: retries, requeued and interrupted ones."""
        with mongodb_errors("count jobs"):
            return self.collection.count_documents({"status": {"$in": list(PENDING_STATUSES)}, **_OF_AN_IMAGE})

    def count_waiting(self) -> tuple[int, datetime | None]:
        """Return how many jobs of images wait to be run again, and since when the longest due one has been due."""
        with mongodb_errors("count jobs"):
            due = {"status": "queued", **_OF_AN_IMAGE}
            oldest = self.collection.find_one(due, {"datequeued": 1}, sort=[("datequeued", 1)])
            return self.collection.count_documents(waiting_filter()), oldest["datequeued"] if oldest else None

    def scan_failed_ids(self, id_prefix: str) -> Iterator[str]:
        """Yield the ids of the images with this prefix whose job failed, in order."""
        bucket, _, prefix = id_prefix.partition("/")
        query = {"status": {"$in": list(FAILED_STATUSES)}, "params.bucket": bucket, "params.key": {"$gte": prefix}}
        with mongodb_errors("look up jobs"):
            jobs = self.collection.find(query, {"params.key": 1}).sort("params.key", 1).allow_disk_use(True)
            for job in jobs:
                if not job["params"]["key"].startswith(prefix):
                    return
                yield f"{bucket}/{job['params']['key']}"

    def remove_failed(self, image_ids: Sequence[str], before: datetime) -> int:
        """Remove the jobs of these images that failed before a moment. Return how many."""
        if not image_ids:
            return 0
        query = {
            "_id": {"$in": [image_job_id(i) for i in image_ids]},
            "status": {"$in": list(FAILED_STATUSES)},
            "dateupdated": {"$not": {"$gte": before}},
        }
        with mongodb_errors("remove jobs"):
            return self.collection.delete_many(query).deleted_count

    def drop_waiting(self, id_prefixes: Sequence[str], excluded_prefixes: Sequence[str]) -> int:
        """Remove the waiting jobs of images with one of these prefixes and none of the excluded ones.

        Without its job, an image counts as never read.

        Returns: how many were removed.
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
    bucket, _, key = id_prefix.partition("/")
    return (
        {"params.bucket": bucket, "params.key": {"$regex": f"^{re.escape(key)}"}} if key else {"params.bucket": bucket}
    )
