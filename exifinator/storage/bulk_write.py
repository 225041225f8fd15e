"""Bulk writes in which each document succeeds or fails independently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pymongo.errors
from pymongo import InsertOne, ReplaceOne
from pymongo.collection import Collection

from exifinator.errors import RecordRefused, StoreUnavailable
from exifinator.storage.mongodb import TRANSIENT_CODES, Document, mongodb_errors

_DUPLICATE_KEY = 11000
_MAX_ATTEMPTS = 3


@dataclass(slots=True)
class BulkResult:
    """The results of a bulk write. Both lists have one entry per document, in the order of the documents.

    Attributes:
        errors: None if the document was written, otherwise its StoreUnavailable or RecordRefused.
        is_new: Whether the write created the document. False if it replaced an existing one or failed.
    """

    errors: list[Exception | None]
    is_new: list[bool]


def write_documents(
    collection: Collection[Document],
    documents: Sequence[Document],
    action: str,
    *,
    insert: bool,
    attempts: int = _MAX_ATTEMPTS,
) -> BulkResult:
    """Write every document that can be written. Replace existing documents with the same `_id`.

    MongoDB's errors are returned, not raised.

    Args:
        action: The purpose of the write, for messages, as in "store records".
        insert: Whether to insert the documents first, and then to replace those that turn out to exist. If most
            documents are new, this costs the server half as much as upserts.
        attempts: Maximum number of writes per document. A write is repeated if it fails with a duplicate key: the
            document exists (with `insert`), or another writer inserts it at the same moment.
    """
    if not documents:
        return BulkResult([], [])
    try:
        details = _send(collection, documents, action, insert=insert)
    except StoreUnavailable as exc:
        return BulkResult([exc] * len(documents), [False] * len(documents))
    except RecordRefused as exc:
        if len(documents) == 1:
            return BulkResult([exc], [False])
        # Usually, one of the documents cannot be encoded, so the driver did not send the ones after it either. Write
        # each document separately, so that only the invalid one fails.
        results = [
            write_documents(collection, [document], action, insert=insert, attempts=attempts) for document in documents
        ]
        return BulkResult([result.errors[0] for result in results], [result.is_new[0] for result in results])
    result, duplicates = _read_details(details, len(documents), action, insert=insert, may_retry=attempts > 1)
    if duplicates:
        existing = [documents[i] for i in duplicates]
        replaced = write_documents(collection, existing, action, insert=False, attempts=attempts - 1)
        for i, error in zip(duplicates, replaced.errors, strict=True):
            result.errors[i] = error
    return result


def _send(
    collection: Collection[Document], documents: Sequence[Document], action: str, *, insert: bool
) -> Mapping[str, Any]:
    """Send one unordered bulk write and return the server's details.

    Raises:
        StoreUnavailable: MongoDB did not confirm the write. Some of the documents may have been written.
        RecordRefused: A document cannot be encoded, or MongoDB rejects the bulk write as a whole.
    """
    writes: list[InsertOne[Document] | ReplaceOne[Document]]
    if insert:
        writes = [InsertOne(document) for document in documents]
    else:
        writes = [ReplaceOne({"_id": document["_id"]}, document, upsert=True) for document in documents]
    with mongodb_errors(action):
        try:
            details: Mapping[str, Any] = collection.bulk_write(writes, ordered=False).bulk_api_result
        except pymongo.errors.BulkWriteError as exc:
            details = exc.details
    if details.get("writeConcernErrors"):
        message = details["writeConcernErrors"][0].get("errmsg", "the write concern was not satisfied")
        raise StoreUnavailable(f"MongoDB cannot {action} now: {message}")
    return details


def _read_details(
    details: Mapping[str, Any], count: int, action: str, *, insert: bool, may_retry: bool
) -> tuple[BulkResult, list[int]]:
    """Return the results, and the positions of documents that failed with a duplicate key and may be retried."""
    result = BulkResult([None] * count, [insert] * count)
    duplicates: list[int] = []
    for upserted in details.get("upserted", ()):
        result.is_new[upserted["index"]] = True
    for failure in details.get("writeErrors", ()):
        i, code, message = failure["index"], failure.get("code"), failure.get("errmsg", "")
        result.is_new[i] = False
        if code == _DUPLICATE_KEY and may_retry:
            # The document already existed, or another worker inserted it at the same moment.
            duplicates.append(i)
        elif code in TRANSIENT_CODES:
            result.errors[i] = StoreUnavailable(f"MongoDB cannot {action} now: {message}")
        else:
            result.errors[i] = RecordRefused(f"MongoDB refuses to {action}: {message}")
    return result, duplicates
