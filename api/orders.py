"""The orders of photos, each that of an index, and the places in them: a cursor says where a page ended."""

from __future__ import annotations

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
from api.store import Document

SortName = Literal[
    "-taken", "taken", "key", "-key", "-extracted", "extracted", "camera", "-camera", "lens", "-lens", "iso", "-iso",
    "f", "-f", "exposure", "-exposure", "focal", "-focal", "rating", "-rating", "bucket", "-bucket",
    "format", "-format", "status", "-status",
]  # fmt: skip
TAKEN = "photo.taken_at"
# The field that each order begins with. Those of VALUE_PATHS go on with when photos were taken, as their indexes do.
_PATHS: dict[str, str] = {"taken": TAKEN, "extracted": "extracted_at"}
VALUE_PATHS: dict[str, str] = {
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
    """By some fields, 1 for upwards and -1 for downwards, of which `_id` is the last.

    Photos without a value of the first field come after all others, upwards as downwards: who asks for the lowest ISO
    first is not shown all scans. backwards: whether it is read from its end, where those without a value are first.
    index: the name of the index that has the photos in this order.
    """

    keys: tuple[tuple[str, int], ...]
    index: str
    backwards: bool = False

    @classmethod
    def named(cls, name: SortName) -> Order:
        direction = -1 if name.startswith("-") else 1
        field = name.removeprefix("-")
        if field in VALUE_PATHS:
            return cls(((VALUE_PATHS[field], direction), (TAKEN, -direction), ("_id", -direction)), f"{field}_taken")
        if field in _PATHS:
            return cls(((_PATHS[field], direction), ("_id", direction)), field)
        return cls((("_id", direction),), "_id_")

    def reversed(self) -> Order:
        """The same order from its end to its start."""
        keys = tuple((path, -direction) for path, direction in self.keys)
        return Order(keys, self.index, not self.backwards)

    def place_of(self, record: Document) -> Place:
        """Where this record stands in the order."""
        *values, id_ = self._values_of(record)
        return Place(tuple(values), str(id_))

    def _values_of(self, record: Document) -> tuple[Scalar, ...]:
        return tuple(_scalar(record, path) for path, _ in self.keys)

    def merge(self, readings: list[list[Document]]) -> list[Document]:
        """Records of lists that are each from one segment of this order, as one."""
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
        path, direction = self.keys[0]
        if place is None:
            if path == "_id" or (path == TAKEN and direction < 0 and not self.backwards):
                return [{}]  # in the index as it is wanted
            with_value = {path: {"$ne": None}}
            return [{path: None}, with_value] if self.backwards else [with_value, {path: None}]
        values = (*place.values, place.id)
        segments: list[Filter] = []
        for at in range(len(self.keys) - 1, -1, -1):
            same = {path: value for (path, _), value in zip(self.keys[:at], values, strict=False)}
            path, direction = self.keys[at]
            # Behind the first field an index has those without a value below all others.
            none_last = not self.backwards if at == 0 else direction < 0
            bounds = _beyond(values[at], direction, none_last=none_last)
            # Every record has an id.
            segments += [{**same, path: bound} for bound in bounds if bound is not None or path != "_id"]
        return segments


def _scalar(record: Document, path: str) -> Scalar:
    value: Any = record
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, datetime | str | int | float) else None


def _beyond(value: Scalar, direction: int, *, none_last: bool) -> list[Any]:
    """What a field is behind `value`: of those with one, and of those without."""
    if value is None:
        return [] if none_last else [{"$ne": None}]
    further = {"$gt": value} if direction > 0 else {"$lt": value}
    return [further, None] if none_last else [further]


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
