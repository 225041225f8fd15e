"""Damage videos in the ways in which files are damaged: cut, with changed bits, with sizes that lie, nested, spliced.

Each variant follows from the name of the video and a number, so it is the same in each run.
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable

# The names of boxes of MOV and MP4, and of lists and chunks of AVI.
_NAMES = re.compile(
    rb"moov|trak|mdia|minf|stbl|stsd|stts|stsz|stco|co64|udta|meta|ilst|keys|data|mvhd|tkhd|mdhd|hdlr|uuid|covr|"
    rb"RIFF|LIST|hdrl|strl|strh|strf|avih|INFO|JUNK|idx1"
)
_CONTAINERS = (b"moov", b"trak", b"mdia", b"udta", b"meta", b"ilst", b"LIST")
# Elements of Matroska (Segment, Info, Tracks, Tags, and a void), and a packet of a transport stream.
_OTHER_HEADS = (
    b"\x18\x53\x80\x67",
    b"\x15\x49\xa9\x66",
    b"\x16\x54\xae\x6b",
    b"\x12\x54\xc3\x67",
    b"\xec",
    b"\x47\x40\x00",
)
_SIZES = (0, 1, 7, 8, 0x7F, 0xFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
MAX_DEPTH = 3000
# Metadata is near the start or the end of a file.
_REACH_BYTES = 8 * 1024


@functools.lru_cache(maxsize=2)
def _names(data: bytes) -> list[int]:
    """Return the offsets of the names of boxes and chunks near the start and the end of a file."""
    end_at = max(0, len(data) - 64 * 1024)
    starts = {match.start() for match in _NAMES.finditer(data, 0, 64 * 1024)}
    return sorted(starts | {match.start() for match in _NAMES.finditer(data, end_at)})


def _place(data: bytes, chooser: random.Random) -> int:
    """Return an offset near the start or the end, or that of the name of a box or chunk."""
    draw = chooser.random()
    if draw < 0.5:
        names = _names(data)
        if names:
            return max(0, min(len(data) - 1, chooser.choice(names) + chooser.randrange(-4, 40)))
    reach = min(len(data), _REACH_BYTES)
    return chooser.randrange(reach) if draw < 0.85 else len(data) - 1 - chooser.randrange(reach)


def cut(data: bytes, chooser: random.Random, _other: bytes) -> bytes:
    """Remove the end of the file, or a part of it as a lost block of a disk does."""
    at = _place(data, chooser)
    if chooser.random() < 0.7:
        return data[:at]
    length = chooser.choice((1, 3, 512, 4096))
    return data[:at] + chooser.choice((b"", bytes(length))) + data[at + length :]


def flip(data: bytes, chooser: random.Random, _other: bytes) -> bytes:
    """Change some bits."""
    changed = bytearray(data)
    for _ in range(chooser.choice((1, 4, 64))):
        changed[_place(data, chooser)] ^= 1 << chooser.randrange(8)
    return bytes(changed)


def lie(data: bytes, chooser: random.Random, _other: bytes) -> bytes:
    """Give a box or chunk, or several, another size: of 32 bits, of 64 bits, or 0 for the end of the file."""
    changed = bytearray(data)
    names = _names(data)
    for _ in range(chooser.choice((1, 1, 5))):
        number = chooser.choice((*_SIZES, len(data), chooser.getrandbits(32)))
        at = chooser.choice(names) if names else _place(data, chooser)
        if chooser.random() < 0.2 and at >= 4:
            # A size of 64 bits follows the name.
            changed[at - 4 : at] = b"\0\0\0\1"
            changed[at + 4 : at + 12] = (chooser.getrandbits(64)).to_bytes(8, "big")
        elif chooser.random() < 0.5 and at >= 4:
            changed[at - 4 : at] = number.to_bytes(4, "big")
        else:
            changed[at + 4 : at + 8] = number.to_bytes(4, chooser.choice(("big", "little")))
    return bytes(changed)


def nest(data: bytes, chooser: random.Random, _other: bytes) -> bytes:
    """Put boxes into each other, many levels deep, or a box into itself."""
    at, depth = _place(data, chooser), chooser.choice((3, 40, MAX_DEPTH))
    if chooser.random() < 0.3:
        start = _place(data, chooser)
        return data[:at] + data[start : start + 2000] * min(depth, 40) + data[at:]
    inner = data[at : at + chooser.choice((0, 200, 2000))]
    names = [chooser.choice(_CONTAINERS) for _ in range(4)]
    heads = b"".join((len(inner) + 8 * (depth - level)).to_bytes(4, "big") + names[level % 4] for level in range(depth))
    return data[:at] + heads + inner + data[at:]


def splice(data: bytes, chooser: random.Random, other: bytes) -> bytes:
    """Join the start of a file with a part of another one, or put parts of it where they do not belong."""
    at, source = _place(data, chooser), _place(other, chooser)
    draw = chooser.random()
    if draw < 0.3:
        return data[:at] + other[source:]
    if draw < 0.6:
        return data[:at] + chooser.choice(_OTHER_HEADS) + other[source : source + 3000] + data[at:]
    start = _place(data, chooser)
    return data[:at] + data[start : start + chooser.randrange(1, 3000)] + data[at:]


KINDS: tuple[Callable[[bytes, random.Random, bytes], bytes], ...] = (cut, flip, lie, nest, splice)


def damage(name: str, data: bytes, number: int, other: bytes) -> bytes:
    """Return a variant of a video.

    Args:
        name: The name of the video.
        data: The video.
        number: The number of the variant. Variants of five numbers in a row are damaged in five ways.
        other: Another video.
    """
    chooser = random.Random(f"{name} {number}")
    return KINDS[number % len(KINDS)](data, chooser, other)
