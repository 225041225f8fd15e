"""Store the state of the entries of SCHEDULE.

Several workers may handle an entry at the same time, and any worker may die. Each change therefore applies only to
the version of the document that was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, NotRequired, TypedDict, get_args

import pymongo.errors
from pymongo import ReturnDocument
from pymongo.collection import Collection

from exifinator.storage.mongodb import mongodb_errors

# A worker on another machine may have other settings. So the document of an entry that this worker does not have is
# kept for this long.
KEPT_WITHOUT_ENTRY = timedelta(days=7)
# Times further in the future were stored while the clock was wrong. No entry is retried this late.
MAX_AHEAD = timedelta(hours=2)

Outcome = Literal["started", "skipped", "failed"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


class ScheduleClaim(TypedDict):
    """A worker that is starting the batch of an entry.

    Attributes:
        batch: The id that the batch gets. If the worker dies, another one starts the batch under the same id.
        at: When the entry was claimed.
    """

    batch: str
    at: datetime


class ScheduleOutcome(TypedDict):
    """What happened when an entry was last due.

    Attributes:
        problem: Why no batch was started; None if a batch was started.
    """

    at: datetime
    outcome: Outcome
    problem: str | None


class ScheduleFields(TypedDict, total=False):
    """The fields of the document of an entry that change.

    Attributes:
        handled_at: The time of the entry that was last handled: its batch was started or skipped.
        claim: The worker that is starting the batch; None if there is none.
        last: What happened when the entry was last due.
        last_batch: The id of the last batch that was started.
        failed_starts: Number of failed attempts to start or resume a batch, since a batch was last started.
        retry_at: When to try again after a failed attempt; None if there was none.
    """

    handled_at: datetime | None
    claim: ScheduleClaim | None
    last: ScheduleOutcome | None
    last_batch: str | None
    failed_starts: int
    retry_at: datetime | None


class ScheduleDocument(ScheduleFields):
    """The document of an entry. Its id is ScheduledSource.key.

    Attributes:
        since: When a worker saw the entry for the first time.
        checked_at: When a worker last looked whether the entry is due.
        version: Increases with each change.
    """

    _id: str
    since: datetime
    checked_at: NotRequired[datetime]
    version: int


class ScheduleStore:
    """The collection with a document for each entry of SCHEDULE."""

    def __init__(self, collection: Collection[Any]) -> None:
        self.collection: Collection[ScheduleDocument] = collection

    def find(self, keys: list[str]) -> dict[str, ScheduleDocument]:
        """Return the documents of entries by key. Entries that no worker has seen are missing."""
        with mongodb_errors("read the schedule"):
            return {document["_id"]: document for document in self.collection.find({"_id": {"$in": keys}})}

    def check(self, keys: list[str], now: datetime) -> dict[str, ScheduleDocument]:
        """Store that a worker has these entries in its settings, and return their documents by key.

        Add documents for new entries. Delete the documents of entries that no worker has had in its settings for
        KEPT_WITHOUT_ENTRY. If a document has a time in the future, treat its entry as new, because the entry would
        otherwise not be due until then.
        """
        times = ("since", "handled_at", "retry_at", "claim.at")
        is_ahead = {"$or": [{name: {"$gt": now + MAX_AHEAD}} for name in times]}
        new: ScheduleFields = {"handled_at": None, "retry_at": None, "claim": None}
        with mongodb_errors("store the schedule"):
            self.collection.update_many(is_ahead, {"$set": {**new, "since": now}, "$inc": {"version": 1}})
            for key in keys:
                try:
                    self.collection.update_one(
                        {"_id": key},
                        {"$set": {"checked_at": now}, "$setOnInsert": {"since": now, "version": 0}},
                        upsert=True,
                    )
                except pymongo.errors.DuplicateKeyError:
                    # Another worker has just added it.
                    continue
            self.collection.delete_many({"checked_at": {"$lt": now - KEPT_WITHOUT_ENTRY}})
        return self.find(keys)

    def change(self, document: ScheduleDocument, changes: ScheduleFields) -> ScheduleDocument | None:
        """Set fields of a document, and return it. Return None if it has changed since it was read."""
        query: Mapping[str, Any] = {"_id": document["_id"], "version": document["version"]}
        with mongodb_errors("store the schedule"):
            return self.collection.find_one_and_update(
                query, {"$set": changes, "$inc": {"version": 1}}, return_document=ReturnDocument.AFTER
            )
