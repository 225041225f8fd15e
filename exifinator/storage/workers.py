"""Read the reports that workers store in MongoDB every five seconds."""

from __future__ import annotations

from datetime import datetime, timedelta

from pymongo.collection import Collection

from exifinator.queue.worker_health import SILENT_SECONDS
from exifinator.storage.mongodb import Document, mongodb_errors

# A worker whose last report is older than this counts as dead. It has missed six reports, so it has died, or cannot
# reach MongoDB. Workers that report through Redis count as dead after the same time.
WORKER_SILENT_AFTER = timedelta(seconds=SILENT_SECONDS)

# Defaults for values that a worker's first report does not contain yet.
_LOAD_DEFAULTS = {"load": 0.0, "cores": 0, "reads_per_second": 0.0, "writes_per_second": 0.0, "extractor_version": None}


def is_silent(reported_at: datetime, now: datetime) -> bool:
    """Return whether a worker counts as dead, given the time of its last report."""
    return now - reported_at > WORKER_SILENT_AFTER


class WorkerReports:
    """The last report of each worker that has not exited normally."""

    def __init__(self, collection: Collection[Document]) -> None:
        self.collection = collection

    def find_active(self, now: datetime) -> list[Document]:
        """Return the reports of workers that are not silent, sorted by name, in the form of find_since."""
        return self.find_since(now - WORKER_SILENT_AFTER)

    def find_since(self, since: datetime) -> list[Document]:
        """Return the reports that were made at or after `since`, sorted by the names of the workers.

        In each report, `busy` is the share of the worker's greenlets that are in use (0 to 1), and `cpu` its share of
        one core (0 to 1). A report also contains the measurements of worker/load_report.py.
        """
        query = {"status": {"$ne": "stop"}, "datereported": {"$gte": since}}
        with mongodb_errors("read the workers' reports"):
            workers = list(self.collection.find(query).sort("name", 1))
        return [
            {
                "name": worker["name"],
                "queues": worker["config"].get("queues", []),
                "status": worker["status"],
                "done_jobs": worker["done_jobs"],
                "busy": worker["usage_avg"],
                "memory_mb": worker["process"]["mem"]["total"] / 1024**2,
                "cpu": worker["process"]["cpu"]["percent"] / 100,
                "reported_at": worker["datereported"],
                **_LOAD_DEFAULTS,
                "host": worker["name"].rpartition(".")[0] or worker["name"],
                **worker.get("exifinator", {}),
            }
            for worker in workers
        ]
