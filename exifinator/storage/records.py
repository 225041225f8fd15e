"""Store records and embedded thumbnails of images: lookups, scans, bulk upserts, indexes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import pymongo.errors
from bson import Binary, CodecOptions
from pymongo import IndexModel
from pymongo.collection import Collection
from pymongo.database import Database

from exifinator.errors import RecordRefused, StoreUnavailable
from exifinator.models import ExifRecord, ImageRef, Status
from exifinator.storage.bulk_write import write_documents
from exifinator.storage.indexes import RETIRED_INDEXES, IndexDefinition
from exifinator.storage.mongodb import Document, describe_error, mongodb_errors

log = logging.getLogger(__name__)


class StoredImage(NamedTuple):
    """The fields of a record that a run compares with the listing.

    A tuple, because a run creates one for each known object of a bucket.
    """

    status: Status
    etag: str
    size_bytes: int
    last_modified: datetime
    extractor_version: int
    extracted_at: datetime

    def is_current(self, ref: ImageRef) -> bool:
        """Return whether the record was made from this version of the object.

        If either has no ETag, compare size and modification time.
        """
        same_size = self.size_bytes == ref.size_bytes
        if self.etag and ref.etag:
            return same_size and self.etag == ref.etag
        # Queue members and HTTP dates have a resolution of one second.
        return same_size and int(self.last_modified.timestamp()) == int(ref.last_modified.timestamp())


class RecordStore:
    """The records and thumbnails. Images are identified by their ids (bucket/key)."""

    def __init__(self, database: Database[Document], name: str, indexes: Sequence[IndexDefinition]) -> None:
        self.collection: Collection[Document] = database[name]
        self.thumbnails: Collection[Document] = database["thumbnails"]
        # For lookups of millions of records. pymongo takes as long to add a time zone to one datetime as to decode a
        # whole record.
        self._naive = self.collection.with_options(CodecOptions[Document]())
        self._indexes = indexes
        # Whether most records of the last upsert were new.
        self._mostly_new = True

    def ensure_indexes(self) -> None:
        """Create the collection and the missing indexes, and drop retired indexes."""
        with mongodb_errors("create indexes"):
            self._create_collection()
            self.collection.create_indexes(
                [IndexModel(list(index.keys), name=index.name, **index.options) for index in self._indexes]
            )
            for name in self.collection.index_information().keys() & set(RETIRED_INDEXES):
                self.collection.drop_index(name)

    def _create_collection(self) -> None:
        """Create the collection, with zstd compression if the server supports it. It is not MongoDB's default."""
        try:
            self.collection.database.create_collection(
                self.collection.name, storageEngine={"wiredTiger": {"configString": "block_compressor=zstd"}}
            )
        except pymongo.errors.CollectionInvalid:
            return  # The collection exists.
        except pymongo.errors.OperationFailure as exc:
            # The server has another storage engine, or another process is creating the collection right now.
            log.debug("records have the server's default compression: %s", describe_error(exc))

    def find(self, ids: Sequence[str]) -> dict[str, StoredImage]:
        """Return what is stored about these images, by id.

        The keys of a listing page are adjacent, so read all records between the first and the last id in one range. If
        the range has more than twice as many records as `ids`, look up each id instead.
        """
        if not ids:
            return {}
        requested, limit = set(ids), 2 * len(ids) + 1
        between = {"_id": {"$gte": min(ids), "$lte": max(ids)}}
        projection = ("status", "etag", "size", "last_modified", "extractor_version", "extracted_at")
        with mongodb_errors("look up records"):
            documents = list(self._naive.find(between, projection, limit=limit, batch_size=limit))
            if len(documents) == limit:
                documents = list(self._naive.find({"_id": {"$in": list(ids)}}, projection, batch_size=limit))
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

    def sample(self, bucket: str) -> list[ImageRef]:
        """Return up to four recorded images of a bucket that are not empty: the first two and the last two."""
        query = {"_id": {"$gte": f"{bucket}/", "$lt": f"{bucket}0"}, "size": {"$gt": 0}}
        projection = ("key", "etag", "size", "last_modified")
        with mongodb_errors("look up records"):
            documents = [
                document
                for order in (1, -1)
                for document in self.collection.find(query, projection).sort("_id", order).limit(2)
            ]
        return [ImageRef(bucket, doc["key"], doc["etag"], doc["size"], doc["last_modified"]) for doc in documents]

    def estimate_count(self) -> int:
        """Return the approximate number of records, from the collection's metadata."""
        with mongodb_errors("count records"):
            return self.collection.estimated_document_count()

    def scan_ids(self, id_prefix: str) -> Iterator[str]:
        """Yield the record ids with this prefix, in order.

        MongoDB orders them by their UTF-8 bytes. That is also Python's order of strings.
        """
        with mongodb_errors("look up records"):
            documents = self.collection.find({"_id": {"$gte": id_prefix}}, {"_id": 1}).sort("_id", 1).batch_size(5000)
            for document in documents:
                if not document["_id"].startswith(id_prefix):
                    return
                yield document["_id"]

    def remove(self, ids: Sequence[str], before: datetime) -> int:
        """Remove the records that were made before this time, with their thumbnails. Return the number of records."""
        if not ids:
            return 0
        query = {"_id": {"$in": list(ids)}, "extracted_at": {"$lt": before}}
        with mongodb_errors("remove records"):
            old_ids = [document["_id"] for document in self.collection.find(query, {"_id": 1})]
            # Thumbnails first: while the record exists, an interrupted removal can be repeated.
            self.thumbnails.delete_many({"_id": {"$in": old_ids}})
            return self.collection.delete_many({**query, "_id": {"$in": old_ids}}).deleted_count

    def thumbnail_sizes(self, ids: Sequence[str]) -> dict[str, int]:
        """Return the sizes of these images' thumbnails in bytes, by id. Images without a thumbnail are left out."""
        stages: list[Document] = [
            {"$match": {"_id": {"$in": list(ids)}}},
            {"$project": {"bytes": {"$binarySize": "$data"}}},
        ]
        with mongodb_errors("look up thumbnails"):
            return {document["_id"]: document["bytes"] for document in self.thumbnails.aggregate(stages)}

    def upsert(self, records: Sequence[ExifRecord]) -> list[Exception | None]:
        """Write records and thumbnails in bulk.

        Thumbnails are written first, so an existing record is always complete.

        Returns:
            For each record, in order: None if it was stored, otherwise StoreUnavailable or RecordRefused.
        """
        outcomes = self._write_thumbnails(records)
        ready = [i for i, error in enumerate(outcomes) if error is None]
        documents = [records[i].document for i in ready]
        result = write_documents(self.collection, documents, "store records", insert=self._mostly_new)
        self._mostly_new = 2 * sum(result.is_new) >= len(result.is_new)
        for i, error in zip(ready, result.errors, strict=True):
            outcomes[i] = error
        # Only a record without a thumbnail that replaced another one can leave an old thumbnail behind.
        stale_ids = [
            records[i].id
            for i, is_new in zip(ready, result.is_new, strict=True)
            if not (is_new or records[i].thumbnail)
        ]
        if stale_ids:
            try:
                with mongodb_errors("remove thumbnails"):
                    self.thumbnails.delete_many({"_id": {"$in": stale_ids}})
            except (StoreUnavailable, RecordRefused) as exc:
                for i in ready:
                    outcomes[i] = outcomes[i] or exc
        return outcomes

    def _write_thumbnails(self, records: Sequence[ExifRecord]) -> list[Exception | None]:
        outcomes: list[Exception | None] = [None] * len(records)
        with_thumbnail = [i for i, record in enumerate(records) if record.thumbnail]
        documents: list[Document] = [
            {
                "_id": records[i].id,
                "etag": records[i].document["etag"],
                "data": Binary(records[i].thumbnail or b""),
            }
            for i in with_thumbnail
        ]
        result = write_documents(self.thumbnails, documents, "store thumbnails", insert=self._mostly_new)
        for i, error in zip(with_thumbnail, result.errors, strict=True):
            outcomes[i] = error
        return outcomes
