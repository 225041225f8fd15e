"""Bulk writes in which each document succeeds or fails independently."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pymongo.errors
from pymongo import InsertOne, ReplaceOne
from pymongo.collection import Collection

from exifinator.errors import DeliveryLost, RecordRefused, StoreUnavailable
from exifinator.storage.mongodb import TRANSIENT_CODES, Document, mongodb_errors

_DUPLICATE_KEY = 11000
_MAX_ATTEMPTS = 3


@dataclass(slots=True)
class BulkResult:
    """The results of a bulk write. Both lists have one entry per document, in the order of the documents.

    Attributes:
        errors: None if the document was written, otherwise its StoreUnavailable, RecordRefused or DeliveryLost.
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
    may_replace: Callable[[Document], Document] = lambda _: {},
    attempts: int = _MAX_ATTEMPTS,
) -> BulkResult:
    """Write every document that can be written. Replace existing documents with the same `_id`.

    MongoDB's errors are returned, not raised.

    Args:
        action: The purpose of the write, for messages, as in "store records".
        insert: Whether to insert the documents first, and then to replace those that turn out to exist. If most
            documents are new, this costs the server half as much as upserts.
        may_replace: Returns the filter that an existing document must match to be replaced by this one. If it does not
            match, the error of the document is DeliveryLost.
        attempts: Maximum number of writes per document. A write that fails with a duplicate key is repeated. It fails
            so if `insert` is set and the document exists, or if another writer inserts it at the same moment.
    """
    if not documents:
        return BulkResult([], [])
    try:
        details = _send(collection, documents, action, insert=insert, may_replace=may_replace)
    except StoreUnavailable as exc:
        return BulkResult([exc] * len(documents), [False] * len(documents))
    except RecordRefused as exc:
        if len(documents) == 1:
            return BulkResult([exc], [False])
        # Usually, one of the documents cannot be encoded, so the driver did not send the documents after it, either.
        # Write each document separately, so that only the invalid one fails.
        results = [
            write_documents(collection, [document], action, insert=insert, may_replace=may_replace, attempts=attempts)
            for document in documents
        ]
        return BulkResult([result.errors[0] for result in results], [result.is_new[0] for result in results])
    result, duplicates = _read_details(
        details, [bool(may_replace(document)) for document in documents], action, insert=insert, may_retry=attempts > 1
    )
    if duplicates:
        existing = [documents[i] for i in duplicates]
        replaced = write_documents(
            collection, existing, action, insert=False, may_replace=may_replace, attempts=attempts - 1
        )
        for i, error in zip(duplicates, replaced.errors, strict=True):
            result.errors[i] = error
    return result


def _send(
    collection: Collection[Document],
    documents: Sequence[Document],
    action: str,
    *,
    insert: bool,
    may_replace: Callable[[Document], Document],
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
        # If the document exists and does not match the filter, the upsert fails with a duplicate key.
        writes = [
            ReplaceOne({"_id": document["_id"], **may_replace(document)}, document, upsert=True)
            for document in documents
        ]
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
    details: Mapping[str, Any], is_conditional: Sequence[bool], action: str, *, insert: bool, may_retry: bool
) -> tuple[BulkResult, list[int]]:
    """Return the results, and the positions of documents that failed with a duplicate key and may be retried.

    Args:
        is_conditional: For each document, whether it replaces an existing document only if that matches a filter.
    """
    result = BulkResult([None] * len(is_conditional), [insert] * len(is_conditional))
    duplicates: list[int] = []
    for upserted in details.get("upserted", ()):
        result.is_new[upserted["index"]] = True
    for failure in details.get("writeErrors", ()):
        i, code, message = failure["index"], failure.get("code"), failure.get("errmsg", "")
        result.is_new[i] = False
        if code == _DUPLICATE_KEY and may_retry:
            # The document already existed, or another worker inserted it at the same moment.
            duplicates.append(i)
        elif code == _DUPLICATE_KEY and is_conditional[i]:
            result.errors[i] = DeliveryLost("there is a record from a later delivery of this image")
        elif code in TRANSIENT_CODES:
            result.errors[i] = StoreUnavailable(f"MongoDB cannot {action} now: {message}")
        else:
            result.errors[i] = RecordRefused(f"MongoDB refuses to {action}: {message}")
    return result, duplicates
