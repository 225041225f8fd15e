"""Summarize a MakerNote for the fields of `photo`: ISO speed, lens, serial numbers, shutter count and settings.

Each maker uses other tags for a field. The first tag that has a value is used. Source of the tags' names: the output
of `exiftool -listx`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

from exifinator.metadata.makernotes import lenses
from exifinator.metadata.makernotes.lenses import Optics

# Tags as in a record: "MakerNote LensType" -> {"values", "printable", ...}.
Tags = Mapping[str, Mapping[str, Any]]

# Field -> names of its tags, without "MakerNote ".
TEXTS = {
    "camera_serial": ("SerialNumber", "CameraSerialNumber", "InternalSerialNumber", "BodySerialNumber"),
    "lens_serial": ("LensSerialNumber", "InternalLensSerialNumber"),
    "owner": ("OwnerName", "UserLabel"),
    "firmware": ("CanonFirmwareVersion", "FirmwareVersion", "Firmware", "BodyFirmwareVersion", "FirmwareRevision"),
}
# Field -> names of its tags, for fields whose value is the name of a setting.
SETTINGS = {
    "white_balance": ("WhiteBalance", "WhiteBalance2", "WhiteBalanceSet", "WBMode", "WhiteBalanceMode"),
    "metering": ("MeteringMode", "AEMeteringMode", "MeteringMode2"),
    "exposure_mode": (
        "CanonExposureMode", "ExposureMode", "ExposureProgram", "ShootingMode", "PictureMode", "ExposureProgram2",
    ),
    "focus_mode": ("FocusMode", "AFMode", "FocusMode2"),
    "drive_mode": ("ContinuousDrive", "DriveMode", "ReleaseMode", "ReleaseMode2", "BurstMode", "ShootingMode"),
    "image_stabilization": ("ImageStabilization", "VibrationReduction", "AntiBlur", "ShakeReduction"),
}  # fmt: skip
# Field -> names of its tags, for fields whose value is a number.
NUMBERS = {
    "shutter_count": ("ShutterCount", "MechanicalShutterCount", "ShutterCount2", "ShutterCount3", "ImageCount"),
    "camera_temperature_celsius": ("CameraTemperature", "AmbientTemperature", "SensorTemperature"),
}
ISO_TAGS = (
    "ISO", "SonyISO", "CameraISO", "ISOSetting", "ISOValue", "AE_ISO", "ISO2", "ProgramISO", "ISOSpeed",
    "CCDISOSensitivity", "CCDSensitivity", "SvISOSetting", "ISOSelection",
)  # fmt: skip
DISTANCES = ("SubjectDistance", "FocusDistance", "FocusDistance2", "ObjectDistance", "ManualFocusDistance")
LENS_NAMES = ("LensModel", "LensType", "LensID", "Lens")
# Values that mean that the ISO speed is automatic, or not set.
NO_ISO = frozenset({0, 1, 65535, 65534, 4294967295})
MAX_ISO = 8_000_000
MAX_SHUTTER_COUNT, MAX_DISTANCE_METRES = 100_000_000, 1000
HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{1,4}")
# An ISO speed as printed: "400", "0 400", "ISO 400", "200 (Zone Matching High)". In "Auto 2", there is none.
ISO_TEXT = re.compile(r"\s*(?:ISO ?)?(\d+(?:\.\d+)?)(?:\s+(\d+(?:\.\d+)?))?", re.IGNORECASE)
NO_TEXT = re.compile(r"^(n/?a|none|unknown.*|-+|\W*|0+)$", re.IGNORECASE)
# Start of the make -> the table and the tag that have the maker's list of lenses. Different makers use the same
# numbers, so the make selects the list.
LENS_TABLES = {
    "Canon": ("Canon::CameraSettings", 22),
    "SONY": ("Sony::Main", 45095),
    "Minolta": ("Minolta::Main", 268),
    "SIGMA": ("Sigma::Main", 39),
    "PENTAX": ("Pentax::LensRec", 0),
    "OLYMPUS": ("Olympus::Equipment", 513),
}
NO_SONY_LENS = frozenset({0, 65535})
NIKON_PARTS = (
    "LensIDNumber", "LensFStops", "MinFocalLength", "MaxFocalLength", "MaxApertureAtMinFocal", "MaxApertureAtMaxFocal",
    "MCUVersion", "LensType",
)  # fmt: skip


def summarize(tags: Tags) -> dict[str, Any]:
    """Return the values that a MakerNote has for fields of `photo`.

    Args:
        tags: All tags of the photo, as in a record. EXIF's make, focal length and lens help to find the lens.

    Returns:
        The values by field. Unknown values are absent. The fields are `iso`, `lens_model`, `camera_serial`,
        `lens_serial`, `owner`, `firmware`, `shutter_count`, `white_balance`, `metering`, `exposure_mode`,
        `focus_mode`, `drive_mode`, `image_stabilization`, `subject_distance_metres` and `camera_temperature_celsius`.
    """
    summary: dict[str, Any] = {}
    for field in _fields_of(frozenset(FIELDS_BY_TAG.keys() & tags.keys())):
        value = _READERS[field](tags)
        if value is not None:
            summary[field] = value
    return summary


@lru_cache(maxsize=256)
def _fields_of(names: frozenset[str]) -> tuple[str, ...]:
    """Return the fields that these tags may have values for."""
    return tuple(sorted({field for name in names for field in FIELDS_BY_TAG[name]}))


def _values(tags: Tags, name: str) -> Any:
    tag = tags.get(f"MakerNote {name}")
    return tag["values"] if tag else None


def _number(tags: Tags, name: str, index: int = 0) -> float | int | None:
    values = _values(tags, name)
    if isinstance(values, list) and len(values) > index and isinstance(values[index], int | float):
        return values[index]  # type: ignore[no-any-return]
    return None


def _first_text(tags: Tags, names: tuple[str, ...]) -> str | None:
    for name in names:
        values = _values(tags, name)
        if isinstance(values, str):
            # Older Nikon cameras write "NO= " before the serial number.
            text = re.sub(r"^NO[.=:] *", "", values.strip())
        elif isinstance(values, list) and len(values) == 1 and isinstance(values[0], int):
            text = tags[f"MakerNote {name}"]["printable"].strip()
        else:
            continue
        if text and not NO_TEXT.match(text):
            return text[:200]
    return None


def _first_setting(tags: Tags, names: tuple[str, ...]) -> str | None:
    for name in names:
        tag = tags.get(f"MakerNote {name}")
        text = str(tag["printable"]).strip() if tag else ""
        # A value without a label is printed as a number, which is meaningless to users.
        if text and not NO_TEXT.match(text) and not re.fullmatch(r"[-+\d. ]+", text):
            return text[:200]
    return None


def _first_number(tags: Tags, names: tuple[str, ...]) -> float | int | None:
    return next((value for name in names if (value := _number(tags, name)) is not None), None)


def _shutter_count(tags: Tags) -> int | None:
    count = _first_number(tags, NUMBERS["shutter_count"])
    return int(count) if count is not None and 0 < count < MAX_SHUTTER_COUNT else None


def _distance(tags: Tags) -> float | None:
    distances = (value for name in DISTANCES if (value := _number(tags, name)) is not None)
    return next((round(value, 3) for value in distances if 0 < value < MAX_DISTANCE_METRES), None)


def find_iso(tags: Tags) -> int | None:
    """Return the ISO speed; None if the MakerNote does not contain it."""
    auto, base = _number(tags, "AutoISO"), _number(tags, "BaseISO")
    camera = _number(tags, "CameraISO")
    if camera and camera not in NO_ISO and 0 < camera < MAX_ISO:
        return int(camera)
    if auto and base:
        # Canon: AutoISO is the factor by which the camera raises the base speed, in percent.
        speed = round(auto * base / 100)
        return speed if 0 < speed < MAX_ISO else None
    for name in ISO_TAGS:
        tag = tags.get(f"MakerNote {name}")
        # Use the printed value, because some makers store a code whose label is the speed. If there are two numbers,
        # try the second first, because Nikon stores a zero before the speed.
        match = ISO_TEXT.match(str(tag["printable"])[:40]) if tag else None
        for text in filter(None, (match[2], match[1])) if match else ():
            speed = round(float(text))
            if speed not in NO_ISO and 0 < speed < MAX_ISO:
                return speed
    return None


def _optics(tags: Tags) -> Optics:
    focal = tags.get("EXIF FocalLength")
    values = focal["values"] if focal else None
    focal_mm = values[0] if isinstance(values, list) and values and isinstance(values[0], int | float) else None
    focal_mm = focal_mm or _number(tags, "FocalLength") or _number(tags, "LensFocalLength")
    shortest, longest = _number(tags, "MinFocalLength"), _number(tags, "MaxFocalLength")
    at_focal = _number(tags, "MaxAperture") or _apex_aperture(tags)
    aperture = _number(tags, "MaxApertureAtMinFocal") or at_focal
    specification = tags.get("EXIF LensSpecification")
    if specification and isinstance(specification["values"], list) and len(specification["values"]) == 4:
        numbers = specification["values"]
        if all(isinstance(number, int | float) and number for number in numbers[:2]):
            shortest, longest = numbers[0], numbers[1]
            aperture = numbers[2] or aperture
    return Optics(shortest, longest, aperture, focal_mm, at_focal)


def _apex_aperture(tags: Tags) -> float | None:
    """Return the f-number of EXIF's MaxApertureValue, which is twice the binary logarithm of the f-number."""
    tag = tags.get("EXIF MaxApertureValue")
    values = tag["values"] if tag else None
    value = values[0] if isinstance(values, list) and values else None
    return 2 ** (value / 2) if isinstance(value, int | float) and 0 < value < 12 else None


def find_lens(tags: Tags) -> str | None:
    """Return the name of the lens; None if it is unknown.

    Look up the lens's number in the MakerNote, or else use a name in the MakerNote.
    """
    make = str(tags["Image Make"]["values"]) if "Image Make" in tags else ""
    optics = _optics(tags)
    model = tags.get("EXIF LensModel")
    model_text = str(model["values"]) if model and isinstance(model["values"], str) else ""
    model_text = model_text.strip() or str(_values(tags, "LensModel") or "").strip()
    name = (
        _find_nikon_lens(tags, optics)
        or _find_e_mount_lens(tags, optics, model_text)
        or _find_numbered_lens(tags, make, optics, model_text)
    )
    if name:
        return name
    for tag_name in LENS_NAMES:
        tag = tags.get(f"MakerNote {tag_name}")
        text = str(tag["printable"]).strip() if tag else ""
        if text and not lenses.NO_LENS.match(text) and re.search(r"[A-Za-z]{2}|\d ?mm", text):
            return text[:200]
    return None


def _find_nikon_lens(tags: Tags, optics: Optics) -> str | None:
    if "MakerNote LensIDNumber" not in tags:
        return None
    values = {name: _number(tags, name) for name in NIKON_PARTS}
    if values["LensIDNumber"] is None:
        return None
    code = lenses.nikon_code(values)
    return lenses.nikon_lens(code, optics) if code else None


def _find_e_mount_lens(tags: Tags, optics: Optics, model: str) -> str | None:
    """Return the name of a lens for Sony's E-mount. These lenses have a list of their own."""
    for name in ("LensType2", "LensType3"):
        number = _number(tags, name)
        if number and number not in NO_SONY_LENS:
            labels = lenses.field_labels("Sony::Tag9050a", 263)
            lens = lenses.choose(lenses.candidates(labels, str(int(number))), optics, model) if labels else None
            if lens:
                return lens
    return None


def _find_numbered_lens(tags: Tags, make: str, optics: Optics, model: str) -> str | None:
    """Return the name of a lens from Canon's list of RF lenses, or from the list of the camera's maker."""
    rf_number = _number(tags, "RFLensType")
    if rf_number:
        labels = lenses.field_labels("Canon::FileInfo", 61)
        lens = lenses.choose(lenses.candidates(labels, str(int(rf_number))), optics, model) if labels else None
        if lens:
            return lens
    lens_table = next(
        (lens_table for prefix, lens_table in LENS_TABLES.items() if make.lower().startswith(prefix.lower())), None
    )
    if lens_table is None and make.lower().startswith(
        ("konica", "om digital", "ricoh", "samsung", "asahi", "hasselblad")
    ):
        lens_table = {
            "k": LENS_TABLES["Minolta"], "o": LENS_TABLES["OLYMPUS"], "r": LENS_TABLES["PENTAX"],
            "s": LENS_TABLES["PENTAX"], "a": LENS_TABLES["PENTAX"], "h": LENS_TABLES["SONY"],
        }[make[0].lower()]  # fmt: skip
    labels = lenses.field_labels(*lens_table) if lens_table else None
    if lens_table is None or labels is None:
        return None
    for values in (_values(tags, "LensType 2"), _values(tags, "LensType"), _values(tags, "LensID")):
        if values is None:
            continue
        key = values if isinstance(values, str) else " ".join(str(value) for value in values)
        if lens_table == LENS_TABLES["SIGMA"] and isinstance(values, str) and HEXADECIMAL.fullmatch(values):
            # Observed in sample files: the text "145" is the lens with the number 0x145 in ExifTool 13.59's list.
            key = str(int(values, 16))
        # These numbers stand for many lenses, among which a focal length alone does not choose.
        is_common = key in ("65535", "61182", "-1") and lens_table[0].startswith(("Canon", "Sony"))
        if is_common and not model and not (optics.min_focal_mm and optics.max_focal_mm and optics.max_aperture):
            continue
        lens = lenses.choose(lenses.candidates(labels, key), optics, model)
        if lens:
            return lens
    return None


# Field -> the tags of which at least one must be present for the field to have a value.
SOURCES = {
    "iso": (*ISO_TAGS, "AutoISO", "BaseISO"),
    "lens_model": (*LENS_NAMES, "LensType 2", "LensType2", "LensType3", "RFLensType", "LensIDNumber"),
    "subject_distance_metres": DISTANCES,
    **TEXTS,
    **SETTINGS,
    **NUMBERS,
}
FIELDS_BY_TAG: dict[str, list[str]] = {}
for _field, _names in SOURCES.items():
    for _name in _names:
        FIELDS_BY_TAG.setdefault(f"MakerNote {_name}", []).append(_field)
_READERS: dict[str, Callable[[Tags], Any]] = {
    **{field: partial(_first_text, names=names) for field, names in TEXTS.items()},
    **{field: partial(_first_setting, names=names) for field, names in SETTINGS.items()},
    **{field: partial(_first_number, names=names) for field, names in NUMBERS.items()},
    "iso": find_iso,
    "lens_model": find_lens,
    "subject_distance_metres": _distance,
    "shutter_count": _shutter_count,
}
