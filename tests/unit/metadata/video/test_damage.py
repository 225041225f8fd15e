"""A damaged video of any container gives a record, within the limits on requests, bytes and CPU time."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from exifinator.metadata.containers import quicktime
from exifinator.metadata.fetch import MAX_READ_BYTES, fetch_metadata
from exifinator.metadata.parse import MAX_RECORD_BYTES, build_record
from tests.data import movie, video
from tests.data.build import box
from tests.unit.metadata.video.damage import damage
from tests.unit.metadata.video.test_makers import CAMERA, GPS5, GPS_SCALE, GPSU, gopro_movie, insta360
from tests.unit.readers import MEDIA, REF, MemoryReader

# Boxes of Canon (CNTH) and Nikon (TAGS) in the user data.
MAKER_BOXES = box(
    b"udta", box(b"CNTH", box(b"CNDA", b"\xff\xd8\xff\xd9")), box(b"TAGS", b"NIKON DIGITAL CAMERA" + bytes(300))
)
MATROSKA = video.matroska_info() + video.matroska_tracks() + video.matroska_tags(("TITLE", "Beach"))
VIDEOS = {
    "mov": movie.movie(movie.track(samples=20), movie.SOUND, MAKER_BOXES, movie.APPLE),
    "gopro": gopro_movie(GPSU + GPS_SCALE + GPS5),
    "insta360": movie.movie(movie.track(samples=20)) + insta360((3, bytes(500)), (1, CAMERA), index=True),
    "avi": video.avi(video.chunk(b"JUNK", b"PENTAX" + bytes(300)), video.riff_list(b"movi", bytes(100))),
    "mts": video.transport_start(b"\0\0\1\x09\xf0" + video.mdpm_unit({0x18: bytes(4), 0x19: bytes(4)})),
    "mkv": video.matroska_header() + video.element(0x18538067, MATROSKA),
}
# The extensions of the videos among ExifTool's sample files.
SUFFIXES = frozenset({".mov", ".mp4", ".m4a", ".m4v", ".3gp", ".mts", ".mkv", ".avi"})
# The number of damaged variants of each sample video, the same ones in each run. A full search has 1,412 of each.
DAMAGED_VIDEOS = int(os.environ.get("EXIFINATOR_DAMAGED_VIDEOS", "10"))
SHARES = 7
FIRST_READ_BYTES = 300
# What overwrites four bytes: sizes, and names of boxes and lists.
WORDS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1", b"\x7f\xff\xff\xff", b"moov", b"udta", b"trak", b"LIST")


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Return data after up to 12 changes: a byte or a word overwritten, or a part removed or copied elsewhere."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 12)):
        at, action = rng.randrange(len(changed)), rng.random()
        if action < 0.6:
            changed[at] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        elif action < 0.8:
            changed[at : at + 4] = rng.choice(WORDS)
        elif action < 0.9 and len(changed) > 400:
            del changed[at : at + rng.randrange(1, 100)]
        else:
            source = rng.randrange(len(changed))
            changed[at:at] = changed[source : source + rng.randrange(200)]
    return bytes(changed)


def check_decoding(data: bytes, case: str = "") -> None:
    """Decode a damaged file, and check that its record and its cost are within the limits."""
    # The first read is short, so that further ranges are requested.
    fetched = fetch_metadata(MemoryReader(data), REF, first_read_bytes=FIRST_READ_BYTES)
    record = build_record(fetched)
    assert record.status in ("ok", "damaged", "no_exif", "unsupported"), case
    assert fetched.requests <= 2 + quicktime.MAX_FURTHER_READS, case
    assert fetched.bytes_read <= min(2 * len(data) + FIRST_READ_BYTES, MAX_READ_BYTES), case
    blocks_bytes = sum(len(piece) for block in fetched.blocks for piece in block.pieces.values())
    assert blocks_bytes <= 2 * len(data) + 1024, case
    assert sum(len(str(value)) for value in record.document.values()) < MAX_RECORD_BYTES, case
    # Decoding ended before the limit on CPU time, and no unexpected exception was caught.
    problem = record.document.get("problem", "")
    assert "of CPU time" not in problem, case
    assert "cannot be decoded (" not in problem, case
    assert "cannot be located (" not in problem, case


@pytest.mark.parametrize("name", VIDEOS)
def test_build_record__mutated_video__gives_a_record_within_the_limits(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    rng = random.Random(f"{name} 2026")
    for _ in range(60):
        check_decoding(mutate(VIDEOS[name], rng))
    assert not caplog.records


def sample_videos() -> list[Path]:
    """Return the paths of the sample videos."""
    paths = [path for folder in ("exiftool", "video") for path in (MEDIA / folder).glob("*") if path.is_file()]
    return sorted(path for path in paths if path.parent.name == "video" or path.suffix.lower() in SUFFIXES)


@pytest.mark.skipif(not MEDIA.exists(), reason="needs ../shared/media")
@pytest.mark.parametrize("share", range(SHARES))
def test_build_record__damaged_sample__gives_a_record_within_the_limits(
    share: int, caplog: pytest.LogCaptureFixture
) -> None:
    paths = sample_videos()
    for at, path in list(enumerate(paths))[share::SHARES]:
        data, other = path.read_bytes(), paths[at - 1].read_bytes()
        for number in range(DAMAGED_VIDEOS):
            check_decoding(damage(path.name, data, number, other), f"{path.name}, variant {number}")
    assert not caplog.records


def test_damage__variants__differ_from_each_other_and_are_the_same_in_each_run() -> None:
    data, other = VIDEOS["mov"], VIDEOS["avi"]
    variants = [damage("mov", data, number, other) for number in range(200)]
    assert variants == [damage("mov", data, number, other) for number in range(200)]
    assert len({*variants, data}) > 190
