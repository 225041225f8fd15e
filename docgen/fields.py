"""Generate the reference of a record's fields from the table of the fields of `photo`."""

from __future__ import annotations

from exifinator import EXTRACTOR_VERSION
from exifinator.metadata.photo.fields import DERIVED, FIELDS, Field
from exifinator.metadata.photo.placeholders import STOCK_DESCRIPTIONS, WEAK_DESCRIPTIONS
from exifinator.metadata.photo.sources import Source
from exifinator.search_keys.kinds import KINDS

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
| `search_text` | string | The values in which a search finds phrases and the words of one field. |
| `folders` | array of strings | The folders that hold the object, as in `holiday/2024/`; at most the 10 outermost. |
| `cells` | array of integers | The cells of the map's grids that contain the photo's location, for area searches. |
| `countries`, `states`, `cities`, `places` | arrays of strings | Names of places, from the file and its position. |
| `kinds` | array of strings | What is special about the image: %s. |
| `family` | string | The key that the files of one photo have in common: folder, name and number. |
| `links` | array of strings | Further keys: from identifiers of Live Photos and bursts, times of series, or a title. |
| `series` | object | What the camera says about a bracket, burst or panorama: `kind`, and the `number` of the frame. |
| `stack` | object | The stack of the photo: `id` (of its primary photo), `role`, `primary` and `count`. |
| `sidecars` | array of objects | The sidecars of the photo: `id`, `kind`, and `fields`, whose values are from it. |
| `own` | object | Photos with values from sidecars: `photo` and `words` of the file itself. |
| `sidecar` | object | Sidecars: `kind`, `values` by field of `photo`, and `of`, the ids of the photos. |
| `thumbnail_bytes` | integer | The size of the thumbnail; absent if there is none. |
| `photo` | object | Normalized fields to search by; see below. |
| `Image Make`, ... | object | Tags: see below. |
| `xmp`, `iptc` | object | The fields of the XMP packets and of the IPTC datasets. |
| `text` | object | Text values of the container: `Comment` in JPEG and GIF, text chunks in PNG, properties in X3F. |
| `icc` | object | `name` and `color_space` of the ICC profile. |
| `ai` | object | How the image was generated: `prompt`, `model`, `software`, ...; see below. |

Tags have exifread's names; those of MakerNotes have ExifTool's. Each tag is an object with `printable`, `tag`,
`field_type`, `field_length` and `values`.

A tag's `values` are BSON numbers, lists and strings. A ratio is stored as a number and keeps its exact form in
`printable`. Structures in an XMP list are objects. If an XMP value is in several languages, the default is stored under
the name of the property, and the others under the name with the language, as in `dc:description[de-DE]`. Some
formats store the same information as EXIF in another structure: CRW, X3F, BigTIFF, and JPEGs from cameras older than
EXIF. For these formats, it is stored as the corresponding EXIF tags. The embedded thumbnail is stored in the collection
`thumbnails`, under the same `_id`.

## ai

The fields are `generated` (true if any of the sources says that the image was generated), `prompt`, `negative_prompt`,
`model`, `software`, `sampler`, `seed`, `steps`, `source_type` (IPTC DigitalSourceType) and `data_mining` (PLUS
DataMining). Unknown values are absent. The sources are the text chunks of PNG, UserComment and XMP.

## photo

Unknown values are absent. Sources are listed in order of precedence: a name such as `dc:creator` is an XMP field, a
name in quotes an IPTC dataset, and a name in italics a text value of the container, such as a text chunk of a PNG.
Names in parentheses are read together with the name before them. A field takes its value from the first source that has
one. Fields marked with * take the values of all sources, without repetitions. This table is generated from the table by
which the code fills the fields.

| Field | Type | Unit | Description | Sources |
|---|---|---|---|---|
"""


BOTTOM = """
If the container has a width and a height, these take precedence over the tags. Fields without sources are computed from
other fields.

## Placeholders

Some cameras and programs write a placeholder if there is no value. Placeholders are ignored, so that another source can
fill the field:

- blank strings, dates that consist of zeros or blanks, and the numbers 4294967295 and 0 where they mean "unknown";
- strings such as `n/a`, `----` and `(null)` in any field, and `unknown` as a name or a serial number;
- lenses without a name: `----`, `0.0 mm f/0.0`, `Unknown (8 01 10)`, `65535`, `None`, `n/a`;
- an ISO of 65535, if another tag has the real ISO;
- a rating of 0, if another source has a rating;
- the position (0, 0), with the altitude 0;
- descriptions that the camera writes: paths such as `DCIM\\100MEDIA\\DJI_0001.JPG`, the codes of Huawei's modes such as
  `cof` and `sdr_HDRB`, and these strings: %s.

These strings are used as a description only if there is no other description: %s.
"""


def _source_cell(source: Source) -> str:
    """Return the cell of a source in Markdown: its first name, and in parentheses the names that are read with it."""
    if source.kind == "iptc":
        name, *others = (f'"{name}"' for name in source.names)
    elif source.kind == "summary":
        name, *others = ("the MakerNote's tags",)
    elif source.kind in ("text", "icc"):
        name, *others = (f"*{name}*" for name in source.names)
    else:
        name, *others = (f"`{name}`" for name in source.names)
    return f"{name} ({', '.join(others)})" if others else name


def _row(field: Field) -> str:
    """Return the table row of a field in Markdown."""
    # exifread names an unknown tag by its number. List only the sources that name such a tag properly.
    sources = dict.fromkeys(_source_cell(source) for source in field.sources if " Tag 0x" not in source.names[0])
    name = f"`{field.name}`{'*' if field.type.startswith('array') else ''}"
    return f"| {name} | {field.type} | {field.unit} | {field.description} | {', '.join(sources)} |"


def fields_in_order() -> list[Field]:
    """Return the fields of `photo` in the order of the page.

    Dates that are computed follow the first field, and all other computed fields are at the end.
    """
    derived = {field.name: field for field in DERIVED}
    dates = [field for name, field in derived.items() if name.startswith(("taken", "date"))]
    others = [field for field in DERIVED if field not in dates]
    first, *rest = FIELDS
    return [first, *dates, *rest, *others]


def make_page() -> str:
    """Return the page in Markdown."""
    table = "\n".join(map(_row, fields_in_order()))
    placeholders = [
        ", ".join(f"`{text}`" for text in sorted(names)) for names in (STOCK_DESCRIPTIONS, WEAK_DESCRIPTIONS)
    ]
    kinds = ", ".join(f"`{kind}`" for kind in KINDS)
    return TOP % (EXTRACTOR_VERSION, kinds) + table + "\n" + BOTTOM % tuple(placeholders)
