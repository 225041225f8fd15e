"""Read the values of sidecars: XMP files, and the JSON files of Google Takeout."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from exifinator.families.names import TAKEOUT, XMP, family_of, file_name, links_of, original_of
from exifinator.metadata.dates import PhotoDate
from exifinator.metadata.limits import MemoryBudget
from exifinator.metadata.normalize import build_photo
from exifinator.metadata.photo.lists import names
from exifinator.metadata.photo.media import coordinates
from exifinator.metadata.photo.readers import text
from exifinator.metadata.photo.sources import Metadata, Problem
from exifinator.metadata.photo.taken import Taken, date_fields
from exifinator.places.time_zones import local_time, time_zone_of

# Memory that decoded JSON takes per byte in the worst case, a list of empty lists.
JSON_MEMORY_PER_BYTE = 40
MAX_TITLE_CHARACTERS = 1024
MAX_DESCRIPTION_CHARACTERS = 32 * 1024
MAX_PEOPLE = 1000
MAX_DIGITS = 20
MAX_EXTENSION_CHARACTERS = 10
PHOTO_TAKEN_TIME = "photoTakenTime"
_EPOCH = datetime(1970, 1, 1)
# Flags of Google Photos for which `photo` has no field.
_FLAGS = ("favorited", "archived", "trashed")


def read_sidecar(image_id: str, format_: str, xmp: dict[str, Any], data: bytes, budget: MemoryBudget) -> dict[str, Any]:
    """Return the fields that only the record of a sidecar has.

    Args:
        image_id: The id of the record.
        format_: The format of the file.
        xmp: The XMP properties of the file.
        data: The content of the file if it is a JSON file of Takeout.
        budget: Limit on the memory that the decoded values take.

    Returns:
        `sidecar`, `family` and `links`; an empty dictionary if the file is not a sidecar.
    """
    if format_ == XMP:
        sidecar: dict[str, Any] = {"kind": XMP, "values": xmp_values(xmp)}
        if extension := _extension_of_photo(xmp):
            sidecar["extension"] = extension
        derived_from = text(xmp.get("xmpMM:DerivedFrom")) or ""
        name = file_name(image_id, XMP)
        original = original_of(name, derived_from) if len(derived_from) <= MAX_TITLE_CHARACTERS else ""
        if not original:
            return {"sidecar": sidecar, "family": family_of(image_id, XMP)}
        sidecar["original"] = original
        return {"sidecar": sidecar, "family": family_of(image_id, XMP), "links": [family_of(name.folder + original)]}
    if format_ == TAKEOUT:
        budget.spend(JSON_MEMORY_PER_BYTE * len(data))
        sidecar = {"kind": TAKEOUT, **takeout_fields(data)}
        links = links_of(image_id, sidecar.get("title", ""))
        return {"sidecar": sidecar, "family": family_of(image_id, TAKEOUT), **({"links": links} if links else {})}
    return {}


def xmp_values(xmp: dict[str, Any]) -> dict[str, Any]:
    """Return the values of an XMP sidecar, by field of `photo`."""
    photo, _ = build_photo(Metadata({}, xmp, now=_now()))
    return photo


def _extension_of_photo(xmp: dict[str, Any]) -> str:
    """Return the extension of the photo that an XMP sidecar names, in lower case; "" if it names none."""
    extension = text(xmp.get("photoshop:SidecarForExtension"))
    if not extension:
        extension = (text(xmp.get("crs:RawFileName")) or "").rpartition(".")[2]
    extension = extension.strip(". ").casefold()
    return extension if len(extension) <= MAX_EXTENSION_CHARACTERS else ""


def takeout_fields(data: bytes) -> dict[str, Any]:
    """Return the title, the values by field of `photo`, and the flags in a sidecar of Takeout."""
    try:
        content = json.loads(data, parse_int=_integer, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return {"values": {}}
    if not isinstance(content, dict):
        return {"values": {}}
    fields: dict[str, Any] = {}
    if title := _text(content.get("title"), MAX_TITLE_CHARACTERS):
        fields["title"] = title
    fields |= {name: True for name in _FLAGS if content.get(name) is True}
    fields["values"] = _takeout_values(content)
    return fields


def _takeout_values(content: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if description := _text(content.get("description"), MAX_DESCRIPTION_CHARACTERS):
        values["description"] = description
    people = content.get("people")
    if isinstance(people, list):
        person_names = [
            _text(person.get("name"), MAX_TITLE_CHARACTERS)
            for person in people[:MAX_PEOPLE]
            if isinstance(person, dict)
        ]
        if distinct_names := list(dict.fromkeys(names([name for name in person_names if name]))):
            values["people"] = distinct_names
    # `geoData` includes the user's changes. `geoDataExif` is the position in the photo's EXIF.
    for place in (content.get("geoData"), content.get("geoDataExif")):
        if "location" not in values and isinstance(place, dict):
            location = coordinates([place.get("latitude"), place.get("longitude")])
            if location and not isinstance(location, Problem):
                values["location"] = location
                altitude = place.get("altitude")
                if isinstance(altitude, int | float) and altitude and -12_000 < altitude < 100_000:
                    values["altitude_metres"] = float(altitude)
    taken = content.get(PHOTO_TAKEN_TIME)
    if isinstance(taken, dict):
        values |= _taken_fields(taken.get("timestamp"), values.get("location"))
    return values


def _taken_fields(timestamp: Any, location: dict[str, Any] | None) -> dict[str, Any]:
    """Return the date fields of `photo` for a Unix time: in the time zone of the position, or else in UTC."""
    try:
        taken_utc = _EPOCH + timedelta(seconds=int(timestamp))
        clock = None
        if location:
            longitude, latitude = location["coordinates"]
            clock = local_time(taken_utc, time_zone_of(latitude, longitude))
        local, offset = clock or (taken_utc, "+00:00")
    except (TypeError, ValueError, OverflowError):
        return {}
    return date_fields(Taken(PhotoDate(local, "second", offset), PHOTO_TAKEN_TIME), Metadata({}, now=_now()))


def _integer(digits: str) -> int | None:
    """Parse an integer. Return None for more digits than any number in these files has."""
    return int(digits) if len(digits) < MAX_DIGITS else None


def _text(value: Any, limit: int) -> str | None:
    """Return a string of at most `limit` characters. Lone surrogates, which MongoDB refuses, are replaced."""
    if not isinstance(value, str):
        return None
    return value[:limit].encode("utf-8", "replace").decode().strip() or None


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
