"""Decode the note that Google's camera app writes into the XMP property HdrPlusMakernote, or into the MakerNote.

The property is base64. The note begins with HDRP and its version. The rest is enciphered by exclusive or with 64-bit
numbers of the generator xorshift64*, and contains a gzip stream with a message of Protocol Buffers.
Sources: for the layers and the seed, https://github.com/ZanyLeonic/exif-reader; for the generator, S. Vigna, "An
experimental exploration of Marsaglia's xorshift generators, scrambled" (2016); for the numbers and names of the fields,
the table Google::HDRPlusMakerNote of `exiftool -listx` (13.59).
"""

from __future__ import annotations

import base64
import math
import re
import struct
import zlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from exifinator.metadata.limits import MemoryBudget
from exifinator.metadata.protobuf import BYTES, FIXED32, VARINT, fields
from exifinator.metadata.tag_values import Tag

PROPERTY = re.compile(rb"""\b(?:HdrPlusMakernote|hdrp_makernote)\s*(?:=\s*["']|>)\s*([A-Za-z0-9+/\s]+)""")
WORDS = (b"HdrPlusMakernote", b"hdrp_makernote")
# The signature and the version. Version 2 contains texts instead of a message.
HEAD = b"HDRP\3"
SEED, MULTIPLIER, MASK = 0x2515606B4A7791CD, 0x2545F4914F6CDD1D, (1 << 64) - 1
# Notes have about 35 KB, and 100 KB after unpacking.
MAX_NOTE_BYTES, MAX_UNPACKED_BYTES = 256 * 1024, 1024 * 1024
KEY_STEP_BYTES = 64 * 1024
GZIP = 16 + zlib.MAX_WBITS
MAX_TEXT_CHARACTERS = 200
TEXT, INTEGER, DOUBLE = 2, 9, 12
# The path of a field -> its name and its form.
FIELDS = {
    (1, 1): ("ImageName", "text"),
    (1, 2): ("ImageData", "binary"),
    (2,): ("TimeLogText", "binary"),
    (3,): ("SummaryText", "binary"),
    (9, 3): ("FrameCount", "integer"),
    (9, 36, 1): ("CreateDate", "seconds"),
    (12, 1): ("DeviceMake", "text"),
    (12, 2): ("DeviceModel", "text"),
    (12, 3): ("DeviceCodename", "text"),
    (12, 4): ("DeviceHardwareRevision", "text"),
    (12, 6): ("HDRPSoftware", "text"),
    (12, 7): ("AndroidRelease", "text"),
    (12, 8): ("SoftwareDate", "milliseconds"),
    (12, 9): ("Application", "text"),
    (12, 10): ("AppVersion", "text"),
    (12, 12, 1): ("ExposureTimeMin", "thousandths"),
    (12, 12, 2): ("ExposureTimeMax", "thousandths"),
    (12, 13, 1): ("ISOMin", "float"),
    (12, 13, 2): ("ISOMax", "float"),
    (12, 14): ("MaxAnalogISO", "float"),
}
# The paths of the messages that contain other fields.
_MESSAGES = frozenset(path[:length] for path in FIELDS for length in range(1, len(path)))


def find_google_note(packet: bytes) -> bytes:
    """Return the note in an XMP packet; b"" if there is none."""
    match = PROPERTY.search(packet) if any(word in packet for word in WORDS) else None
    if not match or len(match[1]) > 2 * MAX_NOTE_BYTES:
        return b""
    text = b"".join(match[1].split())
    return base64.b64decode(text[: len(text) // 4 * 4])


def decode_google_note(note: bytes, budget: MemoryBudget) -> dict[str, Tag]:
    """Return the tags of a note by name; none if it is not a note of Google's, or is damaged.

    Raises:
        MemoryExceeded: The note would take more memory than the budget allows.
    """
    if not note.startswith(HEAD):
        return {}
    budget.spend(3 * MAX_NOTE_BYTES + MAX_UNPACKED_BYTES)
    tags: dict[str, Tag] = {}
    _add_fields(_unpack(_decipher(note[len(HEAD) : MAX_NOTE_BYTES])), (), tags)
    return tags


def _decipher(data: bytes) -> bytes:
    # Calculate the numbers for a rounded length, so that all photos share them.
    key = _key(-(-len(data) // KEY_STEP_BYTES) * KEY_STEP_BYTES)
    number = int.from_bytes(data, "little") ^ int.from_bytes(key[: len(data)], "little")
    return number.to_bytes(len(data), "little")


@lru_cache(maxsize=1 + MAX_NOTE_BYTES // KEY_STEP_BYTES)
def _key(length: int) -> bytes:
    """Return the generator's numbers as bytes."""
    state, numbers = SEED, []
    for _ in range(length // 8):
        state ^= state >> 12
        state ^= state << 25 & MASK
        state ^= state >> 27
        state = state * MULTIPLIER & MASK
        numbers.append(state)
    return struct.pack(f"<{len(numbers)}Q", *numbers)


def _unpack(data: bytes) -> bytes:
    """Return the content of a gzip stream, which may be cut; b"" if it is none."""
    try:
        return zlib.decompressobj(GZIP).decompress(data, MAX_UNPACKED_BYTES)
    except zlib.error:
        return b""


def _add_fields(message: bytes, path: tuple[int, ...], tags: dict[str, Tag]) -> None:
    for number, kind, value in fields(message):
        inner = (*path, number)
        if inner in _MESSAGES and kind == BYTES:
            _add_fields(value, inner, tags)
        elif inner in FIELDS:
            name, form = FIELDS[inner]
            tag = _tag(f"MakerNote {name}", form, kind, value)
            if tag:
                # As usual with Protocol Buffers, the last value of a field counts: the note names several pictures.
                tags[tag.name] = tag


def _tag(name: str, form: str, kind: int, value: Any) -> Tag | None:
    """Return a tag; None if the field does not have the form that the table expects."""
    if kind == BYTES and form == "text":
        text = value.decode("utf-8", "replace").strip("\0 ")
        is_text = text.isprintable() and 0 < len(text) <= MAX_TEXT_CHARACTERS
        return Tag(name, text, 0, TEXT, text, len(value)) if is_text else None
    if kind == BYTES and form == "binary":
        return Tag(name, f"({len(value):,} bytes)", 0, INTEGER, [len(value)], 8)
    if kind == VARINT and form == "integer":
        return Tag(name, str(value), 0, INTEGER, [value], 8) if value >> 63 == 0 else None
    if kind == VARINT and form in ("seconds", "milliseconds"):
        date = _date(value, 1000 if form == "milliseconds" else 1)
        return Tag(name, date, 0, TEXT, date, len(date)) if date else None
    if kind == FIXED32 and form in ("float", "thousandths") and len(value) == 4:
        number = struct.unpack("<f", value)[0] / (1000 if form == "thousandths" else 1)
        return Tag(name, f"{number:.15g}", 0, DOUBLE, [number], 8) if math.isfinite(number) else None
    return None


def _date(units: int, per_second: int) -> str | None:
    """Return a time since 1970 in UTC as a date, with milliseconds if it has them; None if it is no date."""
    if not 0 < units < (1 << 32) * per_second:
        return None
    date = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=units // per_second)
    fraction = f".{units % per_second:03d}" if per_second > 1 else ""
    return f"{date:%Y:%m:%d %H:%M:%S}{fraction}+00:00"
