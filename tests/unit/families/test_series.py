"""Series: the frames of a bracket, burst, panorama or HDR pair. Cameras mark such frames, but give a series no id."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest

from exifinator.families.series import series_mark
from exifinator.families.stacks import relations
from exifinator.storage.families import MAX_MEMBERS, family_changes, split_families
from tests.unit.families.records import Record, apply, photo

NOON = datetime(2024, 5, 1, 12, 0, 59)
CAMERA = {"camera_make": "SONY", "camera_model": "ILCE-7M4", "camera_serial": "1"}
BRACKET, BURST, PANORAMA, HDR = "bracket", "burst", "panorama", "hdr"


def tag(*values: int, printed: str = "") -> Record:
    return {"values": list(values) if len(values) != 1 else values[0], "printable": printed}


def frame(name: str, seconds: float, kind: str = BRACKET, number: int | None = None, **fields: Any) -> Record:
    """Return the record of a frame that was taken some seconds after NOON."""
    record = photo(f"b/f/{name}", NOON + timedelta(seconds=seconds), **{**CAMERA, **fields})
    tags = {
        BRACKET: {"MakerNote BracketMode": tag(1, printed="AEB")},
        BURST: {"MakerNote SequenceNumber": tag(number or 0)},
        PANORAMA: {"MakerNote PanoramaFrameNumber": tag(number or 0)},
        HDR: {"MakerNote HDRImageType": tag(number or 0)},
    }[kind]
    return {**record, **relations(record["_id"], tags, None, record["photo"])}


def stacks(records: list[Record]) -> list[list[str]]:
    """Resolve records in families, as the store does, and return the names of each stack's members, primary first."""
    by_id = {record["_id"]: dict(record) for record in records}
    for family in split_families(by_id.values()):
        for image_id, change in family_changes(family).items():
            apply(by_id[image_id], change)
    members: dict[str, list[str]] = {}
    for image_id, record in sorted(by_id.items()):
        if stack := record.get("stack"):
            members.setdefault(stack["id"], []).append(image_id)
    return sorted(
        [name.removeprefix("b/f/") for name in (primary, *(other for other in ids if other != primary))]
        for primary, ids in members.items()
    )


def bracket(start: int, seconds: float, *biases: float, **fields: Any) -> list[Record]:
    """Return the records of frames one second apart, named from the number `start`, with these exposure biases."""
    return [
        frame(f"{start + index}.jpg", seconds + index, exposure_bias=bias, **fields)
        for index, bias in enumerate(biases)
    ]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        # The frame without exposure compensation represents the bracket.
        (bracket(1, 0, -2, 0, 2), [["2.jpg", "1.jpg", "3.jpg"]]),
        # Two brackets, one right after the other; and one after a pause
        (bracket(1, 0, 0, -2, 2) + bracket(4, 3, 0, -2, 2), [["1.jpg", "2.jpg", "3.jpg"], ["4.jpg", "5.jpg", "6.jpg"]]),
        (bracket(1, 0, 0, -2) + bracket(3, 20, 1, 2), [["1.jpg", "2.jpg"], ["3.jpg", "4.jpg"]]),
        # The pause between frames is counted from the end of an exposure.
        ([frame("1.jpg", 0, exposure_bias=2.0, exposure_seconds=30.0), frame("2.jpg", 32, exposure_bias=0.0)],
         [["2.jpg", "1.jpg"]]),
        # In manual mode, only the exposure times differ.
        ([frame(f"{n}.jpg", n, exposure_bias=0.0, exposure_seconds=1 / 2 ** (n % 3)) for n in range(6)],
         [["0.jpg", "1.jpg", "2.jpg"], ["3.jpg", "4.jpg", "5.jpg"]]),
        # Photos with automatic exposure, by a camera that calls each of them a bracket
        ([frame(f"{n}.jpg", n, exposure_bias=0.0, exposure_seconds=1 / (60 + n), iso=100) for n in range(3)], []),
        ([frame(f"{n}.jpg", n, exposure_bias=0.0, exposure_seconds=2.0 ** -n, iso=100 * n) for n in range(3)], []),
        # Frames with equal or unknown exposures, of two cameras, or without the mark
        (bracket(1, 0, 1, 1, 1), []),
        ([frame("1.jpg", 0), frame("2.jpg", 1)], []),
        (bracket(1, 0, 0) + bracket(2, 1, 2, camera_serial="2"), []),
        ([photo(f"b/f/{n}.jpg", NOON, exposure_bias=float(n), **CAMERA) for n in range(3)], []),
        # RAW + JPEG, and an exported copy of a frame
        ([frame(f"{n}.{kind}", n, exposure_bias=float(n)) for n in range(2) for kind in ("arw", "jpg", "png")],
         [["0.jpg", "0.arw", "0.png", "1.arw", "1.jpg", "1.png"]]),
        ([frame(f"{n}.{kind}", n, exposure_bias=float(n)) for n in range(2) for kind in ("jpg", "png")],
         [["0.jpg", "1.jpg"]]),
        # Numbered bursts: the camera restarts its numbering; a frame was deleted; single frames; a long pause
        ([frame(f"{n}.jpg", n / 10, BURST, n % 3 + 1) for n in range(6)],
         [["0.jpg", "1.jpg", "2.jpg"], ["3.jpg", "4.jpg", "5.jpg"]]),
        ([frame("a.jpg", 0, BURST, 1), frame("b.jpg", 0.5, BURST, 4)], [["a.jpg", "b.jpg"]]),
        ([frame("a.jpg", 0, BURST, 1), frame("b.jpg", 1, BURST, 1), frame("c.jpg", 2, BURST, 0)], []),
        ([frame("a.jpg", 0, BURST, 1), frame("b.jpg", 5, BURST, 2)], []),
        # Two bursts within the same second, without fractions of seconds
        ([frame(f"{n}.jpg", 0, BURST, n % 3 + 1) for n in range(6)], []),
        ([frame(f"{n}.jpg", 0, BURST, n + 1) for n in range(3)], [["0.jpg", "1.jpg", "2.jpg"]]),
        # HDR pairs: the HDR photo (type 3) represents the pair, even if the phone saved the original (type 4) first.
        # An HDR photo without its original is not stacked.
        ([frame("1.heic", 0, HDR, 4), frame("2.heic", 0, HDR, 3)], [["2.heic", "1.heic"]]),
        ([frame(f"{n}.heic", n, HDR, 3 + n % 2) for n in range(4)], [["0.heic", "1.heic"], ["2.heic", "3.heic"]]),
        ([frame("1.heic", 0, HDR, 3), frame("2.heic", 1, HDR, 3), frame("3.heic", 5, HDR, 4)], []),
        ([frame("1.heic", 0, HDR, 4), photo("b/f/2.heic", NOON, **CAMERA)], []),
        # Panoramas, whose frames are numbered from 0
        ([frame(f"{n}.jpg", 8 * n, PANORAMA, n) for n in range(3)], [["0.jpg", "1.jpg", "2.jpg"]]),
        ([frame("a.jpg", 0, PANORAMA, 0), frame("b.jpg", 200, PANORAMA, 1)], []),
        ([frame("a.jpg", 0, PANORAMA, 0), frame("b.jpg", 8, PANORAMA, 2)], []),
        ([frame(f"{n}.jpg", 8 * n, PANORAMA, n % 2) for n in range(4)], [["0.jpg", "1.jpg"], ["2.jpg", "3.jpg"]]),
    ],
)  # fmt: skip
def test_resolve__frames_of_series__are_stacked(records: list[Record], expected: list[list[str]]) -> None:
    for order in itertools.islice(itertools.permutations(records), 60):
        assert stacks(list(order)) == expected


def test_resolve__more_bracketed_frames_than_a_family_may_have__stacks_only_raw_and_jpeg() -> None:
    records = [frame(f"{n}.jpg", n * 3, exposure_bias=float(n % 3)) for n in range(MAX_MEMBERS + 2)]
    raw = photo("b/f/7.arw", NOON + timedelta(seconds=21), **CAMERA)
    assert stacks([*records, raw]) == [["7.jpg", "7.arw"]]


@pytest.mark.parametrize(
    ("tags", "fields", "expected"),
    [
        ({}, {"exposure_mode": "auto bracket"}, {"kind": BRACKET}),
        ({"MakerNote DriveMode": tag(0, printed="Exposure Bracket, No Timer, Shutter Button")}, {}, {"kind": BRACKET}),
        ({"MakerNote ReleaseMode2": tag(2, printed="Continuous - Exposure Bracketing")}, {}, {"kind": BRACKET}),
        ({"MakerNote ReleaseMode": tag(5, printed="White Balance Bracketing")}, {}, {}),
        ({"MakerNote ReleaseMode": tag(2, printed="AE Bracketing")}, {}, {"kind": BRACKET}),
        ({"MakerNote ReleaseMode": tag(3, printed="WB Bracketing")}, {}, {}),
        ({"MakerNote BracketMode": tag(0, printed="Off")}, {}, {}),
        ({"MakerNote AEBBracketValue": {"values": [-0.667], "printable": "-2/3"}}, {}, {"kind": BRACKET}),
        ({"MakerNote AEBBracketValue": tag(0)}, {}, {}),
        ({"MakerNote ExposureBracketValue": {"values": 1.0, "printable": "+1.0"}}, {}, {"kind": BRACKET}),
        ({"MakerNote ShootingMode": tag(17)}, {"camera_make": "NIKON CORPORATION"}, {"kind": BRACKET}),
        ({"MakerNote ShootingMode": tag(1)}, {"camera_make": "NIKON CORPORATION"}, {}),
        ({"MakerNote ShootingMode": tag(17)}, {"camera_make": "Panasonic"}, {}),
        ({"MakerNote BracketSettings": tag(3)}, {}, {"kind": BRACKET}),
        ({"MakerNote BracketSettings": tag(0)}, {}, {}),
        ({"MakerNote AutoBracketing": tag(1)}, {}, {"kind": BRACKET}),
        ({"MakerNote AutoBracketing": tag(6)}, {}, {}),
        ({"MakerNote HDRImageType": tag(3)}, {}, {"kind": HDR, "number": 2}),
        ({"MakerNote HDRImageType": tag(4)}, {}, {"kind": HDR, "number": 1}),
        ({"MakerNote HDRImageType": tag(2)}, {}, {}),
        ({"MakerNote SpecialMode": tag(3, 2, 1)}, {}, {"kind": PANORAMA, "number": 2}),
        ({"MakerNote SpecialMode": tag(2, 5, 0)}, {}, {"kind": BURST, "number": 5}),
        ({"MakerNote SpecialMode": tag(0, 5, 0)}, {}, {}),
        ({"MakerNote SequenceNumber": tag(0)}, CAMERA, {}),
        ({"MakerNote SequenceNumber": tag(65535)}, CAMERA, {}),
        ({"MakerNote SequenceNumber": tag(7)}, {"camera_make": "Canon"}, {}),
        ({"MakerNote SequenceImageNumber": tag(7)}, CAMERA, {"kind": BURST, "number": 7}),
        ({"MakerNote SpecialMode": {"values": [3, "x"]}, "MakerNote DriveMode": 7}, {}, {}),
    ],
)
def test_series_mark__tags_of_a_frame__are_the_kind_and_number_in_the_series(
    tags: Record, fields: Record, expected: Record
) -> None:
    assert series_mark(tags, fields) == expected


def test_relations__frame_without_an_exact_time__has_no_links() -> None:
    tags = {"MakerNote BracketMode": tag(1, printed="AEB")}
    day = {"taken_local": NOON, "taken_precision": "day", **CAMERA}
    assert relations("b/1.jpg", tags, None, day) == {"series": {"kind": BRACKET}}
    assert relations("b/1.mp4", tags, None, {**day, "taken_precision": "second", "media_type": "video"}) == {}


def test_series_links__frames_in_adjacent_minutes__share_a_link_within_an_hour() -> None:
    def count_shared(first: Record, second: Record) -> int:
        return len({*first["links"]} & {*second["links"]})

    a, b = frame("a.jpg", 0, exposure_bias=0.0), frame("b.jpg", 1, exposure_bias=2.0)
    c, d = frame("c.jpg", 59 * 60, exposure_bias=0.0), frame("d.jpg", 59 * 60 + 1, exposure_bias=2.0)
    assert (count_shared(a, b), count_shared(c, d)) == (1, 0)
    assert all(link.startswith("series:b/f/bracket SONY ILCE-7M4 1 ") for link in (*a["links"], *d["links"]))
