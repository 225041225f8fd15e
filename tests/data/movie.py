"""Build movies of the QuickTime family: their boxes, and whole small files."""

from __future__ import annotations

import struct

from tests.data.build import box

CREATED = 3_790_000_000
UPRIGHT = (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
TURNED = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)


def full(kind: bytes, body: bytes) -> bytes:
    """Return a box with version 0."""
    return box(kind, bytes(4) + body)


def handler(kind: bytes) -> bytes:
    """Return the box that names the kind of a track's media."""
    return full(b"hdlr", bytes(4) + kind + bytes(12) + b"Handler\0")


def mvhd(duration: int = 60_000) -> bytes:
    """Return a movie header. The duration is in units of 1/600 s."""
    rest = struct.pack(">iH", 65536, 256) + bytes(10) + struct.pack(">9i", *UPRIGHT) + bytes(24) + struct.pack(">I", 3)
    return full(b"mvhd", struct.pack(">4I", CREATED, CREATED, 600, duration) + rest)


def track(
    kind: bytes = b"vide",
    codec: bytes = b"avc1",
    samples: int = 3000,
    size: tuple[int, int] = (1920, 1080),
    matrix: tuple[int, ...] = UPRIGHT,
    extra: bytes = b"",
) -> bytes:
    """Return a track of 100 s with tables for its samples."""
    times = struct.pack(">5I", CREATED, CREATED, 1, 0, 60_000)
    sides = struct.pack(">II", size[0] << 16, size[1] << 16) if kind == b"vide" else bytes(8)
    tkhd = full(b"tkhd", times + bytes(16) + struct.pack(">9i", *matrix) + sides)
    mdhd = full(b"mdhd", struct.pack(">4IHH", CREATED, CREATED, 600, 60_000, 0x55C4, 0))
    head = bytes(6) + b"\0\1"
    if kind == b"vide":
        entry = (
            head
            + bytes(16)
            + struct.pack(">HHIII", *size, 72 << 16, 72 << 16, 0)
            + b"\0\1"
            + bytes(32)
            + b"\0\x18\xff\xff"
        )
    else:
        entry = head + bytes(8) + struct.pack(">HHII", 2, 16, 0, 48_000 << 16)
    tables = full(b"stsd", struct.pack(">I", 1) + box(codec, entry)) + full(b"stts", struct.pack(">3I", 1, samples, 20))
    tables += full(b"stsz", struct.pack(">II", 0, samples) + bytes(4 * samples))
    return box(b"trak", tkhd + box(b"mdia", mdhd + handler(kind) + box(b"minf", box(b"stbl", tables))) + extra)


def keys(**items: str) -> bytes:
    """Return a box of Apple's keys. An underscore stands for a point."""
    names = [b"com.apple.quicktime." + name.replace("_", ".").encode() for name in items]
    listed = b"".join(struct.pack(">I", 8 + len(name)) + b"mdta" + name for name in names)
    values = b"".join(
        box(struct.pack(">I", index), box(b"data", struct.pack(">II", 1, 0) + value.encode()))
        for index, value in enumerate(items.values(), 1)
    )
    return box(b"meta", handler(b"mdta") + full(b"keys", struct.pack(">I", len(items)) + listed) + box(b"ilst", values))


FTYP = box(b"ftyp", b"qt  \0\0\0\0qt  ")
APPLE = keys(
    make="Apple", model="iPhone X", creationdate="2019-02-12T15:27:12+0800", location_ISO6709="-33.8568+151.2153+004/"
)
SOUND = track(b"soun", b"mp4a")


def movie(*boxes: bytes) -> bytes:
    """Return a movie file whose movie box contains these boxes."""
    return FTYP + box(b"mdat", bytes(1000)) + box(b"moov", mvhd() + b"".join(boxes))
