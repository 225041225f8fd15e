"""Every query, index and bulk upsert of images and their jobs; batches are those of batch_documents.py.

Collections of MONGODB_DATABASE: MONGODB_COLLECTION holds a record an image, `thumbnails` its embedded thumbnail under
the same `_id`, `exifinator_batches` a document a run. MRQ_DATABASE is MRQ's; the jobs of images are looked up there.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple

import pymongo.errors
from bson import Binary, CodecOptions, ObjectId
from pymongo import IndexModel, InsertOne, MongoClient, ReplaceOne
from pymongo.collection import Collection
from pymongo.database import Database

from exifinator.batch_documents import BatchDocuments
from exifinator.config import Config
from exifinator.errors import RecordRefused, StoreUnavailable
from exifinator.indexes import RETIRED, index_definitions
from exifinator.mongodb import TRANSIENT_CODES, Document, describe_error, translated
from exifinator.records import ExifRecord, ImageRef, Status

log = logging.getLogger(__name__)

# A stored job's statuses (MRQ's words): those that nothing moves on by itself, and those that will be tried again.
JOB_ENDED_BADLY = ("failed", "timeout", "maxretries", "maxconcurrency", "abort")
JOB_PENDING = ("queued", "started", "retry", "interrupt")
JOB_WAITING = ("queued", "retry", "interrupt")
_UNDONE_JOB = {"status": {"$in": [*JOB_ENDED_BADLY, *JOB_PENDING]}, "params.bucket": {"$exists": True}}

_DUPLICATE_KEY = 11000
# What a worker that is just starting has not said yet.
_NO_LOAD = {"load": 0.0, "cores": 0, "reads_per_second": 0.0, "writes_per_second": 0.0, "extractor_version": None}
# Records that MongoDB indexes in a few seconds.
QUICKLY_INDEXED = 20_000


def image_job_id(image_id: str) -> ObjectId:
    """The id of the one job record that an image can have, so that an image never has two.

    MRQ's mass actions only touch jobs with ids up to that of the action, which starts with its time: the first byte
    stays below today's, so that they reach these jobs too.
    """
    digest = bytearray(blake2b(image_id.encode(), digest_size=12).digest())
    digest[0] &= 0x3F
    return ObjectId(bytes(digest))


class StoredImage(NamedTuple):
    """What the collection knows of an image, as far as a listing needs it. A tuple, for it is made a million times."""

    status: Status
    etag: str
    size_bytes: int
    last_modified: datetime
    extractor_version: int
    extracted_at: datetime

    def is_current(self, ref: ImageRef) -> bool:
        """Was this very object read? Without ETags the size and the time of change decide."""
        same = self.size_bytes == ref.size_bytes
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
        # As far as the last records tell.
        self._mostly_new = True
        self.images: Collection[Document] = database[config.mongodb_collection]
        # For what is read a million times: pymongo takes as long to make a time aware as to decode a whole record.
        self._listed = self.images.with_options(CodecOptions[Document]())
        self.thumbnails: Collection[Document] = database["thumbnails"]
        self.batches = BatchDocuments(database["exifinator_batches"])
        self.jobs: Collection[Document] = client.get_database(config.mrq_database, codec_options=aware)["mrq_jobs"]

    def ensure_indexes(self) -> None:
        """Make the collection and the indexes that are missing. It returns when they are built; reads and writes go on
        meanwhile."""
        with translated("make its indexes"):
            self._make_collection()
            self.images.create_indexes(
                [IndexModel(list(index.keys), name=index.name, **index.options) for index in self._indexes]
            )
            for name in self.images.index_information().keys() & set(RETIRED):
                self.images.drop_index(name)
        self.batches.ensure_indexes()

    def _make_collection(self) -> None:
        """Make the collection of the records with better compression than MongoDB's own choice, if it can do that."""
        try:
            self.images.database.create_collection(
                self.images.name, storageEngine={"wiredTiger": {"configString": "block_compressor=zstd"}}
            )
        except pymongo.errors.CollectionInvalid:
            return  # it is there
        except pymongo.errors.OperationFailure as exc:
            # A server that speaks MongoDB's protocol over a store of its own, or two that start at once.
            log.debug("records are compressed as the server does by itself: %s", describe_error(exc))

    def ensure_indexes_if_quick(self) -> None:
        """The same where there are few records; many would hold up a start for minutes: the API sees to those."""
        if self.count_records() <= QUICKLY_INDEXED:
            self.ensure_indexes()

    def find_images(self, ids: Sequence[str]) -> dict[str, StoredImage]:
        """What is stored of these images, by `_id`.

        The keys of a listing's page lie side by side, so what is between the first and the last of them is read in one
        go; where too much else lies there, each is looked up.
        """
        if not ids:
            return {}
        wanted, most = set(ids), 2 * len(ids) + 1
        between = {"_id": {"$gte": min(ids), "$lte": max(ids)}}
        projection = ("status", "etag", "size", "last_modified", "extractor_version", "extracted_at")
        with translated("look up records"):
            docs = list(self._listed.find(between, projection, limit=most, batch_size=most))
            if len(docs) == most:
                docs = list(self._listed.find({"_id": {"$in": list(ids)}}, projection, batch_size=most))
        return {
            doc["_id"]: StoredImage(
                doc["status"],
                doc["etag"],
                doc["size"],
                doc["last_modified"].replace(tzinfo=UTC),
                doc["extractor_version"],
                doc["extracted_at"].replace(tzinfo=UTC),
            )
            for doc in docs
            if doc["_id"] in wanted
        }

    def find_read_images(self, bucket: str) -> list[ImageRef]:
        """A few images of a bucket whose objects were read, from both ends of the bucket."""
        first = f"{bucket}/"
        query = {"_id": {"$gte": first, "$lt": f"{bucket}0"}, "size": {"$gt": 0}}
        projection = ("key", "etag", "size", "last_modified")
        with translated("look up records"):
            found = [
                doc for order in (1, -1) for doc in self.images.find(query, projection).sort("_id", order).limit(2)
            ]
        return [ImageRef(bucket, doc["key"], doc["etag"], doc["size"], doc["last_modified"]) for doc in found]

    def find_job_statuses(self, ids: Sequence[str]) -> dict[str, str]:
        """The status of the stored job of each of these images that has one and is not done, by the image's `_id`."""
        with translated("look up jobs"):
            if self.jobs.find_one(_UNDONE_JOB, {"_id": 1}) is None:
                # As nearly always: the ids of a million images need not be worked out.
                return {}
            by_job = {image_job_id(image_id): image_id for image_id in ids}
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

    def count_waiting_jobs(self) -> tuple[int, datetime | None]:
        """How many jobs of images wait to be tried again, and since when the one that is due longest has."""
        with translated("count jobs"):
            waiting = {"status": {"$in": list(JOB_WAITING)}, "params.bucket": {"$exists": True}}
            due = {**waiting, "status": "queued"}
            oldest = self.jobs.find_one(due, {"datequeued": 1}, sort=[("datequeued", 1)])
            return self.jobs.count_documents(waiting), oldest["datequeued"] if oldest else None

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
        """The workers that have reported since then: name, queues, status, done_jobs, busy (0 to 1), memory_mb, cpu (of
        a core, 0 to 1), reported_at, and what load.py measures."""
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
                "cpu": worker["process"]["cpu"]["percent"] / 100,
                "reported_at": worker["datereported"],
                **_NO_LOAD,
                "host": worker["name"].rpartition(".")[0] or worker["name"],
                **worker.get("exifinator", {}),
            }
            for worker in found
        ]

    def scan_ids(self, id_prefix: str) -> Iterator[str]:
        """The ids of the records that start so, in order: that of their UTF-8 bytes, which is that of Python too."""
        with translated("look up records"):
            found = self.images.find({"_id": {"$gte": id_prefix}}, {"_id": 1}).sort("_id", 1).batch_size(5000)
            for doc in found:
                if not doc["_id"].startswith(id_prefix):
                    return
                yield doc["_id"]

    def scan_failed_ids(self, id_prefix: str) -> Iterator[str]:
        """The ids of the images that start so and whose job ended badly, in order."""
        bucket, _, prefix = id_prefix.partition("/")
        query = {"status": {"$in": list(JOB_ENDED_BADLY)}, "params.bucket": bucket, "params.key": {"$gte": prefix}}
        with translated("look up jobs"):
            found = self.jobs.find(query, {"params.key": 1}).sort("params.key", 1).allow_disk_use(True)
            for doc in found:
                if not doc["params"]["key"].startswith(prefix):
                    return
                yield f"{bucket}/{doc['params']['key']}"

    def remove_images(self, ids: Sequence[str], before: datetime) -> int:
        """Remove records, and their thumbnails, that were made before a moment. Returns how many records went."""
        if not ids:
            return 0
        query = {"_id": {"$in": list(ids)}, "extracted_at": {"$lt": before}}
        with translated("remove records"):
            old = [doc["_id"] for doc in self.images.find(query, {"_id": 1})]
            # The record goes last: while it is there, this can be done again.
            self.thumbnails.delete_many({"_id": {"$in": old}})
            return self.images.delete_many({**query, "_id": {"$in": old}}).deleted_count

    def remove_failed_jobs(self, ids: Sequence[str], before: datetime) -> int:
        """Remove the failed jobs of these images that ended before a moment. Returns how many."""
        if not ids:
            return 0
        query = {
            "_id": {"$in": [image_job_id(i) for i in ids]},
            "status": {"$in": list(JOB_ENDED_BADLY)},
            "dateupdated": {"$not": {"$gte": before}},
        }
        with translated("remove jobs"):
            return self.jobs.delete_many(query).deleted_count

    def drop_waiting_jobs(self, prefixes: Sequence[str], but_not: Sequence[str]) -> int:
        """Forget the jobs that wait to be tried again, of images whose id starts so and not so. Returns how many.

        Without its job an image is as if it had never been read.
        """
        query: Document = {"status": {"$in": list(JOB_WAITING)}, "$or": [_jobs_under(prefix) for prefix in prefixes]}
        if but_not:
            query["$nor"] = [_jobs_under(prefix) for prefix in but_not]
        with translated("drop jobs"):
            return self.jobs.delete_many(query).deleted_count

    def find_thumbnail_bytes(self, ids: Sequence[str]) -> dict[str, int]:
        """The sizes of the thumbnails of these images, by `_id`, of those that have one."""
        sized: list[Document] = [
            {"$match": {"_id": {"$in": list(ids)}}},
            {"$project": {"bytes": {"$binarySize": "$data"}}},
        ]
        with translated("look up thumbnails"):
            return {doc["_id"]: doc["bytes"] for doc in self.thumbnails.aggregate(sized)}

    def upsert_records(self, records: Sequence[ExifRecord]) -> list[Exception | None]:
        """Write records and thumbnails together; each ends with its own outcome, in order.

        Returns: None for what is stored, else StoreUnavailable or RecordRefused. Thumbnails go first: a record that
        is there is whole.
        """
        outcome = self._write_thumbnails(records)
        ready = [i for i, error in enumerate(outcome) if error is None]
        documents = [records[i].document for i in ready]
        errors, is_new = _write_documents(self.images, documents, "store records", insert=self._mostly_new)
        self._mostly_new = 2 * sum(is_new) >= len(is_new)
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
        documents: list[Document] = [
            {
                "_id": records[i].id,
                "etag": records[i].document["etag"],
                "data": Binary(records[i].thumbnail or b""),
            }
            for i in have
        ]
        errors, _ = _write_documents(self.thumbnails, documents, "store thumbnails", insert=self._mostly_new)
        for i, error in zip(have, errors, strict=True):
            outcome[i] = error
        return outcome


def _jobs_under(prefix: str) -> Document:
    """The jobs of images whose id (bucket/key) starts so."""
    bucket, _, key = prefix.partition("/")
    return (
        {"params.bucket": bucket, "params.key": {"$regex": f"^{re.escape(key)}"}} if key else {"params.bucket": bucket}
    )


@contextmanager
def _recorded(outcome: list[Exception | None], which: Sequence[int]) -> Iterator[None]:
    """An error of the block becomes the outcome of these records."""
    try:
        with translated("store records"):
            yield
    except (StoreUnavailable, RecordRefused) as exc:
        for i in which:
            outcome[i] = outcome[i] or exc


def _write_documents(
    collection: Collection[Document], documents: Sequence[Document], what: str, *, insert: bool, tries: int = 3
) -> tuple[list[Exception | None], list[bool]]:
    """Write all that can be written, each in place of one of its `_id`.

    insert: most are thought to be new. To insert them, and to replace those that were there after all, costs the
    server half of what upserts cost.
    Returns, for each document: its error or None, and whether there was none of its `_id`.
    """
    errors: list[Exception | None] = [None] * len(documents)
    is_new = [False] * len(documents)
    if not documents:
        return errors, is_new
    writes: list[InsertOne[Document] | ReplaceOne[Document]]
    if insert:
        writes = [InsertOne(document) for document in documents]
    else:
        writes = [ReplaceOne({"_id": document["_id"]}, document, upsert=True) for document in documents]
    try:
        with translated(what):
            try:
                details = collection.bulk_write(writes, ordered=False).bulk_api_result
            except pymongo.errors.BulkWriteError as exc:
                details = dict(exc.details)
    except StoreUnavailable as exc:
        return [exc] * len(documents), is_new
    except RecordRefused as exc:
        if len(documents) == 1:
            return [exc], is_new
        # The driver could not encode one of them and sent none that follow it: find it by writing each alone.
        alone = [_write_documents(collection, [each], what, insert=insert, tries=tries) for each in documents]
        return [error[0] for error, _ in alone], [new[0] for _, new in alone]
    if details.get("writeConcernErrors"):
        message = details["writeConcernErrors"][0].get("errmsg", "its write concern was not satisfied")
        return [StoreUnavailable(f"MongoDB cannot {what} now: {message}")] * len(documents), is_new
    is_new = [insert] * len(documents)
    for upserted in details.get("upserted", ()):
        is_new[upserted["index"]] = True
    there: list[int] = []
    for failed in details.get("writeErrors", ()):
        i, code, message = failed["index"], failed.get("code"), failed.get("errmsg", "")
        is_new[i] = False
        if code == _DUPLICATE_KEY and tries > 1:
            # It was there; or another worker made the same document at the same moment.
            there.append(i)
        elif code in TRANSIENT_CODES:
            errors[i] = StoreUnavailable(f"MongoDB cannot {what} now: {message}")
        else:
            errors[i] = RecordRefused(f"MongoDB refuses to {what}: {message}")
    if there:
        replaced, _ = _write_documents(collection, [documents[i] for i in there], what, insert=False, tries=tries - 1)
        for i, error in zip(there, replaced, strict=True):
            errors[i] = error
    return errors, is_new
