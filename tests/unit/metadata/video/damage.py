"""Damage videos in five ways: cut them, flip bits, falsify sizes, nest boxes, and splice files.

The name of the video and the number of a variant determine the damage, so a variant is the same in each run.
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
# Most damage is this close to the start or the end of a file, where metadata is.
_REACH_BYTES = 8 * 1024
# How much of the start and the end is searched for names.
_SEARCHED_BYTES = 64 * 1024


@functools.lru_cache(maxsize=2)
def _name_offsets(data: bytes) -> list[int]:
    """Return the offsets of the names of boxes and chunks near the start and the end of a file."""
    end_at = max(0, len(data) - _SEARCHED_BYTES)
    starts = {match.start() for match in _NAMES.finditer(data, 0, _SEARCHED_BYTES)}
    return sorted(starts | {match.start() for match in _NAMES.finditer(data, end_at)})


def _choose_offset(data: bytes, chooser: random.Random) -> int:
    """Return an offset near the start, the end, or the name of a box or chunk."""
    draw = chooser.random()
    if draw < 0.5:
        offsets = _name_offsets(data)
        if offsets:
            return max(0, min(len(data) - 1, chooser.choice(offsets) + chooser.randrange(-4, 40)))
    reach_bytes = min(len(data), _REACH_BYTES)
    return chooser.randrange(reach_bytes) if draw < 0.85 else len(data) - 1 - chooser.randrange(reach_bytes)


def cut(data: bytes, chooser: random.Random, _other: bytes) -> bytes:
    """Remove the end of the file, or lose a part of it, as when a disk block is lost."""
    at = _choose_offset(data, chooser)
    if chooser.random() < 0.7:
        return data[:at]
    length = chooser.choice((1, 3, 512, 4096))
    return data[:at] + chooser.choice((b"", bytes(length))) + data[at + length :]


def flip(data: bytes, chooser: random.Random, _other: bytes) -> bytes:
    """Change some bits."""
    changed = bytearray(data)
    for _ in range(chooser.choice((1, 4, 64))):
        changed[_choose_offset(data, chooser)] ^= 1 << chooser.randrange(8)
    return bytes(changed)


def falsify_sizes(data: bytes, chooser: random.Random, _other: bytes) -> bytes:
    """Give one or more boxes or chunks another size: of 32 bits, of 64 bits, or 0 (to the end of the file)."""
    changed = bytearray(data)
    offsets = _name_offsets(data)
    for _ in range(chooser.choice((1, 1, 5))):
        size = chooser.choice((*_SIZES, len(data), chooser.getrandbits(32)))
        at = chooser.choice(offsets) if offsets else _choose_offset(data, chooser)
        if chooser.random() < 0.2 and at >= 4:
            # A size of 64 bits follows the name.
            changed[at - 4 : at] = b"\0\0\0\1"
            changed[at + 4 : at + 12] = (chooser.getrandbits(64)).to_bytes(8, "big")
        elif chooser.random() < 0.5 and at >= 4:
            changed[at - 4 : at] = size.to_bytes(4, "big")
        else:
            changed[at + 4 : at + 8] = size.to_bytes(4, chooser.choice(("big", "little")))
    return bytes(changed)


def nest(data: bytes, chooser: random.Random, _other: bytes) -> bytes:
    """Put boxes into each other, many levels deep, or repeat a part of the file."""
    at, depth = _choose_offset(data, chooser), chooser.choice((3, 40, MAX_DEPTH))
    if chooser.random() < 0.3:
        start = _choose_offset(data, chooser)
        return data[:at] + data[start : start + 2000] * min(depth, 40) + data[at:]
    inner = data[at : at + chooser.choice((0, 200, 2000))]
    names = [chooser.choice(_CONTAINERS) for _ in range(4)]
    heads = b"".join((len(inner) + 8 * (depth - level)).to_bytes(4, "big") + names[level % 4] for level in range(depth))
    return data[:at] + heads + inner + data[at:]


def splice(data: bytes, chooser: random.Random, other: bytes) -> bytes:
    """Join the start of a file with the end of another one, or insert a part of either file elsewhere."""
    at, source = _choose_offset(data, chooser), _choose_offset(other, chooser)
    draw = chooser.random()
    if draw < 0.3:
        return data[:at] + other[source:]
    if draw < 0.6:
        return data[:at] + chooser.choice(_OTHER_HEADS) + other[source : source + 3000] + data[at:]
    start = _choose_offset(data, chooser)
    return data[:at] + data[start : start + chooser.randrange(1, 3000)] + data[at:]


WAYS: tuple[Callable[[bytes, random.Random, bytes], bytes], ...] = (cut, flip, falsify_sizes, nest, splice)


def damage(name: str, data: bytes, number: int, other: bytes) -> bytes:
    """Return a damaged variant of a video.

    Args:
        name: The name of the video.
        data: The video.
        number: The number of the variant. Five numbers in a row give one variant for each of WAYS.
        other: Another video, for splicing.
    """
    chooser = random.Random(f"{name} {number}")
    return WAYS[number % len(WAYS)](data, chooser, other)
