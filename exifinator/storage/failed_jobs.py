"""Find, group, describe and requeue the failed jobs of images.

The functions of this module need no connection: they build MongoDB filters and aggregation stages, and format jobs. The
API calls these functions, because its MongoDB driver is asynchronous. The commands use the class FailedJobs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bson import ObjectId

from exifinator.bucket_names import split_bucket
from exifinator.errors import ConfigError
from exifinator.storage.jobs import FAILED_STATUSES, IMAGE_TASKS, JobStore, image_job_id, requeue_update
from exifinator.storage.mongodb import Document, mongodb_errors

# At most this many failed jobs are grouped and counted.
MAX_COUNTED = 100_000
MAX_GROUPS = 100
MAX_TRACEBACK_CHARS = 4000
MAX_MESSAGE_CHARS = 500
# MongoDB projection with the fields that describe_job reads.
FIELDS = dict.fromkeys(
    ("path", "status", "params", "exceptiontype", "traceback", "datequeued", "dateupdated", "queue", "retry_count"), 1
)
_JOB_ID = re.compile(r"[0-9a-f]{24}")


def failed_filter(
    *, exception: str | None = None, bucket: str | None = None, ids: Sequence[ObjectId] | None = None
) -> Document:
    """Return a MongoDB filter for the failed jobs of images.

    Args:
        exception: Match only jobs with this exception type.
        bucket: Match only jobs for images in this bucket.
        ids: Match only jobs with these job ids.
    """
    filter_: Document = {"status": {"$in": list(FAILED_STATUSES)}, "path": {"$in": list(IMAGE_TASKS)}}
    if exception is not None:
        filter_["exceptiontype"] = exception
    if bucket is not None:
        filter_["params.bucket"] = bucket
    if ids is not None:
        filter_["_id"] = {"$in": list(ids)}
    return filter_


def group_stages(filter_: Document) -> list[Document]:
    """Return aggregation stages that count the jobs that match a filter by exception type, largest group first.

    Each group has the fields `_id` (the exception type), `count`, and `example` (the id of one of its jobs).
    """
    return [
        {"$match": filter_},
        {"$limit": MAX_COUNTED},
        {"$group": {"_id": "$exceptiontype", "count": {"$sum": 1}, "example": {"$first": "$_id"}}},
        {"$sort": {"count": -1, "_id": 1}},
        {"$limit": MAX_GROUPS},
    ]


def describe_job(job: Mapping[str, Any]) -> Document:
    """Return a failed job in the form in which users see it.

    `exception` is the exception type, `message` the type and the text of the exception, from the end of the traceback,
    `path` the import path of the job's task, and `traceback` the last MAX_TRACEBACK_CHARS characters of the traceback.
    """
    params: Mapping[str, Any] = job.get("params") or {}
    traceback = str(job.get("traceback") or "")
    return {
        "id": str(job["_id"]),
        "exception": job.get("exceptiontype"),
        "message": _find_message(traceback, str(job.get("exceptiontype") or ""))[:MAX_MESSAGE_CHARS],
        "bucket": params.get("bucket"),
        "key": params.get("key"),
        "path": job.get("path"),
        "queue": job.get("queue"),
        "status": job.get("status"),
        "queued_at": job.get("datequeued"),
        "traceback": traceback[-MAX_TRACEBACK_CHARS:],
    }


def _find_message(traceback: str, exception: str) -> str:
    """Return the type and text of the exception. The text may have several lines, because keys may contain newlines."""
    text = traceback.strip()
    starts = list(re.finditer(rf"^(?:\w+\.)*{re.escape(exception)}(?=:|$)", text, re.MULTILINE)) if exception else []
    if starts:
        return text[starts[-1].start() :]
    return text.splitlines()[-1] if text else ""


def parse_job_id(text: str) -> ObjectId:
    """Return the id of the job that a user names: by its job id, or by its image as bucket/key.

    Raises:
        ConfigError: `text` is neither a job id nor an image.
    """
    if _JOB_ID.fullmatch(text):
        return ObjectId(text)
    bucket, key = split_bucket(text.removeprefix("s3://"))
    if not bucket or not key:
        raise ConfigError(f"Not a job id or an image: {text!r}", hint="use an id from `failures list`, or bucket/key")
    return image_job_id(f"{bucket}/{key}")


class FailedJobs:
    """Access to failed jobs for the commands. Every method may raise StoreUnavailable or RecordRefused."""

    def __init__(self, jobs: JobStore) -> None:
        self._collection = jobs.collection

    def count(self, filter_: Document) -> int:
        with mongodb_errors("count failures"):
            return self._collection.count_documents(filter_)

    def group(self, filter_: Document) -> list[Document]:
        """Count jobs by exception type. Return the groups, largest first.

        Each group has the fields `exception`, `count`, and `example` (one of its jobs, as describe_job returns it).
        """
        with mongodb_errors("group failures"):
            groups = list(self._collection.aggregate(group_stages(filter_)))
            query = {"_id": {"$in": [group["example"] for group in groups]}}
            examples = {job["_id"]: describe_job(job) for job in self._collection.find(query, FIELDS)}
        return [
            {"exception": group["_id"], "count": group["count"], "example": examples[group["example"]]}
            for group in groups
            if group["example"] in examples
        ]

    def find(self, filter_: Document, limit: int) -> list[Document]:
        """Return up to `limit` jobs as describe_job returns them, sorted by descending id."""
        with mongodb_errors("list failures"):
            return [describe_job(job) for job in self._collection.find(filter_, FIELDS).sort("_id", -1).limit(limit)]

    def show(self, job_id: ObjectId) -> Document | None:
        """Return a stored job with its log added as `logs`; None if no job has this id."""
        with mongodb_errors("look up a job"):
            job = self._collection.find_one({"_id": job_id})
            if job is None:
                return None
            logs = self._collection.database["mrq_logs"].find({"job": job_id}).sort("_id", 1)
            return {**job, "logs": "".join(str(entry.get("logs", "")) for entry in logs)}

    def requeue(self, filter_: Document) -> int:
        """Requeue jobs. Return the number of requeued jobs."""
        with mongodb_errors("requeue jobs"):
            return self._collection.update_many(filter_, requeue_update()).modified_count

    def drop(self, filter_: Document) -> int:
        """Remove jobs, so that the next batch treats their images as new. Return the number of removed jobs."""
        with mongodb_errors("remove jobs"):
            return self._collection.delete_many(filter_).deleted_count
