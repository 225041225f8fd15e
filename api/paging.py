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

SortName = Literal[
    "-taken", "taken", "key", "-key", "-extracted", "extracted", "camera", "-camera", "lens", "-lens", "iso", "-iso",
    "f", "-f", "exposure", "-exposure", "focal", "-focal", "rating", "-rating", "bucket", "-bucket",
    "format", "-format", "status", "-status",
]  # fmt: skip
_TAKEN = "photo.taken_at"
# The field that each order begins with. Those of _VALUES go on with the newest first, as their indexes do.
_PATHS: dict[str, str] = {"taken": _TAKEN, "extracted": "extracted_at"}
_VALUES: dict[str, str] = {
    "camera": "photo.camera_model",
    "lens": "photo.lens_model",
    "iso": "photo.iso",
    "f": "photo.f_number",
    "exposure": "photo.exposure_seconds",
    "focal": "photo.focal_length_mm",
    "rating": "photo.rating",
    "bucket": "bucket",
    "format": "format",
    "status": "status",
}
_MAX_CURSOR_CHARS = 4096
Scalar = datetime | str | int | float | None


@dataclass(frozen=True)
class Place:
    """A record's place in an order: its values of the order's fields before `_id`, and its id."""

    values: tuple[Scalar, ...]
    id: str


@dataclass(frozen=True)
class Order:
    """By some fields, 1 for upwards and -1 for downwards, of which `_id` is the last. No value is below every value."""

    keys: tuple[tuple[str, int], ...]

    @classmethod
    def named(cls, name: SortName) -> Order:
        direction = -1 if name.startswith("-") else 1
        field = name.removeprefix("-")
        if field in _VALUES:
            return cls(((_VALUES[field], direction), (_TAKEN, -direction), ("_id", -direction)))
        keys = ((_PATHS[field], direction),) if field in _PATHS else ()
        return cls((*keys, ("_id", direction)))

    def place_of(self, record: Document) -> Place:
        """Where this record stands in the order."""
        *values, id_ = self._values_of(record)
        return Place(tuple(values), str(id_))

    def _values_of(self, record: Document) -> tuple[Scalar, ...]:
        return tuple(_scalar(record, path) for path, _ in self.keys)

    def merge(self, readings: list[list[Document]]) -> list[Document]:
        """Records of lists that are each in this order, as one."""
        if len(readings) == 1:
            return readings[0]
        merged = [(self._values_of(record), record) for reading in readings for record in reading]
        # Sorting is stable: by the last field first, by the one that decides at the end.
        for at in reversed(range(len(self.keys))):
            merged.sort(key=lambda pair: (pair[0][at] is not None, pair[0][at]), reverse=self.keys[at][1] < 0)
        return [record for _, record in merged]

    def segments_after(self, place: Place | None) -> list[Filter]:
        """What comes after a place, as filters to be read one after the other, each from one stretch of the index.

        One filter with $or would say the same, and make MongoDB merge and sort what is in order already.
        """
        if place is None:
            return [{}]
        values = (*place.values, place.id)
        segments: list[Filter] = []
        for at in range(len(self.keys) - 1, -1, -1):
            same = {path: value for (path, _), value in zip(self.keys[:at], values, strict=False)}
            path, direction = self.keys[at]
            bounds = _beyond(values[at], direction)
            # Every record has an id.
            segments += [{**same, path: bound} for bound in bounds if bound is not None or path != "_id"]
        return segments


def _scalar(record: Document, path: str) -> Scalar:
    value: Any = record
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, datetime | str | int | float) else None


def _beyond(value: Scalar, direction: int) -> list[Any]:
    """What a field is behind `value`: of those without one, and of those with."""
    if value is None:
        return [{"$ne": None}] if direction > 0 else []
    return [{"$gt": value}] if direction > 0 else [{"$lt": value}, None]


def fingerprint(sort: str, filter_: Mapping[str, Any]) -> str:
    """A few characters that tell one query from another, so that a cursor is not used for another one."""
    text = f"{sort}\n{json_util.dumps(filter_, sort_keys=True)}"
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def write_cursor(place: Place, mark: str) -> str:
    """A place as an opaque text for an address."""
    values = [[_milliseconds(v)] if isinstance(v, datetime) else v for v in place.values]
    return base64.urlsafe_b64encode(orjson.dumps([mark, values, place.id])).decode().rstrip("=")


def _milliseconds(moment: datetime) -> int:
    """Since 1970; what MongoDB gives is UTC and does not say so."""
    return round(moment.replace(tzinfo=UTC).timestamp() * 1000)


def read_cursor(text: str, mark: str, order: Order) -> Place:
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
        found, values, id_ = given
        place = Place(tuple(map(_read_value, values)) if isinstance(values, list) else (), id_)
    except (binascii.Error, ValueError, TypeError, OverflowError, OSError):
        raise refusal from None
    if found != mark or not isinstance(id_, str) or len(place.values) != len(order.keys) - 1:
        raise refusal
    return place


def _read_value(value: Any) -> Scalar:
    """Raises: ValueError, TypeError, OverflowError, OSError."""
    if isinstance(value, list):
        (milliseconds,) = value
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError


# Fields of which a photo has one number, and all photos together not very many.
_RANGED = frozenset({"photo.iso", "photo.f_number", "photo.exposure_seconds", "photo.focal_length_mm"})
# MongoDB merges at most 200 stretches of an index in their order; beyond, it sorts all that it found.
_MAX_SPELLED = 150
# Readings of an index side by side, whose pages are merged here.
_MAX_PARTS = 6


async def spell_out_ranges(collection: Collection, filter_: Filter, order: Order) -> list[Filter]:
    """The same filter with the values that there are in place of a range of numbers, where they are not too many.

    In an index by value and date, each value's photos are in order already and are merged page by page; those of a
    range are not, and would all have to be sorted for each page. So a page costs a look at each value (and a photo for
    each that it shows), whatever the number of photos.
    Returns: filters of which each photo passes one at most; several where one reading would have too many values.
    """
    parts = filter_["$and"] if filter_.keys() == {"$and"} else [filter_]
    # Beside another filter many values are left to MongoDB: that one may have the better index.
    most = _MAX_PARTS if len(parts) == 1 and order.keys[0][0] == _TAKEN else 1
    choices = await asyncio.gather(*(_spell_out(collection, part, most) for part in parts))
    if len(choices) == 1:
        return choices[0]
    return [{"$and": [spelled for (spelled,) in choices]}]


async def _spell_out(collection: Collection, part: Filter, most: int) -> list[Filter]:
    if len(part) != 1:
        return [part]
    ((path, bounds),) = part.items()
    if path not in _RANGED or not isinstance(bounds, dict) or not bounds.keys() <= {"$gte", "$lte"}:
        return [part]
    # Jumps from value to value in the index.
    values = await collection.distinct(path, part, maxTimeMS=QUERY_MS)
    if len(values) > most * _MAX_SPELLED:
        return [part]
    return [{path: {"$in": some}} for some in _portions(values)] or [{path: {"$in": []}}]


def _portions(values: list[Any]) -> list[list[Any]]:
    """The values in as few lists of nearly the same length as one reading can take."""
    count = -(-len(values) // _MAX_SPELLED)
    return [values[at::count] for at in range(count)]


async def read_page(
    collection: Collection,
    filters: list[Filter],
    order: Order,
    *,
    after: Place | None,
    limit: int,
    fields: Mapping[str, int] | None = None,
) -> tuple[list[Document], Place | None]:
    """At most `limit` records behind a place, and the place of the last one if there are more.

    filters: each record passes one of them at most; those that pass any are read.
    """
    records: list[Document] = []
    for segment in order.segments_after(after):
        most = limit + 1 - len(records)
        readings = await asyncio.gather(
            *(_read(collection, [filter_, segment], order, most, fields) for filter_ in filters)
        )
        records += order.merge(readings)
        if len(records) > limit:
            return records[:limit], order.place_of(records[limit - 1])
    return records, None


async def _read(
    collection: Collection, filters: list[Filter], order: Order, limit: int, fields: Mapping[str, int] | None
) -> list[Document]:
    both = [part for part in filters if part]
    cursor = collection.find(
        {"$and": both} if len(both) > 1 else (both[0] if both else {}),
        fields,
        sort=list(order.keys),
        limit=limit,
        max_time_ms=QUERY_MS,
        allow_disk_use=False,
    )
    return await cursor.to_list()
