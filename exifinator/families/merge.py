"""Merge the values of sidecars into `photo`.

Programs save edits in XMP sidecars: most of them do not write into RAW files, and darktable and digiKam write into no
file. So the descriptive fields of an XMP sidecar take precedence over the file's fields. For the values that the camera
records, the file takes precedence. Google Photos does not change files either: the values that people enter there are
only in the sidecars of Takeout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from exifinator.families.names import TAKEOUT, XMP
from exifinator.models import TAKEN_FROM_FILE_NAME
from exifinator.places.locate import locate

Photo = dict[str, Any]

DATE_FIELDS = (
    "taken_at", "taken_local", "taken_offset", "taken_offset_inferred", "taken_precision", "taken_source",
    "date_suspect",
)  # fmt: skip
PLACE_FIELDS = ("time_zone", "place")
# Fields that people enter. The value of an XMP sidecar takes precedence over the file's value.
EDITED_FIELDS = frozenset(
    {
        "location", "country", "state", "city", "sublocation", "title", "headline", "description", "keywords", "people",
        "regions", "artist", "creators", "copyright", "rating", "label",
    }
)  # fmt: skip
# Fields that describe the file itself or its pixels. They are never taken from a sidecar.
FILE_FIELDS = frozenset(
    {
        "media_type", "width_pixels", "height_pixels", "megapixels", "orientation", "bits_per_sample", "color_space",
        "software", "duration_seconds", "frame_rate", "video_codec", "audio_codec", "bit_rate",
        *DATE_FIELDS, *PLACE_FIELDS,
    }
)  # fmt: skip
# Field -> fields that are replaced or removed with it: the altitude belongs to the location.
_DEPENDENT_FIELDS = {"location": ("altitude_metres",)}
# XMP properties with the time of the photo, not of the file.
_CAPTURE_DATES = ("exif:DateTimeOriginal", "photoshop:DateCreated")
_PRECISIONS = ("year", "month", "day", "minute", "second")
# Google Photos reads local time in a file as UTC. Only a larger difference is a correction by the user.
TAKEOUT_DATE_TOLERANCE = timedelta(hours=26)


class Sidecar(NamedTuple):
    """A sidecar that belongs to a photo.

    Attributes:
        id: The id of its record.
        kind: XMP or TAKEOUT.
        values: The values in the sidecar, by field of `photo`.
    """

    id: str
    kind: str
    values: Mapping[str, Any]


def merge(own: Mapping[str, Any], sidecars: Sequence[Sidecar]) -> tuple[Photo, list[list[str]]]:
    """Merge sidecars into the fields that a photo has from its own file.

    Args:
        own: The field `photo` of the file itself. It is not changed.
        sidecars: The sidecars. Later sidecars take precedence over earlier ones.

    Returns:
        The merged `photo`, and for each sidecar the names of the fields whose value it provides.
    """
    photo: Photo = {name: value for name, value in own.items() if name not in PLACE_FIELDS}
    if photo.pop("taken_offset_inferred", None):
        # The offset was inferred from a position that may change.
        photo.pop("taken_offset", None)
        photo["taken_at"] = photo.get("taken_local", photo.get("taken_at"))
    sidecar_index_by_field: dict[str, int] = {}
    for index, sidecar in enumerate(sidecars):
        for name in _merge_one(photo, sidecar):
            sidecar_index_by_field[name] = index
    if not sidecar_index_by_field:
        return dict(own), [[] for _ in sidecars]
    photo |= locate(photo)
    fields: list[list[str]] = [[] for _ in sidecars]
    for name in sorted(sidecar_index_by_field.keys() & photo.keys()):
        fields[sidecar_index_by_field[name]].append(name)
    return photo, fields


def _merge_one(photo: Photo, sidecar: Sidecar) -> list[str]:
    """Merge one sidecar into `photo`, and return the names of the fields that have changed."""
    changed: list[str] = []
    for name, value in sorted(sidecar.values.items()):
        if name in FILE_FIELDS or photo.get(name) == value:
            continue
        if sidecar.kind == TAKEOUT:
            value = _takeout_value(photo, name, value)
        elif name in photo and name not in EDITED_FIELDS:
            continue
        if value is None:
            continue
        if name == "altitude_metres" and "location" in photo and "location" not in sidecar.values:
            continue
        photo[name] = value
        changed.append(name)
        for dependent in _DEPENDENT_FIELDS.get(name, ()):
            if dependent in sidecar.values:
                photo[dependent] = sidecar.values[dependent]
                changed.append(dependent)
            else:
                photo.pop(dependent, None)
    if _replaces_date(photo, sidecar):
        for name in DATE_FIELDS:
            photo.pop(name, None)
        dates = {name: sidecar.values[name] for name in DATE_FIELDS if name in sidecar.values}
        photo |= dates
        changed += dates
    return changed


def _takeout_value(photo: Photo, name: str, value: Any) -> Any:
    """Return the new value of a field, or None to keep the current one."""
    if name == "description":
        return value
    if name == "people" and "people" in photo:
        known_people = {person.casefold() for person in photo["people"]}
        added = [person for person in value if person.casefold() not in known_people]
        return [*photo["people"], *added] if added else None
    return None if name in photo else value


def _replaces_date(photo: Photo, sidecar: Sidecar) -> bool:
    """Return whether the date of a sidecar replaces the photo's date."""
    values = sidecar.values
    local, new_local = photo.get("taken_local"), values.get("taken_local")
    if not isinstance(new_local, datetime):
        return False
    if not isinstance(local, datetime):
        return True
    if sidecar.kind == XMP:
        is_capture = values.get("taken_source") in _CAPTURE_DATES
        is_precise = _precision(values) >= _precision(photo)
        return is_capture and is_precise and not _same_second(local, new_local)
    if photo.get("taken_source") == TAKEN_FROM_FILE_NAME and _precision(photo) >= _PRECISIONS.index("day"):
        # If the file has no date, Google Photos uses the time of the upload.
        return False
    return abs(local.replace(tzinfo=None) - new_local.replace(tzinfo=None)) > TAKEOUT_DATE_TOLERANCE


def _precision(photo: Mapping[str, Any]) -> int:
    name = photo.get("taken_precision", "second")
    return _PRECISIONS.index(name) if name in _PRECISIONS else 0


def _same_second(a: datetime, b: datetime) -> bool:
    return a.replace(microsecond=0, tzinfo=None) == b.replace(microsecond=0, tzinfo=None)
