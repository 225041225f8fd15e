"""Restore what MongoDB must contain for correct results, if MongoDB lost it while EXIFinator was running.

If MongoDB comes back with an empty data folder, records are stored again, but without indexes, and without the schema
version: the next start would treat them as records of the first schema. If MongoDB was killed, the number of documents
in a collection's metadata may be wrong until the collection is validated. The API and the explorer show this number.
"""

from __future__ import annotations

import logging
from datetime import datetime

from bson import ObjectId
from pymongo.collection import Collection

from exifinator.errors import RecordRefused
from exifinator.storage.migrations import mark_schema, read_schema
from exifinator.storage.mongodb import Document, mongodb_errors, server_process
from exifinator.storage.records import count_exactly
from exifinator.storage.store import Store

log = logging.getLogger(__name__)

# While MongoDB validates a collection, nothing can be written to it. This takes a few seconds for this many documents.
MAX_VALIDATED_DOCUMENTS = 1_000_000


class Upkeep:
    """Checks the database repeatedly, and restores what is missing.

    Args:
        since: When this process checked the schema version. All records that this process has written have the newest
            version.
    """

    def __init__(self, store: Store, *, since: datetime) -> None:
        self._store = store
        self._since = since
        self._server_process: ObjectId | None = None
        self._had_indexes = False

    def check(self) -> None:
        """Check the database once, and restore what is missing.

        Raises:
            StoreUnavailable, RecordRefused: MongoDB did not respond, or rejected a request.
            ConfigError: The records have another schema version.
        """
        is_restored = self._restore_schema()
        with mongodb_errors("list the indexes"):
            has_indexes = len(self._store.records.collection.index_information()) > 1
        if is_restored or (self._had_indexes and not has_indexes):
            self._store.ensure_indexes_if_quick()
        self._had_indexes = self._had_indexes or has_indexes
        process = server_process(self._store.client)
        if process is None or process != self._server_process:
            # MongoDB has been started, perhaps after it was killed.
            repair_count(self._store)
            self._server_process = process

    def _restore_schema(self) -> bool:
        """Store the schema version if it is missing. Return whether it was missing."""
        if read_schema(self._store).is_stored:
            return False
        with mongodb_errors("look up records"):
            oldest = self._store.records.collection.find_one({}, {"extracted_at": 1}, sort=[("$natural", 1)])
        if oldest is None or oldest["extracted_at"] < self._since:
            # The database is empty, or another program has restored older records.
            return False
        log.warning(
            "start: MongoDB has lost its data since %s; storing the schema version and creating the indexes again",
            f"{self._since:%Y-%m-%d %H:%M} UTC",
            extra={"action": "start"},
        )
        mark_schema(self._store)
        return True


def find_wrong_count(collection: Collection[Document]) -> tuple[int, int] | None:
    """Return the number of documents in a collection's metadata and the actual number, if they differ.

    Return None if there are more than MAX_VALIDATED_DOCUMENTS, or if documents are being written at the moment.
    """
    with mongodb_errors("count records"):
        before = collection.estimated_document_count()
        count = count_exactly(collection, limit=MAX_VALIDATED_DOCUMENTS + 1)
        after = collection.estimated_document_count()
    if count > MAX_VALIDATED_DOCUMENTS or min(before, after) <= count <= max(before, after):
        return None
    return after, count


def repair_count(store: Store) -> None:
    """Make MongoDB correct the number of records and thumbnails in its metadata, if it is wrong.

    If MongoDB does not allow it, or there are too many documents, do not change the number.
    """
    for collection in (store.records.collection, store.records.thumbnails):
        counts = find_wrong_count(collection)
        if counts is None:
            continue
        log.warning(
            "start: MongoDB was killed: it reports %d instead of %d documents in %s; validating the collection",
            *counts,
            collection.name,
            extra={"action": "start"},
        )
        try:
            with mongodb_errors("validate a collection"):
                collection.database.command("validate", collection.name)
        except RecordRefused as exc:
            log.warning("start: %s", exc, extra={"action": "start"})
