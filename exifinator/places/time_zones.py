"""Find the time zone of a position, and infer the instant of a photo whose camera wrote no offset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tzfpy import get_tz


class InferredTime(NamedTuple):
    """An instant that was inferred from the camera's clock and time zone.

    Attributes:
        taken_at: The instant, in UTC.
        offset: The clock's offset from UTC at that instant, such as "+02:00".
    """

    taken_at: datetime
    offset: str


class LocalTime(NamedTuple):
    """What a clock shows.

    Attributes:
        local: Date and time, without a time zone.
        offset: The clock's offset from UTC, such as "+02:00".
    """

    local: datetime
    offset: str


def time_zone_of(latitude: float, longitude: float) -> str:
    """Return the name of the time zone of a position; "" for an invalid position.

    At sea, the name begins with "Etc/", as in "Etc/GMT-1". The first call loads the borders of the time zones, which
    take 32 MB of memory in each process.

    Args:
        latitude: In degrees.
        longitude: In degrees.
    """
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return ""
    return get_tz(longitude, latitude)


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def infer_utc(local: datetime, time_zone: str) -> InferredTime | None:
    """Return the instant at which a camera's clock, set to local time, showed `local`.

    If the time occurs twice, because clocks were put back in autumn, assume the first occurrence. If it does not occur,
    because clocks were put forward in spring, assume that the camera's clock had not been put forward.

    Args:
        local: The camera's clock, without a time zone.
        time_zone: Name in the IANA database.

    Returns:
        The instant; None if the time zone is unknown, or the date is out of range.
    """
    zone = _zone(time_zone) if time_zone else None
    if zone is None:
        return None
    offset = local.replace(tzinfo=zone).utcoffset()
    if offset is None:
        return None
    try:
        taken_at = (local - offset).replace(tzinfo=UTC)
    except OverflowError:
        return None
    return InferredTime(taken_at, format_offset(offset))


def local_time(taken_at: datetime, time_zone: str) -> LocalTime | None:
    """Return what a clock in a time zone shows at an instant.

    Args:
        taken_at: The instant, in UTC, with or without a time zone.
        time_zone: Name in the IANA database.

    Returns:
        The local time; None if the time zone is unknown, or the date is out of range.
    """
    zone = _zone(time_zone) if time_zone else None
    try:
        local = taken_at.replace(tzinfo=UTC).astimezone(zone) if zone else None
    except OverflowError:
        return None
    offset = local.utcoffset() if local else None
    return LocalTime(local.replace(tzinfo=None), format_offset(offset)) if local and offset is not None else None


def format_offset(offset: timedelta) -> str:
    """Return an offset in the form `+02:00`. Cut the seconds that offsets of local mean time have."""
    minutes = int(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
