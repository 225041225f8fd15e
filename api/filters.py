"""The typed filters that /photos, /facets, /map and /export share, and the MongoDB filter that they make together."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from api.clock import HOURS, during_hours, read_hours
from api.orders import VALUE_PATHS
from api.params import Arguments
from api.query import MAX_JSON_BYTES, Filter, read_filter
from api.ranges import (
    BBOX,
    DATES,
    FRACTIONS,
    NEAR,
    NUMBERS,
    Box,
    Span,
    box_around,
    read_box,
    read_dates,
    read_fractions,
    read_near,
    read_numbers,
)
from exifinator.cells import cells_between
from exifinator.folders import folders_of
from exifinator.records import Status
from exifinator.words import split_words

EARTH_KM = 6371.0088
MAX_VALUES = 50
MAX_QUERY_WORDS = 8
_LONGITUDE, _LATITUDE = "photo.location.coordinates.0", "photo.location.coordinates.1"

Thing = Literal["gps", "date", "camera", "lens", "keywords", "description", "rating"]
_THINGS: dict[str, str] = {
    "gps": "photo.location",
    "date": "photo.taken_at",
    "camera": "photo.camera_model",
    "lens": "photo.lens_model",
    "keywords": "photo.keywords",
    "description": "photo.description",
    "rating": "photo.rating",
}
_PATHS: dict[str, str] = {**VALUE_PATHS, "keyword": "photo.keywords"}
Value = Annotated[str, Field(min_length=1, max_length=300)]


def _values(description: str, example: str) -> Any:
    return Field(default=[], max_length=MAX_VALUES, description=description, examples=[[example]])


def _form(description: str, pattern: str, example: str) -> Any:
    # The form is checked where it is read, which says more than "does not match".
    extra: dict[str, Any] = {"pattern": pattern}
    return Field(
        default=None, min_length=1, max_length=100, description=description, examples=[example], json_schema_extra=extra
    )


class Filters(Arguments):
    """What photos to take; a photo has to pass every parameter, and of repeated ones any value will do."""

    camera: list[Value] = _values("Camera model, as the facets name it.", "ILCE-7M3")
    lens: list[Value] = _values("Lens model.", "FE 24-70mm F2.8 GM")
    iso: str | None = _form("ISO: one value or a range.", NUMBERS, "100-400")
    f: str | None = _form("Aperture, as an f-number.", NUMBERS, "1.8-4")
    exposure: str | None = _form("Exposure time in seconds.", FRACTIONS, "1/250-1/30")
    focal: str | None = _form("Focal length in millimetres.", NUMBERS, "24-70")
    taken: str | None = _form("When it was taken: year, month or day, or a range.", DATES, "2024-05..2024-09")
    hour: str | None = _form("Hour of the day that the camera's clock showed, or several.", HOURS, "5-8")
    near: str | None = _form("Within so many kilometres of a place: lat,lng,km.", NEAR, "48.85,2.35,5")
    bbox: str | None = _form("Within an area: west,south,east,north.", BBOX, "2.2,48.8,2.5,48.9")
    bucket: list[Value] = _values("Bucket.", "holiday")
    prefix: str | None = Field(
        None,
        min_length=1,
        max_length=1024,
        description="What the key begins with; without one `bucket`, what `<bucket>/<key>` begins with.",
        examples=["2024/"],
    )
    format: list[Value] = _values("Format of the file.", "jpeg")
    status: list[Status] = _values("How reading it ended.", "ok")
    keyword: list[Value] = _values("Keyword; several: any of them.", "beach")
    rating: list[Annotated[int, Field(ge=-1, le=5)]] = Field(
        default=[], max_length=7, description="Stars.", examples=[[5]]
    )
    has: list[Thing] = _values("What it must have.", "gps")
    without: list[Thing] = _values("What it must not have.", "gps")
    q: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Words, each of which stands in its description, its keywords or its key.",
        examples=["beach sunset"],
    )
    query: str | None = Field(
        None,
        min_length=2,
        max_length=MAX_JSON_BYTES,
        description="A MongoDB filter in JSON besides, for what has no parameter.",
        examples=['{"Image Make.printable":"SONY"}'],
    )

    def to_filter(self, *, leave_out: frozenset[str] = frozenset()) -> Filter:
        """The filter in MongoDB's words, without the parameters named, see `given`. Raises: BadParameter."""
        parts = [part for name, part in self._parts() if part and name not in leave_out]
        if len(parts) > 1:
            return {"$and": parts}
        return parts[0] if parts else {}

    @property
    def given(self) -> frozenset[str]:
        """The names of the parameters that are there; those of `has` and `without` as in has=gps."""
        return frozenset(name for name, _ in self._parts())

    @property
    def id_start(self) -> str:
        """What all ids begin with, by bucket and prefix."""
        bucket = f"{self.bucket[0]}/" if len(self.bucket) == 1 else ""
        return bucket + (self.prefix or "")

    @property
    def ids(self) -> Filter:
        """Where all photos of one bucket, or with one prefix, lie in the order of ids."""
        return _ids_from(self.id_start) if self.id_start else {}

    def _parts(self) -> list[tuple[str, Filter]]:
        given = {name: value for name, value in self if value is not None and value != []}
        parts: list[tuple[str, Filter]] = []
        for name, value in given.items():
            if name in ("has", "without"):
                parts += [(f"{name}={thing}", {_THINGS[thing]: {"$exists": name == "has"}}) for thing in value]
            else:
                parts += [(name, part) for part in self._read(name, value)]
        return parts

    def _read(self, name: str, value: Any) -> list[Filter]:
        """What one parameter asks for, as filters that all have to hold."""
        match name:
            case "iso" | "f" | "focal":
                return [_between(_PATHS[name], read_numbers(value, name))]
            case "exposure":
                return [_between(_PATHS[name], read_fractions(value, name))]
            case "taken":
                return [_during(*read_dates(value, name))]
            case "hour":
                return [during_hours(*read_hours(value, name))]
            case "near":
                return [_near(*read_near(value, name))]
            case "bbox":
                return [within(read_box(value, name))]
            case "bucket" if self._is_in_prefix():
                return []
            case "prefix":
                return [_begins(self.id_start if self._is_in_prefix() else value)]
            case "q":
                return [_all_words(value)]
            case "query":
                return [read_filter(value)]
            case _ if name in _PATHS:
                return [{_PATHS[name]: value[0] if len(value) == 1 else {"$in": value}}]
            case _:  # what a route adds of its own: a page, a zoom
                return []

    def _is_in_prefix(self) -> bool:
        """Whether the prefix says the bucket too."""
        return self.prefix is not None and len(self.bucket) == 1


# Decimals such as 1/60 or 2.8 are stored as the nearest float of a ratio: one that is a hair beside still counts.
_HAIR = 1e-6


def _between(path: str, span: Span) -> Filter:
    bounds: dict[str, float] = {}
    if span.low is not None:
        bounds["$gte"] = span.low * (1 - _HAIR)
    if span.high is not None:
        bounds["$lte"] = span.high * (1 + _HAIR)
    return {path: bounds}


def _during(start: datetime | None, end: datetime | None) -> Filter:
    bounds: dict[str, datetime] = {}
    if start is not None:
        bounds["$gte"] = start
    if end is not None:
        bounds["$lt"] = end
    return {"photo.taken_at": bounds}


def _near(latitude: float, longitude: float, kilometres: float) -> Filter:
    radians = min(kilometres / EARTH_KM, 3.15)
    circle: Filter = {"photo.location": {"$geoWithin": {"$centerSphere": [[longitude, latitude], radians]}}}
    return {"$and": [_in_cells(box_around(latitude, longitude, radians)), circle]}


def within(box: Box) -> Filter:
    """Photos of an area: the numbers decide, the cells let the index find them."""
    if box.west <= box.east:
        exact: Filter = {_LONGITUDE: {"$gte": box.west, "$lte": box.east}}
    else:
        exact = {"$or": [{_LONGITUDE: {"$gte": box.west}}, {_LONGITUDE: {"$lte": box.east}}]}
    return {"$and": [_in_cells(box), {_LATITUDE: {"$gte": box.south, "$lte": box.north}}, exact]}


def _in_cells(box: Box) -> Filter:
    return {"cells": {"$in": cells_between(box.west, box.south, box.east, box.north)}}


def _begins(start: str) -> Filter:
    """Photos whose ids begin so: those of a bucket or a folder, or of those the ones between two ids."""
    folders = folders_of(start)
    bucket, slash, _ = start.partition("/")
    if not slash:
        return _ids_from(start)
    around = {"folders": folders[-1]} if folders else {"bucket": bucket}
    return around if start in (f"{bucket}/", *folders) else {"$and": [around, _ids_from(start)]}


def _ids_from(start: str) -> Filter:
    """Ids that begin so, in their order."""
    bounds = {"$gte": start}
    if end := after_prefix(start):
        bounds["$lt"] = end
    return {"_id": bounds}


def after_prefix(prefix: str) -> str | None:
    """The first string behind all that begin with `prefix`; None where there is none. MongoDB compares UTF-8 bytes."""
    for at in range(len(prefix) - 1, -1, -1):
        point = ord(prefix[at])
        if point < 0x10FFFF:
            following = 0xE000 if point == 0xD7FF else point + 1  # surrogates are no characters
            return prefix[:at] + chr(following)
    return None


def _all_words(text: str) -> Filter:
    words = split_words([text], most=MAX_QUERY_WORDS)
    if not words:
        # Only signs and single letters: no photo has them as words.
        return {"_id": {"$in": []}}
    return {"words": words[0] if len(words) == 1 else {"$all": words}}
