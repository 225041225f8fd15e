"""Find series: the frames of a bracket, an HDR pair, a burst or a panorama that one camera took in quick succession.

Few cameras give a series an identifier. They mark each frame as part of a series, and most number the frames. So a
series consists of the frames of one camera in one folder that follow each other closely.

Sources: Exif 3.0 (ExposureMode 2, "Auto bracket"), and https://exiftool.org/TagNames/ for the tags of the makers:
Sony.html (SequenceNumber, SequenceImageNumber, ReleaseMode2), Canon.html (BracketMode, AEBBracketValue,
PanoramaFrameNumber), Nikon.html (ShootingMode, ExposureBracketValue), Olympus.html (SpecialMode), Panasonic.html
(BurstMode, BracketSettings), FujiFilm.html (AutoBracketing), Pentax.html (DriveMode), Apple.html (HDRImageType).
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from exifinator.families.names import file_name
from exifinator.families.sidecars import Record, exact_time, is_same_exposure, own_photo

BRACKET, BURST, PANORAMA, HDR = "bracket", "burst", "panorama", "hdr"
# The longest pause between two frames of a series. A photographer turns the camera between the parts of a panorama.
PAUSES = {
    BRACKET: timedelta(seconds=5),
    BURST: timedelta(seconds=2),
    PANORAMA: timedelta(seconds=60),
    HDR: timedelta(seconds=2),
}
MAX_EXPOSURE_SECONDS = 60.0
# Frames that follow each other have one of these windows of time in common. A series that continues past the end of an
# hour is split there, so that stacking one frame does not require reading the frames of a whole day.
WINDOW_SECONDS = 60
WINDOWS_PER_HOUR = 60
# A step between two frames of a bracket is at least a third of a stop. Exposures that differ by less are equal.
MIN_STEP = 0.2
MAX_CAMERA_CHARACTERS = 100
LINK = "series:"
_EPOCH = datetime(1970, 1, 1)
_DRIVE_TAGS = ("BracketMode", "ReleaseMode2", "ReleaseMode", "DriveMode", "BurstMode")
# Tags whose number, if it is not 0, says how far the exposure of a frame is from the one that the camera metered.
_BRACKET_VALUES = ("AEBBracketValue", "ExposureBracketValue")
# Tags that say how a bracket is taken, if they have a value other than the one for none.
_BRACKET_SETTINGS = {"BracketSettings": range(1, 7), "AutoBracketing": range(1, 2)}
# Nikon: a bit of the shooting mode. The middle frame of a bracket has it too, unlike ExposureBracketValue.
_NIKON_BRACKET = 1 << 4
# Apple: a phone may keep the photo with the normal exposure (4) besides the HDR photo (3).
_HDR_NUMBERS = {4: 1, 3: 2}
_EXPOSURE_BRACKET = re.compile(r"\bAEB\b|\b(?:AE|exposure|continuous|single-frame|auto) bracket", re.IGNORECASE)
# Olympus: first number of SpecialMode -> kind of series. The second number is the number of the frame.
_OLYMPUS_MODES = {2: BURST, 3: PANORAMA}
# Sony's highest number of a frame. 0 is a single frame, 65535 stands for no value.
_MAX_NUMBER = 65534


class _Frame(NamedTuple):
    """One exposure of a series.

    Attributes:
        began_at, ended_at: The time of the exposure, on the camera's clock.
        number: Its number in the series; -1 if the camera does not number the frames.
        id: The id of its record.
        bias_stops: The exposure compensation; None if it is unknown.
        time_stops: The exposure time as a binary logarithm, so that a difference of 1 is one stop.
        settings: The other settings that determine the exposure: the aperture and the ISO speed.
    """

    began_at: datetime
    number: int
    id: str
    ended_at: datetime
    bias_stops: float | None
    time_stops: float | None
    settings: tuple[object, object]


def series_mark(tags: Mapping[str, Any], photo: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the camera says about the series of a photo: its `kind`, and the `number` of the frame if known.

    Args:
        tags: The stored tags by name. A whole record is accepted, too.
        photo: The field `photo` of the file itself.

    Returns:
        The field `series` of the record; {} if the photo is not part of a series.
    """
    if photo.get("media_type") == "video":
        return {}
    if photo.get("exposure_mode") == "auto bracket" or any(_is_bracket(tags, name) for name in _DRIVE_TAGS):
        return {"kind": BRACKET}
    if _has_bracket_value(tags, photo):
        return {"kind": BRACKET}
    if (hdr := _numbers(tags, "HDRImageType")) and hdr[0] in _HDR_NUMBERS:
        return {"kind": HDR, "number": _HDR_NUMBERS[hdr[0]]}
    special = _numbers(tags, "SpecialMode")
    if len(special) >= 2 and special[0] in _OLYMPUS_MODES:
        return {"kind": _OLYMPUS_MODES[special[0]], "number": special[1]}
    if frame := _numbers(tags, "PanoramaFrameNumber"):
        return {"kind": PANORAMA, "number": frame[0]}
    if "sony" in str(photo.get("camera_make", "")).casefold():
        # A single frame has the number 0 or, in some models, 1. It becomes a series only with a frame 2 after it.
        for name in ("SequenceNumber", "SequenceImageNumber"):
            if (number := _numbers(tags, name)) and number[0] > 0:
                return {"kind": BURST, "number": number[0]}
    return {}


def series_links(image_id: str, mark: Mapping[str, Any], photo: Mapping[str, Any]) -> list[str]:
    """Return the keys that a frame has in common with the next frame of its series; [] if its time is not exact.

    Args:
        image_id: The id of the record.
        mark: The result of `series_mark`.
        photo: The field `photo` of the file itself.
    """
    began_at = exact_time({"photo": photo})
    if not mark or began_at is None:
        return []
    first = int((began_at - _EPOCH).total_seconds() // WINDOW_SECONDS)
    last = int((_end(began_at, photo) + PAUSES[mark["kind"]] - _EPOCH).total_seconds() // WINDOW_SECONDS)
    last = min(last, first - first % WINDOWS_PER_HOUR + WINDOWS_PER_HOUR - 1)
    folder = image_id.rpartition("/")[0]
    camera = " ".join(_camera(photo))
    return [f"{LINK}{folder}/{mark['kind']} {camera} {window}" for window in range(first, last + 1)]


def find_series(records: Iterable[Record]) -> list[list[str]]:
    """Return the ids of the frames of each series, in the order in which they were taken.

    Args:
        records: One record for each photo. A copy of a photo, with its name and time, is ignored.
    """
    frames: dict[tuple[Any, ...], list[_Frame]] = {}
    names: dict[tuple[Any, ...], list[Record]] = {}
    for record in sorted(records, key=lambda record: str(record["_id"])):
        mark, began_at, photo = record.get("series"), exact_time(record), own_photo(record)
        if not isinstance(mark, Mapping) or mark.get("kind") not in PAUSES or began_at is None:
            continue
        name = file_name(record["_id"])
        same_name_records = names.setdefault((name.folder, name.stem, name.number), [])
        if any(is_same_exposure(record, other) for other in same_name_records):
            continue
        same_name_records.append(record)
        frames.setdefault((name.folder, mark["kind"], _camera(photo)), []).append(
            _Frame(
                began_at,
                mark.get("number", -1),
                record["_id"],
                _end(began_at, photo),
                photo.get("exposure_bias"),
                math.log2(seconds) if (seconds := _exposure_seconds(photo)) else None,
                (photo.get("f_number"), photo.get("iso")),
            )
        )
    result: list[list[str]] = []
    for (_, kind, _), camera_frames in frames.items():
        for run in _runs(sorted(camera_frames, key=lambda frame: frame[:3]), kind):
            parts = _split_brackets(run) if kind == BRACKET else _split_numbered(run, kind)
            result += [[frame.id for frame in part] for part in parts if len(part) > 1]
    return result


def _runs(frames: Sequence[_Frame], kind: str) -> list[list[_Frame]]:
    """Split frames at long pauses."""
    runs: list[list[_Frame]] = []
    for frame in frames:
        if runs and frame.began_at - runs[-1][-1].ended_at <= PAUSES[kind]:
            runs[-1].append(frame)
        else:
            runs.append([frame])
    return runs


def _split_numbered(run: Sequence[_Frame], kind: str) -> list[list[_Frame]]:
    """Split a run where the camera restarted its numbering.

    A frame of a burst may have been deleted. The pauses in a panorama are long, so its numbers must have no gaps. An
    HDR pair has both numbers, in any order.
    """
    if len({(frame.began_at, frame.number) for frame in run}) < len(run):
        # Two bursts within a second, or copies under other names: the order of the frames is unknown.
        return []
    parts: list[list[_Frame]] = []
    for frame in run:
        step = frame.number - parts[-1][-1].number if parts else 0
        is_pair = kind == HDR and abs(step) == 1 and len(parts[-1]) == 1
        if is_pair or (kind != HDR and step == 1) or (kind == BURST and step > 1):
            parts[-1].append(frame)
        else:
            parts.append([frame])
    return parts


def _split_brackets(run: Sequence[_Frame]) -> list[list[_Frame]]:
    """Split a run where an exposure repeats: each frame of a bracket has an exposure of its own."""
    biases = [frame.bias_stops for frame in run]
    if len({*biases}) > 1 and None not in biases:
        return _split_at_repetitions(run, biases)
    # In manual mode, some cameras vary the exposure time but not the compensation. Unlike in an automatic mode, the
    # frames then have the aperture and the ISO speed in common.
    groups = [list(group) for _, group in itertools.groupby(run, key=lambda frame: frame.settings)]
    return [part for group in groups for part in _split_at_repetitions(group, [frame.time_stops for frame in group])]


def _split_at_repetitions(run: Sequence[_Frame], exposures: Sequence[float | None]) -> list[list[_Frame]]:
    parts: list[list[_Frame]] = []
    exposures_so_far: list[float] = []
    for frame, exposure in zip(run, exposures, strict=True):
        if (
            not exposures_so_far
            or exposure is None
            or any(abs(exposure - other) < MIN_STEP for other in exposures_so_far)
        ):
            parts.append([])
            exposures_so_far = []
        parts[-1].append(frame)
        if exposure is not None:
            exposures_so_far.append(exposure)
    return parts


def _exposure_seconds(photo: Mapping[str, Any]) -> float | None:
    seconds = photo.get("exposure_seconds")
    return seconds if isinstance(seconds, int | float) and 0 < seconds <= MAX_EXPOSURE_SECONDS else None


def _end(began_at: datetime, photo: Mapping[str, Any]) -> datetime:
    return began_at + timedelta(seconds=_exposure_seconds(photo) or 0)


def _camera(photo: Mapping[str, Any]) -> tuple[str, ...]:
    names = ("camera_make", "camera_model", "camera_serial")
    return tuple(str(photo.get(name, ""))[:MAX_CAMERA_CHARACTERS] for name in names)


def _is_bracket(tags: Mapping[str, Any], name: str) -> bool:
    tag = tags.get(f"MakerNote {name}")
    meaning = tag.get("printable") if isinstance(tag, Mapping) else None
    return isinstance(meaning, str) and bool(_EXPOSURE_BRACKET.search(meaning))


def _has_bracket_value(tags: Mapping[str, Any], photo: Mapping[str, Any]) -> bool:
    """Return whether a number of the MakerNote says that the photo is a frame of an exposure bracket."""
    for name in _BRACKET_VALUES:
        tag = tags.get(f"MakerNote {name}")
        values = tag.get("values") if isinstance(tag, Mapping) else None
        value = values[0] if isinstance(values, list) and values else values
        if isinstance(value, int | float) and value:
            return True
    for name, numbers in _BRACKET_SETTINGS.items():
        if (values := _numbers(tags, name)) and values[0] in numbers:
            return True
    is_nikon = "nikon" in str(photo.get("camera_make", "")).casefold()
    mode = _numbers(tags, "ShootingMode") if is_nikon else []
    return bool(mode and mode[0] & _NIKON_BRACKET)


def _numbers(tags: Mapping[str, Any], name: str) -> list[int]:
    """Return the values of a tag; [] if one of them is not a valid number of a frame."""
    tag = tags.get(f"MakerNote {name}")
    values = tag.get("values") if isinstance(tag, Mapping) else None
    numbers: list[Any] = values if isinstance(values, list) else [values]
    return numbers if all(type(number) is int and 0 <= number <= _MAX_NUMBER for number in numbers) else []
