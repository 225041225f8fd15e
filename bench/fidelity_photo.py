"""Compare the fields of `photo` with ExifTool's answers for the same files."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

# Relative difference up to which two numbers count as the same, because ExifTool rounds some of its values.
TOLERANCE = 1e-3
# Difference up to which two coordinates count as the same: about 10 metres.
MAX_DIFFERENCE_DEGREES = 1e-4
DATE = re.compile(r"(\d{4})\D(\d\d)\D(\d\d)[ T](\d\d):(\d\d)(?::(\d\d))?")
# Makers' names, with which the name of a lens may begin.
LENS_MAKERS = re.compile(
    r"^(?:canon|nikon|nikkor|sony|olympus|om system|panasonic|(?:smc )?pentax|fujifilm|fujinon|leica|samsung|sigma"
    r"|tamron|tokina|(?:konica )?minolta(?:/sony)?)\s+"
)
NO_LENS = re.compile(r"[\W\d_]*|unknown.*|n/?a|none|m42")
# Placeholders that cameras write into text fields.
PLACEHOLDER = re.compile(
    r"(?:olympus|minolta|konica minolta|sanyo|samsung)? ?digital camera.*|sony dsc|dcim.*|exif_jpeg.*|default|undef|"
)

Answers = Mapping[str, Any]
Photo = Mapping[str, Any]


@dataclass(frozen=True)
class Comparison:
    """One field of one file: ExifTool's value, the value in `photo`, and whether they are the same."""

    file: str
    field: str
    expected: Any
    actual: Any
    is_same: bool


def _text(value: Any) -> str:
    return " ".join(str(value).replace("\0", " ").split()).casefold()


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def same_text(expected: Any, actual: Any) -> bool:
    """Return whether two strings are the same, apart from case and whitespace.

    ExifTool prints a string of digits as a JSON number, so `012` becomes 12. Compare such values as numbers.
    """
    is_same = _text(expected) == _text(actual)
    return is_same or (not isinstance(expected, str) and _number(expected) == _number(actual))


def same_number(expected: Any, actual: Any) -> bool:
    """Return whether two numbers are the same, apart from rounding."""
    left, right = _number(expected), _number(actual)
    return left is not None and right is not None and math.isclose(left, right, rel_tol=TOLERANCE, abs_tol=1e-6)


def same_list(expected: Any, actual: Any) -> bool:
    """Return whether all items of ExifTool's list are in the other list."""
    items = expected if isinstance(expected, list) else [expected]
    return {_text(item) for item in items} <= {_text(item) for item in actual or ()}


def same_people(expected: Any, actual: Any) -> bool:
    """Return whether a string is one of ExifTool's names, or all of them joined by commas or semicolons."""
    names = expected if isinstance(expected, list) else [expected]
    items = [_text(item) for item in names]
    return any(same_text(name, actual) for name in names) or _text(actual) in (", ".join(items), "; ".join(items))


def same_lens(expected: Any, actual: Any) -> bool:
    """Return whether a lens is one of the lenses that ExifTool names, with or without the maker."""

    def normalize(name: str) -> str:
        return re.sub(r"[^a-z0-9]", "", LENS_MAKERS.sub("", _text(name)))

    return normalize(str(actual)) in {normalize(part) for name in expected for part in str(name).split(" or ")}


def _date(text: Any) -> datetime | None:
    match = DATE.match(str(text or ""))
    try:
        return datetime(*(int(part or 0) for part in match.groups())) if match else None  # type: ignore[arg-type]
    except ValueError:
        return None


def _taken(answers: Answers, photo: Photo) -> tuple[Any, Any, bool] | None:
    expected = _date(answers.get("DateTimeOriginal") or answers.get("CreateDate"))
    if expected is None:
        return None
    actual = photo.get("taken_local")
    if isinstance(actual, datetime):
        actual = actual.replace(tzinfo=None, microsecond=0)
    return expected, actual, actual is not None and abs(actual - expected) < timedelta(seconds=1)


def _size(answers: Answers, photo: Photo) -> tuple[Any, Any, bool] | None:
    expected = [_number(answers.get(name)) for name in ("ImageWidth", "ImageHeight")]
    if not all(expected):
        return None
    actual = [photo.get("width_pixels"), photo.get("height_pixels")]
    shown = None if None in actual else "x".join(map(str, actual))
    # ExifTool has the stored size, and `photo` the displayed size.
    is_same = shown is not None and sorted(map(float, actual)) == sorted(side or 0.0 for side in expected)
    return "x".join(f"{side:g}" for side in expected if side), shown, is_same


def _location(answers: Answers, photo: Photo) -> tuple[Any, Any, bool] | None:
    expected = [_number(answers.get(name)) for name in ("GPSLongitude", "GPSLatitude")]
    if None in expected or expected == [0, 0]:
        return None
    actual = (photo.get("location") or {}).get("coordinates")
    is_same = bool(actual) and all(
        abs(a - b) < MAX_DIFFERENCE_DEGREES for a, b in zip(expected, actual, strict=True) if a is not None
    )
    return expected, actual, is_same


def _lens(answers: Answers, photo: Photo) -> tuple[Any, Any, bool] | None:
    names = [answers.get(name) for name in ("LensID", "LensName", "LensModel")]
    lens_names = [name for name in names if isinstance(name, str) and not NO_LENS.fullmatch(_text(name))]
    if not lens_names:
        return None
    actual = photo.get("lens_model")
    return " / ".join(dict.fromkeys(lens_names)), actual, actual is not None and same_lens(lens_names, actual)


# Field -> ExifTool's names for it in order of precedence, and the function that compares the values.
SIMPLE: dict[str, tuple[tuple[str, ...], Callable[[Any, Any], bool]]] = {
    "camera_make": (("Make",), same_text),
    "camera_model": (("Model",), same_text),
    "camera_serial": (("SerialNumber",), same_text),
    "iso": (("ISO",), same_number),
    "f_number": (("FNumber",), same_number),
    "exposure_seconds": (("ExposureTime",), same_number),
    "focal_length_mm": (("FocalLength",), same_number),
    "focal_length_35mm": (("FocalLengthIn35mmFormat",), same_number),
    "orientation": (("Orientation",), same_number),
    "altitude_metres": (("GPSAltitude",), same_number),
    "duration_seconds": (("Duration",), same_number),
    "rating": (("Rating",), same_number),
    "title": (("Title",), same_text),
    "description": (("Description", "Caption-Abstract", "ImageDescription"), same_text),
    "keywords": (("Subject", "Keywords"), same_list),
    "artist": (("Artist", "Creator", "By-line"), same_people),
    "copyright": (("Copyright",), same_text),
    "software": (("Software",), same_text),
}
# Field -> function that returns ExifTool's value, EXIFinator's value, and whether they are the same. It returns None if
# ExifTool has no value.
COMPOSED: dict[str, Callable[[Answers, Photo], tuple[Any, Any, bool] | None]] = {
    "taken_local": _taken,
    "lens_model": _lens,
    "width and height": _size,
    "location": _location,
}
FIELDS = (*COMPOSED, *SIMPLE)


def compare_photo(file: str, answers: Answers, photo: Photo) -> Iterator[Comparison]:
    """Yield a comparison for each field for which ExifTool has a value."""
    for field, compose in COMPOSED.items():
        composed = compose(answers, photo)
        if composed is not None:
            yield Comparison(file, field, *composed)
    for field, (names, is_same) in SIMPLE.items():
        values = (answers.get(name) for name in names)
        expected = next(
            (value for value in values if value != [] and not PLACEHOLDER.fullmatch(_text(value or ""))), None
        )
        if _text(expected) == "0" or expected is None:
            expected = next((answers[name] for name in names if answers.get(name) == 0), None)
        if expected is not None:
            actual = photo.get(field)
            yield Comparison(file, field, expected, actual, actual is not None and is_same(expected, actual))
