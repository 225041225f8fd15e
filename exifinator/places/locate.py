"""Derive fields of `photo` from the position: the place, the time zone and the instant."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from exifinator.places.populated_places import find_place
from exifinator.places.time_zones import infer_utc, local_time, time_zone_of


def locate(photo: dict[str, Any], *, is_utc: bool = False) -> dict[str, Any]:
    """Return the fields that follow from the position of a photo.

    If the camera wrote no offset, infer the instant from the camera's clock and the time zone. If its date is in UTC,
    infer the local time.

    Args:
        photo: The field `photo` of a record. It is not changed.
        is_utc: Whether the date is in UTC by definition, and says nothing of the camera's clock.

    Returns:
        `time_zone` and `place`, if known. If the instant or the local time was inferred, also `taken_at` (in UTC) or
        `taken_local`, `taken_offset`, and `taken_offset_inferred` (True).
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
    # A date without a time of day is not an instant. Records of extractor version 1 have no `taken_precision`, but
    # their dates have times of day.
    has_time = photo.get("taken_precision", "second") in ("minute", "second")
    if zone and has_time and isinstance(taken, datetime) and is_utc:
        if clock := local_time(taken, zone):
            fields |= {"taken_local": clock.local, "taken_offset": clock.offset, "taken_offset_inferred": True}
    elif zone and has_time and isinstance(taken, datetime) and not photo.get("taken_offset"):
        inferred = infer_utc(taken.replace(tzinfo=None), zone)
        if inferred:
            fields["taken_at"] = inferred.taken_at
            fields["taken_offset"] = inferred.offset
            fields["taken_offset_inferred"] = True
    return fields


def _position(location: object) -> tuple[float, float] | None:
    """Return the latitude and longitude of a GeoJSON point in degrees; None if `location` is not a point."""
    match location.get("coordinates") if isinstance(location, dict) else None:
        case [int() | float() as longitude, int() | float() as latitude]:
            return latitude, longitude
    return None
