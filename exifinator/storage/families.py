"""Keep the records of a family consistent with each other: merge sidecars into the records of their photos.

A process that changes a record then updates the family of the record: it reads the records of the family, writes the
fields that differ, and reads again until nothing has to change. So after the last write to a family, some process has
found it consistent, whatever the order of the writes. A process that is killed earlier has not acknowledged its image.
The image is then delivered again, and its family is updated again.
"""

from __future__ import annotations

import logging
from collections.abc import Collection as Members
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pymongo.errors
from bson import CodecOptions
from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.cursor import Cursor

from exifinator.errors import StoreUnavailable
from exifinator.families.groups import Groups
from exifinator.families.resolve import FIELDS, Change, resolve
from exifinator.families.series import LINK as SERIES_LINK
from exifinator.storage.mongodb import TRANSIENT_CODES, Document, mongodb_errors, server_process

log = logging.getLogger(__name__)

# A photo has a few files. A larger family is not merged, because its files only have names in common.
MAX_MEMBERS = 1000
# The number of times that a family is read and written, after which the image is retried.
MAX_ROUNDS = 10
KEYS_PER_QUERY = 500
# The clocks of MongoDB's machine and of this one may differ by this much.
CLOCK_TOLERANCE = timedelta(minutes=10)


class FamilyStore:
    """Keeps the records of families consistent.

    Args:
        collection: The records.
    """

    def __init__(self, collection: Collection[Document]) -> None:
        # Without time zones, so that stored values equal newly derived values.
        self._collection = collection.with_options(CodecOptions[Document]())

    def update(
        self, documents: Sequence[Document], *, without: Members[str] = frozenset(), rewritten: bool = True
    ) -> None:
        """Merge sidecars into photos in the families of these records.

        Args:
            documents: Records, or their fields `_id`, `family` and `links`.
            without: The ids of records that are being removed. The families are updated as if these did not exist.
            rewritten: Whether the records were just stored, and so contain no values of other files.

        Raises:
            StoreUnavailable: MongoDB did not respond, or other processes kept changing the families.
            RecordRefused: MongoDB rejected a write.
        """
        keys = {key for document in documents for key in keys_of(document)}
        stored = {document["_id"] for document in documents} - set(without) if rewritten else set()
        refused: set[str] = set()
        for _ in range(MAX_ROUNDS):
            keys = self._find_shared(keys, stored)
            if not keys:
                return
            records = [record for record in self._load(keys) if record["_id"] not in without]
            by_id = {record["_id"]: record for record in records}
            changes = [
                (by_id[image_id], change)
                for family in split_families(records)
                for image_id, change in family_changes(family).items()
                if image_id not in refused
            ]
            if not changes:
                return
            refused |= self._write(changes)
        raise StoreUnavailable("MongoDB cannot merge sidecars now: other processes are changing the same records")

    def repair(self, id_prefix: str, *, since: datetime) -> None:
        """Update the families with this id prefix that may be inconsistent, because writes to them may be lost.

        Always update the families of all sidecars. If MongoDB was started after `since`, it may have been killed, and
        its last writes may be lost. Then also update the families of all records that were stored since.

        Raises:
            StoreUnavailable, RecordRefused: See `update`.
        """
        ids = {"$gte": id_prefix, "$lt": id_prefix + "\U0010ffff"}
        self._update_all({"_id": ids, "sidecar.kind": {"$exists": True}}, rewritten=False)
        process = server_process(self._collection.database.client)
        if process is None or process.generation_time > since - CLOCK_TOLERANCE:
            self._update_all({"_id": ids, "extracted_at": {"$gte": since}}, rewritten=True)

    def _update_all(self, query: Document, *, rewritten: bool) -> None:
        with mongodb_errors("look up related files"):
            records = self._collection.find(query, {"family": 1, "links": 1}).batch_size(KEYS_PER_QUERY)
            while chunk := list(islice(records, KEYS_PER_QUERY)):
                self.update(chunk, rewritten=rewritten)

    def count_orphans(self) -> int:
        """Return the number of sidecars without a photo."""
        query = {"sidecar.kind": {"$exists": True}, "sidecar.of": {"$exists": False}}
        with mongodb_errors("count sidecars"):
            return self._collection.count_documents(query)

    def _find_shared(self, keys: set[str], stored: set[str]) -> set[str]:
        """Return the keys of families with several records, or with a record that is not in `stored`.

        A record that was just stored needs no update if it is alone in its family. Nearly all photos are alone, so read
        only the indexes here.
        """
        members: dict[str, list[str]] = {}
        with mongodb_errors("look up related files"):
            for chunk in _chunks(sorted(keys)):
                for document in self._find("family", chunk, ("_id", "family")):
                    members.setdefault(document["family"], []).append(document["_id"])
                for document in self._find("links", chunk, ("_id", "family", "links")):
                    for key in keys_of(document):
                        members.setdefault(key, []).append(document["_id"])
        return {key for key, ids in members.items() if len(set(ids)) > 1 or not stored.issuperset(ids)}

    def _find(self, name: str, keys: Sequence[str], fields: Sequence[str]) -> Cursor[Document]:
        # Without a batch size, MongoDB's first response has at most 101 documents.
        return self._collection.find({name: {"$in": keys}}, fields, batch_size=2 * KEYS_PER_QUERY)

    def _load(self, keys: Iterable[str]) -> list[Document]:
        """Return all records that have one of the keys, or are related to such a record."""
        records: dict[str, Document] = {}
        new_keys, seen_keys = set(keys), set[str]()
        with mongodb_errors("look up related files"):
            while new_keys and len(records) <= MAX_MEMBERS * KEYS_PER_QUERY:
                seen_keys |= new_keys
                related_keys: set[str] = set()
                for chunk in _chunks(sorted(new_keys)):
                    for name in ("family", "links"):
                        for document in self._find(name, chunk, FIELDS):
                            records[document["_id"]] = document
                            related_keys.update(keys_of(document))
                new_keys = related_keys - seen_keys
        return list(records.values())

    def _write(self, changes: Sequence[tuple[Document, Change]]) -> set[str]:
        """Write changes to records, but not to records that were stored again after they were read.

        Return the ids of records for which MongoDB rejects the change.
        """
        writes = [UpdateOne({"_id": record["_id"], **_version(record)}, _update(change)) for record, change in changes]
        refused: set[str] = set()
        with mongodb_errors("merge sidecars"):
            try:
                self._collection.bulk_write(writes, ordered=False)
            except pymongo.errors.BulkWriteError as exc:
                for failure in exc.details["writeErrors"]:
                    message = str(failure.get("errmsg"))
                    if failure.get("code") in TRANSIENT_CODES:
                        raise pymongo.errors.OperationFailure(message, failure["code"]) from exc
                    image_id = changes[failure["index"]][0]["_id"]
                    log.warning("skip: %s cannot be merged: %s", image_id, message, extra={"action": "skip"})
                    refused.add(image_id)
        return refused


def keys_of(document: Document) -> list[str]:
    """Return the keys that a record shares with the other files of its photo."""
    family, links = document.get("family"), document.get("links")
    own = [family] if isinstance(family, str) else []
    return [*own, *(link for link in links if isinstance(link, str))] if isinstance(links, list) else own


def split_families(records: Iterable[Document], *, in_series: bool = True) -> list[list[Document]]:
    """Split records into families. The records of a family share keys, directly or through other records.

    Args:
        records: The records.
        in_series: Whether the keys of series count.
    """
    records = list(records)
    keys = [[key for key in keys_of(record) if in_series or not key.startswith(SERIES_LINK)] for record in records]
    groups = Groups(key for record_keys in keys for key in record_keys)
    for first, *others in filter(None, keys):
        for other in others:
            groups.join(first, other)
    families: dict[int, list[Document]] = {}
    for record, record_keys in zip(records, keys, strict=True):
        if record_keys:
            families.setdefault(id(groups.of(record_keys[0])), []).append(record)
    return list(families.values())


def family_changes(family: list[Document]) -> dict[str, Change]:
    """Return the changes that the records of a family need, by id.

    If a family is too large, do not join files that only follow each other in time.
    """
    if len(family) <= MAX_MEMBERS:
        return resolve(family)
    changes: dict[str, Change] = {}
    for part in split_families(family, in_series=False):
        if len(part) <= MAX_MEMBERS:
            changes |= resolve(part)
        else:
            log.warning(
                "skip: %d files have names in common with %s, so they are not merged",
                len(part),
                part[0]["_id"],
                extra={"action": "skip"},
            )
    return changes


def _version(record: Document) -> Document:
    """Return a filter that matches the record only if it has not been stored again since it was read."""
    return {name: record.get(name) for name in ("etag", "extracted_at", "delivered_at")}


def _update(change: Change) -> dict[str, Any]:
    update: dict[str, Any] = {}
    if change.set:
        update["$set"] = change.set
    if change.unset:
        update["$unset"] = dict.fromkeys(change.unset, "")
    return update


def _chunks(keys: Sequence[str]) -> Iterable[list[str]]:
    return (list(keys[start : start + KEYS_PER_QUERY]) for start in range(0, len(keys), KEYS_PER_QUERY))
