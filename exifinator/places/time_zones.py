"""Infer the time zone of a position, and with it the instant of a photo whose camera wrote no offset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tzfpy import get_tz


class InferredTime(NamedTuple):
    """An instant that was inferred from the camera's clock and the time zone of its position.

    Attributes:
        taken_at: The instant, in UTC.
        offset: The clock's offset from UTC at that instant, such as "+02:00".
    """

    taken_at: datetime
    offset: str


def time_zone_of(latitude: float, longitude: float) -> str:
    """Return the name of the time zone of a position, "Etc/GMT-1" and its like at sea; "" for an invalid position.

    The first call loads the borders of the time zones, which take 32 MB of the process's memory.
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

    An hour that occurs twice, in autumn, counts as the first one. A time that does not occur, in spring, counts as if
    the clock had not been put forward.

    Args:
        local: The camera's clock, without a time zone.
        time_zone: Name in the IANA database.

    Returns:
        The instant; None if the time zone is unknown, or the date out of range.
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
    return InferredTime(taken_at, _format_offset(offset))


def _format_offset(offset: timedelta) -> str:
    """Return an offset in the form `+02:00`, without the seconds of local mean times."""
    minutes = int(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
