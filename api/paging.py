"""Pages in the order of an index, so that page 10,000 costs what page 1 does: a cursor says where one ended."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from bson import json_util

from api.errors import Refused
from api.query import Filter
from api.store import QUERY_MS, Collection, Document

SortName = Literal["-taken", "taken", "key", "-key", "-extracted", "extracted"]
# The one field of each order before `_id`; None: `_id` alone.
_PATHS: dict[str, str | None] = {"taken": "photo.taken_at", "key": None, "extracted": "extracted_at"}
_MAX_CURSOR_CHARS = 4096


@dataclass(frozen=True)
class Order:
    """By a date, those without one at the older end, then by id; or by id alone."""

    path: str | None
    direction: int

    @classmethod
    def named(cls, name: SortName) -> Order:
        return cls(_PATHS[name.removeprefix("-")], -1 if name.startswith("-") else 1)

    @property
    def keys(self) -> list[tuple[str, int]]:
        keys = [(self.path, self.direction)] if self.path else []
        return [*keys, ("_id", self.direction)]

    def place_of(self, record: Document) -> Place:
        """Where this record stands in the order."""
        value: Any = record
        for part in self.path.split(".") if self.path else ():
            value = value.get(part) if isinstance(value, dict) else None
        return Place(value if isinstance(value, datetime) else None, str(record["_id"]))

    def segments_after(self, place: Place | None) -> list[Filter]:
        """What comes after a place, as filters to be read one after the other, each from one stretch of the index.

        One filter with $or would say the same, and make MongoDB merge and sort what is in order already.
        """
        if place is None:
            return [{}]
        beyond = "$lt" if self.direction < 0 else "$gt"
        same: Filter = {"_id": {beyond: place.id}}
        if self.path is None:
            return [same]
        if place.at is None:
            rest = [] if self.direction < 0 else [{self.path: {"$type": "date"}}]
            return [{self.path: None, **same}, *rest]
        undated = [{self.path: None}] if self.direction < 0 else []
        return [{self.path: place.at, **same}, {self.path: {beyond: place.at}}, *undated]


@dataclass(frozen=True)
class Place:
    """A record's place in an order: its date, if it has one, and its id."""

    at: datetime | None
    id: str


def fingerprint(sort: str, filter_: Mapping[str, Any]) -> str:
    """A few characters that tell one query from another, so that a cursor is not used for another one."""
    text = f"{sort}\n{json_util.dumps(filter_, sort_keys=True)}"
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def write_cursor(place: Place, mark: str) -> str:
    """A place as an opaque text for an address."""
    milliseconds = None if place.at is None else round(place.at.timestamp() * 1000)
    return base64.urlsafe_b64encode(orjson.dumps([mark, milliseconds, place.id])).decode().rstrip("=")


def read_cursor(text: str, mark: str) -> Place:
    """The place that write_cursor wrote; nothing in it is trusted but its types. Raises: Refused (404)."""
    refusal = Refused(
        404,
        "This query has no such page; take the cursor that the page before gave as `next`.",
        parameter="cursor",
    )
    if len(text) > _MAX_CURSOR_CHARS:
        raise refusal
    try:
        given = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        found, milliseconds, id_ = given
        at = None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (binascii.Error, ValueError, TypeError, OverflowError, OSError):
        raise refusal from None
    if found != mark or not isinstance(id_, str):
        raise refusal
    return Place(at, id_)


# Fields of which a photo has one number, and all photos together not very many.
_RANGED = frozenset({"photo.iso", "photo.f_number", "photo.exposure_seconds", "photo.focal_length_mm"})
# MongoDB merges at most 200 stretches of an index in their order; beyond, it sorts all that it found.
_MAX_SPELLED = 150


async def spell_out_ranges(collection: Collection, filter_: Filter) -> Filter:
    """The same filter with the values that there are in place of a range of numbers, where they are not many.

    In an index by value and date, each value's photos are in order already and are merged page by page; those of a
    range are not, and would all have to be sorted for each page.
    """
    parts = filter_["$and"] if filter_.keys() == {"$and"} else [filter_]
    spelled = await asyncio.gather(*(_spell_out(collection, part) for part in parts))
    return {"$and": spelled} if len(spelled) > 1 else spelled[0]


async def _spell_out(collection: Collection, part: Filter) -> Filter:
    if len(part) != 1:
        return part
    ((path, bounds),) = part.items()
    if path not in _RANGED or not isinstance(bounds, dict) or not bounds.keys() <= {"$gte", "$lte"}:
        return part
    # Jumps from value to value in the index.
    values = await collection.distinct(path, part, maxTimeMS=QUERY_MS)
    return {path: {"$in": values}} if len(values) <= _MAX_SPELLED else part


async def read_page(
    collection: Collection,
    filter_: Filter,
    order: Order,
    *,
    after: Place | None,
    limit: int,
    fields: Mapping[str, int] | None = None,
) -> tuple[list[Document], Place | None]:
    """At most `limit` records behind a place, and the place of the last one if there are more."""
    records: list[Document] = []
    for segment in order.segments_after(after):
        both = [part for part in (filter_, segment) if part]
        cursor = collection.find(
            {"$and": both} if len(both) > 1 else (both[0] if both else {}),
            fields,
            sort=order.keys,
            limit=limit + 1 - len(records),
            max_time_ms=QUERY_MS,
            allow_disk_use=False,
        )
        records += await cursor.to_list()
        if len(records) > limit:
            return records[:limit], order.place_of(records[limit - 1])
    return records, None
