"""MakerNote data that cameras store outside the MakerNote: FLIR, GoPro, Qualcomm, Casio, Minolta and Sigma."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from exifinator.metadata.containers.note_segments import GOPRO, QUALCOMM
from tests.data import build, formats
from tests.data.notes import camera_info, flir_file, flir_segments, gpmf_value, qualcomm_entry
from tests.unit.readers import MEDIA, record_of

BLOCK = build.photo_tiff()


def notes_of(photo: bytes) -> dict[str, Any]:
    """Return the values of the MakerNote tags of a photo, by name."""
    document = record_of(photo).document
    return {
        name.removeprefix("MakerNote "): tag["values"]
        for name, tag in document.items()
        if name.startswith("MakerNote ")
    }


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("is_in_order", [True, False])
def test_read_jpeg__flir_segments__give_the_lens(order, is_in_order):
    segments = flir_segments(flir_file(camera_info(b"FOL18"), order))
    photo = build.jpeg(*(segments if is_in_order else reversed(segments)))
    assert notes_of(photo)["LensModel"] == "FOL18"
    assert notes_of(photo)["Emissivity"] == [0.5]
    assert record_of(photo).document["photo"]["lens_model"] == "FOL18"


@pytest.mark.parametrize(
    ("date", "value", "offset"),
    [
        (struct.pack("<IIh", 1328966228, 253, -60), "2012:02:11 14:17:08.253+01:00", "+01:00"),
        (struct.pack("<IIh", 1584921600, 7, 210), "2020:03:22 20:30:00.007-03:30", "-03:30"),
        (struct.pack("<IIh", 0, 0, 0), None, None),
        (struct.pack("<IIh", 1584921600, 4_000_000_000, 0), None, None),
    ],
)
def test_read_jpeg__flir_segments__give_the_date(date, value, offset):
    info = bytearray(camera_info(b"FOL18").ljust(1000, b"\0"))
    info[900:910] = date
    photo = build.jpeg(*flir_segments(flir_file(bytes(info))))
    assert notes_of(photo).get("DateTimeOriginal") == value
    assert record_of(photo).document["photo"].get("taken_offset") == offset


@pytest.mark.parametrize(
    "data", [b"FFF\0", flir_file(camera_info(b"x"), offset=1 << 31), flir_file(b"", count=1 << 31)]
)
def test_read_jpeg__damaged_flir_segments__do_not_hide_the_exif(data):
    photo = build.jpeg(*flir_segments(data), build.exif_segment(BLOCK))
    assert record_of(photo).document["photo"]["iso"] == 400


def test_read_jpeg__gopro_segment__gives_the_model():
    inner = gpmf_value(b"MINF", b"c", 1, 11, b"HERO6 Black") + gpmf_value(b"OREN", b"c", 1, 1, b"U")
    photo = build.jpeg(build.segment(0xE6, GOPRO + gpmf_value(b"DEVC", b"\0", 1, len(inner), inner)))
    assert notes_of(photo)["Model"] == "HERO6 Black"
    assert record_of(photo).document["photo"]["camera_model"] == "HERO6 Black"


def test_read_jpeg__deeply_nested_gopro_segment__gives_a_record():
    data = b""
    for _ in range(50):
        data = b"DEVC\0" + struct.pack(">BH", 1, len(data)) + data
    assert record_of(build.jpeg(build.segment(0xE6, GOPRO + data))).document["status"] == "no_exif"


@pytest.mark.parametrize(
    ("value_type", "data", "number"), [(2, b"\x34\x01", 308), (5, b"\xff\xff\xff\xff", -1), (0, b"7", 55)]
)
def test_read_jpeg__qualcomm_segment__gives_numbers_of_each_type(value_type, data, number):
    entry = qualcomm_entry(b"aec_current_exp_index", value_type, data)
    assert notes_of(build.jpeg(build.segment(0xE7, QUALCOMM + entry)))["AECCurrentExpIndex"] == [number]


def test_read_x3f__lens_given_by_number__is_named():
    properties = {"CAMMANUF": "SIGMA", "LENSMODEL": "145", "LENSFRANGE": "15 to 30", "LENSARANGE": "29 to 4.5"}
    photo = record_of(formats.x3f(properties)).document["photo"]
    assert photo["lens_model"] == "Sigma 15-30mm F3.5-4.5 EX DG Aspherical"


def test_read_mrw__block_of_settings__gives_tags():
    settings = b"27200001" + struct.pack(">HH", 2456, 3272) + bytes(12)
    ttw = struct.pack(">4sI", b"\0TTW", len(BLOCK)) + BLOCK
    prd = struct.pack(">4sI", b"\0PRD", len(settings)) + settings
    photo = b"\0MRM" + struct.pack(">I", len(prd) + len(ttw)) + prd + ttw
    notes = notes_of(photo)
    assert notes["FirmwareID"] == "27200001"
    assert notes["SensorHeight"] == [2456]


@pytest.mark.skipif(not MEDIA.exists(), reason="needs the folder of media beside the project")
@pytest.mark.parametrize(
    ("name", "tag", "values"),
    [
        ("FLIR.jpg", "LensModel", "FOL7"),
        ("GoPro.jpg", "Model", "HERO6 Black"),
        ("ExifTool.jpg", "ASF5MaxExposureIndex", [290]),
        ("CasioQVCI.jpg", "ModelType", "KX-778"),
        ("Minolta.mrw", "WBMode", [128]),
        ("GE.jpg", "GEModel", "E1035"),
        ("Casio2.jpg", "Sharpness", [0]),
    ],
)
def test_build_record__sample__has_the_value_of_exiftool(name, tag, values):
    assert notes_of((MEDIA / "exiftool" / name).read_bytes())[tag] == values
