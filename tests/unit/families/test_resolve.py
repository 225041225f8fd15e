from __future__ import annotations

import itertools
import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from exifinator.families.resolve import resolve
from tests.unit.families.records import Record, apply, owners, photo, resolve_all, takeout, xmp

NOON = datetime(2024, 5, 1, 12, 0, 0)
BERLIN = {"type": "Point", "coordinates": [13.4, 52.5]}
LISBON = {"type": "Point", "coordinates": [-9.14, 38.72]}
RAW, JPG, SIDECAR = "b/f/IMG_1.CR2", "b/f/IMG_1.JPG", "b/f/IMG_1.xmp"


def dates(taken: datetime, source: str, precision: str = "second") -> dict[str, Any]:
    return {"taken_at": taken, "taken_local": taken, "taken_precision": precision, "taken_source": source}


def resolved_photo(*records: Record, of: str = RAW) -> dict[str, Any]:
    """Return the field `photo` of the record with the id `of`, after `resolve` has merged the sidecars."""
    result: dict[str, Any] = resolve_all(records)[of]["photo"]
    return result


# Which photos a sidecar belongs to


@pytest.mark.parametrize(
    ("sidecar", "photos", "expected"),
    [
        (xmp(SIDECAR), [photo(RAW)], [RAW]),
        (xmp("b/f/IMG_1.CR2.xmp"), [photo(RAW), photo(JPG)], [RAW]),
        (xmp("b/f/img_1.jpg.XMP"), [photo(RAW), photo(JPG)], [JPG]),
        (xmp(SIDECAR, "cr2"), [photo(RAW), photo("b/f/IMG_1.NEF", NOON)], [RAW]),
        # RAW and JPEG of one exposure are one photo.
        (xmp(SIDECAR), [photo(RAW, NOON), photo(JPG, NOON + timedelta(milliseconds=400))], [RAW, JPG]),
        (xmp(SIDECAR, "cr2"), [photo(RAW, NOON), photo(JPG, NOON)], [RAW, JPG]),
        (xmp(SIDECAR, "jpg"), [photo(RAW, NOON), photo(JPG, NOON)], [JPG]),
        # Two cameras have used the same number in their file names.
        (xmp(SIDECAR), [photo(RAW, NOON), photo(JPG, NOON + timedelta(days=3))], [RAW]),
        # The video of a Live Photo.
        (xmp(SIDECAR), [photo("b/f/IMG_1.HEIC"), photo("b/f/IMG_1.MOV")], ["b/f/IMG_1.HEIC"]),
        (xmp(SIDECAR), [photo("b/f/IMG_1.MOV")], ["b/f/IMG_1.MOV"]),
        (xmp(SIDECAR), [photo("b/f/IMG_E1.JPG"), photo("b/f/IMG_1-edited.jpg")], []),
        (xmp("b/f/IMG_E1234.xmp"), [photo("b/f/IMG_1234.JPG"), photo("b/f/IMG_E1234.JPG")], ["b/f/IMG_E1234.JPG"]),
        (xmp(SIDECAR, "nef"), [photo(RAW)], []),
        # darktable's sidecar of a duplicate, of a photo with such a name, and of a file derived from another photo
        (xmp("b/f/IMG_1_02.CR2.xmp", original="IMG_1.CR2"), [photo(RAW), photo(JPG)], [RAW]),
        (xmp("b/f/IMG_1_02.CR2.xmp", original="IMG_1.CR2"), [photo(RAW), photo("b/f/IMG_1_02.CR2")],
         ["b/f/IMG_1_02.CR2"]),
        (xmp("b/f/IMG_1_02.CR2.xmp"), [photo(RAW)], []),
        (xmp("b/f/IMG_1_02.CR2.xmp", original="IMG_2.CR2"), [photo(RAW), photo("b/f/IMG_2.CR2")], []),
        (xmp("b/f/IMG_1_x.CR2.xmp", original="IMG_1.CR2"), [photo(RAW)], []),
        (xmp(SIDECAR), [photo("b/g/IMG_1.CR2")], []),
        (takeout("b/f/IMG_1.JPG.json", "IMG_1.JPG"), [photo(JPG), photo(RAW)], [JPG]),
        (takeout("b/f/IMG_1.json", "IMG_1"), [photo(JPG)], [JPG]),
        (takeout("b/f/IMG_1.json", "IMG_1"), [photo(JPG), photo(RAW)], []),
        (takeout("b/f/IMG_1.JPG.json", "IMG_1.JPG"), [photo(JPG), photo("b/f/IMG_1-edited.JPG")],
         ["b/f/IMG_1-edited.JPG", JPG]),
        (takeout("b/f/IMG_1.JPG.json", "IMG_1.JPG"), [photo("b/f/IMG_1-edited.JPG")], ["b/f/IMG_1-edited.JPG"]),
        (takeout("b/f/IMG_1.HEIC.json", "IMG_1.HEIC"), [photo("b/f/IMG_1.HEIC"), photo("b/f/IMG_1-edited.jpg")],
         ["b/f/IMG_1-edited.jpg", "b/f/IMG_1.HEIC"]),
        (takeout("b/f/IMG_1.JPG(1).json", "IMG_1.JPG"),
         [photo(JPG), photo("b/f/IMG_1(1).JPG"), photo("b/f/IMG_1-edited(1).JPG")],
         ["b/f/IMG_1(1).JPG", "b/f/IMG_1-edited(1).JPG"]),
    ],
)  # fmt: skip
def test_resolve__sidecar__belongs_to_its_photos(sidecar: Record, photos: list[Record], expected: list[str]) -> None:
    assert owners([sidecar, *photos])[sidecar["_id"]] == expected


def test_resolve__edited_copy_with_its_own_sidecar__does_not_get_the_sidecar_of_the_original() -> None:
    edited = takeout("b/f/IMG_1-edited.JPG.json", "IMG_1-edited.JPG")
    result = owners([edited, takeout("b/f/IMG_1.JPG.json", "IMG_1.JPG"), photo(JPG), photo("b/f/IMG_1-edited.JPG")])
    assert result == {"b/f/IMG_1-edited.JPG.json": ["b/f/IMG_1-edited.JPG"], "b/f/IMG_1.JPG.json": [JPG]}


def test_resolve__unsupported_file_with_the_name_of_a_photo__owns_no_sidecar() -> None:
    text = {**photo("b/f/IMG_1.JPG"), "status": "unsupported"}
    assert owners([text, xmp(SIDECAR)]) == {SIDECAR: []}


# Which value wins


@pytest.mark.parametrize(
    ("own", "sidecar", "expected"),
    [
        ({"rating": 2, "keywords": ["a", "b"]}, {"rating": 5, "keywords": ["b"]}, {"rating": 5, "keywords": ["b"]}),
        ({"rating": 3}, {"rating": 0}, {"rating": 0}),
        ({"title": "Old"}, {"label": "Red"}, {"title": "Old", "label": "Red"}),
        # Values that the camera records are taken from the photo first.
        ({"camera_model": "X", "iso": 100}, {"camera_model": "Y", "iso": 200, "f_number": 2.8},
         {"camera_model": "X", "iso": 100, "f_number": 2.8}),
        # Values that describe the photo's own file are never taken from the sidecar.
        ({"width_pixels": 6000}, {"width_pixels": 100, "orientation": 6, "software": "Lightroom", "rating": 1},
         {"width_pixels": 6000, "rating": 1}),
    ],
)  # fmt: skip
def test_resolve__xmp_sidecar__overrides_only_fields_that_people_edit(
    own: dict[str, Any], sidecar: dict[str, Any], expected: dict[str, Any]
) -> None:
    result = resolved_photo(photo(RAW, **own), xmp(SIDECAR, **sidecar))
    assert result == {"media_type": "image", **expected}


@pytest.mark.parametrize(
    ("own", "sidecar", "expected"),
    [
        ({}, {"description": "Hi", "people": ["Ann"]}, {"description": "Hi", "people": ["Ann"]}),
        ({"description": "Old", "people": ["Bob", "ann"]}, {"description": "Hi", "people": ["Ann", "Cid"]},
         {"description": "Hi", "people": ["Bob", "ann", "Cid"]}),
        ({"title": "T"}, {"description": "Hi"}, {"title": "T", "description": "Hi"}),
    ],
)  # fmt: skip
def test_resolve__takeout_sidecar__adds_values_entered_in_google_photos(
    own: dict[str, Any], sidecar: dict[str, Any], expected: dict[str, Any]
) -> None:
    result = resolved_photo(photo(JPG, **own), takeout("b/f/IMG_1.JPG.json", "IMG_1.JPG", **sidecar), of=JPG)
    assert result == {"media_type": "image", **expected}


@pytest.mark.parametrize(
    ("own", "sidecar", "source"),
    [
        ({}, dates(NOON, "xmp:CreateDate"), "xmp:CreateDate"),
        (dates(NOON, "EXIF DateTimeOriginal"), dates(NOON - timedelta(hours=1), "exif:DateTimeOriginal"),
         "exif:DateTimeOriginal"),
        (dates(NOON, "EXIF DateTimeOriginal"), dates(NOON, "exif:DateTimeOriginal"), "EXIF DateTimeOriginal"),
        # xmp:CreateDate may be the time at which the file was written, so it does not override EXIF DateTimeOriginal.
        (dates(NOON, "EXIF DateTimeOriginal"), dates(NOON + timedelta(days=9), "xmp:CreateDate"),
         "EXIF DateTimeOriginal"),
        (dates(NOON, "EXIF DateTimeOriginal"), dates(datetime(2023, 1, 1), "photoshop:DateCreated", "day"),
         "EXIF DateTimeOriginal"),
        (dates(NOON, "file name"), dates(NOON + timedelta(days=9), "photoshop:DateCreated"), "photoshop:DateCreated"),
    ],
)  # fmt: skip
def test_resolve__date_in_an_xmp_sidecar__wins_if_it_is_the_date_of_the_exposure(
    own: dict[str, Any], sidecar: dict[str, Any], source: str
) -> None:
    result = resolved_photo(photo(RAW, **own), xmp(SIDECAR, **sidecar))
    assert result["taken_source"] == source
    assert result["taken_local"] == (sidecar if source == sidecar["taken_source"] else own)["taken_local"]


@pytest.mark.parametrize(
    ("own", "taken", "is_used"),
    [
        ({}, NOON, True),
        (dates(NOON, "EXIF DateTimeOriginal"), NOON + timedelta(hours=14), False),
        (dates(NOON, "EXIF DateTimeOriginal"), NOON - timedelta(days=900), True),
        (dates(NOON, "file name"), NOON + timedelta(days=900), False),
        (dates(datetime(2024, 1, 1), "file name", "year"), NOON, True),
    ],
)  # fmt: skip
def test_resolve__date_in_a_takeout_sidecar__wins_if_it_was_corrected(
    own: dict[str, Any], taken: datetime, is_used: bool
) -> None:
    record = takeout("b/f/IMG_1.JPG.json", "IMG_1.JPG", **dates(taken, "photoTakenTime"))
    assert (resolved_photo(photo(JPG, **own), record, of=JPG)["taken_source"] == "photoTakenTime") is is_used


def test_resolve__location_in_the_sidecar__changes_all_fields_derived_from_it() -> None:
    own = {"location": BERLIN, "altitude_metres": 34.0, "time_zone": "Europe/Berlin", "place": {"name": "Berlin"},
           "taken_at": NOON - timedelta(hours=2), "taken_local": NOON, "taken_offset": "+02:00",
           "taken_offset_inferred": True, "taken_precision": "second"}  # fmt: skip
    record = resolve_all([photo(RAW, **own), xmp(SIDECAR, location=LISBON)])[RAW]
    result = record["photo"]
    assert result["location"] == LISBON
    assert "altitude_metres" not in result
    assert (result["time_zone"], result["taken_offset"]) == ("Europe/Lisbon", "+01:00")
    assert result["taken_at"].replace(tzinfo=None) == NOON - timedelta(hours=1)
    assert record["cells"] != photo(RAW, **own)["cells"]
    assert record["cities"] == ["Lisbon"]


def test_resolve__altitude_in_a_sidecar_without_a_location__is_ignored() -> None:
    assert "altitude_metres" not in resolved_photo(
        photo(RAW, location=BERLIN), xmp(SIDECAR, altitude_metres=900.0, rating=1)
    )


def test_resolve__several_sidecars__most_specific_wins_and_each_lists_its_fields() -> None:
    records = [
        photo(RAW),
        xmp(SIDECAR, rating=1, title="Stem"),
        xmp("b/f/IMG_1.CR2.xmp", rating=4),
        takeout("b/f/IMG_1.CR2.json", "IMG_1.CR2", description="Google", title="x"),
    ]
    record = resolve_all(records)[RAW]
    assert (record["photo"]["rating"], record["photo"]["title"]) == (4, "Stem")
    assert record["sidecars"] == [
        {"id": "b/f/IMG_1.CR2.json", "kind": "takeout", "fields": ["description"]},
        {"id": SIDECAR, "kind": "xmp", "fields": ["title"]},
        {"id": "b/f/IMG_1.CR2.xmp", "kind": "xmp", "fields": ["rating"]},
    ]


def test_resolve__text_in_a_sidecar__is_added_to_the_search_words() -> None:
    record = resolve_all([photo(RAW, title="Harbour"), xmp(SIDECAR, title="Sunset", keywords=["Faro"])])[RAW]
    assert {"sunset", "faro", "harbour", "img"} <= set(record["words"])


# Order, repetition and removal


def family() -> list[Record]:
    return [
        photo(RAW, NOON, rating=1, location=BERLIN), photo(JPG, NOON, title="Own"), photo("b/f/IMG_1-edited.JPG"),
        xmp(SIDECAR, rating=5, keywords=["sea"]), xmp("b/f/IMG_1.JPG.xmp", title="Sidecar", location=LISBON),
        takeout("b/f/IMG_1.JPG.json", "IMG_1.JPG", description="Hi", **dates(NOON - timedelta(days=99), "x")),
    ]  # fmt: skip


def test_resolve__files_in_any_order__result_in_the_same_records() -> None:
    """Resolve the family after each new record, as workers do, in every order."""
    expected = resolve_all(family())
    for order in itertools.permutations(family()):
        stored: dict[str, Record] = {}
        for record in order:
            stored = resolve_all([*stored.values(), record])
        assert stored == expected
        assert resolve(list(stored.values())) == {}


@pytest.mark.parametrize("seed", range(20))
def test_resolve__files_added_changed_and_removed__leave_no_trace(seed: int) -> None:
    """Add, change and remove files at random. Resolve only sometimes, as if processes were killed before it."""
    rng = random.Random(seed)
    everything = {record["_id"]: record for record in family()}
    stored: dict[str, Record] = {}
    for _ in range(60):
        image_id = rng.choice(list(everything))
        if rng.random() < 0.3:
            stored.pop(image_id, None)
        else:
            fresh = resolve_all([everything[image_id]])[image_id]
            if fresh.get("sidecar") and rng.random() < 0.5:
                fresh["sidecar"]["values"] = {"rating": rng.randrange(6)}
            stored[image_id] = fresh
        if rng.random() < 0.5:
            # Some of the changes are written, others are lost.
            changes = list(resolve(list(stored.values())).items())
            for changed_id, change in rng.sample(changes, rng.randint(0, len(changes))):
                apply(stored[changed_id], change)
    for image_id, record in everything.items():
        stored[image_id] = record
    assert resolve_all(stored.values()) == resolve_all(family())
    alone = resolve_all([resolve_all(family())[RAW]])[RAW]
    assert alone == photo(RAW, NOON, rating=1, location=BERLIN)
