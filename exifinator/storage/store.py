"""The MongoDB collections that EXIFinator uses.

In MONGODB_DATABASE: MONGODB_COLLECTION (one record per image), `thumbnails` (embedded thumbnails, with the same `_id`),
`exifinator_batches`, `exifinator_schedule`, `exifinator_views`, and `exifinator_meta` (the schema version). In
MRQ_DATABASE, which belongs to MRQ: `mrq_jobs`, `mrq_logs` and `mrq_workers`.
"""

from __future__ import annotations

from datetime import UTC

from bson import CodecOptions
from pymongo import MongoClient
from pymongo.database import Database

from exifinator.config import Config
from exifinator.storage.batches import BatchStore
from exifinator.storage.indexes import index_definitions
from exifinator.storage.jobs import JobStore
from exifinator.storage.mongodb import Document
from exifinator.storage.records import RecordStore
from exifinator.storage.schedule import ScheduleStore
from exifinator.storage.views import ViewStore
from exifinator.storage.workers import WorkerReports

# For up to this many records, MongoDB builds all indexes within a few seconds.
QUICKLY_INDEXED_RECORDS = 20_000


class Store:
    """The records, jobs, batches, schedule, saved views and worker reports of one installation.

    Unless their docstrings say otherwise, the methods of `records`, `jobs`, `batches`, `schedule`, `views` and
    `workers` raise StoreUnavailable if MongoDB does not respond, and RecordRefused if it rejects the request.
    """

    def __init__(self, client: MongoClient[Document], config: Config) -> None:
        aware = CodecOptions[Document](tz_aware=True, tzinfo=UTC)
        database: Database[Document] = client.get_database(config.mongodb_database, codec_options=aware)
        mrq_database: Database[Document] = client.get_database(config.mrq_database, codec_options=aware)
        self.client = client
        self.records = RecordStore(database, config.mongodb_collection, index_definitions(config))
        self.jobs = JobStore(mrq_database["mrq_jobs"])
        self.batches = BatchStore(database["exifinator_batches"])
        self.schedule = ScheduleStore(database["exifinator_schedule"])
        self.views = ViewStore(database["exifinator_views"])
        self.workers = WorkerReports(mrq_database["mrq_workers"])

    def ensure_indexes(self) -> None:
        """Create missing collections and indexes, and wait until they are built.

        Meanwhile, other clients can read and write the collections.
        """
        self.records.ensure_indexes()
        self.batches.ensure_indexes()

    def ensure_indexes_if_quick(self) -> None:
        """Create missing indexes if there are few records.

        With many records, building the indexes takes minutes, which would delay the start of the caller. In that case,
        leave it to the API, which builds them in the background.
        """
        if self.records.count(limit=QUICKLY_INDEXED_RECORDS + 1) <= QUICKLY_INDEXED_RECORDS:
            self.ensure_indexes()
