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

from exifinator.storage.mongodb import Document, mongodb_errors

DOWNLOAD_TASK = "exifinator.worker.tasks.Download"
WRITE_TASK = "exifinator.worker.tasks.Write"
# Maps the task paths in jobs stored by version 0.0 to the current ones. exifinator/tasks.py keeps the former paths
# importable. Remove both after release 0.1.
FORMER_TASKS = {"exifinator.tasks.Download": DOWNLOAD_TASK, "exifinator.tasks.Write": WRITE_TASK}
IMAGE_TASKS = (DOWNLOAD_TASK, WRITE_TASK, *FORMER_TASKS)

# MRQ's job statuses. MRQ runs waiting jobs again; failed jobs stay as they are until a user requeues them.
FAILED_STATUSES = ("failed", "timeout", "maxretries", "maxconcurrency", "abort")
WAITING_STATUSES = ("queued", "retry", "interrupt")
PENDING_STATUSES = (*WAITING_STATUSES, "started")

# Maintenance jobs have no bucket.
_IMAGE_JOB: Document = {"params.bucket": {"$exists": True}}


def image_job_id(image_id: str) -> ObjectId:
    """Return the id of the only job that can be stored for an image.

    An MRQ mass action covers only jobs with ids up to its own, which starts with the current time. The first byte of
    these ids is lower than that of any current time, so mass actions cover these jobs too.
    """
    digest = bytearray(blake2b(image_id.encode(), digest_size=12).digest())
    digest[0] &= 0x3F
    return ObjectId(bytes(digest))


def waiting_filter() -> Document:
    """Return a filter for jobs of images that wait to be run again."""
    return {"status": {"$in": list(WAITING_STATUSES)}, **_IMAGE_JOB}


def requeue_update() -> Document:
    """Return the update that requeues a job, the same one that the dashboard's Requeue button makes."""
    now = datetime.now(UTC)
    return {"$set": {"status": "queued", "datequeued": now, "dateupdated": now, "retry_count": 0}}


class JobStore:
    """The stored jobs of images. Images are identified by their ids (bucket/key)."""

    def __init__(self, collection: Collection[Document]) -> None:
        self.collection = collection

    def find_statuses(self, image_ids: Sequence[str]) -> dict[str, str]:
        """Return the status of each image's stored job, by image id. Images without one are left out."""
        unfinished = {"status": {"$in": [*FAILED_STATUSES, *PENDING_STATUSES]}, **_IMAGE_JOB}
        with mongodb_errors("look up jobs"):
            if self.collection.find_one(unfinished, {"_id": 1}) is None:
                # In this usual case, the job ids of a million images need not be computed.
                return {}
            image_ids_by_job = {image_job_id(image_id): image_id for image_id in image_ids}
            jobs = self.collection.find({"_id": {"$in": list(image_ids_by_job)}}, {"status": 1})
            return {image_ids_by_job[job["_id"]]: job["status"] for job in jobs}

    def requeue(self, image_ids: Iterable[str]) -> int:
        """Requeue the failed jobs of these images. Return their number."""
        query = {"_id": {"$in": [image_job_id(i) for i in image_ids]}, "status": {"$in": list(FAILED_STATUSES)}}
        with mongodb_errors("requeue jobs"):
            return self.collection.update_many(query, requeue_update()).modified_count

    def count_pending(self) -> int:
        """Return the number of image jobs that MRQ is running or will run: retried, requeued and interrupted ones."""
        with mongodb_errors("count jobs"):
            return self.collection.count_documents({"status": {"$in": list(PENDING_STATUSES)}, **_IMAGE_JOB})

    def count_waiting(self) -> tuple[int, datetime | None]:
        """Return the number of image jobs that wait to be run again, and the earliest time at which one became due."""
        with mongodb_errors("count jobs"):
            due = {"status": "queued", **_IMAGE_JOB}
            oldest = self.collection.find_one(due, {"datequeued": 1}, sort=[("datequeued", 1)])
            return self.collection.count_documents(waiting_filter()), oldest["datequeued"] if oldest else None

    def scan_failed_ids(self, id_prefix: str) -> Iterator[str]:
        """Yield the ids with this prefix of images whose job failed, in order."""
        bucket, _, prefix = id_prefix.partition("/")
        query = {"status": {"$in": list(FAILED_STATUSES)}, "params.bucket": bucket, "params.key": {"$gte": prefix}}
        with mongodb_errors("look up jobs"):
            jobs = self.collection.find(query, {"params.key": 1}).sort("params.key", 1).allow_disk_use(True)
            for job in jobs:
                if not job["params"]["key"].startswith(prefix):
                    return
                yield f"{bucket}/{job['params']['key']}"

    def remove_failed(self, image_ids: Sequence[str], before: datetime) -> int:
        """Remove the jobs of these images that failed before this time. Return their number."""
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

        Without a job, an image counts as new.

        Returns:
            The number of removed jobs.
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
