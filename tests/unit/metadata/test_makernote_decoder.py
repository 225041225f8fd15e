"""MakerNotes of crafted photos, decoded by the tables of their makers."""

from __future__ import annotations

import plistlib
import struct

import pytest
from bson import encode as bson_encode

from exifinator.metadata.exif import TagReader
from exifinator.metadata.limits import MemoryBudget
from exifinator.metadata.makernotes import NoteDecoder
from exifinator.metadata.makernotes.ciphers import decipher_nikon, decipher_sony
from exifinator.metadata.makernotes.headers import find_header
from exifinator.metadata.makernotes.tables import FILES, get_table
from tests.data import build
from tests.data.build import ASCII, BYTE, LONG, SHORT, UNDEFINED


def directory(entries: list[build.Entry], at: int = 8, order: str = "<") -> bytes:
    """Return a TIFF directory that begins at offset `at`, so its offsets count from `at` bytes before it."""
    return build.tiff(entries, order=order, padding=at - 8)[at:]


def read_photo(make: str, model: str, note: bytes, order: str = "<") -> TagReader:
    """Read a TIFF block with a camera's MakerNote, and return the reader with its tags."""
    block = build.tiff([(0x010F, ASCII, make), (0x0110, ASCII, model)], [(0x927C, UNDEFINED, note)], order=order)
    reader = TagReader({0: block}, MemoryBudget(16))
    reader.read_all()
    return reader


def decode(make: str, model: str, note: bytes, order: str = "<") -> dict[str, tuple[object, str]]:
    """Return the tags of a note whose offsets count from its start: name -> (values, printable)."""
    decoder = NoteDecoder(lambda at, n: note[at : at + n] if at >= 0 else b"", MemoryBudget(16), make, model)
    decoder.decode(0, len(note), order)
    return {name.removeprefix("MakerNote "): (tag.values, tag.printable) for name, tag in decoder.tags.items()}


def words(*numbers: int, order: str = "<") -> bytes:
    return struct.pack(f"{order}{len(numbers)}h", *numbers)


CANON_SETTINGS = {1: 1, 7: 1, 10: 0, 16: 0x4000 | 640, 17: 3, 22: 26, 23: 100, 24: 100, 25: 1, 26: 96}


def canon_settings(values: dict[int, int]) -> list[int]:
    """Return the array CanonCameraSettings: its length in bytes, then 46 settings, given by index."""
    return [2 * 47, *(values.get(index, 0) for index in range(1, 47))]


def canon_photo(entries: list[build.Entry]) -> dict[str, tuple[object, str]]:
    """Return the tags of a Canon photo, in whose note the offsets count from the start of the TIFF block."""
    make, model = "Canon", "Canon EOS 5D Mark IV"
    length = len(directory(entries))
    # Find the offset at which the note will be.
    probe = build.tiff([(0x010F, ASCII, make), (0x0110, ASCII, model)], [(0x927C, UNDEFINED, b"\xaa" * length)])
    at = probe.index(b"\xaa" * length)
    reader = read_photo(make, model, directory(entries, at))
    return {n.removeprefix("MakerNote "): (t.values, t.printable) for n, t in reader.tags.items() if "MakerNote " in n}


def test_decode__canon_settings__are_converted_and_named():
    tags = canon_photo([(0x0001, SHORT, canon_settings(CANON_SETTINGS)), (0x0095, ASCII, "EF100mm f/2.8 Macro USM")])
    assert tags["MacroMode"] == ([1], "Macro")
    assert tags["FocusMode"] == ([1], "AI Servo AF")
    assert tags["CameraISO"] == ([640], "640")
    assert tags["LensType"][0] == [26]
    assert tags["MaxFocalLength"] == ([100], "100 mm")
    assert tags["MaxAperture"][0] == pytest.approx([2.828427])
    assert tags["LensModel"] == ("EF100mm f/2.8 Macro USM", "EF100mm f/2.8 Macro USM")


def test_decode__canon_note_moved_by_an_editor__is_read_by_its_footer():
    entries: list[build.Entry] = [(0x0007, ASCII, "Firmware Version 1.0.2"), (0x0009, ASCII, "a photographer")]
    note = directory(entries, 5000) + b"II*\0" + struct.pack("<I", 5000)
    tags = read_photo("Canon", "Canon EOS 5D", note).tags
    assert tags["MakerNote OwnerName"].values == "a photographer"


def test_decode__moved_note_without_a_footer__is_read_by_its_first_value():
    entries: list[build.Entry] = [(0x0007, ASCII, "Firmware Version 1.0.2"), (0x0009, ASCII, "a photographer")]
    tags = read_photo("Canon", "Canon EOS 5D", directory(entries, 50_000)).tags
    assert tags["MakerNote CanonFirmwareVersion"].values == "Firmware Version 1.0.2"


def test_decode__tag_without_a_name__keeps_its_number():
    tags = canon_photo([(0x0009, ASCII, "somebody"), (0x3FFF, SHORT, [7])])
    assert tags["Tag 0x3FFF"] == ([7], "7")


def nikon_note(entries: list[build.Entry], order: str = ">") -> bytes:
    return b"Nikon\0\x02\x10\0\0" + build.tiff(entries, order=order)


# The data of Nikon's tag LensData: four characters of a version, then values.
LENS = b"\x20\x20\x20\x20\x30\x20\x20\x76\x58\x50\x50\x14\x14\x7a\x2c" + bytes(12)


@pytest.mark.parametrize("serial", ["1234567", "no number"])
def test_decode__enciphered_nikon_lens__is_deciphered_by_serial_number_and_shutter_count(serial):
    # 0x60 is the key of cameras whose serial number has other characters than digits.
    key = int(serial) if serial.isdigit() else 0x60
    data = b"0201" + decipher_nikon(b"0201" + LENS[4:], key, 31_415, 4)[4:]
    note = nikon_note([(0x001D, ASCII, serial), (0x0098, UNDEFINED, data), (0x00A7, LONG, [31_415])])
    tags = read_photo("NIKON CORPORATION", "NIKON D300", note, order=">").tags
    assert tags["MakerNote LensDataVersion"].values == "0201"
    assert tags["MakerNote ShutterCount"].values == [31_415]
    plain = read_photo(
        "NIKON CORPORATION", "NIKON D70", nikon_note([(0x0098, UNDEFINED, b"0101" + LENS[4:])]), order=">"
    ).tags
    assert tags["MakerNote LensIDNumber"].values == plain["MakerNote LensIDNumber"].values
    assert tags["MakerNote MinFocalLength"].values == plain["MakerNote MinFocalLength"].values


def test_decode__nikon_note_without_a_shutter_count__leaves_the_lens_out():
    note = nikon_note([(0x001D, ASCII, "1234567"), (0x0098, UNDEFINED, b"0201" + LENS[4:])])
    tags = read_photo("NIKON CORPORATION", "NIKON D300", note, order=">").tags
    assert "MakerNote SerialNumber" in tags
    assert "MakerNote LensIDNumber" not in tags


@pytest.mark.parametrize("serial", [0, 34, 4242, 3_000_111])
@pytest.mark.parametrize("length", [5, 31, 600, 5303])
def test_decipher_nikon__twice__gives_the_data_back(serial, length):
    data = bytes(index * 7 & 0xFF for index in range(length))
    enciphered = decipher_nikon(data, serial, 777_777, 4)
    assert enciphered[:4] == data[:4]
    assert enciphered != data
    assert decipher_nikon(enciphered, serial, 777_777, 4) == data


def test_decipher_sony__cubes_modulo_249__give_the_plain_bytes():
    enciphered = bytes(plain**3 % 249 for plain in range(249)) + bytes(range(249, 256))
    assert decipher_sony(enciphered) == bytes(range(256))


def sony_structure(values: dict[int, bytes], length: int) -> bytes:
    """Return an enciphered structure of `length` bytes with values at some offsets."""
    data = bytearray(length)
    for at, value in values.items():
        data[at : at + len(value)] = value
    return bytes(byte**3 % 249 if byte < 249 else byte for byte in data)


def test_decode__enciphered_sony_structure__is_read_by_the_table_of_the_model():
    data = sony_structure({50: struct.pack("<I", 1234), 263: struct.pack("<H", 32784)}, 448)
    entries: list[build.Entry] = [(0x0102, LONG, [2]), (0x9050, UNDEFINED, data)]
    note = b"SONY DSC \0\0\0" + directory(entries, 12)
    tags = decode("SONY", "ILCE-7", note)
    assert tags["LensType2"][0] == [32784]
    assert tags["Quality"] == ([2], "Fine")
    assert "LensType2" not in decode("SONY", "an unknown camera", note)


@pytest.mark.parametrize(
    ("make", "note", "name", "values"),
    [
        ("OLYMPUS IMAGING CORP.", b"OLYMPUS\0II\x03\0" + directory([(0x0404, ASCII, "H01234567")], 12),
         "SerialNumber", "H01234567"),
        ("OM Digital Solutions", b"OM SYSTEM\0\0\0II\x04\0" + directory([(0x0404, ASCII, "BHXA12345")], 16),
         "SerialNumber", "BHXA12345"),
        ("Panasonic", b"Panasonic\0\0\0" + directory([(0x0001, SHORT, [2])], 12), "ImageQuality", [2]),
        ("FUJIFILM", b"FUJIFILM\x0c\0\0\0" + directory([(0x0010, ASCII, "FC  A1234567")], 12),
         "InternalSerialNumber", "FC  A1234567"),
        ("RICOH IMAGING COMPANY, LTD.", b"RICOH\0II" + directory([(0x0017, SHORT, [1])], 8), "MeteringMode", [1]),
        ("PENTAX", b"PENTAX \0II" + directory([(0x0017, SHORT, [2])], 10), "MeteringMode", [2]),
        ("Apple", b"Apple iOS\0\0\1MM" + directory([(0x0014, 9, [10])], 14, ">"), "ImageCaptureType", [10]),
        ("SIGMA", b"SIGMA\0\0\0\1\0" + directory([(0x0002, ASCII, "01001234")], 10), "SerialNumber", "01001234"),
        ("Minolta Co., Ltd.", directory([(0x0103, LONG, [2])], 0 + 8)[:18], "MinoltaQuality", [2]),
        ("CASIO COMPUTER CO.,LTD.", b"QVC\0\0\0" + directory([(0x3014, SHORT, [100])], 6 + 2, ">"), "ISO", [100]),
        ("SANYO Electric Co.,Ltd.", b"SANYO\0\1\0" + directory([(0x0225, SHORT, [1])], 8), "FlashMode", [1]),
        ("DJI", directory([(0x0001, ASCII, "DJI")]), "Make", "DJI"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_decode__header_of_a_maker__finds_the_directory(make, note, name, values):
    assert decode(make, "", note)[name][0] == values


def test_decode__kodak_structure__is_read_as_big_endian():
    data = bytearray(120)
    data[0:6] = b"DX4900"
    struct.pack_into(">HH", data, 12, 2448, 1632)
    tags = decode("EASTMAN KODAK COMPANY", "DX4900", b"KDK INFO" + bytes(data))
    assert tags["KodakModel"][0] == "DX4900"
    assert tags["KodakImageWidth"][0] == [2448]


def test_decode__reconyx_structure__has_temperature_moon_phase_and_trigger():
    data = bytearray(80)
    struct.pack_into("<H", data, 0, 0xF101)
    data[12:14] = b"M\0"
    struct.pack_into("<6H", data, 22, 5, 30, 7, 12, 24, 2024)
    struct.pack_into("<H", data, 36, 4)
    struct.pack_into("<hh", data, 38, 59, 15)
    tags = decode("RECONYX", "HC500", bytes(data))
    assert tags["AmbientTemperature"][0] == [15]
    assert tags["MoonPhase"] == ([4], "Full")
    assert tags["TriggerMode"][1] == "Motion Detection"
    assert tags["DateTimeOriginal"][0] == "2024:12:24 07:30:05"


def test_decode__apple_property_list__gives_its_entries():
    document = plistlib.dumps({"flags": 1, "value": 77, "epoch": 0, "timescale": 1000}, fmt=plistlib.FMT_BINARY)
    note = b"Apple iOS\0\0\1MM" + directory([(0x0001, 9, [9]), (0x0003, UNDEFINED, document)], 14, ">")
    assert decode("Apple", "iPhone", note)["RunTimeValue"][0] == [77]


def test_decode__olympus_equipment__is_read_from_a_nested_directory():
    inner = directory([(0x0100, ASCII, "E-M1"), (0x0201, BYTE, [0, 0, 5, 16, 0, 0])], 100)
    outer = directory([(0x0404, ASCII, "B12345678"), (0x2010, 13, [100])], 12)
    note = (b"OLYMPUS\0II\x03\0" + outer).ljust(100, b"\0") + inner
    tags = decode("OLYMPUS CORPORATION", "E-M1", note)
    assert tags["SerialNumber"][0] == "B12345678"
    assert tags["LensType"][0] == "0 05 10"


def test_read_maker_note__dng_of_a_canon__reads_the_note_that_adobe_moved():
    entries: list[build.Entry] = [(0x0007, ASCII, "Firmware 1.0.2"), (0x0009, ASCII, "somebody")]
    moved = b"II" + struct.pack(">I", 700) + directory(entries, 700)
    private = b"Adobe\0" + b"MakN" + struct.pack(">I", len(moved)) + moved
    block = build.tiff([(0x010F, ASCII, "Canon"), (0x0110, ASCII, "Canon EOS 350D"), (0xC634, BYTE, list(private))])
    reader = TagReader({0: block}, MemoryBudget(16))
    reader.read_all()
    assert reader.tags["MakerNote OwnerName"].values == "somebody"


@pytest.mark.parametrize("head", [b"PENTAX \0", b"SAMSUNG\0"])
def test_read_maker_note__dng_of_a_pentax__reads_its_private_data(head):
    note = head + b"II" + directory([(0x003F, BYTE, [3, 44]), (0x0229, ASCII, "4364069")], len(head) + 2)
    block = build.tiff([(0x010F, ASCII, "PENTAX"), (0x0110, ASCII, "PENTAX K-30"), (0xC634, BYTE, list(note))])
    reader = TagReader({0: block}, MemoryBudget(16))
    reader.read_all()
    assert reader.tags["MakerNote SerialNumber"].values == "4364069"
    assert reader.tags["MakerNote LensType"].values == [3, 44]


@pytest.mark.parametrize("order", ["<", ">"])
def test_decode__pentax_note_in_either_byte_order__has_the_values_of_its_structures(order):
    entries: list[build.Entry] = [
        (0x0006, UNDEFINED, b"\x07\xd7\x04\x1c"),
        (0x0035, SHORT, [11894, 7962]),
        (0x0053, UNDEFINED, b"\xbb\x71\x00\x2b"),
        (0x0209, UNDEFINED, b"smjhomss"),
        (0x021F, UNDEFINED, bytes(5) + b"\x32" + bytes(8)),
    ]
    head = b"PENTAX \0" + (b"II" if order == "<" else b"MM")
    tags = decode("PENTAX", "PENTAX K-5", head + directory(entries, len(head), order), order)
    assert tags["Date"][0] == "2007:04:28"
    assert tags["SensorSize"][0] == [23.788, 15.924]
    assert tags["ColorTempDaylight"][0] == [5205, -5, 2]
    assert tags["AEMeteringSegments"][0] == [115, 109, 106, 104, 111, 109, 115, 115]
    assert tags["AFPredictor"][0] == [50]


@pytest.mark.parametrize(("head", "is_known"), [(b"\0\x10\x74\0", True), (b"\0\x21\xc8\1", True), (b"\0\0\0\0", False)])
def test_decode__canon_vignetting__is_recognized_by_its_first_bytes(head, is_known):
    data = head + words(1, 0, 0, 0, 70, 0, 0, 20, 0, 5616, 3744)
    tags = canon_photo([(0x4015, UNDEFINED, data)])
    assert tags.get("OriginalImageWidth", (None,))[0] == ([5616] if is_known else None)
    assert ("PeripheralLighting" in tags) is is_known


def test_decode__sony_shutter_count__has_24_bits():
    plain = bytearray(500)
    plain[50:54] = (0x120016B5).to_bytes(4, "little")
    plain[81:87] = bytes([16, 1, 10, 10, 11, 58])
    data = bytes(plain).translate(bytes(byte**3 % 249 if byte < 249 else byte for byte in range(256)))
    entries: list[build.Entry] = [(0x9050, UNDEFINED, data), (0xB02B, LONG, [5760, 8640])]
    tags = decode("SONY", "ILCE-6000", b"SONY DSC \0\0\0" + directory(entries, 12))
    assert tags["ShutterCount"][0] == [5813]
    assert tags["SonyDateTime2"][0] == "2016:01:10 10:11:58"
    assert tags["FullImageSize"][0] == [8640, 5760]


def test_decode__sony_note_with_two_lens_types__has_no_second_lens_type():
    entries: list[build.Entry] = [(0xB027, LONG, [65535]), (0xB027, LONG, [16])]
    tags = decode("SONY", "ILCE-6000", b"SONY DSC \0\0\0" + directory(entries, 12))
    assert "LensType 2" not in tags


@pytest.mark.parametrize("cut", [7, 10, 14, 20, 40])
def test_find_adobe_note__truncated_data__gives_no_note(cut):
    block = build.tiff(
        [(0x010F, ASCII, "Canon"), (0xC634, BYTE, list((b"Adobe\0MakN\0\0\xff\xffII\0\0\0\1" * 3)[:cut]))]
    )
    reader = TagReader({0: block}, MemoryBudget(16))
    reader.read_all()
    assert not [name for name in reader.tags if name.startswith("MakerNote")]


def test_decode__directory_that_points_to_itself__gives_its_tags():
    note = b"OLYMPUS\0II\x03\0" + directory([(0x0404, ASCII, "B12345678"), (0x2010, 13, [12]), (0x4000, 13, [12])], 12)
    assert decode("OLYMPUS CORPORATION", "E-M1", note)["SerialNumber"][0] == "B12345678"


@pytest.mark.parametrize(
    "make", ["Canon", "NIKON", "SONY", "OLYMPUS", "PENTAX", "Minolta", "CASIO", "RICOH", "DJI", "FLIR"]
)
def test_decode__random_bytes__give_values_that_can_be_stored(make):
    for seed in range(40):
        note = bytes((seed * 131 + index * index * 7 + index) & 0xFF for index in range(3000))
        for head in (b"", b"Nikon\0\x02\x10\0\0MM\0*\0\0\0\x08", b"OLYMPUS\0II\x03\0", b"Ricoh\0\0\0", b"PENTAX \0MM"):
            tags = decode(make, "Canon EOS 5D", head + note)
            assert bson_encode({name: list(value) for name, value in tags.items()})


@pytest.mark.parametrize("name", sorted(set(FILES)))
def test_get_table__maker__has_a_table(name):
    # First part of a table's name -> the second part, where it is not "Main".
    other_tables = {
        "CanonCustom": "Functions2",
        "NikonCustom": "SettingsD3",
        "NikonCapture": "CropData",
        "Reconyx": "HyperFire",
        "MinoltaRaw": "PRD",
        "SigmaRaw": "Properties",
    }
    if name in ("NikonSettings", "NikonScan"):
        return
    table = get_table(f"{name}::{other_tables.get(name, 'Main')}")
    assert table is not None
    assert table.fields


def test_get_table__nested_tables__exist():
    for name in (
        "Canon::Main",
        "Nikon::Main",
        "Sony::Main",
        "Pentax::Main",
        "Olympus::Main",
        "Minolta::Main",
        "Casio::Type2",
    ):
        table = get_table(name)
        assert table
        for children in table.children.values():
            for child in children:
                assert get_table(child.table), child.table


def test_find_header__unknown_maker__is_none():
    assert find_header(b"something else", "Nobody", "None") is None
