"""Nikon's structures inside structures, and its settings. The expected values are those that ExifTool 13.59 prints."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from docgen.makernotes import craft
from tests.unit.readers import record_of

NIKON = craft.MAKERS["nikon"]


def record(model: str, tag: int, value: bytes) -> dict[str, Any]:
    """Return the record of a JPEG whose note has one tag, with the numbers that are the key of the cipher."""
    if tag == 0x91:
        value = craft.decipher_nikon(value, craft.SERIAL, craft.COUNT, 4)
    entries = [
        (0x1D, 2, 5, b"4242\0"), (tag, 7, len(value), value),
        (0xA7, 4, 1, struct.pack(NIKON.order + "I", craft.COUNT)),
    ]  # fmt: skip
    data = craft.jpeg(NIKON.make, model, NIKON.order, lambda at: craft.note(NIKON, entries, at))
    document: dict[str, Any] = record_of(data).document
    return document


def shot_info(version: bytes, firmware: bytes, pieces: dict[int, bytes], length: int = 0x2800) -> bytes:
    """Return a structure with a version and bytes at some offsets."""
    data = bytearray(length)
    data[:4], data[4 : 4 + len(firmware)] = version, firmware
    for at, piece in pieces.items():
        data[at : at + len(piece)] = piece
    return bytes(data)


def offset(number: int) -> bytes:
    return struct.pack("<I", number)


def printed(document: dict[str, Any], name: str) -> str:
    return str(document[f"MakerNote {name}"]["printable"])


@pytest.mark.parametrize(
    ("model", "version", "pointer"),
    [("NIKON D810", b"0233", 0x40), ("NIKON D5", b"0238", 0x58), ("NIKON D500", b"0239", 0x58)],
)
def test_record__offset_in_a_structure__is_little_endian_and_leads_to_the_custom_settings(
    model: str, version: bytes, pointer: int
) -> None:
    # The upper bits of the first byte are the bank, and those of the second one the priority in AF-C mode.
    info = shot_info(version, b"1.00", {pointer: offset(0x1000), 0x1000: b"\x02\x40\x00"})
    document = record(model, 0x91, info)
    assert printed(document, "CustomSettingsBank") == "C"
    assert printed(document, "AF-CPrioritySelection") == "Release + Focus"


def test_record__d40__has_the_custom_settings_at_their_place() -> None:
    document = record("NIKON D40", 0x91, shot_info(b"0209", b"1.00", {0x2D9: b"\x80"}))
    assert (printed(document, "Beep"), printed(document, "AFAssist")) == ("Off", "On")


def test_record__d7500__has_the_angles() -> None:
    info = shot_info(b"0242", b"1.00", {0xA0: offset(0x1000), 0x1000: struct.pack("<3i", 5 << 16, 0, 2 << 16)})
    assert record("NIKON D7500", 0x91, info)["MakerNote YawAngle"]["values"] == [2]


def menu(version: bytes, firmware: bytes, custom_at: int) -> bytes:
    """Return the structure of a Z 9 or Z 8, with a custom setting in the menu settings."""
    # The bank is at byte 1 of the custom settings of a Z 9, and AF-CPrioritySelection at byte 3 of both cameras'.
    settings = bytes([0, 2, 0, 1])
    place = 0x1000 + 0x40 + custom_at
    return shot_info(version, firmware, {0x8C: offset(0x1000), 0x1010: offset(0x40), place: settings}, length=0x3000)


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
def test_record__menu_settings__depend_on_the_firmware(
    model: str, version: bytes, firmware: bytes, custom_at: int
) -> None:
    assert printed(record(model, 0x91, menu(version, firmware, custom_at)), "CustomSettingsBank") == "C"


@pytest.mark.parametrize("pointers", [
    {0x8C: offset(0xFFFFFFFF)}, {0x8C: offset(0x1000), 0x1010: offset(0xFFFFFFF0)}, {0x8C: offset(0x27FE)}, {},
])  # fmt: skip
def test_record__menu_outside_of_the_structure__is_ignored(pointers: dict[int, bytes]) -> None:
    document = record("NIKON Z 9", 0x91, shot_info(b"0805", b"02.00", pointers))
    assert (document["status"], printed(document, "FirmwareVersion")) == ("ok", "02.00")
    assert "MakerNote CustomSettingsBank" not in document


def settings(*pairs: tuple[int, int], kind: int = 4, count: int | None = None) -> bytes:
    body = b"".join(struct.pack(">HHI", number, kind, value) for number, value in pairs)
    return b"0100" + bytes(16) + struct.pack(">I", len(pairs) if count is None else count) + body


def test_record__settings__have_the_names_of_the_model() -> None:
    pairs = (1, 1), (47, 10), (54, 3), (160, 1), (177, 1), (267, 3)
    new, old, single = (record(f"NIKON {model}", 0x4E, settings(*pairs)) for model in ("Z 7_2", "Z 6", "D6"))
    assert (printed(new, "ISOAutoHiLimit"), printed(single, "ISOAutoHiLimit")) == ("ISO 100", "ISO 200")
    assert "MakerNote ISOAutoHiLimit" not in old
    assert printed(new, "FineTuneOptMatrixMetering") == "+0.50"
    assert new["MakerNote SelfTimerShotCount"]["values"] == [7]
    assert [printed(document, "Func1Button") for document in (new, old, single)] == [
        "AF-On", "AF-On or Subject Tracking", "Preset Focus Point - Press To Recall",
    ]  # fmt: skip
    assert printed(single, "MoviePreviewButton") == printed(new, "MovieFunc1Button") == "Power Aperture (Open)"
    assert printed(new, "BracketIncrement") == "0.5"


@pytest.mark.parametrize("value", [
    settings((54, 3), kind=9), settings((54, 3), count=0), settings((54, 3))[:-1], settings((60_000, 3), count=1 << 31),
    b"0100",
])  # fmt: skip
def test_record__settings_of_another_form__are_ignored(value: bytes) -> None:
    document = record("NIKON Z 7_2", 0x4E, value)
    assert document["status"] == "ok"
    assert "MakerNote SelfTimerShotCount" not in document
