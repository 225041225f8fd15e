"""Add to `photo` what its position says: the place, the time zone, and with it the instant."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from exifinator.places.populated_places import find_place
from exifinator.places.time_zones import infer_utc, time_zone_of


def locate(photo: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that follow from the position of a photo: `time_zone`, `place` and, if inferred, the instant.

    If the camera wrote no offset, the instant follows from the camera's clock and the time zone. `taken_at` and
    `taken_offset` are then those of the instant, and `taken_offset_inferred` marks them.

    Args:
        photo: The field `photo` of a record. It is not changed.
    """
    position = _position(photo.get("location"))
    if position is None:
        return {}
    latitude, longitude = position
    fields: dict[str, Any] = {}
    zone = time_zone_of(latitude, longitude)
    if zone:
        fields["time_zone"] = zone
    place = find_place(latitude, longitude, zone)
    if place:
        fields["place"] = place
    taken = photo.get("taken_at")
    # A date without a time of day has no instant. Records of the first extractor have no precision: they have times.
    has_time = photo.get("taken_precision", "second") in ("minute", "second")
    if zone and has_time and isinstance(taken, datetime) and not photo.get("taken_offset"):
        inferred = infer_utc(taken.replace(tzinfo=None), zone)
        if inferred:
            fields["taken_at"] = inferred.taken_at
            fields["taken_offset"] = inferred.offset
            fields["taken_offset_inferred"] = True
    return fields


def _position(location: object) -> tuple[float, float] | None:
    """Return latitude and longitude of a GeoJSON point."""
    match location.get("coordinates") if isinstance(location, dict) else None:
        case [int() | float() as longitude, int() | float() as latitude]:
            return latitude, longitude
    return None
