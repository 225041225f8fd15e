"""Bulk writes in which each document succeeds or fails on its own."""

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
    """What became of each document, in order: its error or None, and whether no document had its `_id` before."""

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
    """Write every document that can be written, replacing the one with the same `_id`.

    Args:
        action: what is done, for messages, as in "store records".
        insert: insert first, and replace those that turn out to exist. Where most documents are new, it costs the
            server half of what upserts cost.
        attempts: how often a document is written whose `_id` another writer inserts at the same moment.
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
        # The driver could not encode one of the documents and has not sent those after it. Find it by writing each
        # alone.
        results = [
            write_documents(collection, [document], action, insert=insert, attempts=attempts) for document in documents
        ]
        return BulkResult([result.errors[0] for result in results], [result.is_new[0] for result in results])
    result, duplicates = _read_details(details, len(documents), action, insert=insert, may_retry=attempts > 1)
    if duplicates:
        again = [documents[i] for i in duplicates]
        replaced = write_documents(collection, again, action, insert=False, attempts=attempts - 1)
        for i, error in zip(duplicates, replaced.errors, strict=True):
            result.errors[i] = error
    return result


def _send(
    collection: Collection[Document], documents: Sequence[Document], action: str, *, insert: bool
) -> Mapping[str, Any]:
    """Send one unordered bulk write and return the server's details.

    Raises: StoreUnavailable, then any of the documents may have been written; RecordRefused if one cannot be encoded.
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
        message = details["writeConcernErrors"][0].get("errmsg", "its write concern was not satisfied")
        raise StoreUnavailable(f"MongoDB cannot {action} now: {message}")
    return details


def _read_details(
    details: Mapping[str, Any], count: int, action: str, *, insert: bool, may_retry: bool
) -> tuple[BulkResult, list[int]]:
    """Return the result of each document, and the indexes of those that exist already and have to be replaced."""
    result = BulkResult([None] * count, [insert] * count)
    duplicates: list[int] = []
    for upserted in details.get("upserted", ()):
        result.is_new[upserted["index"]] = True
    for failure in details.get("writeErrors", ()):
        i, code, message = failure["index"], failure.get("code"), failure.get("errmsg", "")
        result.is_new[i] = False
        if code == _DUPLICATE_KEY and may_retry:
            # It existed, or another worker wrote the same new document at the same moment.
            duplicates.append(i)
        elif code in TRANSIENT_CODES:
            result.errors[i] = StoreUnavailable(f"MongoDB cannot {action} now: {message}")
        else:
            result.errors[i] = RecordRefused(f"MongoDB refuses to {action}: {message}")
    return result, duplicates
