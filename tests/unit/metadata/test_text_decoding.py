"""Text in metadata is UTF-8, or else Windows-1252."""

from __future__ import annotations

import pytest

from exifinator.metadata.text_decoding import decode_bytes, decode_comment, decode_text
from tests.data import build
from tests.unit.readers import CASES, record_of


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"Sea \x96 boat\x92s \x93bow\x94 \x85 \x805", "Sea – boat’s “bow” … €5"),
        (b"caf\xe9", "café"),
        ("KüKü".encode() + b"\xc3", "KüKü"),
        ("日本".encode()[:-1], "日"),
        ("日本".encode()[:-2], "日"),
        (b"\x81\x8d\x8f\x90\x9d", "\ufffd" * 5),
        ("Kü".encode() + b"\xfc", "KÃ¼ü"),
        (b"", ""),
    ],
    ids=ascii,
)
def test_decode_bytes__text_that_is_not_utf_8__is_truncated_utf_8_or_windows_1252(data, text):
    assert decode_bytes(data) == text
    assert not any("\x80" <= character < "\xa0" for character in decode_bytes(data))


def test_decode_bytes__every_byte__gives_no_c1_control_character():
    assert not any("\x80" <= character < "\xa0" for character in decode_bytes(bytes(range(256))))


def test_decode_bytes__first_character_cut_off__is_dropped_if_the_encoding_is_known_to_be_utf_8():
    assert decode_bytes(b"Caf\xc3", is_utf8=True) == "Caf"
    assert decode_bytes(b"Caf\xc3") == "CafÃ"


def test_decode_text__windows_1252_with_a_nul__is_decoded_up_to_the_nul():
    assert decode_text(b"\x93bow\x94\0\x80") == "“bow”"


def test_decode_comment__windows_1252__is_decoded():
    assert decode_comment(b"ASCII\0\0\0\x805", "<") == "€5"


def test_read_iptc__windows_1252_declared_as_utf_8__is_decoded():
    data = b"\x1c\x01\x5a\0\x03\x1b%G" + build.iptc((25, b"K\xf6ln \x96 x"))
    record = record_of(build.jpeg(build.segment(0xED, b"Photoshop 3.0\0" + build.resources((1028, data)))))
    assert record.document["iptc"]["Keywords"] == ["Köln – x"]


@pytest.mark.skipif(not CASES.exists(), reason="needs the folder of cases beside the project")
@pytest.mark.parametrize(
    ("name", "field", "text"),
    [
        ("09a", "description", "Sea – boat’s “bow” … €5"),
        ("09d", "keywords", ["KüKüKüKüKüKüKüKüKüKüKüKüKüKüKüK"]),
        ("09f", "description", "Boat’s “bow”"),
    ],
)
def test_build_record__case_of_text_that_is_not_utf_8__has_its_text(name, field, text):
    path = next(CASES.glob(f"33*/{name}-*.jpg"))
    assert record_of(path.read_bytes()).document["photo"][field] == text


@pytest.mark.parametrize(
    ("directory", "tag", "field_type", "value", "name", "printable"),
    [
        ("exif", 0x9000, build.UNDEFINED, b"0232", "EXIF ExifVersion", "0232"),
        ("exif", 0xA000, build.UNDEFINED, b"0100", "EXIF FlashPixVersion", "0100"),
        ("gps", 0x0000, build.BYTE, [2, 3, 0, 0], "GPS GPSVersionID", "2.3.0.0"),
        ("image", 0xC612, build.BYTE, [1, 4, 0, 0], "Image DNGVersion", "1.4.0.0"),
        ("image", 0xC613, build.BYTE, [1, 1, 0, 0], "Image DNGBackwardVersion", "1.1.0.0"),
    ],
)
def test_decode_tag__version__is_printed_as_text(directory, tag, field_type, value, name, printable):
    directories = {"image": [(0x010F, build.ASCII, "ACME")]}
    directories.setdefault(directory, []).append((tag, field_type, value))
    document = record_of(build.tiff(**directories)).document
    key = name if name in document else f"Image Tag 0x{tag:04X}"
    assert document[key]["printable"] == printable


def test_decode_tag__interoperability_version__is_printed_as_text():
    # IFD0 with a pointer to EXIF, EXIF with a pointer to Interoperability: all values are inline.
    entry = (0x0002).to_bytes(2, "little") + b"\x07\0\x04\0\0\0" + b"0100"
    block = (
        b"II*\0\x08\0\0\0"
        b"\x01\0" + b"\x69\x87\x04\0\x01\0\0\0\x1a\0\0\0" + bytes(4)
        + b"\x01\0" + b"\x05\xa0\x04\0\x01\0\0\0\x2c\0\0\0" + bytes(4)
        + b"\x01\0" + entry + bytes(4)
    )  # fmt: skip
    document = record_of(block).document
    assert document["Interoperability InteroperabilityVersion"]["printable"] == "0100"
