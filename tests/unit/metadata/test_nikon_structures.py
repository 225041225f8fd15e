"""Structures nested in Nikon's MakerNotes, and settings. The expected values are those that ExifTool 13.59 prints."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from docgen.makernotes import craft
from tests.unit.readers import record_of

NIKON = craft.MAKERS["nikon"]
SHOT_INFO, NIKON_SETTINGS = 0x91, 0x4E


def record_with_tag(model: str, tag: int, value: bytes) -> dict[str, Any]:
    """Return the record of a JPEG whose note has one tag, and the two numbers that are the key of the cipher."""
    # The tag ShotInfo is enciphered.
    if tag == SHOT_INFO:
        value = craft.decipher_nikon(value, craft.SERIAL, craft.COUNT, 4)
    entries = [
        (0x1D, 2, 5, b"4242\0"), (tag, 7, len(value), value),
        (0xA7, 4, 1, struct.pack(NIKON.order + "I", craft.COUNT)),
    ]  # fmt: skip
    data = craft.jpeg(NIKON.make, model, NIKON.order, lambda at: craft.note(NIKON, entries, at))
    document: dict[str, Any] = record_of(data).document
    return document


def shot_info(version: bytes, firmware: bytes, pieces: dict[int, bytes], length: int = 0x2800) -> bytes:
    """Return the structure ShotInfo with a version, a firmware version, and bytes at some offsets."""
    data = bytearray(length)
    data[:4], data[4 : 4 + len(firmware)] = version, firmware
    for at, piece in pieces.items():
        data[at : at + len(piece)] = piece
    return bytes(data)


def pack_offset(number: int) -> bytes:
    return struct.pack("<I", number)


def printable(document: dict[str, Any], name: str) -> str:
    return str(document[f"MakerNote {name}"]["printable"])


@pytest.mark.parametrize(
    ("model", "version", "pointer"),
    [("NIKON D810", b"0233", 0x40), ("NIKON D5", b"0238", 0x58), ("NIKON D500", b"0239", 0x58)],
)
def test_record__offset_in_a_structure__is_little_endian_and_leads_to_the_custom_settings(
    model: str, version: bytes, pointer: int
) -> None:
    # The lower bits of the first byte are the bank, and the upper bits of the second one the priority in AF-C mode.
    info = shot_info(version, b"1.00", {pointer: pack_offset(0x1000), 0x1000: b"\x02\x40\x00"})
    document = record_with_tag(model, SHOT_INFO, info)
    assert printable(document, "CustomSettingsBank") == "C"
    assert printable(document, "AF-CPrioritySelection") == "Release + Focus"


def test_record__d40__has_its_custom_settings() -> None:
    document = record_with_tag("NIKON D40", SHOT_INFO, shot_info(b"0209", b"1.00", {0x2D9: b"\x80"}))
    assert (printable(document, "Beep"), printable(document, "AFAssist")) == ("Off", "On")


def test_record__d7500__has_its_yaw_angle() -> None:
    info = shot_info(b"0242", b"1.00", {0xA0: pack_offset(0x1000), 0x1000: struct.pack("<3i", 5 << 16, 0, 2 << 16)})
    assert record_with_tag("NIKON D7500", SHOT_INFO, info)["MakerNote YawAngle"]["values"] == [2]


def menu(version: bytes, firmware: bytes, custom_at: int) -> bytes:
    """Return the structure ShotInfo of a Z 9 or Z 8, with custom settings in the menu settings."""
    # The bank is at byte 1 of the custom settings of a Z 9, and AF-CPrioritySelection at byte 3 of both cameras'.
    settings = bytes([0, 2, 0, 1])
    place = 0x1000 + 0x40 + custom_at
    return shot_info(
        version, firmware, {0x8C: pack_offset(0x1000), 0x1010: pack_offset(0x40), place: settings}, length=0x3000
    )


@pytest.mark.parametrize(
    ("model", "version", "firmware", "custom_at"),
    [
        ("NIKON Z 9", b"0805", b"02.00", 0x31F),
        ("NIKON Z 9", b"0805", b"03.01", 0x34F),
        ("NIKON Z 9", b"0805", b"05.00", 0x34F),
        ("NIKON Z 9", b"0805", b"05.20", 0x353),
        ("NIKON Z 8", b"0806", b"01.00", 0x3AF),
        ("NIKON Z 8", b"0806", b"02.00", 0x3AF),
        ("NIKON Z 8", b"0806", b"02.10", 0x3B3),
        ("NIKON Z 8", b"0806", b"03.00", 0x3B7),
    ],
)
def test_record__menu_settings__are_read_at_the_offset_of_the_firmware_version(
    model: str, version: bytes, firmware: bytes, custom_at: int
) -> None:
    assert printable(record_with_tag(model, SHOT_INFO, menu(version, firmware, custom_at)), "CustomSettingsBank") == "C"


@pytest.mark.parametrize("pointers", [
    {0x8C: pack_offset(0xFFFFFFFF)}, {0x8C: pack_offset(0x1000), 0x1010: pack_offset(0xFFFFFFF0)},
    {0x8C: pack_offset(0x27FE)}, {},
])  # fmt: skip
def test_record__menu_outside_of_the_structure__is_ignored(pointers: dict[int, bytes]) -> None:
    document = record_with_tag("NIKON Z 9", SHOT_INFO, shot_info(b"0805", b"02.00", pointers))
    assert (document["status"], printable(document, "FirmwareVersion")) == ("ok", "02.00")
    assert "MakerNote CustomSettingsBank" not in document


def settings(*pairs: tuple[int, int], field_type: int = 4, count: int | None = None) -> bytes:
    """Return the structure NikonSettings, with settings given as (number, value)."""
    body = b"".join(struct.pack(">HHI", number, field_type, value) for number, value in pairs)
    return b"0100" + bytes(16) + struct.pack(">I", len(pairs) if count is None else count) + body


def test_record__settings__have_the_names_and_values_of_the_model() -> None:
    pairs = (1, 1), (47, 10), (54, 3), (160, 1), (177, 1), (267, 3)
    new, old, single = (
        record_with_tag(f"NIKON {model}", NIKON_SETTINGS, settings(*pairs)) for model in ("Z 7_2", "Z 6", "D6")
    )
    assert (printable(new, "ISOAutoHiLimit"), printable(single, "ISOAutoHiLimit")) == ("ISO 100", "ISO 200")
    assert "MakerNote ISOAutoHiLimit" not in old
    assert printable(new, "FineTuneOptMatrixMetering") == "+0.50"
    assert new["MakerNote SelfTimerShotCount"]["values"] == [7]
    assert [printable(document, "Func1Button") for document in (new, old, single)] == [
        "AF-On", "AF-On or Subject Tracking", "Preset Focus Point - Press To Recall",
    ]  # fmt: skip
    assert printable(single, "MoviePreviewButton") == printable(new, "MovieFunc1Button") == "Power Aperture (Open)"
    assert printable(new, "BracketIncrement") == "0.5"


@pytest.mark.parametrize("value", [
    settings((54, 3), field_type=9), settings((54, 3), count=0), settings((54, 3))[:-1],
    settings((60_000, 3), count=1 << 31), b"0100",
])  # fmt: skip
def test_record__malformed_settings__are_ignored(value: bytes) -> None:
    document = record_with_tag("NIKON Z 7_2", NIKON_SETTINGS, value)
    assert document["status"] == "ok"
    assert "MakerNote SelfTimerShotCount" not in document
