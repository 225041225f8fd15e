"""Sort orders of photos, each backed by an index, and keyset cursors, which encode where a page ended."""

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

from api.database import Document
from api.errors import ErrorCode, RequestRefused
from api.query.mongo_filter import Filter

SortName = Literal[
    "-taken", "taken", "key", "-key", "-extracted", "extracted", "camera", "-camera", "lens", "-lens", "iso", "-iso",
    "f", "-f", "exposure", "-exposure", "focal", "-focal", "rating", "-rating", "bucket", "-bucket",
    "format", "-format", "status", "-status",
]  # fmt: skip
TAKEN = "photo.taken_local"
# The first field of each sort order, by the name of the order. Orders on VALUE_PATHS break ties by date, as their
# indexes do.
_TIME_PATHS: dict[str, str] = {"taken": TAKEN, "extracted": "extracted_at"}
_TIME_INDEXES: dict[str, str] = {"taken": "taken_local", "extracted": "extracted"}
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
# Ids begin with the name of a bucket, in ASCII, so they all sort between these two strings.
_BEFORE_ALL_IDS, _AFTER_ALL_IDS = "", "\U0010ffff"
Scalar = datetime | str | int | float | None


@dataclass(frozen=True)
class Position:
    """The position of a record in an order: its values for the order's fields other than `_id`, and its id."""

    values: tuple[Scalar, ...]
    id: str


@dataclass(frozen=True)
class Order:
    """An order by some fields, each ascending (1) or descending (-1). The last field is `_id`.

    Photos without a value in the first field come last in both directions, so that `sort=iso` does not start with
    scanned photos, which have no ISO.

    Attributes:
        keys: The fields and their directions.
        index: The name of the index that provides this order.
        backwards: Whether this order is flipped, so that photos without a value come first.
    """

    keys: tuple[tuple[str, int], ...]
    index: str
    backwards: bool = False

    @classmethod
    def named(cls, name: SortName) -> Order:
        """Return the order of a `sort` parameter."""
        direction = -1 if name.startswith("-") else 1
        field = name.removeprefix("-")
        if field in VALUE_PATHS:
            keys = ((VALUE_PATHS[field], direction), (TAKEN, -direction), ("_id", -direction))
            return cls(keys, f"{field}_taken_local")
        if field in _TIME_PATHS:
            return cls(((_TIME_PATHS[field], direction), ("_id", direction)), _TIME_INDEXES[field])
        return cls((("_id", direction),), "_id_")

    @property
    def is_by_date(self) -> bool:
        """Whether this order is by the date taken."""
        return self.keys[0][0] == TAKEN

    def flipped(self) -> Order:
        """Return the reverse of this order."""
        keys = tuple((path, -direction) for path, direction in self.keys)
        return Order(keys, self.index, not self.backwards)

    def position_of(self, record: Document) -> Position:
        """Return the position of a record in this order."""
        *values, id_ = self._values_of(record)
        return Position(tuple(values), str(id_))

    def start_of(self, period: tuple[datetime, datetime] | None) -> Position:
        """Return the position just before the first photo of a period, or of the photos without a date if it is None.

        The order must be by date.

        Args:
            period: A start and an exclusive end.
        """
        is_descending = self.keys[0][1] < 0
        if period is None:
            return Position((None,), _AFTER_ALL_IDS if is_descending else _BEFORE_ALL_IDS)
        start, end = period
        return Position((end,), _BEFORE_ALL_IDS) if is_descending else Position((start,), _BEFORE_ALL_IDS)

    def _values_of(self, record: Document) -> tuple[Scalar, ...]:
        return tuple(_scalar(record, path) for path, _ in self.keys)

    def merge(self, results: list[list[Document]]) -> list[Document]:
        """Merge lists of records from the same segment, each in this order."""
        if len(results) == 1:
            return results[0]
        merged = [(self._values_of(record), record) for result in results for record in result]
        # Sorting is stable, so sort by the last key first.
        for i in reversed(range(len(self.keys))):
            merged.sort(key=lambda pair: (pair[0][i] is not None, pair[0][i]), reverse=self.keys[i][1] < 0)
        return [record for _, record in merged]

    def segments_after(self, position: Position | None) -> list[Filter]:
        """Return filters for the segments that follow a position, in the order in which to read them.

        Each filter reads one interval of the index. A single `$or` filter would match the same records, but MongoDB
        would sort all of them, although each interval is already in order.
        """
        path, direction = self.keys[0]
        if position is None:
            if path == "_id" or (path == TAKEN and direction < 0 and not self.backwards):
                return [{}]  # in these indexes, photos without a value already come last
            with_value = {path: {"$ne": None}}
            return [{path: None}, with_value] if self.backwards else [with_value, {path: None}]
        values = (*position.values, position.id)
        segments: list[Filter] = []
        for i in range(len(self.keys) - 1, -1, -1):
            same = {path: value for (path, _), value in zip(self.keys[:i], values, strict=False)}
            path, direction = self.keys[i]
            # In every field but the first, missing values sort before all others, as in the index.
            none_last = not self.backwards if i == 0 else direction < 0
            bounds = _conditions_after(values[i], direction, none_last=none_last)
            # Omit the condition for a missing id: every record has one.
            segments += [{**same, path: bound} for bound in bounds if bound is not None or path != "_id"]
        return segments


def _scalar(record: Document, path: str) -> Scalar:
    value: Any = record
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, datetime | str | int | float) else None


def _conditions_after(value: Scalar, direction: int, *, none_last: bool) -> list[Any]:
    """Return conditions for the values that follow `value` in one field. The condition None selects missing values."""
    if value is None:
        return [] if none_last else [{"$ne": None}]
    following = {"$gt": value} if direction > 0 else {"$lt": value}
    return [following, None] if none_last else [following]


def fingerprint(sort: str, filter_: Mapping[str, Any]) -> str:
    """Return a short hash of a query, so that a cursor cannot be used with another query."""
    text = f"{sort}\n{json_util.dumps(filter_, sort_keys=True)}"
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def write_cursor(position: Position, query_fingerprint: str) -> str:
    """Encode a position as an opaque string for a URL."""
    values = [[_milliseconds(v)] if isinstance(v, datetime) else v for v in position.values]
    return base64.urlsafe_b64encode(orjson.dumps([query_fingerprint, values, position.id])).decode().rstrip("=")


def _milliseconds(moment: datetime) -> int:
    """Return the Unix time, in milliseconds, of a naive UTC datetime such as MongoDB returns."""
    return round(moment.replace(tzinfo=UTC).timestamp() * 1000)


def read_cursor(text: str, query_fingerprint: str, order: Order) -> Position:
    """Decode a cursor. Check types and lengths, because the content comes from the client.

    Raises:
        RequestRefused: The cursor is malformed or belongs to another query (404).
    """
    refusal = RequestRefused(
        ErrorCode.BAD_CURSOR,
        "Invalid cursor. Send the `next` of the previous page, with the same other parameters.",
        parameter="cursor",
    )
    if len(text) > _MAX_CURSOR_CHARS:
        raise refusal
    try:
        content = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        cursor_fingerprint, values, id_ = content
        position = Position(tuple(map(_read_value, values)) if isinstance(values, list) else (), id_)
    except (binascii.Error, ValueError, TypeError, OverflowError, OSError):
        raise refusal from None
    if (
        cursor_fingerprint != query_fingerprint
        or not isinstance(id_, str)
        or len(position.values) != len(order.keys) - 1
    ):
        raise refusal
    return position


def _read_value(value: Any) -> Scalar:
    """Decode a value of a cursor.

    Raises:
        ValueError, TypeError, OverflowError, OSError: The value is invalid.
    """
    if isinstance(value, list):
        (milliseconds,) = value
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError
