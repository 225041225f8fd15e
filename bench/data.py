"""Generate photos for benchmarks: JPEGs of the size that cameras write, each with different metadata."""

from __future__ import annotations

import random
from pathlib import Path

from tests.data import build
from tests.photos import make_plain

PHOTO_BYTES = 2_400_000
THUMBNAIL_BYTES = 8_000


def make_head(number: int) -> bytes:
    """Return the start of a JPEG, up to its image data: 13 KB with 60 tags, 30 more in a MakerNote, and a thumbnail."""
    thumbnail = make_plain()
    thumbnail = thumbnail[:-2] + bytes(THUMBNAIL_BYTES - len(thumbnail)) + thumbnail[-2:]
    note = b"Nikon\0\x02\x10\0\0" + build.tiff(
        [
            (0x0004, build.ASCII, "FINE   "),
            (0x0084, build.RATIO, [(24, 1), (70, 1), (28, 10), (28, 10)]),
            *((tag, build.ASCII, f"NORMAL {tag:04x}") for tag in range(0x0005, 0x0010)),
            *((tag, build.SHORT, [number % 100, tag]) for tag in range(0x0080, 0x0084)),
            *((tag, build.UNDEFINED, bytes(range(16))) for tag in range(0x0090, 0x009C)),
        ]
    )
    block = build.tiff(
        [
            (0x010E, build.ASCII, f"Photo {number}"),
            (0x010F, build.ASCII, "NIKON CORPORATION"),
            (0x0110, build.ASCII, f"NIKON D{number % 9}50"),
            (0x0112, build.SHORT, [1]),
            (0x011A, build.RATIO, [(300, 1)]),
            (0x011B, build.RATIO, [(300, 1)]),
            (0x0128, build.SHORT, [2]),
            (0x0131, build.ASCII, "Ver.1.01"),
            (0x0132, build.ASCII, "2019:05:01 21:00:00"),
            (0x013B, build.ASCII, "Ada Example"),
            (0x0213, build.SHORT, [2]),
            (0x8298, build.ASCII, "(c) Ada Example"),
        ],
        [
            (0x829A, build.RATIO, [(1, 60 + number % 4000)]),
            (0x829D, build.RATIO, [(28, 10)]),
            (0x8822, build.SHORT, [2]),
            (0x8827, build.SHORT, [100 * (1 + number % 64)]),
            (0x9000, build.UNDEFINED, b"0231"),
            (0x9003, build.ASCII, f"20{number % 20 + 4:02}:05:01 20:{number % 60:02}:07"),
            (0x9004, build.ASCII, f"20{number % 20 + 4:02}:05:01 20:{number % 60:02}:07"),
            (0x9011, build.ASCII, "+02:00"),
            (0x9101, build.UNDEFINED, b"\1\2\3\0"),
            (0x9102, build.RATIO, [(4, 1)]),
            (0x9205, build.RATIO, [(30, 10)]),
            (0x9207, build.SHORT, [5]),
            (0x9208, build.SHORT, [0]),
            (0x9209, build.SHORT, [16]),
            (0x920A, build.RATIO, [(24 + number % 46, 1)]),
            (0x9290, build.ASCII, "25"),
            (0x9291, build.ASCII, "25"),
            (0x9292, build.ASCII, "25"),
            (0xA000, build.UNDEFINED, b"0100"),
            (0xA001, build.SHORT, [1]),
            (0xA002, build.LONG, [6016]),
            (0xA003, build.LONG, [4016]),
            (0xA217, build.SHORT, [2]),
            (0xA401, build.SHORT, [0]),
            (0xA402, build.SHORT, [0]),
            (0xA403, build.SHORT, [0]),
            (0xA405, build.SHORT, [24 + number % 46]),
            (0xA406, build.SHORT, [0]),
            (0xA432, build.RATIO, [(24, 1), (70, 1), (28, 10), (28, 10)]),
            (0xA434, build.ASCII, "24.0-70.0 mm f/2.8"),
            (0x927C, build.UNDEFINED, note),
        ],
        [
            (0x0001, build.ASCII, "N"),
            (0x0002, build.RATIO, [(53, 1), (number % 60, 1), (0, 1)]),
            (0x0003, build.ASCII, "E"),
            (0x0004, build.RATIO, [(9, 1), (59, 1), (number % 60, 1)]),
            (0x0006, build.RATIO, [(123, 10)]),
        ],
        thumbnail,
    )
    return build.jpeg(build.exif_segment(block), width=6016, height=4016, picture_bytes=100)[:-2]


def make_photos(folder: Path, count: int, *, size_bytes: int = PHOTO_BYTES) -> None:
    """Create `count` JPEGs of `size_bytes` in `folder`, 500 per subfolder. Existing files are kept."""
    body = random.Random(1).randbytes(size_bytes)
    for number in range(count):
        path = folder / f"{number // 500:04}" / f"IMG_{number:06}.jpg"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            head = make_head(number)
            path.write_bytes(head + body[: max(0, size_bytes - len(head))])
