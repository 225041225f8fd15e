"""Build `photo`, the typed fields of a record for searching, from the table in photo/fields.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from exifinator.metadata.photo.fields import FIELDS, Field
from exifinator.metadata.photo.lists import join
from exifinator.metadata.photo.readers import integer
from exifinator.metadata.photo.regions import people_in
from exifinator.metadata.photo.sources import Metadata, Problem, Reader, Source
from exifinator.metadata.photo.taken import Taken, choose_date, date_fields, refine_by_file_name
from exifinator.metadata.tiff_spec import MAX_SUB_IFDS
from exifinator.places.locate import locate

PICTURE_DIRECTORIES = ("Image", *(f"EXIF SubIFD{index}" for index in range(MAX_SUB_IFDS)), "IFD 2", "IFD 3")
_Get = Callable[[Metadata], Any]
# Types of the values that are cached.
_CACHED_TYPES = frozenset({str, int, float, bool, Problem})
# Limits on the number of cached values of one source, and on the length of a cached string.
MAX_CACHED_VALUES, MAX_CACHED_CHARACTERS = 128, 200


class _Entry(NamedTuple):
    """One source in the table.

    Attributes:
        row: Index of the field in FIELDS.
        rank: Index of the source in the field's sources.
        get: Function that reads the source.
        get_weak: Function that reads the source with the field's reader of last resort. None if the field has no such
            reader, or the source has a reader of its own.
    """

    row: int
    rank: int
    source: Source
    get: _Get
    get_weak: _Get | None


def build_photo(metadata: Metadata) -> tuple[dict[str, Any], list[str]]:
    """Build `photo`.

    Returns:
        `photo` without unknown fields, and the problems of the values, each as a sentence.
    """
    problems: list[str] = []
    photo: dict[str, Any] = {"media_type": metadata.media_type}
    taken: Taken | None = None
    for field, entries in _rows_with_sources(metadata):
        value = None
        if field.name == "taken_at":
            taken = choose_date(_values(entries, metadata, problems))
        elif field.combine:
            if values := [value for _, value in _values(entries, metadata, problems)]:
                value = field.combine(values)
        else:
            for entry in entries:
                value = entry.get(metadata)
                if value is not None:
                    if type(value) is not Problem:
                        break
                    problems.append(value)
                    value = None
        if value is None and field.last_resort:
            value = next((weak for entry in entries if entry.get_weak and (weak := entry.get_weak(metadata))), None)
        if value is not None:
            photo[field.name] = value
    taken = refine_by_file_name(taken, metadata, has_position="location" in photo)
    if taken:
        photo |= date_fields(taken, metadata)
    photo |= locate(photo, is_utc=taken is not None and taken.date.is_utc)
    _add_people(photo)
    _add_size(photo, metadata)
    if photo.get("altitude_metres") == 0 and "location" not in photo:
        # A receiver without a fix writes zeros.
        del photo["altitude_metres"]
    return photo, problems


def _rows_with_sources(metadata: Metadata) -> tuple[tuple[Field, list[_Entry]], ...]:
    """Return the fields for which the image has sources, each with these sources, in the order of the table."""
    return _rows_of(*(frozenset(names.keys() & getattr(metadata, kind).keys()) for kind, names in _index().items()))


@lru_cache(maxsize=256)
def _rows_of(*names_by_kind: frozenset[str]) -> tuple[tuple[Field, list[_Entry]], ...]:
    """Return the fields for which there are sources, each with these sources, in the order of the table.

    The results are cached, because photos from the same camera have the same sources.

    Args:
        names_by_kind: The names of the first values of the sources, for each attribute in _index.
    """
    present_entries: list[_Entry] = []
    for names, present in zip(_index().values(), names_by_kind, strict=True):
        for name in present:
            present_entries += names[name]
    present_entries.sort()
    return tuple((FIELDS[row], list(entries)) for row, entries in groupby(present_entries, _row_of_entry))


_row_of_entry = itemgetter(0)


def _values(entries: list[_Entry], metadata: Metadata, problems: list[str]) -> Iterator[tuple[Source, Any]]:
    """Yield the value of each source. Add a value that cannot be used to `problems` instead."""
    for entry in entries:
        value = entry.get(metadata)
        if type(value) is Problem:
            problems.append(value)
        elif value is not None and value != []:
            yield entry.source, value


@cache
def _index() -> dict[str, dict[str, list[_Entry]]]:
    """Return the table's sources, by the attribute of Metadata that contains them and the name of their first value."""
    attributes = ("tags", "xmp", "iptc", "summary", "text", "icc")
    index: dict[str, dict[str, list[_Entry]]] = {attribute: {} for attribute in attributes}
    for row, field in enumerate(FIELDS):
        for rank, source in enumerate(field.sources):
            attribute = "tags" if source.kind in ("tag", "printed") else source.kind
            weak = field.last_resort if field.last_resort and not source.read else None
            get = _getter(source, source.read or field.read)
            entry = _Entry(row, rank, source, get, _getter(source, weak) if weak else None)
            index[attribute].setdefault(source.names[0], []).append(entry)
    return index


def _getter(source: Source, read: Reader) -> _Get:
    """Return a function that reads a source whose first value is present."""
    name, *others = source.names
    if source.kind in ("tag", "printed"):
        part = "values" if source.kind == "tag" else "printable"
        if not others:
            return _single_tag_getter(name, part, read)

        def get_tag(metadata: Metadata) -> Any:
            tags = metadata.tags
            return read(tags[name][part], *[tags[other][part] if other in tags else None for other in others])

        return get_tag
    kind = source.kind

    def get(metadata: Metadata) -> Any:
        values = getattr(metadata, kind)
        return read(values[name], *map(values.get, others))

    return get


def _single_tag_getter(name: str, part: str, read: Reader) -> _Get:
    """Return a function that reads a tag. It caches the results, because photos repeat most values."""
    cached_values: dict[tuple[Any, type, type], Any] = {}

    def get(metadata: Metadata) -> Any:
        raw = metadata.tags[name][part]
        single = raw[0] if type(raw) is list and len(raw) == 1 else raw
        if type(single) not in _CACHED_TYPES or (type(single) is str and len(single) > MAX_CACHED_CHARACTERS):
            return read(raw)
        # The types are part of the key, because 1 and 1.0 are equal.
        key = single, type(single), type(raw)
        if key in cached_values:
            return cached_values[key]
        value = read(raw)
        if value is None or type(value) in _CACHED_TYPES:
            if len(cached_values) >= MAX_CACHED_VALUES:
                cached_values.clear()
            cached_values[key] = value
        return value

    return get


def _add_people(photo: dict[str, Any]) -> None:
    """Add the people in regions to the other people."""
    if "regions" not in photo:
        return
    people = join([people_in(photo["regions"]), photo.get("people", [])])
    if people:
        photo["people"] = people


def _add_size(photo: dict[str, Any], metadata: Metadata) -> None:
    """Add the size as displayed. If the container specifies the rotation, set the orientation to 1 (upright)."""
    width, height = _stored_size(metadata)
    orientation = photo.get("orientation")
    if orientation is not None and metadata.rotation_applied:
        photo["orientation"] = 1
    elif orientation is not None and orientation >= 5:
        width, height = height, width
    if width:
        photo["width_pixels"] = width
    if height:
        photo["height_pixels"] = height
    if width and height and (megapixels := round(width * height / 1e6, 2)):
        photo["megapixels"] = megapixels


def _stored_size(metadata: Metadata) -> tuple[int | None, int | None]:
    """Return width and height as stored: from the container, or else from EXIF, the largest picture, or XMP."""
    width, height = metadata.size
    if width and height:
        return width, height
    tags, xmp = metadata.tags, metadata.xmp
    pairs = [
        (_side(tags, "EXIF ExifImageWidth"), _side(tags, "EXIF ExifImageLength")),
        # The largest picture in a RAW file is the photo.
        max(
            ((_side(tags, f"{name} ImageWidth"), _side(tags, f"{name} ImageLength")) for name in PICTURE_DIRECTORIES),
            key=lambda sides: sides[0] * sides[1],
        ),
        (integer(xmp.get("exif:PixelXDimension")) or 0, integer(xmp.get("exif:PixelYDimension")) or 0),
        (integer(xmp.get("tiff:ImageWidth")) or 0, integer(xmp.get("tiff:ImageLength")) or 0),
    ]
    return next(((w, h) for w, h in pairs if w and h), (None, None))


def _side(tags: Any, name: str) -> int:
    tag = tags.get(name)
    return (integer(tag["values"]) or 0) if tag else 0


def join_sentences(problems: Iterable[str]) -> str | None:
    """Join problems into one string without repetitions. Return None if there are none."""
    return " ".join(dict.fromkeys(problems)) or None
