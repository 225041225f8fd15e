"""MPEG transport streams: stream types, size of the picture, metadata of AVCHD cameras, and duration."""

from __future__ import annotations

import random
import struct

import pytest

from exifinator.metadata.containers.h264 import read_sequence
from exifinator.metadata.containers.mpeg_ts import packet_bytes
from exifinator.metadata.fetch import fetch_metadata
from tests.data import video
from tests.data.video import values_of
from tests.unit.readers import MEDIA, REF, record_of

# Parameters of an H.264 sequence: 1920 by 1080 pixels, interlaced, 25 frames per second.
SEQUENCE = bytes.fromhex("640028ad00ec0780447de0220000000200000065d14001e848003d093ef7068a000f424001e849f7b814")
# The NAL units of the parameters and of a slice of a picture.
SEQUENCE_UNIT = b"\0\0\1\x27" + SEQUENCE.replace(b"\0\0\0", b"\0\0\3\0")
SLICE = b"\0\0\1\x25" + bytes(40)
# Entries of the camera's metadata (MDPM): time zone, year and month in one; day and time in the other.
DATE = {0x18: b"\x12\x20\x21\x07", 0x19: b"\x04\x15\x30\x45"}


def camera(entries: dict[int, bytes]) -> bytes:
    """Return the units of a picture whose camera stored these MDPM entries."""
    return SEQUENCE_UNIT + video.mdpm_unit(entries) + SLICE


def test_read_mpeg_ts__avchd__has_picture_date_and_camera():
    entries = DATE | {
        0x70: b"\xca\xf4\xff\xff", 0x7F: b"\0\0\x65\x84", 0xA1: struct.pack(">HH", 28, 10), 0xE0: b"\x01\x03\0\0",
        0xE4: b"HDC-", 0xE5: b"SD9\0", 0xEE: b"\x19\x32\0\0", 0x13: b"\x12\x34\x56\x01",
    }  # fmt: skip
    record = record_of(video.transport_start(camera(entries)))
    document = record.document
    assert record_of(video.transport_start(camera(DATE))).document["H264 VideoFrameRate"]["values"] == [25.0]
    assert (record.status, document["format"]) == ("ok", "m2ts")
    assert (document["photo"]["width_pixels"], document["photo"]["height_pixels"]) == (1920, 1080)
    assert document["H264 DateTimeOriginal"]["values"] == "2021:07:04 15:30:45+09:00"
    assert values_of(document, "H264 Make", "H264 Model", "H264 FNumber") == ["Panasonic", "HDC-SD9", 2.8]
    assert values_of(document, "H264 VideoFrameRate", "H264 TimeCode") == [50, "01:56:34:12"]
    assert document["H264 ExposureTime"]["printable"] == "1/25"
    assert document["M2TS VideoStreamType"]["printable"] == "H.264 (AVC) Video"
    assert document["AC3 AudioBitrate"]["printable"] == "256 kbps"


def test_read_mpeg_ts__position__is_degrees_minutes_and_seconds():
    entries = DATE | {
        0xB1: b"N\0\0\0", 0xB2: struct.pack(">HH", 50, 1), 0xB3: struct.pack(">HH", 51, 1), 0xB4: b"\0\x0f\0\2",
        0xB5: b"E\0\0\0", 0xB6: struct.pack(">HH", 14, 1), 0xB7: struct.pack(">HH", 30, 1), 0xB8: b"\0\0\0\1",
    }  # fmt: skip
    document = record_of(video.transport_start(camera(entries))).document
    assert values_of(document, "H264 GPSLatitude", "H264 GPSLatitudeRef") == [[50.0, 51.0, 7.5], "N"]
    assert values_of(document, "H264 GPSLongitude", "H264 GPSLongitudeRef") == [[14.0, 30.0, 0.0], "E"]


@pytest.mark.parametrize(
    ("zone", "value", "printable"),
    [
        (0x02, "2021:07:04 15:30:45+01:00", "2021:07:04 15:30:45+01:00"),
        (0x2B, "2021:07:04 15:30:45-05:30", "2021:07:04 15:30:45-05:30"),
        (0x42, "2021:07:04 15:30:45", "2021:07:04 15:30:45+01:00 DST"),
        (0xFF, "2021:07:04 15:30:45", "2021:07:04 15:30:45"),
    ],
)
def test_read_mdpm__time_zone__is_an_offset(zone, value, printable):
    entries = {0x18: bytes([zone]) + DATE[0x18][1:], 0x19: DATE[0x19]}
    document = record_of(video.transport_start(camera(entries))).document["H264 DateTimeOriginal"]
    assert (document["values"], document["printable"]) == (value, printable)


def test_read_mdpm__date_of_invalid_digits__is_left_out():
    document = record_of(video.transport_start(camera({0x18: b"\x02\xff\xff\xff", 0x19: b"\xff\xff\xff\xff"}))).document
    assert "H264 DateTimeOriginal" not in document
    assert "H264 ImageWidth" in document


@pytest.mark.parametrize("stamped", [True, False])
@pytest.mark.parametrize("cut_bytes", [0, 77])
def test_read_mpeg_ts__file_of_4_gigabytes__has_its_duration_after_two_requests(stamped, cut_bytes):
    start = video.transport_start(camera(DATE), stamped=stamped)
    packet_length = 192 if stamped else 188
    total_bytes = 4 * 1024**3 // packet_length * packet_length
    tail = b"".join(video.packet(0x1001, clock=270_000_000 + 27_000_000 * n, stamped=stamped) for n in range(600, 606))
    reader = video.SparseReader({0: start, total_bytes - len(tail) - cut_bytes: tail}, total_bytes)
    fetched = fetch_metadata(reader, REF)
    assert b'"M2TS Duration": ["0:10:05", 605.0]' in fetched.blocks[0].pieces[0]
    assert len(reader.ranges) == 2
    assert reader.bytes_read < 256 * 1024


def test_read_mpeg_ts__picture_after_the_first_read__takes_three_requests():
    start = video.transport_start(b"")
    late = b"".join(
        video.packet(0x1011, (b"\0\0\1\xe0\0\0\x81\0\0" + camera(DATE))[at : at + 184], start=at == 0)
        for at in (0, 184)
    )
    reader = video.SparseReader({0: start, 192 * 300: late}, 192 * 9_000_000)
    fetched = fetch_metadata(reader, REF)
    assert (fetched.width_pixels, fetched.height_pixels) == (1920, 1080)
    assert len(reader.ranges) == 3
    assert reader.bytes_read <= 256 * 1024


def test_read_mpeg_ts__clock_that_wraps_to_zero__gives_the_duration():
    start = video.transport_start(camera(DATE))
    first = (300 << 33) - 27_000_000
    head = start.replace(video.packet(0x1001, clock=270_000_000), video.packet(0x1001, clock=first))
    data = head + video.packet(0x1011) * 100 + video.packet(0x1001, clock=27_000_000)
    assert record_of(data).document["M2TS Duration"]["values"] == [2.0]


def test_read_mpeg_ts__mpeg_2_video__has_its_size_and_frame_rate():
    sequence = b"\0\0\1\xb3" + bytes([1440 >> 4, (1440 & 0xF) << 4 | 1080 >> 8, 1080 & 0xFF, 0x33]) + bytes(100)
    document = record_of(video.transport_start(sequence, 2, stamped=False)).document
    assert (document["photo"]["width_pixels"], document["photo"]["height_pixels"]) == (1440, 1080)
    assert values_of(document, "MPEG FrameRate") == [25.0]


def test_read_sequence__parameters__give_size_and_frame_rate_if_they_are_complete():
    assert read_sequence(SEQUENCE) == (1920, 1080, 25.0)
    assert all(read_sequence(SEQUENCE[:length]) is None for length in range(8))
    assert read_sequence(bytes(400)) is None


def test_packet_bytes__start_of_a_file__gives_the_packet_length_or_0():
    assert packet_bytes(b"G" * 1024) == 192
    assert packet_bytes(b"Good day to you. " * 60) == 0
    assert packet_bytes(b"G") == 0


def test_read_mpeg_ts__damaged_file__never_raises():
    start = video.transport_start(camera(DATE | {0xE4: b"HDC-"}))
    rng = random.Random(3)
    for _ in range(600):
        data = bytearray(start)
        for _ in range(rng.randrange(1, 12)):
            at = rng.randrange(len(data))
            if at % 192 != 4:
                data[at] = rng.choice((0, 1, 255, rng.randrange(256)))
        record = record_of(bytes(data[: rng.randrange(1000, len(data) + 1)]))
        assert record.document["format"] == "m2ts"
        assert "problem" not in record.document or "EXIF" in record.document["problem"]


@pytest.mark.skipif(not MEDIA.exists(), reason="needs ../shared/media")
def test_read_mpeg_ts__sample__has_exiftools_values():
    document = record_of((MEDIA / "exiftool" / "M2TS.mts").read_bytes()).document
    assert document["H264 DateTimeOriginal"]["values"] == "2008:12:31 23:16:24+01:00"
    names = ("H264 ApertureSetting", "H264 Gain", "H264 ExposureTime", "H264 Make", "H264 RecordingMode")
    assert [document[name]["printable"] for name in names] == ["2.4", "9 dB", "1/25", "Canon", "FXP"]
