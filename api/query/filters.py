"""The typed filter parameters of /photos, /facets, /map, /statistics and /export, and their conversion to MongoDB."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, PrivateAttr, ValidationError

from api.errors import BadParameter
from api.http.parameters import REPEATABLE, Arguments
from api.query.alternatives import filters_by_property, join_alternatives
from api.query.conditions import between, during, ids_with_prefix, near_point, range_of, with_prefix, within
from api.query.local_hour import HOURS, during_hours, read_hours
from api.query.mongo_filter import MAX_JSON_BYTES, Filter, combine, conditions_of, read_filter
from api.query.paths import FILTER_PATHS, PROPERTIES, Property
from api.query.ranges import (
    BBOX,
    DATES,
    FRACTIONS,
    NEAR,
    NUMBERS,
    read_box,
    read_dates,
    read_fractions,
    read_near,
    read_numbers,
)
from api.query.search_filter import NOTHING, search_filter
from api.query.search_syntax import MAX_QUERY_CHARS, SearchItem, SearchSyntaxError, parse_search
from api.query.sort_order import TAKEN
from exifinator.models import Status
from exifinator.search_keys.media_types import MediaType
from exifinator.search_keys.search_text import TEXT_NAMES

MAX_VALUES = 50

_ALTERNATIVES = filters_by_property(
    PROPERTIES, {**FILTER_PATHS, "taken": TAKEN, "near": "photo.location", "bbox": "photo.location"}
)
# If there are more buckets than this, a prefix is searched for in all keys, without an index.
MAX_SEARCHED_BUCKETS = 200
# The default of `media_type`: records stored by other programs, without a media type, are photos too.
PHOTOS_ONLY: Filter = {"photo.media_type": {"$ne": "other"}}
OTHER_FILES: Filter = {"photo.media_type": "other"}
DateSuspicion = Literal["future", "before_digital", "camera_default", "midnight"]
SidecarState = Literal["merged", "orphan"]
_SIDECAR_FILTERS: dict[str, Filter] = {
    state: {"sidecar.kind": {"$exists": True}, "sidecar.of": {"$exists": state == "merged"}}
    for state in get_args(SidecarState)
}
_PRIMARY: Filter = {"stack.primary": {"$ne": False}}
# Leave out sidecars too. They have the media type `other`, so they match only if `media_type` or `sidecar` is given.
_PRIMARY_FILES: Filter = {**_PRIMARY, "sidecar": {"$exists": False}}
NOT_PRIMARY: Filter = {"stack.primary": False}
# The filter if `primary=true` is the only parameter.
PRIMARY_PHOTOS: Filter = combine(_PRIMARY, PHOTOS_ONLY)
Kind = Literal["raw", "hdr", "panorama", "burst", "motion", "generated"]
Value = Annotated[str, Field(min_length=1, max_length=300)]


def _list_field(description: str, example: str) -> Any:
    # Use a factory, because pydantic would make a deep copy of a default list for each request.
    return Field(default_factory=list, max_length=MAX_VALUES, description=description, examples=[[example]])


def _text_field(description: str, pattern: str, example: str) -> Any:
    # The pattern only appears in the OpenAPI schema. The parser checks the value, with a more helpful error message.
    extra: dict[str, Any] = {"pattern": pattern}
    return Field(
        default=None, min_length=1, max_length=100, description=description, examples=[example], json_schema_extra=extra
    )


class Filters(Arguments):
    """Filter parameters. A photo must match all of them.

    If a parameter is repeated, a photo must match one of its values. `without` is an alternative to the filter of the
    same field: `camera=X-T4&without=camera` matches photos of this camera and photos without a camera. Apart from this,
    a photo must match all values of `has` and `without`.
    """

    # The names of all buckets; set only if `prefix` is searched for in all of them. See query/buckets.py.
    _all_buckets: tuple[str, ...] = PrivateAttr(default=())

    camera: list[Value] = _list_field("Camera model, as in the `camera` facet.", "ILCE-7M3")
    make: list[Value] = _list_field("Camera maker, to tell models of the same name apart.", "SONY")
    lens: list[Value] = _list_field("Lens model.", "FE 24-70mm F2.8 GM")
    iso: str | None = _text_field("ISO: one value or a range.", NUMBERS, "100-400")
    f: str | None = _text_field("Aperture, as an f-number.", NUMBERS, "1.8-4")
    exposure: str | None = _text_field("Exposure time in seconds.", FRACTIONS, "1/250-1/30")
    focal: str | None = _text_field("Focal length in millimetres.", NUMBERS, "24-70")
    focal35: str | None = _text_field(
        "Focal length that would have the same angle of view on 35 mm film, in millimetres.", NUMBERS, "24-35"
    )
    taken: str | None = _text_field(
        "Date taken, on the camera's clock: a year, month or day, or a range.", DATES, "2024-05..2024-09"
    )
    hour: str | None = _text_field("Hour of the day on the camera's clock: one hour or a range.", HOURS, "5-8")
    near: str | None = _text_field("Circle around a point: latitude,longitude,kilometres.", NEAR, "48.85,2.35,5")
    bbox: str | None = _text_field("Area: west,south,east,north in degrees.", BBOX, "2.2,48.8,2.5,48.9")
    bucket: list[Value] = _list_field("Name of the bucket.", "holiday")
    prefix: str | None = Field(
        None,
        min_length=1,
        max_length=1024,
        description="Prefix of the key or, unless exactly one `bucket` is given, of `<bucket>/<key>`.",
        examples=["2024/"],
    )
    format: list[Value] = _list_field("File format.", "jpeg")
    status: list[Status] = _list_field("Result of indexing.", "ok")
    keyword: list[Value] = _list_field("Keyword.", "beach")
    person: list[Value] = _list_field("Person in the photo.", "Anna")
    country: list[Value] = _list_field("Country of the photo's position, in English, or as named in the file.", "Spain")
    state: list[Value] = _list_field("State or province of the photo's position, or as named in the file.", "Catalonia")
    city: list[Value] = _list_field("City or town of the photo's position, or as named in the file.", "Girona")
    place: list[Value] = _list_field(
        "Most exact name: the populated place nearest to the photo's position, or the sublocation in the file.",
        "Montmartre",
    )
    kind: list[Kind] = _list_field("What is special about the image: a RAW file, a panorama, ...", "panorama")
    label: list[Value] = _list_field("Colour label, as named by the program that set it.", "Red")
    creator: list[Value] = _list_field("Creator, such as the photographer.", "Robert Capa")
    copyright: list[Value] = _list_field("Copyright notice.", "(c) 2019 Robert Capa")
    owner: list[Value] = _list_field("Name of the owner, as set in the camera.", "Robert Capa")
    software: list[Value] = _list_field("Program that wrote the file.", "Adobe Lightroom 6.1")
    camera_serial: list[Value] = _list_field("Serial number of the camera.", "3071234")
    lens_serial: list[Value] = _list_field("Serial number of the lens.", "0000c15998")
    white_balance: list[Value] = _list_field("White balance.", "daylight")
    flash: list[bool] = Field(default_factory=list, max_length=2, description="The flash fired.", examples=[[True]])
    color_space: list[Value] = _list_field("Colour space.", "Adobe RGB")
    date_suspect: list[DateSuspicion] = _list_field("Why the date is probably wrong.", "camera_default")
    fingerprint: list[Value] = _list_field("Fingerprint: equal for copies of a file.", "5a0c1f4be2d0917733c8aa10")
    media_type: list[MediaType] = _list_field(
        "Images, videos or other files, such as PDF files and sidecars. Default: images and videos.", "video"
    )
    duration: str | None = _text_field("Duration of a video in seconds: one value or a range.", NUMBERS, "10-60")
    frame_rate: str | None = _text_field("Frames per second of a video: one value or a range.", NUMBERS, "50-")
    video_codec: list[Value] = _list_field("Video codec.", "HEVC")
    audio_codec: list[Value] = _list_field("Audio codec of a video.", "AAC")
    stack: list[Value] = _list_field("Stack, by the id of its primary photo.", "holiday/2024/IMG_1.JPG")
    primary: bool | None = Field(
        None,
        description="`true`: only the primary photo of each stack, and no sidecars. `false`: every file.",
        examples=[True],
    )
    sidecar: SidecarState | None = Field(
        None,
        description="Sidecars instead of photos: those merged into photos (`merged`), or those without any (`orphan`).",
        examples=["orphan"],
    )
    rating: list[Annotated[int, Field(ge=-1, le=5)]] = Field(
        default_factory=list, max_length=7, description="Stars; -1 means rejected.", examples=[[5]]
    )
    has: list[Property] = _list_field("Metadata that the photo must have.", "gps")
    without: list[Property] = _list_field("Metadata that the photo must not have.", "gps")
    q: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_QUERY_CHARS,
        description="Words to search for in titles, descriptions, keywords, names, cameras, lenses, places and keys. "
        'All must match. A word also finds longer words that begin with it. `"old town"` finds a phrase, `-word` '
        "excludes photos with a word, and filters may be written as words: `iso:800-`.",
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
        parts = [(name, part) for name, part in self._parts() if part and name not in exclude]
        return combine(*join_alternatives(parts, _ALTERNATIVES))

    @property
    def names(self) -> frozenset[str]:
        """The names of the filters in use. `has` and `without` include their value, for example `has=gps`."""
        return frozenset(name for name, _ in self._parts())

    @property
    def id_prefix(self) -> str:
        """The prefix of the selected ids. Unless exactly one `bucket` is given, it may be a prefix of keys instead."""
        bucket = f"{self.bucket[0]}/" if len(self.bucket) == 1 else ""
        return bucket + (self.prefix or "")

    @property
    def id_range(self) -> Filter:
        """A filter for the range of ids in the selected bucket and folder; empty unless there is one bucket."""
        return ids_with_prefix(self.id_prefix) if len(self.bucket) == 1 else {}

    def set_all_buckets(self, names: Iterable[str]) -> None:
        """Set the names of all buckets, in which `prefix` is then searched for."""
        self._all_buckets = tuple(sorted(names))

    @property
    def searches_all_buckets(self) -> bool:
        """Whether `prefix` may be a prefix of the keys in any bucket."""
        return self.prefix is not None and not self.bucket

    @property
    def leaves_out_other_files(self) -> bool:
        """Whether files other than images and videos are left out, which is the default."""
        return not (self.media_type or self.sidecar)

    def restriction(self) -> tuple[Filter, frozenset[str]]:
        """Return the filters that most records match, combined, and their names. No index helps with these filters."""
        names = frozenset({"media_type"} if self.leaves_out_other_files else ()) | (
            {"primary"} if self.primary else frozenset()
        )
        return combine(*(part for name, part in self._parts() if name in names)), names

    def _parts(self) -> list[tuple[str, Filter]]:
        arguments = {name: value for name, value in self if value is not None and value != []}
        parts: list[tuple[str, Filter]] = []
        for name, value in arguments.items():
            if name in ("has", "without"):
                parts += [(f"{name}={kind}", {PROPERTIES[kind]: {"$exists": name == "has"}}) for kind in value]
            else:
                parts += [(name, part) for part in self._parse(name, value)]
        if self.leaves_out_other_files:
            parts.append(("media_type", PHOTOS_ONLY))
        return parts

    def _parse(self, name: str, value: Any) -> list[Filter]:
        """Return the MongoDB filters of one parameter. A photo must match all of them."""
        match name:
            case "duration":
                # Unlike the values of the other ranges, durations are not stored as ratios.
                return [between(FILTER_PATHS[name], read_numbers(value, name), tolerance=0)]
            case "iso" | "f" | "focal" | "focal35" | "frame_rate":
                return [between(FILTER_PATHS[name], read_numbers(value, name))]
            case "exposure":
                return [between(FILTER_PATHS[name], read_fractions(value, name))]
            case "taken":
                return [during(*read_dates(value, name))]
            case "hour":
                return [during_hours(*read_hours(value, name))]
            case "near":
                return [near_point(*read_near(value, name))]
            case "bbox":
                return [within(read_box(value, name))]
            case "media_type" if set(value) == set(get_args(MediaType)):
                return []
            case "bucket" if self._prefix_includes_bucket():
                return []
            case "prefix":
                return [with_prefix(self.id_prefix) if self._prefix_includes_bucket() else self._in_any_bucket(value)]
            case "q":
                return _search(value)
            case "query":
                return [read_filter(value)]
            case "primary":
                return [_PRIMARY if self.leaves_out_other_files else _PRIMARY_FILES] if value else []
            case "sidecar":
                return [_SIDECAR_FILTERS[value]]
            case _ if name in FILTER_PATHS:
                return [{FILTER_PATHS[name]: value[0] if len(value) == 1 else {"$in": value}}]
            case _:  # a parameter of the route that is not a filter, such as `limit` or `zoom`
                return []

    def _prefix_includes_bucket(self) -> bool:
        """Return whether the filter for `prefix` includes the bucket."""
        return self.prefix is not None and len(self.bucket) == 1

    def _in_any_bucket(self, prefix: str) -> Filter:
        """Return a filter for ids with this prefix, and for keys with this prefix in the selected buckets."""
        buckets = self.bucket or self._all_buckets
        if len(buckets) > MAX_SEARCHED_BUCKETS:
            return {"$or": [with_prefix(prefix), {"key": range_of(prefix)}]}
        starts = [f"{bucket}/{prefix}" for bucket in buckets]
        first, slash, _ = prefix.partition("/")
        if not slash or not buckets or first in buckets:
            starts.insert(0, prefix)
        filters = [with_prefix(start) for start in starts]
        if len(filters) > 1 and all(filter_.keys() == {"folders"} for filter_ in filters):
            return {"folders": {"$in": [filter_["folders"] for filter_ in filters]}}
        return {"$or": filters} if len(filters) > 1 else filters[0]


# Filters that can be written in a search, and names of a photo's text fields, such as `title`.
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
    items_by_name: dict[str, list[SearchItem]] = {}
    for item in read_search(text):
        if not item.name or item.name in TEXT_NAMES:
            parts.append(search_filter(item))
        elif item.is_excluded:
            parts.append({"$nor": [_parameters_filter([item])]})
        else:
            items_by_name.setdefault(item.name, []).append(item)
    if items_by_name:
        parts.append(_parameters_filter([item for items in items_by_name.values() for item in items]))
    # Each condition becomes a part of its own, so that a page can be fetched through the index entries of the rarest
    # word. A text without letters and digits matches nothing.
    return [{path: condition} for part in parts for path, condition in conditions_of(part)] or [NOTHING]


def _parameters_filter(items: list[SearchItem]) -> Filter:
    # Unless the search contains `media_type:`, the request's other parameters decide which media types match.
    is_default = all(item.name != "media_type" for item in items)
    return read_items(items).to_filter(exclude=frozenset({"media_type"}) if is_default else frozenset())


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
            raise SearchSyntaxError(f"the filter `{item.name}:` can be used only once", item.start, item.end)
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
