from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest

from exifinator.families.resolve import resolve
from exifinator.families.stacks import relations
from tests.unit.families.records import Record, photo, resolve_all, xmp

NOON = datetime(2024, 5, 1, 12, 0, 0)
SOON, LATER = NOON + timedelta(seconds=2), NOON + timedelta(days=2)
RAW, JPG, HEIC, MOV = (f"b/f/IMG_1234.{extension}" for extension in ("CR2", "JPG", "HEIC", "MOV"))
EDIT = "b/f/IMG_E1234.JPG"


def linked(record: Record, *links: str) -> Record:
    return {**record, "links": list(links)}


def video(image_id: str, taken: datetime | None = None, seconds: float = 2.9, **fields: Any) -> Record:
    return photo(image_id, taken, duration_seconds=seconds, **fields)


def stacks(*records: Record) -> list[list[str]]:
    """Resolve records, and return the ids of each stack's members, the primary first and the others sorted."""
    members_by_stack: dict[str, list[str]] = {}
    for image_id, record in sorted(
        resolve_all(records).items(), key=lambda item: not item[1].get("stack", {}).get("primary")
    ):
        if stack := record.get("stack"):
            assert stack["primary"] is (stack["id"] == image_id)
            members_by_stack.setdefault(stack["id"], []).append(image_id)
            assert stack["count"] >= len(members_by_stack[stack["id"]])
    return sorted([members[0], *sorted(members[1:])] for members in members_by_stack.values())


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        # RAW and JPEG of one exposure
        ([photo(RAW, NOON), photo(JPG, NOON)], [[JPG, RAW]]),
        ([photo(RAW), photo(JPG, NOON)], [[JPG, RAW]]),
        ([photo(RAW, NOON), photo(JPG, LATER)], []),
        ([photo(RAW, NOON, camera_model="A"), photo(JPG, NOON, camera_model="B")], []),
        ([photo(RAW, NOON), photo("b/g/IMG_1234.JPG", NOON)], []),
        ([photo(RAW, NOON), photo("b/f/IMG_1234(1).JPG", NOON)], []),
        # Two photos that differ only in the extension
        ([photo(JPG, NOON), photo("b/f/IMG_1234.PNG", NOON)], []),
        # Live Photos by name and time
        ([photo(HEIC, NOON), video(MOV, SOON)], [[HEIC, MOV]]),
        ([photo(HEIC, NOON), video(MOV, LATER)], []),
        ([photo(HEIC, NOON), video(MOV, NOON, seconds=45.0)], []),
        ([photo(HEIC, NOON, taken_offset="+02:00"),
          {**video(MOV), "photo": {"media_type": "video", "taken_at": NOON, "taken_offset": "+00:00",
                                   "taken_local": NOON - timedelta(hours=2)}}], [[HEIC, MOV]]),
        # Live Photos by identifier
        ([linked(photo(HEIC, NOON), "live:b/f/A"), linked(video("b/f/other.MOV", LATER), "live:b/f/A")],
         [[HEIC, "b/f/other.MOV"]]),
        ([linked(photo(HEIC, NOON), "live:b/f/A"), linked(video(MOV, NOON), "live:b/f/B")], []),
        ([linked(photo(HEIC), "live:b/f/A"), linked(video(MOV), "live:b/f/A"),
          linked(photo("b/f/IMG_1234 (1).HEIC"), "live:b/f/A"), linked(video("b/f/IMG_1234 (1).MOV"), "live:b/f/A")],
         [["b/f/IMG_1234 (1).HEIC", "b/f/IMG_1234 (1).MOV"], [HEIC, MOV]]),
        # Edited copies
        ([photo(HEIC, NOON), photo(EDIT, NOON)], [[EDIT, HEIC]]),
        ([photo(JPG), photo("b/f/IMG_1234-edited.jpg")], [["b/f/IMG_1234-edited.jpg", JPG]]),
        ([photo(JPG, NOON), photo("b/f/IMG_1234_edited.jpg", LATER)], []),
        ([photo("b/f/IMG_1234-edited.jpg")], []),
        ([photo(HEIC, NOON), video(MOV, NOON), photo(EDIT, NOON), video("b/f/IMG_E1234.MOV", NOON)],
         [[EDIT, HEIC, MOV, "b/f/IMG_E1234.MOV"]]),
        # A file without a date joins files that do not contradict each other.
        ([photo(RAW, NOON), photo(JPG, LATER), photo("b/f/IMG_1234_edited.jpg")], [["b/f/IMG_1234_edited.jpg", JPG]]),
        ([photo(RAW, NOON), photo(JPG, LATER), photo("b/f/IMG_1234_edited.tif")], []),
        ([photo(RAW, NOON), photo(JPG, NOON), photo("b/f/IMG_1234_edited.tif")],
         [["b/f/IMG_1234_edited.tif", JPG, RAW]]),
        ([photo(HEIC, NOON), photo(JPG, LATER), video(MOV)], []),
        ([photo(HEIC, NOON), video(MOV, NOON + timedelta(seconds=3)), photo(EDIT)], [[EDIT, HEIC, MOV]]),
        ([photo(RAW), photo(JPG, NOON), photo(HEIC, LATER)], []),
        ([photo(RAW), photo(JPG), photo("b/f/IMG_1234_edited.jpg")], [["b/f/IMG_1234_edited.jpg", RAW, JPG]]),
        # Two photos with different dates, and an edited copy without a date
        ([photo(RAW, NOON), photo(EDIT, NOON), photo(JPG, LATER), photo("b/f/IMG_1234_edited.png")], [[EDIT, RAW]]),
        # Bursts
        ([linked(photo(f"b/f/{n}.jpg"), "burst:b/f/X") for n in range(3)], [["b/f/0.jpg", "b/f/1.jpg", "b/f/2.jpg"]]),
        ([linked(photo("b/f/0.jpg"), "burst:b/f/X"), linked(photo("b/f/1.jpg"), "burst:b/f/Y")], []),
        # A sidecar is not a member of the stack.
        ([photo(RAW, NOON), photo(JPG, NOON), xmp("b/f/IMG_1234.xmp", rating=5)], [[JPG, RAW]]),
    ],
)  # fmt: skip
def test_resolve__files_of_one_photo__are_stacked(records: list[Record], expected: list[list[str]]) -> None:
    for order in itertools.islice(itertools.permutations(records), 24):
        assert stacks(*order) == [[members[0], *sorted(members[1:])] for members in expected]


def test_resolve__members_of_a_stack__have_the_roles_of_their_files() -> None:
    records = [photo(RAW, NOON), photo(JPG, NOON), photo(EDIT, NOON), video(MOV, NOON)]
    roles = {image_id: record["stack"]["role"] for image_id, record in resolve_all(records).items()}
    assert roles == {RAW: "raw", JPG: "photo", EDIT: "edited", MOV: "video"}


def test_resolve__removed_member__changes_or_dissolves_the_stack() -> None:
    stored = resolve_all([photo(RAW, NOON), photo(JPG, NOON), photo(EDIT, NOON)])
    del stored[EDIT]
    stored = resolve_all(stored.values())
    assert stored == resolve_all([photo(RAW, NOON), photo(JPG, NOON)])
    del stored[JPG]
    assert resolve_all(stored.values()) == {RAW: photo(RAW, NOON)}
    assert resolve([photo(RAW, NOON)]) == {}


def links(tags: Record, xmp: object = None) -> list[str]:
    return relations("b/f/x.heic", tags, xmp, {}).get("links", [])


def test_relations__identifiers_in_tags_and_xmp__are_links_in_the_folder() -> None:
    tags = {"MakerNote ContentIdentifier": {"values": "A-1"}, "MakerNote BurstUUID": {"values": "B-2"}, "Image Make": 7}
    assert links(tags, {"GCamera:BurstID": "C"}) == ["live:b/f/A-1", "burst:b/f/B-2", "burst:b/f/C"]
    assert links({"Keys ContentIdentifier": {"values": "A-1"}}) == ["live:b/f/A-1"]
    assert relations("b/x.mov", {"Keys ContentIdentifier": {"values": [1]}, "MakerNote BurstUUID": 1}, "x", {}) == {}
