"""Decode MDPM, the metadata that AVCHD cameras store with the pictures of an H.264 stream.

MDPM is a user data message: an identifier, "MDPM", the number of entries, and entries of a tag and four bytes each. A
longer value continues in the entries with the following tags.
Source: http://hirntier.blogspot.com/2010/02/avchd-timecode-update.html, the H264 tables of `exiftool -listx` (13.59),
and sample files, whose values were compared with ExifTool's output.
"""

from __future__ import annotations

from collections.abc import Callable

from exifinator.metadata.containers.container_tags import ContainerTags
from exifinator.metadata.containers.video_tables import VideoTag, find_tag
from exifinator.metadata.containers.video_values import decode_value, label_of
from exifinator.metadata.text_decoding import decode_text

IDENTIFIER = bytes.fromhex("17ee8c60f84d11d98cd60800200c9a66") + b"MDPM"
GROUP = "H264"
TIME_CODE, DATE, TIME, CAMERA_1, CAMERA_2, SHUTTER = 0x13, 0x18, 0x19, 0x70, 0x71, 0x7F
MAKE, RECORDING, FRAMES = 0xE0, 0xE1, 0xEE
# Tag whose value takes several entries -> number of entries.
LONG_VALUES = {0xB2: 3, 0xB6: 3, 0xBB: 3, 0xC7: 3, 0xCA: 3, 0xE4: 3}
RATIO_LISTS = frozenset({"GPSLatitude", "GPSLongitude", "GPSTimeStamp"})
MAX_ENTRIES = 255
# The shutter speed is in units of 1/28125 s.
SHUTTER_UNITS = 28_125
UNKNOWN = 0xFF


def read_mdpm(data: bytes, tags: ContainerTags) -> bool:
    """Add the tags of a message. Return whether it is an MDPM message."""
    if not data.startswith(IDENTIFIER) or len(data) <= len(IDENTIFIER):
        return False
    count, start = data[len(IDENTIFIER)], len(IDENTIFIER) + 1
    entries: dict[int, bytes] = {}
    for position in range(start, min(start + 5 * count, len(data) - 4), 5):
        entries.setdefault(data[position], data[position + 1 : position + 5])
    if DATE in entries and TIME in entries:
        _add_date(entries[DATE] + entries[TIME], tags)
    for number, value in list(entries.items())[:MAX_ENTRIES]:
        reader = READERS.get(number)
        if reader is not None:
            reader(value, tags)
            continue
        tag = find_tag("H264::MDPM", str(number))
        if tag is not None and number != DATE:
            parts = (entries.get(number + index, b"") for index in range(LONG_VALUES.get(number, 1)))
            _add_value(tag, b"".join(parts), tags)
    return True


def _add_value(tag: VideoTag, data: bytes, tags: ContainerTags) -> None:
    if tag.name in RATIO_LISTS:
        tag = tag._replace(n_items=3)
    elif tag.kind == "string":
        text = decode_text(data)
        if text.isprintable():
            tags.add(f"{GROUP} {tag.name}", text, label_of(tag, text))
        return
    value = decode_value(tag, data, ">")
    if value is not None:
        tags.add(f"{GROUP} {tag.name}", value, _meaning(tag, value))


def _meaning(tag: VideoTag, value: object) -> str:
    if tag.name == "ExposureTime" and isinstance(value, float):
        return _exposure_text(value)
    return label_of(tag, value)


def _exposure_text(seconds: float) -> str:
    return f"1/{round(1 / seconds)}" if 0 < seconds < 0.3 else f"{seconds:.3g}"


def _decimal(data: bytes) -> list[int] | None:
    """Return numbers of two decimal digits each; None if other digits occur."""
    text = data.hex()
    return [int(text[at : at + 2]) for at in range(0, len(text), 2)] if text.isdecimal() else None


def _add_date(data: bytes, tags: ContainerTags) -> None:
    """Add the date. Its first byte is the time zone, and the other bytes are decimal digits.

    In the time zone, bit 6 means daylight saving time, bit 5 is the sign, bits 4 to 1 the hours, and bit 0 half an
    hour. Whether the hours include daylight saving time is not known, so the value has no offset in that case.
    """
    numbers = _decimal(data[1:])
    if numbers is None or not 1 <= numbers[2] <= 12 or not 1 <= numbers[3] <= 31:
        return
    zone = data[0]
    date = "{:02}{:02}:{:02}:{:02} {:02}:{:02}:{:02}".format(*numbers)
    if zone & 0x80:
        tags.add(f"{GROUP} DateTimeOriginal", date)
        return
    offset = f"{'-' if zone & 0x20 else '+'}{zone >> 1 & 0xF:02}:{30 * (zone & 1):02}"
    is_summer = bool(zone & 0x40)
    tags.add(
        f"{GROUP} DateTimeOriginal",
        date if is_summer else date + offset,
        f"{date}{offset}{' DST' if is_summer else ''}",
    )


def _add_time_code(data: bytes, tags: ContainerTags) -> None:
    """Add the time code: frames, seconds, minutes and hours in decimal digits, with flags in the upper bits."""
    numbers = _decimal(bytes(byte & mask for byte, mask in zip(data, (0x3F, 0x7F, 0x7F, 0x3F), strict=True)))
    if numbers is not None:
        tags.add(f"{GROUP} TimeCode", ":".join(f"{number:02}" for number in reversed(numbers)))


def _add_camera_1(data: bytes, tags: ContainerTags) -> None:
    aperture, gain, balance = data[0], data[1] & 0xF, data[2] >> 5
    tag = find_tag("H264::Camera1", "0")
    if aperture != UNKNOWN - 1 and aperture != UNKNOWN:
        number = round(2 ** ((aperture & 0x3F) / 8), 1)
        tags.add(f"{GROUP} ApertureSetting", number)
    elif tag is not None:
        tags.add(f"{GROUP} ApertureSetting", aperture, label_of(tag, aperture))
    if gain != 0xF:
        tags.add(f"{GROUP} Gain", (gain - 1) * 3, f"{(gain - 1) * 3} dB")
    _add_label("H264::Camera1", "1.1", data[1] >> 4, tags)
    _add_label("H264::Camera1", "2.1", balance, tags)


def _add_camera_2(data: bytes, tags: ContainerTags) -> None:
    tag = find_tag("H264::Camera2", "1")
    if tag is not None:
        tags.add(f"{GROUP} {tag.name}", data[1], label_of(tag, data[1]))


def _add_label(table: str, key: str, number: int, tags: ContainerTags) -> None:
    """Add a number that has a meaning in the table. Other numbers mean "unknown"."""
    tag = find_tag(table, key)
    if tag is not None and label_of(tag, number):
        tags.add(f"{GROUP} {tag.name}", number, label_of(tag, number))


def _add_shutter(data: bytes, tags: ContainerTags) -> None:
    number = int.from_bytes(data[2:4], "little") & 0x7FFF
    if number and number != 0x7FFF:
        tags.add(f"{GROUP} ExposureTime", number / SHUTTER_UNITS, _exposure_text(number / SHUTTER_UNITS))


def _add_make(data: bytes, tags: ContainerTags) -> None:
    """Add the name of the make instead of its number, because other formats store a name."""
    number = int.from_bytes(data[:2], "big")
    tag = find_tag("H264::MakeModel", "0")
    if tag is not None:
        tags.add(f"{GROUP} Make", label_of(tag, number) or f"Unknown ({number})")


def _add_recording_mode(data: bytes, tags: ContainerTags) -> None:
    _add_label("H264::RecInfo", "0", data[0], tags)


def _add_frame_rates(data: bytes, tags: ContainerTags) -> None:
    for name, number in (("CaptureFrameRate", data[0]), ("VideoFrameRate", data[1])):
        if number:
            tags.add(f"{GROUP} {name}", number)


READERS: dict[int, Callable[[bytes, ContainerTags], None]] = {
    TIME_CODE: _add_time_code,
    CAMERA_1: _add_camera_1,
    CAMERA_2: _add_camera_2,
    SHUTTER: _add_shutter,
    MAKE: _add_make,
    RECORDING: _add_recording_mode,
    FRAMES: _add_frame_rates,
}
