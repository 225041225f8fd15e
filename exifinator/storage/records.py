"""Store, find and remove the records of images and their embedded thumbnails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pymongo.errors
from bson import Binary, CodecOptions, MinKey
from pymongo import DeleteOne, IndexModel
from pymongo.collection import Collection
from pymongo.database import Database

from exifinator.errors import DeliveryLost, RecordRefused, StoreUnavailable
from exifinator.models import ExifRecord, ImageRef, Status
from exifinator.storage.bulk_write import write_documents
from exifinator.storage.families import FamilyStore
from exifinator.storage.indexes import RETIRED_INDEXES, IndexDefinition
from exifinator.storage.mongodb import Document, describe_error, mongodb_errors

log = logging.getLogger(__name__)


def count_exactly(collection: Collection[Document], *, limit: int | None = None) -> int:
    """Return the number of documents, counted in the index of their ids, which takes about 0.4 s per million.

    The number in the collection's metadata (estimated_document_count) may be wrong after MongoDB was killed.

    Args:
        limit: Stop counting at this number.
    """
    options: dict[str, Any] = {"limit": limit} if limit else {}
    return collection.count_documents({"_id": {"$gt": MinKey()}}, hint=[("_id", 1)], **options)


def _not_later(document: Document, until: datetime | None = None) -> Document:
    """Return a filter that excludes documents from a later delivery than the delivery of `document`.

    Args:
        document: The document to write. If it has no `delivered_at`, the filter excludes nothing.
        until: Deliveries after this time do not count as later, because they are in the future.
    """
    if "delivered_at" not in document:
        return {}
    later = {"$gt": document["delivered_at"], **({"$lte": until} if until else {})}
    return {"delivered_at": {"$not": later}}


class StoredImage(NamedTuple):
    """The fields of a record that a batch compares with the listing.

    A NamedTuple rather than a dataclass to save memory: a batch creates one for every known object in a bucket.
    """

    status: Status
    etag: str
    size_bytes: int
    last_modified: datetime
    extractor_version: int
    extracted_at: datetime

    def is_current(self, ref: ImageRef) -> bool:
        """Return whether the record was made from this version of the object.

        Compare the sizes and ETags. If the record or `ref` has no ETag, compare the sizes and modification times.
        """
        same_size = self.size_bytes == ref.size_bytes
        if self.etag and ref.etag:
            return same_size and self.etag == ref.etag
        # Modification times from the queue and from HTTP headers are in whole seconds.
        return same_size and int(self.last_modified.timestamp()) == int(ref.last_modified.timestamp())


class RecordStore:
    """The records and thumbnails. Images are identified by their ids (bucket/key)."""

    def __init__(self, database: Database[Document], name: str, indexes: Sequence[IndexDefinition]) -> None:
        self.collection: Collection[Document] = database[name]
        self.thumbnails: Collection[Document] = database["thumbnails"]
        self.families = FamilyStore(self.collection)
        # The collection without tz_aware decoding, for bulk lookups: adding a time zone to one datetime takes pymongo
        # as long as decoding a whole record.
        self._tz_naive_collection = self.collection.with_options(CodecOptions[Document]())
        self._indexes = indexes
        # Whether most records of the last upsert were new. If so, the next upsert inserts first: see write_documents.
        self._mostly_new = True

    def ensure_indexes(self) -> None:
        """Create the collection and the missing indexes, and drop retired indexes."""
        with mongodb_errors("create indexes"):
            self._create_collection()
            self.create_indexes(self._indexes)
            for name in self.collection.index_information().keys() & set(RETIRED_INDEXES):
                self.collection.drop_index(name)

    def create_indexes(self, indexes: Sequence[IndexDefinition]) -> None:
        """Create the indexes that do not exist yet."""
        with mongodb_errors("create indexes"):
            self.collection.create_indexes(
                [IndexModel(list(index.keys), name=index.name, **index.options) for index in indexes]
            )

    def _create_collection(self) -> None:
        """Create the collection with zstd compression, which is not MongoDB's default, if the server supports it."""
        try:
            self.collection.database.create_collection(
                self.collection.name, storageEngine={"wiredTiger": {"configString": "block_compressor=zstd"}}
            )
        except pymongo.errors.CollectionInvalid:
            return  # The collection exists.
        except pymongo.errors.OperationFailure as exc:
            # The server has another storage engine, or another process is just creating the collection. Both are fine.
            log.debug("records have the server's default compression: %s", describe_error(exc))

    def find(self, ids: Sequence[str]) -> dict[str, StoredImage]:
        """Return the stored images among these ids, by id.

        The keys of a listing page are adjacent, so read all records between the first and the last id in one range
        query. If the range contains more than twice as many records as `ids`, look up each id instead.
        """
        if not ids:
            return {}
        requested, limit = set(ids), 2 * len(ids) + 1
        between = {"_id": {"$gte": min(ids), "$lte": max(ids)}}
        projection = ("status", "etag", "size", "last_modified", "extractor_version", "extracted_at")
        records = self._tz_naive_collection
        with mongodb_errors("look up records"):
            documents = list(records.find(between, projection, limit=limit, batch_size=limit))
            if len(documents) == limit:
                documents = list(records.find({"_id": {"$in": list(ids)}}, projection, batch_size=limit))
        return {
            document["_id"]: StoredImage(
                document["status"],
                document["etag"],
                document["size"],
                document["last_modified"].replace(tzinfo=UTC),
                document["extractor_version"],
                document["extracted_at"].replace(tzinfo=UTC),
            )
            for document in documents
            if document["_id"] in requested
        }

    def find_first_and_last(self, bucket: str) -> list[ImageRef]:
        """Return up to four non-empty recorded images of a bucket: the first two and the last two by id.

        If the bucket has fewer than four images, an image can occur twice.
        """
        query = {"_id": {"$gte": f"{bucket}/", "$lt": f"{bucket}0"}, "size": {"$gt": 0}}
        projection = ("key", "etag", "size", "last_modified")
        with mongodb_errors("look up records"):
            documents = [
                document
                for order in (1, -1)
                for document in self.collection.find(query, projection).sort("_id", order).limit(2)
            ]
        return [ImageRef(bucket, doc["key"], doc["etag"], doc["size"], doc["last_modified"]) for doc in documents]

    def count(self, *, limit: int | None = None) -> int:
        """Return the number of records.

        Args:
            limit: Stop counting at this number.
        """
        with mongodb_errors("count records"):
            return count_exactly(self.collection, limit=limit)

    def scan_ids(self, id_prefix: str) -> Iterator[str]:
        """Yield the record ids with this prefix, in ascending order.

        MongoDB orders ids by their UTF-8 bytes, which is also how Python orders strings.
        """
        with mongodb_errors("look up records"):
            documents = self.collection.find({"_id": {"$gte": id_prefix}}, {"_id": 1}).sort("_id", 1).batch_size(5000)
            for document in documents:
                if not document["_id"].startswith(id_prefix):
                    return
                yield document["_id"]

    def remove(self, ids: Sequence[str], before: datetime) -> int:
        """Remove the records with these ids that were extracted before `before`, and their thumbnails.

        Return the number of records removed.
        """
        if not ids:
            return 0
        query = {"_id": {"$in": list(ids)}, "extracted_at": {"$lt": before}}
        with mongodb_errors("remove records"):
            old = list(self.collection.find(query, {"family": 1, "links": 1}))
        old_ids = [document["_id"] for document in old]
        # Update the families first. After an interruption, the next call still finds the records, and continues.
        self.families.update(old, without=frozenset(old_ids))
        with mongodb_errors("remove records"):
            # Remove the thumbnails before the records, for the same reason.
            self.thumbnails.delete_many({"_id": {"$in": old_ids}})
            removed = self.collection.delete_many({**query, "_id": {"$in": old_ids}}).deleted_count
        self.families.update(old, rewritten=False)
        return removed

    def remove_delivered(self, image_id: str, delivered_at: datetime) -> None:
        """Remove the record and the thumbnail that a delivery has stored, unless another delivery has replaced them."""
        query = {"_id": image_id, "delivered_at": delivered_at}
        with mongodb_errors("remove records"):
            self.thumbnails.delete_one(query)
            removed = self.collection.find_one_and_delete(query, {"family": 1, "links": 1})
        if removed:
            self.families.update([removed], rewritten=False)

    def move(self, record: Document, changes: Document) -> Document:
        """Store a record and its thumbnail under another id. Return the record with this id.

        If a record with the new id already exists, keep it, and only remove the old one. Repeating the call after an
        interruption is safe.

        Args:
            record: The whole record.
            changes: The new `_id`, and other fields to change.
        """
        moved = {**record, **changes}
        with mongodb_errors("move records"):
            for collection, document in (
                (self.thumbnails, self.thumbnails.find_one({"_id": record["_id"]})),
                (self.collection, moved),
            ):
                if document:
                    content = {name: value for name, value in document.items() if name != "_id"}
                    collection.update_one({"_id": moved["_id"]}, {"$setOnInsert": content}, upsert=True)
                    collection.delete_one({"_id": record["_id"]})
        return moved

    def thumbnail_sizes(self, ids: Sequence[str]) -> dict[str, int]:
        """Return the sizes of these images' thumbnails in bytes, by id. Leave out images without a thumbnail."""
        stages: list[Document] = [
            {"$match": {"_id": {"$in": list(ids)}}},
            {"$project": {"bytes": {"$binarySize": "$data"}}},
        ]
        with mongodb_errors("look up thumbnails"):
            return {document["_id"]: document["bytes"] for document in self.thumbnails.aggregate(stages)}

    def upsert(
        self, records: Sequence[ExifRecord], *, clock: Callable[[], datetime] | None = None
    ) -> list[Exception | None]:
        """Write records and their thumbnails in bulk, and merge the sidecars among their families.

        Each thumbnail is written before its record, so a record never lacks its thumbnail. A record with `delivered_at`
        does not replace a record of a later delivery.

        Args:
            clock: Function that returns the time by the clock from which `delivered_at` was read. If given, records
                from the future are replaced, too: that clock was ahead when they were delivered, or another clock was
                used.

        Returns:
            For each record, in order: None if it was stored, otherwise StoreUnavailable, RecordRefused, or DeliveryLost
            if there is a record of a later delivery.
        """
        outcomes = self._upsert(records, _not_later)
        lost = [i for i, outcome in enumerate(outcomes) if isinstance(outcome, DeliveryLost)]
        if lost and clock:
            now = clock()
            retried = self._upsert([records[i] for i in lost], lambda document: _not_later(document, until=now))
            for i, outcome in zip(lost, retried, strict=True):
                outcomes[i] = outcome
        stored = [i for i, outcome in enumerate(outcomes) if outcome is None]
        try:
            self.families.update([records[i].document for i in stored])
        except (StoreUnavailable, RecordRefused) as exc:
            for i in stored:
                outcomes[i] = exc
        return outcomes

    def _upsert(
        self, records: Sequence[ExifRecord], may_replace: Callable[[Document], Document]
    ) -> list[Exception | None]:
        outcomes = self._write_thumbnails(records, may_replace)
        ready = [i for i, error in enumerate(outcomes) if error is None]
        documents = [records[i].document for i in ready]
        result = write_documents(
            self.collection, documents, "store records", insert=self._mostly_new, may_replace=may_replace
        )
        self._mostly_new = 2 * sum(result.is_new) >= len(result.is_new)
        for i, error in zip(ready, result.errors, strict=True):
            outcomes[i] = error
        # An old thumbnail remains only if the new record has no thumbnail, and replaced a record with one.
        stale = [
            DeleteOne({"_id": records[i].id, **may_replace(records[i].document)})
            for i, is_new in zip(ready, result.is_new, strict=True)
            if not (is_new or records[i].thumbnail or outcomes[i])
        ]
        if stale:
            try:
                with mongodb_errors("remove thumbnails"):
                    self.thumbnails.bulk_write(stale, ordered=False)
            except (StoreUnavailable, RecordRefused) as exc:
                for i in ready:
                    outcomes[i] = outcomes[i] or exc
        return outcomes

    def _write_thumbnails(
        self, records: Sequence[ExifRecord], may_replace: Callable[[Document], Document]
    ) -> list[Exception | None]:
        outcomes: list[Exception | None] = [None] * len(records)
        with_thumbnail = [i for i, record in enumerate(records) if record.thumbnail]
        documents: list[Document] = [
            {
                "_id": records[i].id,
                "etag": records[i].document["etag"],
                "data": Binary(records[i].thumbnail or b""),
                **({"delivered_at": at} if (at := records[i].document.get("delivered_at")) else {}),
            }
            for i in with_thumbnail
        ]
        result = write_documents(
            self.thumbnails, documents, "store thumbnails", insert=self._mostly_new, may_replace=may_replace
        )
        for i, error in zip(with_thumbnail, result.errors, strict=True):
            outcomes[i] = error
        return outcomes
