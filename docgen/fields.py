"""Generate the reference of a record's fields, with the tags that each field of `photo` comes from.

The sources are found by experiment: build_photo() is called with one tag at a time, and with values of several kinds.
The fields that then appear in `photo` come from that tag. So the table cannot contradict the code.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from exifinator import EXTRACTOR_VERSION
from exifinator.metadata.normalize import PICTURE_DIRECTORIES, build_photo

# Description of each field, in the order of the page. A test compares the keys with the fields that the code fills.
MEANINGS = {
    "taken_at": "When the photo was taken: in UTC if `taken_offset` is known, else in the camera's local time.",
    "taken_offset": "The camera's offset from UTC, as in `+02:00`.",
    "camera_make": "The maker of the camera.",
    "camera_model": "The model of the camera.",
    "lens_model": "The lens. A lens without a name is described by its focal lengths and apertures.",
    "iso": "The ISO speed.",
    "f_number": "The aperture: 2.8 for f/2.8.",
    "exposure_seconds": "The exposure time.",
    "focal_length_mm": "The focal length.",
    "focal_length_35mm": "The focal length that gives the same field of view on 35 mm film.",
    "flash_fired": "Whether the flash fired.",
    "orientation": "The EXIF orientation, 1 to 8: how to rotate or mirror the stored image data for display.",
    "width_pixels": "The width as displayed, after rotation.",
    "height_pixels": "The height as displayed, after rotation.",
    "location": "Where the photo was taken: a GeoJSON Point of longitude and latitude. Exactly (0, 0) is ignored.",
    "altitude_metres": "The altitude above sea level; negative below it.",
    "software": "The program that wrote the file.",
    "artist": "The photographer.",
    "copyright": "The copyright notice.",
    "description": "The caption.",
    "keywords": "The keywords.",
    "rating": "Stars, 0 to 5; -1 means rejected.",
}
UNITS = {
    "exposure_seconds": "s", "focal_length_mm": "mm", "focal_length_35mm": "mm", "width_pixels": "pixels",
    "height_pixels": "pixels", "altitude_metres": "m", "location": "degrees (WGS 84)", "f_number": "f-number",
    "iso": "ISO", "taken_at": "ms",
}  # fmt: skip
TYPES = {str: "string", int: "integer", float: "double", bool: "boolean", datetime: "date", list: "array of strings"}

# Values of all kinds that a tag can have. Every tag is tried with each of them.
VALUES: tuple[Any, ...] = (
    "2024:05:06 07:08:09", "2024-05-07T07:08:09+02:00", "4", "+02:00", "text",
    [4], [4, 5, 6], [7, 8, 9], [24.5, 70.5, 2.8, 4],
)  # fmt: skip
# Pairs of tags that have an effect only together.
PAIRS = (
    ("ImageWidth", "ImageLength"), ("ExifImageWidth", "ExifImageLength"), ("GPSLatitude", "GPSLongitude"),
    ("GPSDate", "GPSTimeStamp"),
)  # fmt: skip

TOP = """# Records

One document per image, in the collection `exif_data` of the database `waldo` (`MONGODB_COLLECTION`,
`MONGODB_DATABASE`). The document is replaced when the image changes.

| Field | Type | Description |
|---|---|---|
| `_id` | string | `<bucket>/<key>` |
| `bucket`, `key` | string | The object in S3. |
| `etag` | string | The ETag without quotes; empty if the server sends none. |
| `size` | integer | The size of the object in bytes. |
| `last_modified` | date | The object's modification time in S3, UTC. |
| `format` | string | The file format, detected from the content: `jpeg`, `heif`, `tiff`, `png`, `webp`, ... |
| `status` | string | `ok`, `no_exif`, `unsupported` or `damaged`. |
| `problem` | string | What is wrong with the file, as a sentence; absent if the file is intact. |
| `extracted_at` | date | When the record was written, UTC. |
| `delivered_at` | date | When a worker received the image, by Redis's clock; absent if the object is empty. |
| `extractor_version` | integer | The version of the extractor that wrote the record; the current version is %d. |
| `words` | array of strings | The words that a text search matches. |
| `folders` | array of strings | The folders that hold the object, as in `holiday/2024/`; at most the 10 outermost. |
| `cells` | array of integers | The cells of the map's grids that contain the photo's location, for area searches. |
| `thumbnail_bytes` | integer | The size of the thumbnail; absent if there is none. |
| `photo` | object | Normalized fields to search by; see below. |
| `Image Make`, ... | object | Tags, by exifread's names: `printable`, `tag`, `field_type`, `field_length`, `values`. |
| `xmp`, `iptc` | object | The fields of the XMP packets and of the IPTC datasets. |

A tag's `values` are BSON numbers, lists and strings. A ratio is stored as a number and keeps its exact form in
`printable`. The embedded thumbnail is stored in the collection `thumbnails`, under the same `_id`.

## photo

Unknown values are absent. Sources are listed in order of precedence: a name such as `dc:creator` is an XMP field, a
name in quotes an IPTC dataset. This table is generated by running the code that fills the fields.

| Field | Type | Unit | Description | Sources |
|---|---|---|---|---|
"""


class _ReadRecorder(dict[str, Any]):
    """The values of one kind (tag, xmp or iptc). Records the names that are read, as `<kind>|<name>`."""

    def __init__(self, kind: str, values: Mapping[str, Any], names_read: dict[str, None]) -> None:
        prefix = f"{kind}|"
        wrap = (lambda value: {"values": value}) if kind == "tag" else (lambda value: value)
        super().__init__({n.removeprefix(prefix): wrap(value) for n, value in values.items() if n.startswith(prefix)})
        self._prefix = prefix
        self._names_read = names_read

    def get(self, name: str, default: Any = None) -> Any:
        self._names_read[self._prefix + name] = None
        return super().get(name, default)


def _try(values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the `photo` that is built from these values alone, and all names that build_photo() read.

    Names are `tag|NAME`, `xmp|NAME` or `iptc|NAME`.
    """
    names_read: dict[str, None] = {}
    try:
        photo, _ = build_photo(*(_ReadRecorder(kind, values, names_read) for kind in ("tag", "xmp", "iptc")))
    except (TypeError, AttributeError):
        # The value has a type that does not occur in this source: XMP and IPTC contain no numbers.
        photo = {}
    return photo, list(names_read)


def find_sources() -> dict[str, tuple[type, list[str]]]:
    """Return the type of each field of `photo`, and the names that the field comes from, in the order of reading."""
    names = _try({})[1]
    # Some names are read only if another one is present.
    for given in [{name: value} for name in names for value in VALUES]:
        names += [name for name in _try(given)[1] if name not in names]
    found: dict[str, tuple[type, set[str]]] = {}
    for name, field, value in _effects(names):
        kind, sources = found.setdefault(field, (type(value), set()))
        sources.add(name)
        if kind is int and isinstance(value, float):
            found[field] = (float, sources)
    return {field: (kind, sorted(sources, key=names.index)) for field, (kind, sources) in found.items()}


def _effects(names: list[str]) -> Iterator[tuple[str, str, Any]]:
    """Yield each name with a field of `photo` that its value creates or changes, and the value of that field."""
    dated = {"tag|EXIF DateTimeOriginal": VALUES[0]}
    for base in ({}, dated, {"tag|EXIF DateTimeDigitized": VALUES[0]}, {"tag|Image DateTime": VALUES[0]}):
        before, names_read = _try(base)
        for name in (name for name in (names if not base else names_read) if name not in base):
            for value in VALUES:
                for field, made in _try({**base, name: value})[0].items():
                    if field not in before:
                        yield name, field, made
    for first, second in PAIRS:
        for name in (name for name in names if name.endswith(f" {first}")):
            pair = (name, name.removesuffix(first) + second)
            for values in itertools.product(VALUES, VALUES):
                before = _try(dict(zip(pair, values, strict=True)))[0]
                for changed, value in itertools.product(pair, VALUES) if before else ():
                    after = _try({**dict(zip(pair, values, strict=True)), changed: value})[0]
                    for field in before.keys() & after.keys():
                        if before[field] != after[field]:
                            yield changed, field, after[field]


def _show(name: str) -> str:
    kind, _, name = name.partition("|")
    return f'"{name}"' if kind == "iptc" else f"`{name}`"


def _shorten(sources: list[str]) -> str:
    """Return the sources as text.

    The directories of a RAW file's pictures contain the same tags, so only those of the directory `Image` are listed.
    """
    others = tuple(f"tag|{directory} " for directory in PICTURE_DIRECTORIES if directory != "Image")
    kept = [_show(name) for name in sources if not name.startswith(others)]
    return ", ".join(kept) + (", and the same tags of other directories" if len(kept) < len(sources) else "")


def make_page() -> str:
    """Return the page in Markdown."""
    sources = find_sources()
    rows = [
        f"| `{field}` | {TYPES.get(sources[field][0], 'object')} | {UNITS.get(field, '')} | {text} | "
        f"{_shorten(sources[field][1])} |"
        for field, text in MEANINGS.items()
    ]
    container = "\nIf the container has a width and a height, these take precedence over the tags."
    return TOP % EXTRACTOR_VERSION + "\n".join(rows) + "\n" + container + "\n"
