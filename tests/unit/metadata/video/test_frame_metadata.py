"""Metadata that Sony's and DJI's cameras store for each frame, read from the first sample of its track."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest

from exifinator.metadata.fetch import fetch_metadata
from exifinator.metadata.parse import build_record
from tests.data.build import box
from tests.data.movie import FTYP, SOUND, full, handler, movie, mvhd, track
from tests.unit.readers import REF, MemoryReader, record_of


def timed_movie(sample_format: bytes, sample: bytes, *boxes: bytes, padding: int = 0) -> bytes:
    """Return a movie with a track of timed metadata, whose first sample is `padding` bytes into the media data."""
    at = len(FTYP) + 8 + padding
    tables = full(b"stsd", struct.pack(">I", 1) + box(sample_format, bytes(6) + b"\0\1"))
    tables += full(b"stsz", struct.pack(">3I", len(sample), 50, 0)) + full(b"stco", struct.pack(">2I", 1, at))
    metadata = box(b"trak", box(b"mdia", handler(b"meta") + box(b"minf", box(b"stbl", tables))))
    media = box(b"mdat", bytes(padding) + sample)
    return FTYP + media + box(b"moov", mvhd() + track() + SOUND + metadata + b"".join(boxes))


def record(data: bytes) -> dict[str, Any]:
    document: dict[str, Any] = record_of(data).document
    return document


# --- Sony


def item(tag: int, value: bytes) -> bytes:
    return struct.pack(">HH", tag, len(value)) + value


def ratios(*pairs: tuple[int, int]) -> bytes:
    return b"".join(struct.pack(">II", *pair) for pair in pairs)


def rtmd(*sets: bytes) -> bytes:
    """Return a sample of Sony's metadata (rtmd): a header of 28 bytes, and sets of items, each after a label."""
    label = bytes.fromhex("060e2b34025301010c02010101010000")
    return b"\0\x1c".ljust(28, b"\0") + b"".join(label + items for items in sets) + bytes(600)


LENS = item(0x8000, struct.pack(">H", round(65536 * (1 - math.log2(2.8) / 8))))
CAMERA = item(0x8109, ratios((1, 50))) + item(0x810B, struct.pack(">H", 640)) + item(0x8114, b"ILCE-7SM3 5072108")
DATE = item(0xE304, bytes.fromhex("4220240501201107"))
# A position with a GPS fix (status A).
FIX = b"".join([
    item(0x8500, b"\2\2\0\0"), item(0x8501, b"S"), item(0x8502, ratios((33, 1), (51, 1), (2448, 100))),
    item(0x8503, b"E"), item(0x8504, ratios((151, 1), (12, 1), (5508, 100))), item(0x8505, b"\0"),
    item(0x8506, ratios((4500, 1000))), item(0x8507, ratios((10, 1), (11, 1), (7, 1))), item(0x8509, b"A"),
    item(0x851D, b"2024:05:01"),
])  # fmt: skip


def test_record__sony_frame__has_exposure_camera_date_and_position() -> None:
    document = record(timed_movie(b"rtmd", rtmd(LENS, CAMERA, item(0x8300, FIX) + DATE)))
    photo = document["photo"]
    assert (photo["f_number"], photo["exposure_seconds"], photo["iso"]) == (2.8, 0.02, 640)
    assert (photo["camera_make"], photo["camera_model"], photo["camera_serial"]) == ("Sony", "ILCE-7SM3", "5072108")
    assert [round(number, 4) for number in photo["location"]["coordinates"]] == [151.2153, -33.8568]
    assert photo["altitude_metres"] == 4.5
    assert document["Sony DateTime"]["values"] == "2024:05:01 20:11:07"
    assert document["Sony ExposureTime"]["printable"] == "1/50"


def test_record__sony_frame_without_a_gps_fix__has_no_position_and_the_date_of_the_camera() -> None:
    void_fix = FIX.replace(item(0x8509, b"A"), item(0x8509, b"V"))
    photo = record(timed_movie(b"rtmd", rtmd(LENS, void_fix + DATE)))["photo"]
    assert "location" not in photo
    assert (f"{photo['taken_local']:%Y-%m-%d %H:%M:%S}", photo["taken_source"]) == (
        "2024-05-01 20:11:07",
        "Sony DateTime",
    )


@pytest.mark.parametrize("sample", [
    rtmd(LENS + b"\x81\x09\xff\xff", CAMERA),
    rtmd(LENS + item(0x8109, b"\0\0")),
    rtmd(LENS, item(0x8109, ratios((1, 0))) + item(0x810B, b"\xff\xff")),
    rtmd(LENS + item(0xE304, b"\x42\xaa\xbb\xcc\x99\x99\x99\x99") + item(0x8114, b"\xff\xfe\0")),
    rtmd(LENS + item(0x8300, item(0x8300, item(0x8300, b"\x85")))),
])  # fmt: skip
def test_record__damaged_sony_frame__keeps_what_precedes_the_damage(sample: bytes) -> None:
    photo = record(timed_movie(b"rtmd", sample))["photo"]
    assert photo["f_number"] == 2.8
    assert not {"exposure_seconds", "iso", "camera_serial", "location"} & photo.keys()


@pytest.mark.parametrize("sample", [b"", b"\0", b"\xff\xff", b"\0\x1c", bytes(4000)])
def test_record__sample_that_is_no_sony_frame__leaves_the_metadata_of_the_headers(sample: bytes) -> None:
    photo = record(timed_movie(b"rtmd", sample))["photo"]
    assert (photo["duration_seconds"], photo["video_codec"]) == (100, "H.264")
    assert "camera_make" not in photo


def test_fetch_metadata__sony_movie__takes_one_request_for_the_frame() -> None:
    data = timed_movie(b"rtmd", rtmd(LENS, CAMERA).ljust(19_456, b"\0"), padding=400_000)
    fetched = fetch_metadata(MemoryReader(data), REF, first_read_bytes=4096)
    assert build_record(fetched).document["photo"]["iso"] == 640
    assert (fetched.requests, fetched.bytes_read < 64 * 1024) == (3, True)


# --- DJI


def varint(number: int) -> bytes:
    """Return a number as Protobuf stores it: seven bits in each byte, the lowest ones first."""
    encoded = b""
    while True:
        number, low = number >> 7, number & 0x7F
        encoded += bytes([low | 0x80 if number else low])
        if not number:
            return encoded


def field(number: int, value: bytes | int | float | str, *, double: bool = False) -> bytes:
    """Return a field of a Protobuf message: an integer, a float, a string or a message."""
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if isinstance(value, float):
        return varint(number << 3 | (1 if double else 5)) + struct.pack("<d" if double else "<f", value)
    return varint(number << 3) + varint(value & (1 << 64) - 1)


def djmd(product: str, camera: bytes, position: bytes) -> bytes:
    """Return a sample of DJI's metadata (djmd): a header that names the product, and one frame."""
    header = field(1, product) + field(5, "1581F6Z9C24BK003") + field(10, "DJI Air 3S")
    frame = field(1, field(1, 1) + field(2, 33_000)) + field(2, camera) + field(3, position)
    return field(1, field(1, header)) + field(3, frame)


def drone_position(latitude: float, longitude: float, unit: int = 1) -> bytes:
    """Return the position of a drone, in degrees if `unit` is 1, or in radians if it is 0."""
    coordinates = field(1, unit) + field(2, latitude, double=True) + field(3, longitude, double=True)
    return field(4, field(1, coordinates) + field(2, -12_500)) + field(5, field(1, 34_200.0))


EXPOSURE_TIME = field(10, field(1, varint(1) + varint(320)))
SETTINGS = field(7, field(1, 100.0)) + EXPOSURE_TIME + field(11, field(1, varint(18) + varint(10)))


@pytest.mark.parametrize(
    ("latitude", "longitude", "unit"), [(48.1372, 11.5756, 1), (math.radians(48.1372), math.radians(11.5756), 0)]
)
def test_record__dji_frame__has_camera_exposure_and_position(latitude: float, longitude: float, unit: int) -> None:
    sample = djmd("dvtm_Air3s.proto", SETTINGS, drone_position(latitude, longitude, unit))
    document = record(timed_movie(b"djmd", sample))
    photo = document["photo"]
    assert (photo["camera_make"], photo["camera_serial"]) == ("DJI", "1581F6Z9C24BK003")
    assert (photo["iso"], photo["exposure_seconds"], photo["f_number"]) == (100, 1 / 320, 1.8)
    assert (photo["location"]["coordinates"], photo["altitude_metres"]) == ([11.5756, 48.1372], -12.5)
    assert document["DJI RelativeAltitude"]["printable"] == "34.2 m"


def test_record__another_dji_product__is_read_by_its_own_field_numbers() -> None:
    settings = field(9, field(1, 400.0)) + field(11, field(1, varint(28) + varint(10)))
    photo = record(timed_movie(b"djmd", djmd("dvtm_wm261.proto", settings, drone_position(0.0, 0.0))))["photo"]
    assert (photo["camera_model"], photo["iso"], photo["f_number"]) == ("DJI Air 3S", 400, 2.8)
    assert "location" not in photo


@pytest.mark.parametrize("sample", [
    djmd("dvtm_unknown.proto", SETTINGS, drone_position(48.0, 11.0)),
    djmd("dvtm_Air3s.proto", field(7, field(1, 7)) + field(10, field(1, b"")) + field(11, field(1, b"\xff" * 20)), b""),
    djmd("other", SETTINGS, b""),
    b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x0a" * 5000,
    bytes(3000),
])  # fmt: skip
def test_record__unknown_or_damaged_dji_frame__has_no_settings(sample: bytes) -> None:
    photo = record(timed_movie(b"djmd", sample))["photo"]
    assert photo["duration_seconds"] == 100
    assert not {"iso", "exposure_seconds", "f_number", "location"} & photo.keys()


def test_record__cut_dji_frame__keeps_the_fields_before_the_cut() -> None:
    sample = djmd("dvtm_Air3s.proto", SETTINGS, drone_position(48.1372, 11.5756))
    assert record(timed_movie(b"djmd", sample[: sample.index(b"DJI Air") - 2]))["photo"]["camera_make"] == "DJI"
    assert "camera_make" not in record(movie(track()))["photo"]
