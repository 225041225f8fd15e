"""Images that could not be read: how their jobs are found, grouped and queued again. MongoDB's words only, so that the
commands and the API, whose drivers differ, ask the same questions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from exifinator.errors import ConfigError
from exifinator.mongodb import Document, translated
from exifinator.mrq_options import DOWNLOAD_TASK, WRITE_TASK
from exifinator.store import JOB_ENDED_BADLY, Store, image_job_id

# Of more failures than these, causes are counted over some.
MAX_COUNTED = 100_000
MAX_GROUPS = 100
TRACEBACK_CHARS = 4000
# What is shown of a job.
FIELDS = dict.fromkeys(
    ("path", "status", "params", "exceptiontype", "traceback", "datequeued", "dateupdated", "queue", "retry_count"), 1
)
_JOB_ID = re.compile(r"[0-9a-f]{24}")


def failed_filter(
    *, exception: str | None = None, bucket: str | None = None, ids: Sequence[ObjectId] | None = None
) -> Document:
    """The jobs of images that ended badly; all of them, or those with this cause, of this bucket, of these ids."""
    wanted: Document = {"status": {"$in": list(JOB_ENDED_BADLY)}, "path": {"$in": [DOWNLOAD_TASK, WRITE_TASK]}}
    if exception is not None:
        wanted["exceptiontype"] = exception
    if bucket is not None:
        wanted["params.bucket"] = bucket
    if ids is not None:
        wanted["_id"] = {"$in": list(ids)}
    return wanted


def grouping(filter_: Document) -> list[Document]:
    """A pipeline that gives, for each type of exception, most first: _id (the type), count, example (a job's id)."""
    return [
        {"$match": filter_},
        {"$limit": MAX_COUNTED},
        {"$group": {"_id": "$exceptiontype", "count": {"$sum": 1}, "example": {"$first": "$_id"}}},
        {"$sort": {"count": -1, "_id": 1}},
        {"$limit": MAX_GROUPS},
    ]


def requeueing() -> Document:
    """The change that queues a job again, as the dashboard's Requeue makes it."""
    now = datetime.now(UTC)
    return {"$set": {"status": "queued", "datequeued": now, "dateupdated": now, "retry_count": 0}}


def describe_job(job: Mapping[str, Any]) -> Document:
    """What is said of a failed job: id, exception, message, bucket, key, path, queue, status, queued_at, traceback."""
    params: Mapping[str, Any] = job.get("params") or {}
    traceback = str(job.get("traceback") or "")
    lines = traceback.strip().splitlines()
    return {
        "id": str(job["_id"]),
        "exception": job.get("exceptiontype"),
        "message": lines[-1][:500] if lines else "",
        "bucket": params.get("bucket"),
        "key": params.get("key"),
        "path": job.get("path"),
        "queue": job.get("queue"),
        "status": job.get("status"),
        "queued_at": job.get("datequeued"),
        "traceback": traceback[-TRACEBACK_CHARS:],
    }


def read_job_id(text: str) -> ObjectId:
    """The id of the job that a person names: by its own id, or by its image as bucket/key.

    Raises: ConfigError.
    """
    if _JOB_ID.fullmatch(text):
        return ObjectId(text)
    bucket, _, key = text.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise ConfigError(f"{text!r} names no job: give the id that `failures list` shows, or an image as bucket/key")
    return image_job_id(f"{bucket}/{key}")


class FailedJobs:
    """The same for the commands. Every method raises StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._jobs = store.jobs

    def count(self, filter_: Document) -> int:
        with translated("count failures"):
            return self._jobs.count_documents(filter_)

    def group(self, filter_: Document) -> list[Document]:
        """By type of exception, most first: exception, count, example (as describe_job has it)."""
        with translated("group failures"):
            groups = list(self._jobs.aggregate(grouping(filter_)))
            wanted = {"_id": {"$in": [group["example"] for group in groups]}}
            examples = {job["_id"]: describe_job(job) for job in self._jobs.find(wanted, FIELDS)}
        return [
            {"exception": group["_id"], "count": group["count"], "example": examples[group["example"]]}
            for group in groups
            if group["example"] in examples
        ]

    def find(self, filter_: Document, most: int) -> list[Document]:
        """At most so many, those first that were queued last, each as describe_job has it."""
        with translated("list failures"):
            return [describe_job(job) for job in self._jobs.find(filter_, FIELDS).sort("_id", -1).limit(most)]

    def show(self, job_id: ObjectId) -> Document | None:
        """One job as it is stored, with `logs`, the lines that were logged for it; None where there is none."""
        with translated("look up a job"):
            job = self._jobs.find_one({"_id": job_id})
            if job is None:
                return None
            logs = self._jobs.database["mrq_logs"].find({"job": job_id}).sort("_id", 1)
            return {**job, "logs": "".join(str(entry.get("logs", "")) for entry in logs)}

    def requeue(self, filter_: Document) -> int:
        """Queue these again. Returns how many."""
        with translated("queue jobs again"):
            return self._jobs.update_many(filter_, requeueing()).modified_count

    def drop(self, filter_: Document) -> int:
        """Forget these: to the next run their images are as if never read. Returns how many."""
        with translated("drop jobs"):
            return self._jobs.delete_many(filter_).deleted_count
