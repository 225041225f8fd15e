"""Choose the date of a photo from several sources, and judge whether it is plausible."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple

from exifinator.metadata import dates
from exifinator.metadata.dates import PhotoDate, is_blank_date, parse_date, parse_offset, to_utc
from exifinator.metadata.photo.file_names import date_in_name
from exifinator.metadata.photo.readers import number, text
from exifinator.metadata.photo.sources import Metadata, Problem, Raw, Source
from exifinator.models import TAKEN_FROM_FILE_NAME
from exifinator.places.time_zones import format_offset

_PRECISIONS = ("year", "month", "day", "minute", "second")
MOVIE_DATE = "QuickTime CreateDate"
# Makers whose cameras are known to write local time into the header of a movie, and makers whose devices are known to
# write UTC. The names are makes or brands in lower case. Observations: Nikon and GoPro in
# https://github.com/Piwigo/piwigo-videojs/issues/98, https://github.com/pulsejet/memories/issues/1256 and
# http://blog.mono0x.net/2021/11/03/gopro-creation-time; the other makers in
# https://github.com/photostructure/exiftool-vendored.js/issues/113 and
# https://github.com/photoprism/photoprism/issues/1388.
_LOCAL_MAKES = ("nikon", "niko", "gopro")
_UTC_MAKES = ("apple", "google", "samsung", "motorola")
# Value of FileSource for a digital camera, as opposed to a scanner (Exif 3.0, 4.6.6.3).
DIGITAL_CAMERA = 3
FIRST_DIGITAL_YEAR = 1990
# The dates at which the clocks of cameras start if nobody has set them.
_CLOCK_EPOCHS = frozenset({(1904, 1, 1), (1970, 1, 1), (1980, 1, 1), (1980, 1, 6)})
# All offsets from UTC are multiples of this.
OFFSET_STEP = timedelta(minutes=15)
# The date in a file name and the date in the metadata may differ by this much, in addition to the offset from UTC.
NAME_TOLERANCE = timedelta(seconds=30)
MAX_RECORDED_SECONDS = 86_400
# Dates this far in the future are accepted, because local time is up to 14 hours ahead of UTC.
_FUTURE_TOLERANCE = timedelta(days=1)


class Taken(NamedTuple):
    """A date and the name of its source.

    Attributes:
        is_offset_inferred: Whether the offset of the date follows from the file name.
    """

    date: PhotoDate
    source: str
    is_offset_inferred: bool = False


def exif_date(raw: Raw, sub_seconds: Raw, *offsets: Raw) -> PhotoDate | Problem | None:
    """Read an EXIF date. The fraction of a second and the offset have tags of their own."""
    date = written_date(raw, sub_seconds)
    if not isinstance(date, PhotoDate) or date.offset or date.precision not in ("minute", "second"):
        return date
    return date._replace(offset=next((offset for value in offsets if (offset := parse_offset(text(value)))), None))


def written_date(raw: Raw, sub_seconds: Raw = None) -> PhotoDate | Problem | None:
    """Read a date in any of the formats of dates.py. Return a Problem for a string that is not a date."""
    value = text(raw)
    if value is None:
        return None
    date = parse_date(value, text(sub_seconds) if sub_seconds else None)
    if date or is_blank_date(value):
        return date
    return Problem(f"A date cannot be read: {value[:40]!r}.")


def iptc_date(raw: Raw, time: Raw) -> PhotoDate | Problem | None:
    """Read an IPTC date. The time is in another dataset."""
    date, clock = written_date(raw), text(time)
    if not isinstance(date, PhotoDate) or date.precision != "day" or not clock:
        return date
    return parse_date(f"{date.local.date().isoformat()} {clock}") or date


def date_in_parts(raw: Raw, day: Raw, time: Raw) -> PhotoDate | None:
    """Read a date whose year, month and day, and time are in three values, as in Kodak's MakerNotes."""
    year, month_and_day, clock = number(raw), text(day), text(time)
    if year is None or not month_and_day:
        return None
    date = f"{year:g}:{month_and_day}"
    return (parse_date(f"{date} {clock}") if clock else None) or parse_date(date)


def gps_date(raw: Raw, time: Raw) -> PhotoDate | None:
    """Read the date and time from GPS, which are in UTC."""
    date = parse_date(text(raw))
    parts = [number([value]) for value in time[:3]] if isinstance(time, list) else []
    if date is None or date.precision != "day" or len(parts) < 2 or parts[0] is None or parts[1] is None:
        return None
    seconds = parts[0] * 3600 + parts[1] * 60 + ((parts[2] if len(parts) > 2 else 0) or 0)
    if not 0 <= seconds < 86_401:
        return None
    try:
        return dates.mark_utc(PhotoDate(date.local + timedelta(milliseconds=round(seconds * 1000)), "second"))
    except OverflowError:  # midnight at the end of the last day that datetime supports
        return None


def in_utc(raw: Raw) -> PhotoDate | Problem | None:
    """Read a date that is in UTC unless it has an offset."""
    date = written_date(raw)
    if isinstance(date, PhotoDate) and date.offset is None and date.precision in ("minute", "second"):
        return dates.mark_utc(date)
    return date


def movie_date(raw: Raw, *makes: Raw) -> Taken | Problem | None:
    """Read the date in a movie's header, and name the clock that it shows in the source.

    The date is in UTC by the standard (ISO/IEC 14496-12, 8.2.2). Phones follow it, but some cameras write their local
    time. If the maker is not known, assume UTC.

    Args:
        raw: The date.
        makes: The makes of the camera, the brand of the file, and the program that wrote the first track.
    """
    date = written_date(raw)
    if not isinstance(date, PhotoDate):
        return date
    names = [name.lower() for value in makes if (name := text(value))]
    if any(name.startswith(_LOCAL_MAKES) for name in names):
        return Taken(date, f"{MOVIE_DATE} (camera clock)")
    clock = "UTC" if any(name.startswith(_UTC_MAKES) for name in names) else "UTC assumed"
    return Taken(dates.mark_utc(date), f"{MOVIE_DATE} ({clock})")


def movie_date_in_zone(raw: Raw, offset: Raw) -> Taken | None:
    """Read the date in a movie's header, if the camera also wrote the offset of its clock from UTC."""
    date, zone = written_date(raw), parse_offset(text(offset))
    if not isinstance(date, PhotoDate) or zone is None:
        return None
    local = dates.in_zone(date, zone)
    return Taken(local, f"{MOVIE_DATE} (UTC)") if local else None


def choose_date(candidates: Iterable[tuple[Source, Any]]) -> Taken | None:
    """Return the first date, or a later date that agrees with it and is more precise, if the first has no seconds."""
    chosen: Taken | None = None
    for source, value in candidates:
        taken = value if isinstance(value, Taken) else Taken(value, source.names[0])
        if chosen is None or _refines(taken.date, chosen.date):
            chosen = taken
        if chosen.date.precision == "second":
            break
    return chosen


def refine_by_file_name(taken: Taken | None, metadata: Metadata, *, has_position: bool = False) -> Taken | None:
    """Return the date in the file name if there is no other date, or if the other date has no time of day.

    If the date is in UTC by definition, and there is no position, infer the offset of the camera's clock from the file
    name.
    """
    if taken and taken.date.is_utc and not has_position:
        return _infer_offset_from_name(taken, metadata)
    if taken and taken.date.precision in ("minute", "second"):
        return taken
    named = date_in_name(metadata.key)
    if named and named.local < metadata.now + _FUTURE_TOLERANCE and (taken is None or _refines(named, taken.date)):
        return Taken(named, TAKEN_FROM_FILE_NAME)
    return taken


def _infer_offset_from_name(taken: Taken, metadata: Metadata) -> Taken:
    """Convert a date in UTC to the clock of the file name, if the two agree except for an offset.

    Phones name a video after the local time at which the recording starts. The header has the time of its start or end.
    """
    named = date_in_name(metadata.key)
    if named is None or named.is_utc or named.precision != "second":
        return taken
    duration = metadata.summary.get("duration_seconds")
    for recorded_seconds in (0.0, duration if isinstance(duration, int | float) else 0.0):
        difference = named.local + timedelta(seconds=min(recorded_seconds, MAX_RECORDED_SECONDS)) - taken.date.local
        offset = round(difference / OFFSET_STEP) * OFFSET_STEP
        if abs(difference - offset) <= NAME_TOLERANCE and abs(offset) <= dates.MAX_OFFSET:
            local = dates.in_zone(taken.date, format_offset(offset))
            return Taken(local, taken.source, is_offset_inferred=True) if local else taken
    return taken


def _refines(date: PhotoDate, other: PhotoDate) -> bool:
    """Return whether `date` agrees with `other`, and is more precise."""
    level = _PRECISIONS.index(other.precision)
    if _PRECISIONS.index(date.precision) <= level:
        return False
    return date.local.timetuple()[: level + 1] == other.local.timetuple()[: level + 1]


def date_fields(taken: Taken, metadata: Metadata) -> dict[str, Any]:
    """Return the fields of `photo` that describe the date."""
    date = taken.date
    utc = to_utc(date)
    fields: dict[str, Any] = {"taken_at": utc or date.local}
    if utc:
        fields["taken_offset"] = date.offset
    if taken.is_offset_inferred:
        fields["taken_offset_inferred"] = True
    fields["taken_local"] = date.local
    fields["taken_precision"] = date.precision
    fields["taken_source"] = taken.source
    if reason := suspicion(taken, metadata):
        fields["date_suspect"] = reason
    return fields


def suspicion(taken: Taken, metadata: Metadata) -> str | None:
    """Return why a date is probably wrong, as a value of `date_suspect`; None if it is plausible."""
    date = taken.date
    local = date.local
    if local > metadata.now + _FUTURE_TOLERANCE:
        return "future"
    has_time = date.precision in ("minute", "second") and taken.source != TAKEN_FROM_FILE_NAME
    is_full_hour = has_time and not (local.minute or local.second or local.microsecond)
    if is_full_hour and local.hour in (0, 12) and (local.month, local.day) == (1, 1):
        return "camera_default"
    if has_time and (local.year, local.month, local.day) in _CLOCK_EPOCHS:
        return "camera_default"
    if local.year < FIRST_DIGITAL_YEAR and _is_from_digital_camera(metadata):
        return "before_digital"
    # Programs that know only the day write midnight. Only one photo in 86,400 is really taken in that second.
    return "midnight" if is_full_hour and local.hour == 0 and date.precision == "second" else None


def _is_from_digital_camera(metadata: Metadata) -> bool:
    tags = metadata.tags
    if (source := tags.get("EXIF FileSource")) is not None:
        return number(source["values"]) == DIGITAL_CAMERA
    return "EXIF ExposureTime" in tags or "EXIF FNumber" in tags
