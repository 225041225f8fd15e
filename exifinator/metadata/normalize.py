"""Build `photo`, the part of a record that people search by, from EXIF tags, XMP and IPTC."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from exifinator.metadata.tiff_spec import MAX_SUB_IFDS

Tag = Mapping[str, Any]
Tags = Mapping[str, Tag]
Fields = Mapping[str, str | list[str]]

DATE = re.compile(r"\s*(\d{4})[:/.-](\d{1,2})[:/.-](\d{1,2})(?:[ T]+(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?)?")
ISO_8601_OFFSET = re.compile(r"T[\d:.]+(Z|[+-]\d\d:\d\d)")
OFFSET = re.compile(r"\s*([+-])(\d{2}):?(\d{2})")
MAX_TEXT_CHARACTERS = 10_000

# The value of the 16-bit ISO tag if the speed is too high for it.
ISO_TOO_HIGH = 65535
# Directories that may describe the picture. They are used if the container does not contain its size.
PICTURE_DIRECTORIES = ("Image", *(f"EXIF SubIFD{index}" for index in range(MAX_SUB_IFDS)), "IFD 2", "IFD 3")

# Names of the tags with a date, with the fraction of its second, and with its offset from UTC.
EXIF_DATES = (
    ("EXIF DateTimeOriginal", "EXIF SubSecTimeOriginal", ("EXIF OffsetTimeOriginal", "EXIF OffsetTime")),
    ("EXIF DateTimeDigitized", "EXIF SubSecTimeDigitized", ("EXIF OffsetTimeDigitized", "EXIF OffsetTime")),
)


def first_text(tags: Tags, *names: str) -> str | None:
    """Return the text of the first of the named tags that has a text, without surrounding whitespace; None if none has.

    The text is cut off after MAX_TEXT_CHARACTERS.
    """
    for name in names:
        tag = tags.get(name)
        if tag and isinstance(tag["values"], str):
            text = tag["values"].strip()
            if text:
                return text[:MAX_TEXT_CHARACTERS]
    return None


def first_number(tags: Tags, *names: str, index: int = 0) -> float | int | None:
    """Return the number at position `index` of the first of the named tags that has one there; None if none has."""
    for name in names:
        tag = tags.get(name)
        if tag:
            values = tag["values"]
            if isinstance(values, list) and len(values) > index and isinstance(values[index], int | float):
                number: float | int = values[index]
                return number
    return None


def _texts(fields: Mapping[str, str | list[str]], name: str) -> list[str]:
    """Return the texts of an XMP or IPTC field as a list, which is empty if the field is missing."""
    value = fields.get(name, [])
    return [value] if isinstance(value, str) else value


def _preferred_text(tags: Tags, tag: str, xmp: Fields, xmp_name: str, iptc: Fields, iptc_name: str) -> str | None:
    """Return the text from EXIF; if there is none, from XMP; if there is none either, from IPTC.

    Source of this order: Metadata Working Group, Guidelines for Handling Image Metadata 2.0.
    """
    return first_text(tags, tag) or "; ".join(_texts(xmp, xmp_name)) or "; ".join(_texts(iptc, iptc_name)) or None


def _keywords(tags: Tags, xmp: Fields, iptc: Fields) -> list[str] | None:
    exif = [word.strip() for word in (first_text(tags, "Image XPKeywords") or "").split(";") if word.strip()]
    return exif or _texts(xmp, "dc:subject") or _texts(iptc, "Keywords") or None


def _rating(tags: Tags, xmp: Fields) -> int | None:
    rating = first_number(tags, "Image Rating")
    if rating is None:
        try:
            rating = float(next(iter(_texts(xmp, "xmp:Rating")), ""))
        except ValueError:
            return None
    # -1 means "rejected".
    return int(rating) if -1 <= rating <= 5 else None


def _xmp_date(xmp: Fields) -> tuple[datetime, str | None] | None:
    for name in ("exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate"):
        text = next(iter(_texts(xmp, name)), "")
        date = parse_date(text)
        if date:
            match = ISO_8601_OFFSET.search(text)
            offset = parse_offset("+00:00" if match and match[1] == "Z" else match[1]) if match else None
            return _with_offset(date, offset)
    return None


def _positive(number: float | int | None) -> float | int | None:
    return number if number is not None and number > 0 else None


def _positive_integer(number: float | int | None) -> int | None:
    # The upper limit also excludes doubles that are larger than the 64-bit integers that MongoDB stores.
    return int(number) if number is not None and 1 <= number < 2**32 else None


def _from_apex(value: float | int | None, factor: float) -> float | None:
    """Convert an APEX value to an exposure time (factor -1) or an f-number (factor 0.5).

    This is needed for cameras that write only APEX values. Source: Exif 3.0, annex C.
    """
    if value is None or not -30 < value < 30:
        return None
    return round(float(2 ** (factor * value)), 9)


def parse_date(text: str | None, sub_seconds: str | None = None) -> datetime | None:
    """Parse a date and time as cameras write it.

    Args:
        text: The date and time, such as "2024:05:31 14:30:00". The time may be missing.
        sub_seconds: The digits of the fraction of a second.

    Returns:
        The date and time without a time zone, truncated to milliseconds; None if the date is blank, zero or impossible.
    """
    match = DATE.match(text) if text else None
    if not match:
        return None
    year, month, day, hour, minute, second = (int(part) if part else 0 for part in match.groups())
    digits = re.match(r"\d{1,9}", (sub_seconds or "").strip())
    milliseconds = int(digits[0].ljust(3, "0")[:3]) if digits else 0
    try:
        return datetime(year, month, day, hour, minute, second, milliseconds * 1000)
    except ValueError:
        return None


def parse_offset(text: str | None) -> tuple[str, timezone] | None:
    """Parse an offset from UTC.

    Returns:
        The offset in the form "+02:00", and its time zone; None if the text is not an offset.
    """
    match = OFFSET.match(text) if text else None
    if not match:
        return None
    sign, hours, minutes = match.groups()
    delta = timedelta(hours=int(hours), minutes=int(minutes))
    if delta > timedelta(hours=14):
        return None
    return f"{sign}{hours}:{minutes}", timezone(-delta if sign == "-" else delta)


def _exif_date(tags: Tags) -> tuple[datetime, str | None] | None:
    for date_tag, sub_seconds_tag, offset_tags in EXIF_DATES:
        date = parse_date(first_text(tags, date_tag), first_text(tags, sub_seconds_tag))
        if date:
            offset = parse_offset(first_text(tags, *offset_tags))
            return _with_offset(date, offset)
    return None


def _with_offset(date: datetime, offset: tuple[str, timezone] | None) -> tuple[datetime, str | None]:
    """Return the date in UTC and the text of its offset; the date unchanged and None if the offset is unknown."""
    if offset is None:
        return date, None
    try:
        return date.replace(tzinfo=offset[1]).astimezone(UTC), offset[0]
    except OverflowError:  # In UTC, the date is before the first or after the last day that datetime supports.
        return date, None


def _gps_date(tags: Tags) -> tuple[datetime, str | None] | None:
    date = parse_date(first_text(tags, "GPS GPSDate"))
    if date is None:
        return None
    time_parts = [first_number(tags, "GPS GPSTimeStamp", index=index) for index in range(3)]
    if time_parts[0] is None or time_parts[1] is None:
        return None
    seconds = time_parts[0] * 3600 + time_parts[1] * 60 + (time_parts[2] or 0)
    if not 0 <= seconds < 86_401:
        return None
    try:
        return (date + timedelta(milliseconds=round(seconds * 1000))).replace(tzinfo=UTC), "+00:00"
    except OverflowError:  # The time is after the last day that datetime supports.
        return None


def _degrees(tags: Tags, name: str, limit: float) -> tuple[float | None, bool]:
    """Return the signed decimal degrees (None if unknown), and whether the value is out of range.

    Args:
        tags: The EXIF tags.
        name: Name of the tag with degrees, minutes and seconds.
        limit: The largest valid number of degrees.
    """
    parts = [first_number(tags, name, index=index) for index in range(3)]
    if parts[0] is None:
        return None, False
    degrees = parts[0] + (parts[1] or 0) / 60 + (parts[2] or 0) / 3600
    if not 0 <= degrees <= limit:
        return None, True
    reference = (first_text(tags, f"{name}Ref") or "")[:1].upper()
    # Adding zero turns -0.0 into 0.0.
    return round(-degrees if reference in ("S", "W") else degrees, 8) + 0.0, False


def _location(tags: Tags, problems: list[str]) -> dict[str, Any] | None:
    latitude, bad_latitude = _degrees(tags, "GPS GPSLatitude", 90)
    longitude, bad_longitude = _degrees(tags, "GPS GPSLongitude", 180)
    if bad_latitude or bad_longitude:
        problems.append("The GPS position is out of range.")
    if latitude is None or longitude is None:
        return None
    # GPS receivers without a position write (0, 0). A receiver that really is there also writes a date or an altitude
    # other than 0.
    if latitude == 0 and longitude == 0 and not first_number(tags, "GPS GPSAltitude") and "GPS GPSDate" not in tags:
        return None
    return {"type": "Point", "coordinates": [longitude, latitude]}


def _altitude(tags: Tags) -> float | None:
    metres = first_number(tags, "GPS GPSAltitude")
    if metres is None or not 0 <= metres < 100_000:
        return None
    # References 1 and 3 mean "below sea level".
    return -float(metres) if first_number(tags, "GPS GPSAltitudeRef") in (1, 3) else float(metres)


def _lens(tags: Tags) -> str | None:
    name = first_text(tags, "EXIF LensModel", "Image LensModel")
    if name:
        return name
    for tag in ("EXIF LensSpecification", "MakerNote LensMinMaxFocalMaxAperture"):
        shortest_mm, longest_mm, wide_f, tele_f = (first_number(tags, tag, index=index) for index in range(4))
        if _positive(shortest_mm) and _positive(longest_mm):
            focal_range = f"{shortest_mm:g}" if shortest_mm == longest_mm else f"{shortest_mm:g}-{longest_mm:g}"
            if not _positive(wide_f):
                return f"{focal_range}mm"
            return (
                f"{focal_range}mm f/{wide_f:g}"
                if not _positive(tele_f) or wide_f == tele_f
                else f"{focal_range}mm f/{wide_f:g}-{tele_f:g}"
            )
    return first_text(tags, "MakerNote LensModel", "MakerNote Lens")


def _directory_dimensions(tags: Tags, directory: str) -> tuple[int, int]:
    width = _positive_integer(first_number(tags, f"{directory} ImageWidth"))
    height = _positive_integer(first_number(tags, f"{directory} ImageLength"))
    return (width, height) if width and height else (0, 0)


def _dimensions(
    tags: Tags, size: tuple[int | None, int | None], rotation_applied: bool, orientation: int | None
) -> tuple[Any, Any]:
    width, height = size
    if not (width and height):
        width = _positive_integer(first_number(tags, "EXIF ExifImageWidth"))
        height = _positive_integer(first_number(tags, "EXIF ExifImageLength"))
    if not (width and height):
        # A RAW file may contain previews too. The largest picture is the photo.
        width, height = max(
            (_directory_dimensions(tags, name) for name in PICTURE_DIRECTORIES), key=lambda sides: sides[0] * sides[1]
        )
    width, height = width or None, height or None
    if orientation is not None and orientation >= 5 and not rotation_applied:
        return height, width
    return width, height


def _iso(tags: Tags) -> int | None:
    speed = first_number(tags, "EXIF ISOSpeedRatings", "Image ISOSpeedRatings")
    if speed is None or speed == ISO_TOO_HIGH:
        # The highest speeds do not fit into the 16 bits of ISOSpeedRatings. Newer cameras write them to other tags.
        speed = first_number(tags, "EXIF RecommendedExposureIndex", "EXIF ISOSpeed") or speed
    return _positive_integer(speed)


def build_photo(
    tags: Tags,
    xmp: Fields,
    iptc: Fields,
    size: tuple[int | None, int | None] = (None, None),
    *,
    rotation_applied: bool = False,
) -> tuple[dict[str, Any], list[str]]:
    """Build `photo`, the normalized fields of a record.

    Args:
        tags: The EXIF tags.
        xmp: The XMP properties.
        iptc: The IPTC fields.
        size: Width and height in pixels, from the container.
        rotation_applied: Whether `size` already takes the picture's rotation into account.

    Returns:
        `photo` without the fields whose values are unknown, and the problems that were found, each as a sentence.
    """
    problems: list[str] = []
    orientation = _positive_integer(first_number(tags, "Image Orientation"))
    if orientation is not None and orientation > 8:
        orientation = None
    width, height = _dimensions(tags, size, rotation_applied, orientation)
    taken = _exif_date(tags) or _gps_date(tags) or _xmp_date(xmp)
    if taken is None:
        # Fall back to DateTime, the time of the last change. Some scanners and old phones write no other date.
        date = parse_date(first_text(tags, "Image DateTime"), first_text(tags, "EXIF SubSecTime"))
        taken = _with_offset(date, parse_offset(first_text(tags, "EXIF OffsetTime"))) if date else None
    flash = first_number(tags, "EXIF Flash")
    photo = {
        "taken_at": taken[0] if taken else None,
        "taken_offset": taken[1] if taken else None,
        "camera_make": first_text(tags, "Image Make"),
        "camera_model": first_text(tags, "Image Model"),
        "lens_model": _lens(tags),
        "iso": _iso(tags),
        "f_number": _positive(first_number(tags, "EXIF FNumber", "Image FNumber"))
        or _from_apex(first_number(tags, "EXIF ApertureValue"), 0.5),
        "exposure_seconds": _positive(first_number(tags, "EXIF ExposureTime", "Image ExposureTime"))
        or _from_apex(first_number(tags, "EXIF ShutterSpeedValue"), -1),
        "focal_length_mm": _positive(first_number(tags, "EXIF FocalLength", "Image FocalLength")),
        "focal_length_35mm": _positive_integer(first_number(tags, "EXIF FocalLengthIn35mmFilm")),
        "flash_fired": bool(int(flash) & 1) if flash is not None else None,
        "orientation": orientation,
        "width_pixels": width,
        "height_pixels": height,
        "location": _location(tags, problems),
        "altitude_metres": _altitude(tags),
        "software": first_text(tags, "Image Software"),
        "artist": _preferred_text(tags, "Image Artist", xmp, "dc:creator", iptc, "By-line"),
        "copyright": _preferred_text(tags, "Image Copyright", xmp, "dc:rights", iptc, "CopyrightNotice"),
        "description": _preferred_text(tags, "Image ImageDescription", xmp, "dc:description", iptc, "Caption-Abstract"),
        "keywords": _keywords(tags, xmp, iptc),
        "rating": _rating(tags, xmp),
    }
    return {name: value for name, value in photo.items() if value is not None}, problems


def join_sentences(problems: Iterable[str]) -> str | None:
    """Join problems, each a sentence, into one text without repetitions. Return None if there are no problems."""
    return " ".join(dict.fromkeys(problems)) or None
