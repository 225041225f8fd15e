"""The typed filter parameters of /photos, /facets, /map, /statistics and /export, and their conversion to MongoDB."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError

from api.errors import BadParameter
from api.http.parameters import REPEATABLE, Arguments
from api.query.local_hour import HOURS, during_hours, read_hours
from api.query.mongo_filter import MAX_JSON_BYTES, Filter, conditions_of, read_filter
from api.query.ranges import (
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
from api.query.search_filter import NOTHING, search_filter
from api.query.search_syntax import MAX_QUERY_CHARS, SearchItem, SearchSyntaxError, parse_search
from api.query.sort_order import TAKEN, VALUE_PATHS
from api.query.text_range import after_prefix
from exifinator.models import Status, split_bucket
from exifinator.search_keys.folders import folders_of
from exifinator.search_keys.geo_cells import cells_between
from exifinator.search_keys.texts import TEXT_NAMES

EARTH_KM = 6371.0088
MAX_VALUES = 50
_LONGITUDE, _LATITUDE = "photo.location.coordinates.0", "photo.location.coordinates.1"

Property = Literal[
    "gps", "date", "camera", "lens", "keywords", "people", "title", "description", "rating", "headline", "regions",
    "place", "label", "creator", "owner", "software", "camera_serial", "lens_serial", "white_balance", "color_space",
    "date_suspect",
]  # fmt: skip
# Maps filters to fields that many photos lack. The indexes of these fields contain only the photos that have the field.
PARTIAL_PATHS: dict[str, str] = {
    "person": "photo.people",
    "country": "countries",
    "state": "states",
    "city": "cities",
    "place": "places",
    "kind": "kinds",
    "label": "photo.label",
    "creator": "photo.creators",
    "owner": "photo.owner",
    "software": "photo.software",
    "camera_serial": "photo.camera_serial",
    "lens_serial": "photo.lens_serial",
    "white_balance": "photo.white_balance",
    "color_space": "photo.color_space",
    "date_suspect": "photo.date_suspect",
}
_PROPERTIES: dict[str, str] = {
    "gps": "photo.location",
    "date": TAKEN,
    "camera": "photo.camera_model",
    "lens": "photo.lens_model",
    "keywords": "photo.keywords",
    "people": "photo.people",
    "title": "photo.title",
    "description": "photo.description",
    "rating": "photo.rating",
    "headline": "photo.headline",
    "regions": "photo.regions",
    **{name: path for name, path in PARTIAL_PATHS.items() if name in get_args(Property)},
}
_PATHS: dict[str, str] = {**VALUE_PATHS, "keyword": "photo.keywords", **PARTIAL_PATHS}
DateSuspicion = Literal["future", "before_digital", "camera_default", "midnight"]
Kind = Literal["raw", "hdr", "panorama", "burst", "generated"]
Value = Annotated[str, Field(min_length=1, max_length=300)]


def _list_field(description: str, example: str) -> Any:
    return Field(default=[], max_length=MAX_VALUES, description=description, examples=[[example]])


def _text_field(description: str, pattern: str, example: str) -> Any:
    # The pattern only appears in the OpenAPI schema. The parser checks the value, with a more helpful error message.
    extra: dict[str, Any] = {"pattern": pattern}
    return Field(
        default=None, min_length=1, max_length=100, description=description, examples=[example], json_schema_extra=extra
    )


class Filters(Arguments):
    """Filter parameters. A photo must match all of them.

    If a parameter is repeated, a photo must match one of its values. For `has` and `without`, it must match all
    values.
    """

    camera: list[Value] = _list_field("Camera model, as in the `camera` facet.", "ILCE-7M3")
    lens: list[Value] = _list_field("Lens model.", "FE 24-70mm F2.8 GM")
    iso: str | None = _text_field("ISO: one value or a range.", NUMBERS, "100-400")
    f: str | None = _text_field("Aperture, as an f-number.", NUMBERS, "1.8-4")
    exposure: str | None = _text_field("Exposure time in seconds.", FRACTIONS, "1/250-1/30")
    focal: str | None = _text_field("Focal length in millimetres.", NUMBERS, "24-70")
    taken: str | None = _text_field(
        "Date taken, on the camera's clock: a year, month or day, or a range.", DATES, "2024-05..2024-09"
    )
    hour: str | None = _text_field("Hour of the day on the camera's clock: one hour or a range.", HOURS, "5-8")
    near: str | None = _text_field("Circle around a point: latitude,longitude,kilometres.", NEAR, "48.85,2.35,5")
    bbox: str | None = _text_field("Area: west,south,east,north in degrees.", BBOX, "2.2,48.8,2.5,48.9")
    bucket: list[Value] = _list_field("Bucket.", "holiday")
    prefix: str | None = Field(
        None,
        min_length=1,
        max_length=1024,
        description="Prefix of the key if there is exactly one `bucket`, otherwise of `<bucket>/<key>`.",
        examples=["2024/"],
    )
    format: list[Value] = _list_field("File format.", "jpeg")
    status: list[Status] = _list_field("Result of indexing.", "ok")
    keyword: list[Value] = _list_field("Keyword.", "beach")
    person: list[Value] = _list_field("Person in the photo.", "Anna")
    country: list[Value] = _list_field("Country of the position, in English, or as named in the file.", "Spain")
    state: list[Value] = _list_field("State or province of the position, or as named in the file.", "Catalonia")
    city: list[Value] = _list_field("City or town of the position, or as named in the file.", "Girona")
    place: list[Value] = _list_field(
        "Most exact name of the place: the populated place nearest to the position, or the sublocation in the file.",
        "Montmartre",
    )
    kind: list[Kind] = _list_field("What is special about the image: a RAW file, a panorama, ...", "panorama")
    label: list[Value] = _list_field("Colour label, as named by the program that set it.", "Red")
    creator: list[Value] = _list_field("Creator, such as the photographer.", "Robert Capa")
    owner: list[Value] = _list_field("Owner of the camera, as set in the camera.", "Robert Capa")
    software: list[Value] = _list_field("Program that wrote the file.", "Adobe Lightroom 6.1")
    camera_serial: list[Value] = _list_field("Serial number of the camera.", "3071234")
    lens_serial: list[Value] = _list_field("Serial number of the lens.", "0000c15998")
    white_balance: list[Value] = _list_field("White balance.", "daylight")
    color_space: list[Value] = _list_field("Colour space.", "Adobe RGB")
    date_suspect: list[DateSuspicion] = _list_field("Why the date is probably wrong.", "camera_default")
    rating: list[Annotated[int, Field(ge=-1, le=5)]] = Field(
        default=[], max_length=7, description="Stars; -1 means rejected.", examples=[[5]]
    )
    has: list[Property] = _list_field("Metadata that the photo must have.", "gps")
    without: list[Property] = _list_field("Metadata that the photo must not have.", "gps")
    q: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_QUERY_CHARS,
        description="Words to search for in titles, descriptions, keywords, names, cameras, lenses, places and keys. "
        'All must match. A word also finds longer words that begin with it. `"old town"` finds a phrase, `-word` '
        "excludes, and filters may be written as words: `iso:800-`.",
        examples=['beach "old town" -tram iso:800-'],
    )
    query: str | None = Field(
        None,
        min_length=2,
        max_length=MAX_JSON_BYTES,
        description="A MongoDB filter in JSON, for fields that have no parameter of their own.",
        examples=['{"Image Make.printable":"SONY"}'],
    )

    def to_filter(self, *, exclude: frozenset[str] = frozenset()) -> Filter:
        """Return the MongoDB filter.

        Args:
            exclude: Names of filters to leave out, as in `names`.

        Raises:
            BadParameter: A value is invalid.
        """
        parts = [part for name, part in self._parts() if part and name not in exclude]
        if len(parts) > 1:
            return {"$and": parts}
        return parts[0] if parts else {}

    @property
    def names(self) -> frozenset[str]:
        """The names of the filters in use. `has` and `without` include their value, for example `has=gps`."""
        return frozenset(name for name, _ in self._parts())

    @property
    def id_prefix(self) -> str:
        """The prefix that `bucket` and `prefix` require of all ids; empty if they require none."""
        bucket = f"{self.bucket[0]}/" if len(self.bucket) == 1 else ""
        return bucket + (self.prefix or "")

    @property
    def id_range(self) -> Filter:
        """A filter for the range of ids that start with `id_prefix`; empty if there is no prefix."""
        return _ids_with_prefix(self.id_prefix) if self.id_prefix else {}

    def _parts(self) -> list[tuple[str, Filter]]:
        arguments = {name: value for name, value in self if value is not None and value != []}
        parts: list[tuple[str, Filter]] = []
        for name, value in arguments.items():
            if name in ("has", "without"):
                parts += [(f"{name}={kind}", {_PROPERTIES[kind]: {"$exists": name == "has"}}) for kind in value]
            else:
                parts += [(name, part) for part in self._parse(name, value)]
        return parts

    def _parse(self, name: str, value: Any) -> list[Filter]:
        """Return the MongoDB filters of one parameter. A photo must match all of them."""
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
            case "bucket" if self._prefix_includes_bucket():
                return []
            case "prefix":
                return [_with_prefix(self.id_prefix if self._prefix_includes_bucket() else value)]
            case "q":
                return _search(value)
            case "query":
                return [read_filter(value)]
            case _ if name in _PATHS:
                return [{_PATHS[name]: value[0] if len(value) == 1 else {"$in": value}}]
            case _:  # a parameter of the route that is not a filter, such as `limit` or `zoom`
                return []

    def _prefix_includes_bucket(self) -> bool:
        """Return whether the filter for `prefix` includes the bucket."""
        return self.prefix is not None and len(self.bucket) == 1


# Widen ranges by this fraction of their bounds. A value such as 1/60 or 2.8 is stored as the float nearest to a ratio,
# which may differ slightly from the bound in the request.
_TOLERANCE = 1e-6


def _between(path: str, span: Span) -> Filter:
    bounds: dict[str, float] = {}
    if span.low is not None:
        bounds["$gte"] = span.low * (1 - _TOLERANCE)
    if span.high is not None:
        bounds["$lte"] = span.high * (1 + _TOLERANCE)
    return {path: bounds}


def _during(start: datetime | None, end: datetime | None) -> Filter:
    bounds: dict[str, datetime] = {}
    if start is not None:
        bounds["$gte"] = start
    if end is not None:
        bounds["$lt"] = end
    return {TAKEN: bounds}


def _near(latitude: float, longitude: float, kilometres: float) -> Filter:
    radians = min(kilometres / EARTH_KM, 3.15)  # pi radians cover the whole Earth
    circle: Filter = {"photo.location": {"$geoWithin": {"$centerSphere": [[longitude, latitude], radians]}}}
    return {"$and": [_in_cells(box_around(latitude, longitude, radians)), circle]}


def within(box: Box) -> Filter:
    """Return a filter for photos in an area. Cells let an index find candidates; coordinates select the matches."""
    if box.west <= box.east:
        exact: Filter = {_LONGITUDE: {"$gte": box.west, "$lte": box.east}}
    else:
        exact = {"$or": [{_LONGITUDE: {"$gte": box.west}}, {_LONGITUDE: {"$lte": box.east}}]}
    return {"$and": [_in_cells(box), {_LATITUDE: {"$gte": box.south, "$lte": box.north}}, exact]}


def _in_cells(box: Box) -> Filter:
    return {"cells": {"$in": cells_between(box.west, box.south, box.east, box.north)}}


def _with_prefix(start: str) -> Filter:
    """Return a filter for ids with this prefix: by bucket or folder, plus an id range if it ends within a name."""
    folders = folders_of(start)
    bucket, _ = split_bucket(start)
    if bucket == start:
        return _ids_with_prefix(start)
    container = {"folders": folders[-1]} if folders else {"bucket": bucket}
    return container if start in (f"{bucket}/", *folders) else {"$and": [container, _ids_with_prefix(start)]}


def _ids_with_prefix(start: str) -> Filter:
    """Return a filter for the range of ids that have this prefix."""
    bounds = {"$gte": start}
    if end := after_prefix(start):
        bounds["$lt"] = end
    return {"_id": bounds}


# Filters that can be written in a search, and names of texts of a photo, such as `title`.
SEARCH_NAMES = TEXT_NAMES | Filters.model_fields.keys() - {"q", "query"}


def read_search(text: str, *, is_typing: bool = False) -> list[SearchItem]:
    """Return the items of a search. See parse_search.

    Raises:
        SearchSyntaxError: The text is invalid.
    """
    return parse_search(text, SEARCH_NAMES, is_typing=is_typing)


def _search(text: str) -> list[Filter]:
    """Return the filters of a search. A photo must match all of them."""
    parts: list[Filter] = []
    values: dict[str, list[SearchItem]] = {}
    for item in read_search(text):
        if not item.name or item.name in TEXT_NAMES:
            parts.append(search_filter(item))
        elif item.is_excluded:
            parts.append({"$nor": [read_items([item]).to_filter()]})
        else:
            values.setdefault(item.name, []).append(item)
    if values:
        parts.append(read_items([item for items in values.values() for item in items]).to_filter())
    # Each condition becomes a part of its own, so that pages can be read by the rarest word. A text without letters and
    # digits matches nothing.
    return [{path: condition} for part in parts for path, condition in conditions_of(part)] or [NOTHING]


def read_items(items: list[SearchItem]) -> Filters:
    """Return the filters that are written as words in a search.

    Raises:
        SearchSyntaxError: A value is invalid.
    """
    for item in items:
        _check_item(item)
    arguments: dict[str, Any] = {}
    for item in items:
        if item.name in REPEATABLE:
            arguments.setdefault(item.name, []).append(item.value)
        elif item.name in arguments:
            raise SearchSyntaxError(f"the filter {item.name}: can be used only once", item.start, item.end)
        else:
            arguments[item.name] = item.value
    return Filters.model_validate(arguments)


def _check_item(item: SearchItem) -> None:
    try:
        Filters.model_validate({item.name: [item.value] if item.name in REPEATABLE else item.value}).to_filter()
    except (BadParameter, ValidationError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        reason = reason if reason.startswith(item.name) else f"{item.name}: {reason}"
        raise SearchSyntaxError(reason, item.start, item.end) from error
