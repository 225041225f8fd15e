"""The batches in MongoDB, a document each: what was asked, how far it is, whose process goes on with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pymongo.errors
from pymongo import IndexModel, ReturnDocument
from pymongo.collection import Collection

from exifinator.errors import BatchTaken
from exifinator.mongodb import Document, translated


class BatchDocuments:
    """The collection of the batches. Every method raises StoreUnavailable or RecordRefused."""

    def __init__(self, collection: Collection[Document]) -> None:
        self.collection = collection

    def ensure_indexes(self) -> None:
        """Make those that are missing."""
        with translated("make its indexes"):
            wanted = [IndexModel([(name, -1)], name=name) for name in ("started_at", "updated_at")]
            self.collection.create_indexes(wanted)

    def find_unfinished(self, states: Sequence[str]) -> list[Document]:
        """The batches in one of these states that nobody wants cancelled and no other has finished, latest first."""
        query = {"state": {"$in": list(states)}, "cancel_requested_at": None, "finished_by": None}
        with translated("look up batches"):
            return list(self.collection.find(query).sort("_id", -1))

    def claim(self, known: Document, owner: Document) -> bool:
        """Make a process the owner of a batch that is as it was when it was looked up. Returns whether it was."""
        with translated("store a batch"):
            query = {"_id": known["_id"], "updated_at": known["updated_at"], "owner": known.get("owner")}
            changes = {"owner": owner, "updated_at": datetime.now(UTC)}
            return self.collection.update_one(query, {"$set": changes}).matched_count == 1

    def find_latest(
        self, most: int, *, after: str | None = None, touched_since: datetime | None = None
    ) -> list[Document]:
        """The latest batches: id, sources, state, started_at, updated_at, numbers.

        after: those before the batch of this id; touched_since: those of which something was stored since then.
        """
        query: Document = {"_id": {"$lt": after}} if after else {}
        if touched_since:
            query["updated_at"] = {"$gte": touched_since}
        with translated("look up batches"):
            # Ids begin with the moment of the start.
            found = self.collection.find(query, {"checkpoint": 0}).sort("_id", -1).limit(most)
            return [{"id": batch.pop("_id"), **batch} for batch in found]

    def find(self, batch_id: str) -> Document | None:
        """What is known of a batch."""
        with translated("look up a batch"):
            return self.collection.find_one({"_id": batch_id})

    def save(self, document: Document, *, owner: Document | None = None) -> datetime | None:
        """Store these fields of a batch. Returns: when somebody asked to cancel it, if so.

        owner: the process that stores them. Raises: BatchTaken where the batch is another's by now.
        """
        fields = {name: value for name, value in document.items() if name != "_id"}
        with translated("store a batch"):
            try:
                found = self.collection.find_one_and_update(
                    {"_id": document["_id"], **({"owner": {"$in": [None, owner]}} if owner else {})},
                    {"$set": fields},
                    {"cancel_requested_at": 1},
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
            except pymongo.errors.DuplicateKeyError as exc:
                if owner is None:
                    raise
                raise BatchTaken(f"another run goes on with batch {document['_id']}: this one no longer does") from exc
        return found.get("cancel_requested_at") if found else None

    def change(self, batch_id: str, states: Sequence[str], changes: Document) -> bool:
        """Set these fields of a batch that is in one of these states. Returns whether it was."""
        with translated("store a batch"):
            query = {"_id": batch_id, "state": {"$in": list(states)}}
            return self.collection.update_one(query, {"$set": changes}).matched_count == 1

    def find_endpoint(self, bucket: str) -> str | None:
        """Where the last finished batch over a bucket read it from; None where none is known."""
        with translated("look up batches"):
            query = {"endpoints.bucket": bucket, "state": "done"}
            found = self.collection.find_one(query, {"endpoints": 1}, sort=[("_id", -1)])
        endpoints = {item["bucket"]: item["endpoint"] for item in found["endpoints"]} if found else {}
        return endpoints.get(bucket)
