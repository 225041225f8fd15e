"""exifinator.normalize -> the page of a record's fields: which tags each comes from is found by trying them.

Every tag that summarise() asks for is given to it alone, with values of several kinds, and what appears in `photo`
comes from that tag. So the table cannot say what the code does not do.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from exifinator import EXTRACTOR_VERSION
from exifinator.normalize import DIRECTORIES, summarise

# What each field is, in the order of the page. A test sees that these are the fields that there are.
MEANINGS = {
    "taken_at": "When it was taken: UTC where `taken_offset` is there, else the local time of the camera.",
    "taken_offset": "The camera's offset from UTC, as in `+02:00`.",
    "camera_make": "The maker of the camera.",
    "camera_model": "The model of the camera.",
    "lens_model": "The lens; made of its focal lengths and apertures where it has no name.",
    "iso": "The sensitivity.",
    "f_number": "The aperture, 2.8 for f/2.8.",
    "exposure_seconds": "The exposure time.",
    "focal_length_mm": "The focal length.",
    "focal_length_35mm": "The focal length that shows as much on 35 mm film.",
    "flash_fired": "Whether the flash fired.",
    "orientation": "How the stored picture is turned to be shown, 1 to 8 as EXIF counts.",
    "width_pixels": "The width of the picture as it is shown.",
    "height_pixels": "The height of the picture as it is shown.",
    "location": "Where it was taken, a GeoJSON Point: longitude, latitude. (0, 0) alone is no place.",
    "altitude_metres": "Above sea level; negative below.",
    "software": "What wrote the file.",
    "artist": "Who made it.",
    "copyright": "Whose it is.",
    "description": "What its maker says of it.",
    "keywords": "Its keywords.",
    "rating": "Stars, 0 to 5; -1 is rejected.",
}
UNITS = {
    "exposure_seconds": "s", "focal_length_mm": "mm", "focal_length_35mm": "mm", "width_pixels": "pixels",
    "height_pixels": "pixels", "altitude_metres": "m", "location": "degrees (WGS 84)", "f_number": "f-number",
    "iso": "ISO", "taken_at": "ms",
}  # fmt: skip
TYPES = {str: "string", int: "integer", float: "double", bool: "boolean", datetime: "date", list: "array of strings"}

# What a tag may hold; each is tried.
VALUES: tuple[Any, ...] = (
    "2024:05:06 07:08:09", "2024-05-07T07:08:09+02:00", "4", "+02:00", "text",
    [4], [4, 5, 6], [7, 8, 9], [24.5, 70.5, 2.8, 4],
)  # fmt: skip
# What says something only together.
PAIRS = (
    ("ImageWidth", "ImageLength"), ("ExifImageWidth", "ExifImageLength"), ("GPSLatitude", "GPSLongitude"),
    ("GPSDate", "GPSTimeStamp"),
)  # fmt: skip

TOP = """# Records

One document an image in `exif_data` of the database `waldo` (`MONGODB_COLLECTION`, `MONGODB_DATABASE`), replaced whole
when the image changes.

| Field | Type | What it is |
|---|---|---|
| `_id` | string | `<bucket>/<key>` |
| `bucket`, `key` | string | The object in S3. |
| `etag` | string | Its ETag without quotes; empty where the server gives none. |
| `size` | integer | Its size in bytes. |
| `last_modified` | date | When S3 says it was last changed, UTC. |
| `format` | string | What kind of file it is, by its content: `jpeg`, `heif`, `tiff`, `png`, `webp`, ... |
| `status` | string | `ok`, `no_exif`, `unsupported` or `damaged`. |
| `problem` | string | A sentence, where something is wrong with it. |
| `extracted_at` | date | When the record was made, UTC. |
| `extractor_version` | integer | By which version of the extractor; the present one is %d. |
| `words` | array of strings | What a search for words looks through. |
| `folders` | array of strings | The folders around it, as in `holiday/2024/`: at most 10, the outermost. |
| `cells` | array of integers | The cells of the map's grids in which it was taken, for searches of an area. |
| `thumbnail_bytes` | integer | The size of its thumbnail, where it has one. |
| `photo` | object | What people search by, below. |
| `Image Make`, ... | object | Tags, by exifread's name: `printable`, `tag`, `field_type`, `field_length`, `values`. |
| `xmp`, `iptc` | object | The fields of the XMP packets and of the IPTC datasets. |

A tag's `values` are numbers, lists and strings of BSON. A ratio is a number there and keeps its exact form in
`printable`. The thumbnail that lies in the file is in the collection `thumbnails`, under the same `_id`.

## photo

What is unknown is left out. The sources stand in the order in which they are asked; a name such as `dc:creator` is a
field of XMP, one in quotes a dataset of IPTC. This table is made by trying the code that fills it.

| Field | Type | Unit | What it is | Source |
|---|---|---|---|---|
"""


class _Asked(dict[str, Any]):
    """A mapping that notes what it is asked for, as `<kind>|<name>`."""

    def __init__(self, kind: str, given: Mapping[str, Any], asked: dict[str, None]) -> None:
        prefix = f"{kind}|"
        wrap = (lambda value: {"values": value}) if kind == "tag" else (lambda value: value)
        super().__init__({n.removeprefix(prefix): wrap(value) for n, value in given.items() if n.startswith(prefix)})
        self._prefix = prefix
        self._asked = asked

    def get(self, name: str, default: Any = None) -> Any:
        self._asked[self._prefix + name] = None
        return super().get(name, default)


def _try(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """`photo` of these values alone, named `tag|NAME`, `xmp|NAME` or `iptc|NAME`; and all that was asked for."""
    asked: dict[str, None] = {}
    try:
        photo, _ = summarise(*(_Asked(kind, given, asked) for kind in ("tag", "xmp", "iptc")))
    except (TypeError, AttributeError):
        # A value of a kind that this source never has: XMP and IPTC hold no numbers.
        photo = {}
    return photo, list(asked)


def find_sources() -> dict[str, tuple[type, list[str]]]:
    """Of each field of `photo`: its type, and the names that it comes from, in the order in which they are asked."""
    names = _try({})[1]
    # What is asked for only once another is there.
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
    """Names with the fields that they made or changed, and the values of these."""
    dated = {"tag|EXIF DateTimeOriginal": VALUES[0]}
    for base in ({}, dated, {"tag|EXIF DateTimeDigitized": VALUES[0]}, {"tag|Image DateTime": VALUES[0]}):
        before, asked = _try(base)
        for name in (name for name in (names if not base else asked) if name not in base):
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
    """Names of the directories of a RAW file's pictures stand for each other."""
    others = tuple(f"tag|{directory} " for directory in DIRECTORIES if directory != "Image")
    kept = [_show(name) for name in sources if not name.startswith(others)]
    return ", ".join(kept) + (", the same of other directories" if len(kept) < len(sources) else "")


def make_page() -> str:
    """The page, in Markdown."""
    found = find_sources()
    rows = [
        f"| `{field}` | {TYPES.get(found[field][0], 'object')} | {UNITS.get(field, '')} | {text} | "
        f"{_shorten(found[field][1])} |"
        for field, text in MEANINGS.items()
    ]
    container = "\nThe width and the height are the container's own where it says them."
    return TOP % EXTRACTOR_VERSION + "\n".join(rows) + "\n" + container + "\n"
