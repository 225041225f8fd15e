"""Store the documents of batches, which hold their sources, counts, checkpoints and owners."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pymongo.errors
from pymongo import IndexModel, ReturnDocument
from pymongo.collection import Collection

from exifinator.errors import BatchTaken
from exifinator.models import BatchDocument, BatchFields, BatchOwner
from exifinator.storage.mongodb import Document, mongodb_errors


class BatchStore:
    """The collection of batches."""

    def __init__(self, collection: Collection[Any]) -> None:
        self.collection: Collection[BatchDocument] = collection

    def ensure_indexes(self) -> None:
        """Create the missing indexes of the collection."""
        indexes = [IndexModel([(name, -1)], name=name) for name in ("started_at", "updated_at")]
        with mongodb_errors("create indexes"):
            self.collection.create_indexes(indexes)

    def find_unfinished(self, states: Sequence[str]) -> list[BatchDocument]:
        """Return the batches in these states, latest first.

        Leave out batches whose cancellation was requested, and batches whose images another batch has finished.
        """
        query = {"state": {"$in": list(states)}, "cancel_requested_at": None, "finished_by": None}
        with mongodb_errors("look up batches"):
            return list(self.collection.find(query).sort("_id", -1))

    def find_in_states(self, states: Sequence[str]) -> list[BatchDocument]:
        """Return all batches in these states without their checkpoints, latest first."""
        with mongodb_errors("look up batches"):
            return list(self.collection.find({"state": {"$in": list(states)}}, {"checkpoint": 0}).sort("_id", -1))

    def claim(self, batch: BatchDocument, owner: BatchOwner) -> bool:
        """Make a process the owner of a batch. Return False if the batch has changed since it was read.

        If the process is the owner already, return True.
        """
        unchanged = {"updated_at": batch["updated_at"], "owner": batch.get("owner")}
        query = {"_id": batch["_id"], "$or": [unchanged, {"owner": owner}]}
        changes = {"owner": owner, "updated_at": datetime.now(UTC)}
        with mongodb_errors("store a batch"):
            return self.collection.update_one(query, {"$set": changes}).matched_count == 1

    def find_latest(
        self, limit: int, *, after: str | None = None, updated_since: datetime | None = None
    ) -> list[BatchDocument]:
        """Return batches without their checkpoints, latest first.

        Args:
            after: Return only batches that started before the batch with this id.
            updated_since: Return only batches that were stored at or after this time.
        """
        query: Document = {"_id": {"$lt": after}} if after else {}
        if updated_since:
            query["updated_at"] = {"$gte": updated_since}
        with mongodb_errors("look up batches"):
            # An id begins with the time at which its batch started, so this order is by start time.
            return list(self.collection.find(query, {"checkpoint": 0}).sort("_id", -1).limit(limit))

    def find_latest_by_sources(self, limit: int) -> list[BatchDocument]:
        """Return the sources and options of the latest batch over each list of sources, latest first."""
        stages: list[Document] = [
            {"$sort": {"_id": -1}},
            {"$project": {"sources": 1, "options": 1}},
            {"$group": {"_id": "$sources", "latest": {"$first": "$$ROOT"}}},
            {"$replaceRoot": {"newRoot": "$latest"}},
            {"$sort": {"_id": -1}},
            {"$limit": limit},
        ]
        with mongodb_errors("look up batches"):
            return list(self.collection.aggregate(stages, allowDiskUse=True))

    def find(self, batch_id: str) -> BatchDocument | None:
        """Return the batch with this id, or None if it does not exist."""
        with mongodb_errors("look up a batch"):
            return self.collection.find_one({"_id": batch_id})

    def save(self, document: BatchDocument, *, owner: BatchOwner | None = None) -> datetime | None:
        """Store the fields of a batch. Return the time at which its cancellation was requested, or None.

        Args:
            owner: The process that stores the fields. If given, they are stored only if no other process owns the
                batch.

        Raises:
            BatchTaken: Another process now owns the batch.
        """
        fields = {name: value for name, value in document.items() if name != "_id"}
        with mongodb_errors("store a batch"):
            try:
                stored = self.collection.find_one_and_update(
                    {"_id": document["_id"], **({"owner": {"$in": [None, owner]}} if owner else {})},
                    {"$set": fields},
                    {"cancel_requested_at": 1},
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
            except pymongo.errors.DuplicateKeyError as exc:
                if owner is None:
                    raise
                raise BatchTaken(
                    f"Another run has taken over batch {document['_id']}, so this run stops watching it"
                ) from exc
        return stored.get("cancel_requested_at") if stored else None

    def change(self, batch_id: str, states: Sequence[str], changes: BatchFields) -> bool:
        """Set fields of a batch if it is in one of these states. Return whether the fields were set."""
        query = {"_id": batch_id, "state": {"$in": list(states)}}
        with mongodb_errors("store a batch"):
            return self.collection.update_one(query, {"$set": changes}).matched_count == 1

    def find_endpoint(self, bucket: str) -> str | None:
        """Return the S3 endpoint from which the latest finished batch read a bucket. None if there is no such batch."""
        query = {"endpoints.bucket": bucket, "state": "done"}
        with mongodb_errors("look up batches"):
            batch = self.collection.find_one(query, {"endpoints": 1}, sort=[("_id", -1)])
        endpoints = {item["bucket"]: item["endpoint"] for item in batch["endpoints"]} if batch else {}
        return endpoints.get(bucket)
