"""MakerNote data that cameras store outside the MakerNote: FLIR, GoPro, Qualcomm, Casio, Minolta and Sigma."""

from __future__ import annotations

import random
import struct
import tracemalloc
from typing import Any

import pytest

from exifinator.metadata.containers.note_segments import GOPRO, QUALCOMM
from tests.data import build, formats
from tests.data.notes import (
    GOOGLE_MESSAGE,
    camera_info,
    flir_file,
    flir_segments,
    google_note,
    google_packet,
    gpmf_value,
    message,
    qualcomm_entry,
)
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


GOOGLE_VALUES = {
    "ImageName": "Finished image",
    "ImageData": [9000],
    "TimeLogText": [3],
    "FrameCount": [11],
    "CreateDate": "2023:10:06 20:53:51+00:00",
    "DeviceMake": "Google",
    "DeviceModel": "Pixel 9",
    "SoftwareDate": "2023:09:14 10:57:19.250+00:00",
    "ExposureTimeMin": [0.0005],
    "ExposureTimeMax": [32.0],
    "MaxAnalogISO": [666.5],
}


def test_record__google_note_in_xmp__is_deciphered():
    photo = build.jpeg(build.xmp_segment(google_packet(google_note())))
    assert notes_of(photo) == GOOGLE_VALUES
    name = b"HdrPlusMakernote"
    element = google_packet(google_note()).replace(b" GCamera:" + name + b'="', b"><GCamera:hdrp_makernote>\n ")
    element = element.replace(b'"/></rdf:RDF>', b"</GCamera:hdrp_makernote></rdf:Description></rdf:RDF>")
    assert notes_of(build.jpeg(build.xmp_segment(element))) == GOOGLE_VALUES


def test_record__google_note_in_exif__is_deciphered():
    block = build.tiff([(0x010F, build.ASCII, "Google")], [(0x927C, build.UNDEFINED, google_note())])
    assert notes_of(build.jpeg(build.exif_segment(block))) == GOOGLE_VALUES


@pytest.mark.parametrize(
    "note",
    [
        b"HDRP\3",
        b"HDRP\3" + bytes(50),
        google_note(version=2),
        google_note(b"\xff" * 50),
        google_note(b""),
        google_note(message((12, 7), (9, "text"), (1, message((1, "\1\2"), (2, 1.5))))),
        google_note(message((9, message((36, message((1, 1 << 63))))), (12, message((14, float("inf")))))),
    ],
    ids=["empty", "zeros", "version", "no message", "empty message", "other types", "impossible numbers"],
)
def test_record__damaged_google_note__is_ignored(note):
    document = record_of(build.jpeg(build.xmp_segment(google_packet(note)))).document
    assert [name for name in document if name.startswith("MakerNote")] == []
    assert document["status"] == "no_exif"


def test_record__google_note_that_is_cut__keeps_the_values_before_the_end():
    note = google_note(GOOGLE_MESSAGE + message((13, random.Random(5).randbytes(3000))))
    values = notes_of(build.jpeg(build.xmp_segment(google_packet(note[:-1000]))))
    assert values == GOOGLE_VALUES


def test_record__google_note_that_unpacks_to_much__takes_little_memory():
    photo = build.jpeg(build.xmp_segment(google_packet(google_note(bytes(20_000_000)))))
    tracemalloc.start()
    try:
        notes_of(photo)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


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
