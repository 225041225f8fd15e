"""Every query, index and bulk upsert: the one file of the pipeline that speaks pymongo.

Collections of MONGODB_DATABASE: MONGODB_COLLECTION holds a record an image, `thumbnails` its embedded thumbnail under
the same `_id`, `exifinator_batches` a document a run. MRQ_DATABASE is MRQ's; the jobs of images are looked up there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import pymongo.errors
from bson import Binary, CodecOptions, ObjectId
from bson.errors import InvalidDocument
from pymongo import IndexModel, MongoClient, ReplaceOne
from pymongo.collection import Collection
from pymongo.database import Database

from exifinator import EXTRACTOR_VERSION
from exifinator.config import Config
from exifinator.errors import RecordRefused, StoreUnavailable
from exifinator.indexes import index_definitions
from exifinator.records import ExifRecord, ImageRef, Status

Document = dict[str, Any]

# A stored job's statuses (MRQ's words): those that nothing moves on by itself, and those that will be tried again.
JOB_ENDED_BADLY = ("failed", "timeout", "maxretries", "maxconcurrency", "abort")
JOB_PENDING = ("queued", "started", "retry", "interrupt")

# What a client asks of the server again by itself; everything else of these is the record's own fault.
_TRANSIENT_CODES = frozenset(
    {
        6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436,  # network, shutdown, no primary
        50, 64, 100,  # time limit, write concern not satisfied
        11000,  # two upserts of the same new record at once
        14031,  # out of disk space
        8000, 17280, 13, 18, 20,  # host limits, not authorised (yet), illegal while read-only
    }
)  # fmt: skip
_DUPLICATE_KEY = 11000
# Records that MongoDB indexes in a few seconds.
QUICKLY_INDEXED = 20_000


def connect_mongodb(config: Config, **options: Any) -> MongoClient[Document]:
    """A pooled client of MONGODB_URI; it connects when first used."""
    return MongoClient(
        config.mongodb_uri.get_secret_value(),
        serverSelectionTimeoutMS=options.pop("serverSelectionTimeoutMS", 10_000),
        appname="exifinator",
        maxPoolSize=max(20, config.greenlets),
        **options,
    )


def describe_error(exc: Exception) -> str:
    """What a driver's error says, in one line, without the topology that pymongo repeats."""
    return str(exc).split(", Timeout:")[0].split(", full error:")[0].split("\n")[0]


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raises: StoreUnavailable for what may pass, RecordRefused for what will not."""
    try:
        yield
    except pymongo.errors.OperationFailure as exc:
        if exc.code in _TRANSIENT_CODES or exc.has_error_label("RetryableWriteError"):
            raise StoreUnavailable(f"MongoDB cannot {what} now: {describe_error(exc)}") from exc
        raise RecordRefused(f"MongoDB refuses to {what}: {describe_error(exc)}") from exc
    except (pymongo.errors.DocumentTooLarge, InvalidDocument, OverflowError) as exc:
        raise RecordRefused(f"MongoDB refuses to {what}: {describe_error(exc)}") from exc
    except pymongo.errors.PyMongoError as exc:
        raise StoreUnavailable(f"MongoDB cannot {what}: {describe_error(exc)}") from exc


def image_job_id(image_id: str) -> ObjectId:
    """The id of the one job record that an image can have, so that an image never has two.

    MRQ's mass actions only touch jobs with ids up to that of the action, which starts with its time: the first byte
    stays below today's, so that they reach these jobs too.
    """
    digest = bytearray(blake2b(image_id.encode(), digest_size=12).digest())
    digest[0] &= 0x3F
    return ObjectId(bytes(digest))


@dataclass(frozen=True, slots=True)
class StoredImage:
    """What the collection knows of an image, as far as a listing needs it."""

    status: Status
    etag: str
    size_bytes: int
    last_modified: datetime
    extractor_version: int
    extracted_at: datetime

    def is_current(self, ref: ImageRef) -> bool:
        """Was this very object read by this extractor? Without ETags the size and the time of change decide."""
        same = self.size_bytes == ref.size_bytes and self.extractor_version == EXTRACTOR_VERSION
        if self.etag and ref.etag:
            return same and self.etag == ref.etag
        # Queues and HTTP dates carry whole seconds.
        return same and int(self.last_modified.timestamp()) == int(ref.last_modified.timestamp())


class Store:
    """The collections that EXIFinator writes. Every method raises StoreUnavailable or RecordRefused."""

    def __init__(self, client: MongoClient[Document], config: Config) -> None:
        aware = CodecOptions[Document](tz_aware=True, tzinfo=UTC)
        database: Database[Document] = client.get_database(config.mongodb_database, codec_options=aware)
        self.client = client
        self._indexes = index_definitions(config)
        self.images: Collection[Document] = database[config.mongodb_collection]
        self.thumbnails: Collection[Document] = database["thumbnails"]
        self.batches: Collection[Document] = database["exifinator_batches"]
        self.jobs: Collection[Document] = client.get_database(config.mrq_database, codec_options=aware)["mrq_jobs"]

    def ensure_indexes(self) -> None:
        """Make the indexes that are missing. It returns when they are built; reads and writes go on meanwhile."""
        with translated("make its indexes"):
            self.images.create_indexes(
                [IndexModel(list(index.keys), name=index.name, **index.options) for index in self._indexes]
            )
            self.batches.create_indexes([IndexModel([("started_at", -1)], name="started_at")])

    def ensure_indexes_if_quick(self) -> None:
        """The same where there are few records; many would hold up a start for minutes: the API sees to those."""
        if self.count_records() <= QUICKLY_INDEXED:
            self.ensure_indexes()

    def find_images(self, ids: Sequence[str]) -> dict[str, StoredImage]:
        """What is stored of these images, by `_id`, in one query."""
        projection = ("status", "etag", "size", "last_modified", "extractor_version", "extracted_at")
        with translated("look up records"):
            return {
                doc["_id"]: StoredImage(
                    doc["status"],
                    doc["etag"],
                    doc["size"],
                    doc["last_modified"],
                    doc["extractor_version"],
                    doc["extracted_at"],
                )
                for doc in self.images.find({"_id": {"$in": list(ids)}}, projection)
            }

    def find_job_statuses(self, ids: Sequence[str]) -> dict[str, str]:
        """The status of the stored job of each of these images that has one, by the image's `_id`, in one query."""
        by_job = {image_job_id(image_id): image_id for image_id in ids}
        with translated("look up jobs"):
            found = self.jobs.find({"_id": {"$in": list(by_job)}}, {"status": 1})
            return {by_job[doc["_id"]]: doc["status"] for doc in found}

    def requeue_jobs(self, ids: Iterable[str]) -> int:
        """Queue the failed jobs of these images again, as the dashboard's Requeue does."""
        now = datetime.now(UTC)
        with translated("queue jobs again"):
            result = self.jobs.update_many(
                {"_id": {"$in": [image_job_id(i) for i in ids]}, "status": {"$in": list(JOB_ENDED_BADLY)}},
                {"$set": {"status": "queued", "datequeued": now, "dateupdated": now, "retry_count": 0}},
            )
        return result.modified_count

    def count_pending_jobs(self) -> int:
        """How many jobs of images MRQ will still run by itself: retries, requeues, and those that run now."""
        with translated("count jobs"):
            return self.jobs.count_documents({"status": {"$in": list(JOB_PENDING)}, "params.bucket": {"$exists": True}})

    def count_failures(self) -> dict[str, int]:
        """How many images ended badly, by the type of their exception (or status), most first."""
        with translated("count failures"):
            groups = self.jobs.aggregate(
                [
                    {"$match": {"status": {"$in": list(JOB_ENDED_BADLY)}, "params.bucket": {"$exists": True}}},
                    {"$group": {"_id": {"$ifNull": ["$exceptiontype", "$status"]}, "images": {"$sum": 1}}},
                    {"$sort": {"images": -1, "_id": 1}},
                ]
            )
            return {str(group["_id"]): group["images"] for group in groups}

    def count_records(self) -> int:
        """About how many records there are."""
        with translated("count records"):
            return self.images.estimated_document_count()

    def find_workers(self, since: datetime) -> list[Document]:
        """The workers that have reported since then: name, queues, status, done_jobs, busy (0 to 1), memory_mb."""
        query = {"status": {"$ne": "stop"}, "datereported": {"$gte": since}}
        with translated("look up workers"):
            found = list(self.jobs.database["mrq_workers"].find(query).sort("name", 1))
        return [
            {
                "name": worker["name"],
                "queues": worker["config"].get("queues", []),
                "status": worker["status"],
                "done_jobs": worker["done_jobs"],
                "busy": worker["usage_avg"],
                "memory_mb": worker["process"]["mem"]["total"] / 1024**2,
            }
            for worker in found
        ]

    def find_batches(self, most: int) -> list[Document]:
        """The latest batches: id, sources, state, started_at, updated_at, numbers."""
        with translated("look up batches"):
            return [
                {"id": batch.pop("_id"), **batch} for batch in self.batches.find().sort("started_at", -1).limit(most)
            ]

    def find_batch(self, batch_id: str) -> Document | None:
        """What is known of a batch."""
        with translated("look up a batch"):
            return self.batches.find_one({"_id": batch_id})

    def save_batch(self, document: Document) -> None:
        """Store what is known of a batch, whole."""
        with translated("store a batch"):
            self.batches.replace_one({"_id": document["_id"]}, document, upsert=True)

    def upsert_records(self, records: Sequence[ExifRecord]) -> list[Exception | None]:
        """Write records and thumbnails together; each ends with its own outcome, in order.

        Returns: None for what is stored, else StoreUnavailable or RecordRefused. Thumbnails go first: a record that
        is there is whole.
        """
        outcome = self._write_thumbnails(records)
        ready = [i for i, error in enumerate(outcome) if error is None]
        writes = [ReplaceOne({"_id": records[i].id}, records[i].document, upsert=True) for i in ready]
        errors, is_new = _bulk_write(self.images, writes, "store records")
        for i, error in zip(ready, errors, strict=True):
            outcome[i] = error
        # Only a record that replaced another one can have left a thumbnail behind.
        stale = [records[i].id for i, new in zip(ready, is_new, strict=True) if not new and not records[i].thumbnail]
        if stale:
            with _recorded(outcome, ready):
                self.thumbnails.delete_many({"_id": {"$in": stale}})
        return outcome

    def _write_thumbnails(self, records: Sequence[ExifRecord]) -> list[Exception | None]:
        outcome: list[Exception | None] = [None] * len(records)
        have = [i for i, record in enumerate(records) if record.thumbnail]
        writes = [
            ReplaceOne(
                {"_id": records[i].id},
                {
                    "_id": records[i].id,
                    "etag": records[i].document["etag"],
                    "data": Binary(records[i].thumbnail or b""),
                },
                upsert=True,
            )
            for i in have
        ]
        errors, _ = _bulk_write(self.thumbnails, writes, "store thumbnails")
        for i, error in zip(have, errors, strict=True):
            outcome[i] = error
        return outcome


@contextmanager
def _recorded(outcome: list[Exception | None], which: Sequence[int]) -> Iterator[None]:
    """An error of the block becomes the outcome of these records."""
    try:
        with translated("store records"):
            yield
    except (StoreUnavailable, RecordRefused) as exc:
        for i in which:
            outcome[i] = outcome[i] or exc


def _bulk_write(
    collection: Collection[Document], writes: Sequence[ReplaceOne[Document]], what: str, *, tries: int = 3
) -> tuple[list[Exception | None], list[bool]]:
    """Write all that can be written. Returns, for each write: its error or None, and whether it made a new document."""
    errors: list[Exception | None] = [None] * len(writes)
    is_new = [False] * len(writes)
    if not writes:
        return errors, is_new
    try:
        with translated(what):
            try:
                details = collection.bulk_write(writes, ordered=False).bulk_api_result
            except pymongo.errors.BulkWriteError as exc:
                details = dict(exc.details)
    except StoreUnavailable as exc:
        return [exc] * len(writes), is_new
    except RecordRefused as exc:
        if len(writes) == 1:
            return [exc], is_new
        # The driver could not encode one of them and sent none that follow it: find it by writing each alone.
        alone = [_bulk_write(collection, [write], what, tries=tries) for write in writes]
        return [error[0] for error, _ in alone], [new[0] for _, new in alone]
    for upserted in details.get("upserted", ()):
        is_new[upserted["index"]] = True
    if details.get("writeConcernErrors"):
        message = details["writeConcernErrors"][0].get("errmsg", "its write concern was not satisfied")
        return [StoreUnavailable(f"MongoDB cannot {what} now: {message}")] * len(writes), is_new
    for failed in details.get("writeErrors", ()):
        i, code, message = failed["index"], failed.get("code"), failed.get("errmsg", "")
        if code == _DUPLICATE_KEY and tries > 1:
            # Another worker made the same document at the same moment: it exists now, so this one replaces it.
            again, _ = _bulk_write(collection, [writes[i]], what, tries=tries - 1)
            errors[i] = again[0]
        elif code in _TRANSIENT_CODES:
            errors[i] = StoreUnavailable(f"MongoDB cannot {what} now: {message}")
        else:
            errors[i] = RecordRefused(f"MongoDB refuses to {what}: {message}")
    return errors, is_new
