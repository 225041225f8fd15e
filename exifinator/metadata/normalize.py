"""Build `photo`, the typed fields that people search by, from tags, XMP and IPTC."""

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

ISO_TOO_HIGH = 65535
PICTURE_DIRECTORIES = ("Image", *(f"EXIF SubIFD{index}" for index in range(MAX_SUB_IFDS)), "IFD 2", "IFD 3")

# (date, its fraction of a second, its offset from UTC): names of tags.
EXIF_DATES = (
    ("EXIF DateTimeOriginal", "EXIF SubSecTimeOriginal", ("EXIF OffsetTimeOriginal", "EXIF OffsetTime")),
    ("EXIF DateTimeDigitized", "EXIF SubSecTimeDigitized", ("EXIF OffsetTimeDigitized", "EXIF OffsetTime")),
)


def text_of(tags: Tags, *names: str) -> str | None:
    """Return the stripped text of the first of these tags that has text; None if none has."""
    for name in names:
        tag = tags.get(name)
        if tag and isinstance(tag["values"], str):
            text = tag["values"].strip()
            if text:
                return text[:MAX_TEXT_CHARACTERS]
    return None


def number_of(tags: Tags, *names: str, index: int = 0) -> float | int | None:
    """Return the number at `index` of the first of these tags that has one; None if none has."""
    for name in names:
        tag = tags.get(name)
        if tag:
            values = tag["values"]
            if isinstance(values, list) and len(values) > index and isinstance(values[index], int | float):
                number: float | int = values[index]
                return number
    return None


def _texts(fields: Mapping[str, str | list[str]], name: str) -> list[str]:
    """Return an XMP or IPTC field as a list."""
    value = fields.get(name, [])
    return [value] if isinstance(value, str) else value


def _preferred_text(tags: Tags, tag: str, xmp: Fields, xmp_name: str, iptc: Fields, iptc_name: str) -> str | None:
    """Return the text from EXIF, else from XMP, else from IPTC.

    Source of the order: Metadata Working Group, Guidelines for Handling Image Metadata 2.0.
    """
    return text_of(tags, tag) or "; ".join(_texts(xmp, xmp_name)) or "; ".join(_texts(iptc, iptc_name)) or None


def _keywords(tags: Tags, xmp: Fields, iptc: Fields) -> list[str] | None:
    exif = [word.strip() for word in (text_of(tags, "Image XPKeywords") or "").split(";") if word.strip()]
    return exif or _texts(xmp, "dc:subject") or _texts(iptc, "Keywords") or None


def _rating(tags: Tags, xmp: Fields) -> int | None:
    rating = number_of(tags, "Image Rating")
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


def _integer(number: float | int | None) -> int | None:
    # A double may be larger than the 64-bit integers that MongoDB stores.
    return int(number) if number is not None and 1 <= number < 2**32 else None


def _from_apex(value: float | int | None, factor: float) -> float | None:
    """Convert an APEX value to an exposure time or f-number. Some cameras write only APEX values.

    Source: Exif 3.0, annex C.
    """
    if value is None or not -30 < value < 30:
        return None
    return round(float(2 ** (factor * value)), 9)


def parse_date(text: str | None, sub_seconds: str | None = None) -> datetime | None:
    """Parse a date as cameras write it: without a time zone, with a precision of milliseconds.

    Return None for blank, zero and impossible dates.
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
    """Return the offset in the form `+02:00`, and its time zone; None if the text is not an offset."""
    match = OFFSET.match(text) if text else None
    if not match:
        return None
    sign, hours, minutes = match.groups()
    delta = timedelta(hours=int(hours), minutes=int(minutes))
    if delta > timedelta(hours=14):
        return None
    return f"{sign}{hours}:{minutes}", timezone(-delta if sign == "-" else delta)


def _exif_date(tags: Tags) -> tuple[datetime, str | None] | None:
    for date, sub_seconds, offsets in EXIF_DATES:
        taken = parse_date(text_of(tags, date), text_of(tags, sub_seconds))
        if taken:
            offset = parse_offset(text_of(tags, *offsets))
            return _with_offset(taken, offset)
    return None


def _with_offset(taken: datetime, offset: tuple[str, timezone] | None) -> tuple[datetime, str | None]:
    if offset is None:
        return taken, None
    try:
        return taken.replace(tzinfo=offset[1]).astimezone(UTC), offset[0]
    except OverflowError:  # on the first or last day that datetime supports
        return taken, None


def _gps_date(tags: Tags) -> tuple[datetime, str | None] | None:
    date = parse_date(text_of(tags, "GPS GPSDate"))
    if date is None:
        return None
    time_parts = [number_of(tags, "GPS GPSTimeStamp", index=index) for index in range(3)]
    if time_parts[0] is None or time_parts[1] is None:
        return None
    seconds = time_parts[0] * 3600 + time_parts[1] * 60 + (time_parts[2] or 0)
    if not 0 <= seconds < 86_401:
        return None
    try:
        return (date + timedelta(milliseconds=round(seconds * 1000))).replace(tzinfo=UTC), "+00:00"
    except OverflowError:  # midnight at the end of the last day that datetime supports
        return None


def _degrees(tags: Tags, name: str, limit: float) -> tuple[float | None, bool]:
    """Return signed decimal degrees (or None), and whether the value is out of range."""
    parts = [number_of(tags, name, index=index) for index in range(3)]
    if parts[0] is None:
        return None, False
    degrees = parts[0] + (parts[1] or 0) / 60 + (parts[2] or 0) / 3600
    if not 0 <= degrees <= limit:
        return None, True
    reference = (text_of(tags, f"{name}Ref") or "")[:1].upper()
    return round(-degrees if reference in ("S", "W") else degrees, 8), False


def _location(tags: Tags, problems: list[str]) -> dict[str, Any] | None:
    latitude, bad_latitude = _degrees(tags, "GPS GPSLatitude", 90)
    longitude, bad_longitude = _degrees(tags, "GPS GPSLongitude", 180)
    if bad_latitude or bad_longitude:
        problems.append("The GPS position is out of range.")
    if latitude is None or longitude is None:
        return None
    # Receivers without a fix write (0, 0). A real fix there would come with a date or an altitude.
    if latitude == 0 and longitude == 0 and "GPS GPSAltitude" not in tags and "GPS GPSDate" not in tags:
        return None
    return {"type": "Point", "coordinates": [longitude, latitude]}


def _altitude(tags: Tags) -> float | None:
    metres = number_of(tags, "GPS GPSAltitude")
    if metres is None or not 0 <= metres < 100_000:
        return None
    return -float(metres) if number_of(tags, "GPS GPSAltitudeRef") in (1, 3) else float(metres)


def _lens(tags: Tags) -> str | None:
    name = text_of(tags, "EXIF LensModel", "Image LensModel")
    if name:
        return name
    for tag in ("EXIF LensSpecification", "MakerNote Lens"):
        shortest_mm, longest_mm, wide_f, tele_f = (number_of(tags, tag, index=index) for index in range(4))
        if _positive(shortest_mm) and _positive(longest_mm):
            focal_range = f"{shortest_mm:g}" if shortest_mm == longest_mm else f"{shortest_mm:g}-{longest_mm:g}"
            if not _positive(wide_f):
                return f"{focal_range}mm"
            return (
                f"{focal_range}mm f/{wide_f:g}"
                if not _positive(tele_f) or wide_f == tele_f
                else f"{focal_range}mm f/{wide_f:g}-{tele_f:g}"
            )
    return text_of(tags, "MakerNote LensModel", "MakerNote Lens")


def _directory_dimensions(tags: Tags, directory: str) -> tuple[int, int]:
    width = _integer(number_of(tags, f"{directory} ImageWidth"))
    height = _integer(number_of(tags, f"{directory} ImageLength"))
    return (width, height) if width and height else (0, 0)


def _dimensions(
    tags: Tags, size: tuple[int | None, int | None], rotation_applied: bool, orientation: int | None
) -> tuple[Any, Any]:
    width, height = size
    if not (width and height):
        width = _integer(number_of(tags, "EXIF ExifImageWidth"))
        height = _integer(number_of(tags, "EXIF ExifImageLength"))
    if not (width and height):
        # The largest picture in a RAW file is the photo.
        width, height = max(
            (_directory_dimensions(tags, name) for name in PICTURE_DIRECTORIES), key=lambda sides: sides[0] * sides[1]
        )
    width, height = width or None, height or None
    if orientation is not None and orientation >= 5 and not rotation_applied:
        return height, width
    return width, height


def _iso(tags: Tags) -> int | None:
    speed = number_of(tags, "EXIF ISOSpeedRatings", "Image ISOSpeedRatings")
    if speed is None or speed == ISO_TOO_HIGH:
        # The tag has 16 bits, too few for the highest speeds. Newer cameras also write those to other tags.
        speed = number_of(tags, "EXIF RecommendedExposureIndex", "EXIF ISOSpeed") or speed
    return _integer(speed)


def build_photo(
    tags: Tags,
    xmp: Fields,
    iptc: Fields,
    size: tuple[int | None, int | None] = (None, None),
    *,
    rotation_applied: bool = False,
) -> tuple[dict[str, Any], list[str]]:
    """Build `photo`.

    Args:
        tags: The EXIF tags.
        xmp: The XMP properties.
        iptc: The IPTC fields.
        size: Width and height in pixels, from the container.
        rotation_applied: Whether `size` is that of the picture as displayed, after its rotation.

    Returns:
        `photo` without unknown fields, and the problems of the values, each as a sentence.
    """
    problems: list[str] = []
    orientation = _integer(number_of(tags, "Image Orientation"))
    if orientation is not None and orientation > 8:
        orientation = None
    width, height = _dimensions(tags, size, rotation_applied, orientation)
    taken = _exif_date(tags) or _gps_date(tags) or _xmp_date(xmp)
    if taken is None:
        # Fall back to the time of the last change, the only date that some scans and old phones write.
        date = parse_date(text_of(tags, "Image DateTime"), text_of(tags, "EXIF SubSecTime"))
        taken = _with_offset(date, parse_offset(text_of(tags, "EXIF OffsetTime"))) if date else None
    flash = number_of(tags, "EXIF Flash")
    photo = {
        "taken_at": taken[0] if taken else None,
        "taken_offset": taken[1] if taken else None,
        "camera_make": text_of(tags, "Image Make"),
        "camera_model": text_of(tags, "Image Model"),
        "lens_model": _lens(tags),
        "iso": _iso(tags),
        "f_number": _positive(number_of(tags, "EXIF FNumber", "Image FNumber"))
        or _from_apex(number_of(tags, "EXIF ApertureValue"), 0.5),
        "exposure_seconds": _positive(number_of(tags, "EXIF ExposureTime", "Image ExposureTime"))
        or _from_apex(number_of(tags, "EXIF ShutterSpeedValue"), -1),
        "focal_length_mm": _positive(number_of(tags, "EXIF FocalLength", "Image FocalLength")),
        "focal_length_35mm": _integer(number_of(tags, "EXIF FocalLengthIn35mmFilm")),
        "flash_fired": bool(int(flash) & 1) if flash is not None else None,
        "orientation": orientation,
        "width_pixels": width,
        "height_pixels": height,
        "location": _location(tags, problems),
        "altitude_metres": _altitude(tags),
        "software": text_of(tags, "Image Software"),
        "artist": _preferred_text(tags, "Image Artist", xmp, "dc:creator", iptc, "By-line"),
        "copyright": _preferred_text(tags, "Image Copyright", xmp, "dc:rights", iptc, "CopyrightNotice"),
        "description": _preferred_text(tags, "Image ImageDescription", xmp, "dc:description", iptc, "Caption-Abstract"),
        "keywords": _keywords(tags, xmp, iptc),
        "rating": _rating(tags, xmp),
    }
    return {name: value for name, value in photo.items() if value is not None}, problems


def join_sentences(problems: Iterable[str]) -> str | None:
    """Join problems into one text without repetitions. Return None if there are none."""
    return " ".join(dict.fromkeys(problems)) or None
