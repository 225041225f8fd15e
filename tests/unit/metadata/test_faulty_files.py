"""Files with faults that occur in practice, from the folder of cases beside the project, and their expected fields.

The tests of containers, of dates in file names and of XMP have further cases.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.readers import CASES, record_of

pytestmark = pytest.mark.skipif(not CASES.exists(), reason="needs the folder of cases beside the project")

# Expected fields that several cases share.
BOAT = {"description": "Our boat in the harbour"}
REGATTA = {"title": "Regatta"}
NO_LENS = {"lens_model": None}
# Pattern of the file of a case -> the expected fields of `photo`.
FIELDS: dict[str, dict[str, Any]] = {
    "20*/party-naive.jpg": {"taken_local": datetime(2023, 12, 31, 23, 40), "taken_offset": None},
    "20*/party-offset.jpg": {"taken_local": datetime(2023, 12, 31, 23, 30), "taken_offset": "-08:00"},
    "20*/tokyo-morning.jpg": {"taken_local": datetime(2024, 3, 1, 6, 10), "taken_offset": "+09:00"},
    "21*/01a-*.jpg": {"location": {"type": "Point", "coordinates": [2.175, 41.40833333]}, "altitude_metres": 120},
    "21*/01c-*.jpg": {"location": {"type": "Point", "coordinates": [-2.175, -41.40833333]}},
    "23*/02a-*.jpg": {"keywords": ["beach", "family", "sunset", "dog"]},
    "23*/02b-*.jpg": {"keywords": ["Places|Spain|Girona", "Places", "Spain", "Girona", "dog"]},
    "23*/02c-*.jpg": {"keywords": ["People|Anna", "People", "Anna", "beach"]},
    "23*/02d-*.jpg": {"keywords": ["archive", "sea", "boat"]},
    "23*/02e-*.jpg": {"keywords": ["sea", "boat"]},
    "24*/03a-*.jpg": BOAT,
    "24*/03b-*.jpg": BOAT,
    **{f"25*/04{letter}-*.jpg": NO_LENS for letter in "abcdefgj"},
    "26*/b-*.heic": {"width_pixels": 96, "height_pixels": 128, "orientation": 1},
    "26*/c-*.heic": {"width_pixels": 128, "height_pixels": 96, "orientation": 1},
    "27*/06-00-*.jpg": {"taken_at": datetime(2015, 2, 1, 13, 42, 59, tzinfo=UTC), "taken_offset": "+01:00"},
    "27*/06-01-*.jpg": {"taken_at": datetime(2025, 1, 30, 7, 59, 50, tzinfo=UTC)},
    "27*/06-02-*.jpg": {"taken_offset": "+00:00"},
    "27*/06-03-*.jpg": {"taken_at": datetime(2019, 11, 28, 14, 38, 40, 794_000)},
    "27*/06-17-*.jpg": {"taken_at": datetime(2019, 5, 4, 12, 10, 11, 345_000)},
    "27*/06-26-*.jpg": {"taken_at": datetime(2019, 5, 4, 10, 10, 11, tzinfo=UTC), "taken_offset": "+02:00"},
    "27*/06-27-*.jpg": {"taken_at": datetime(2019, 5, 4, 12, 10, 11, tzinfo=UTC), "taken_offset": "+00:00"},
    "27*/06-28-*.jpg": {"taken_at": datetime(2019, 5, 4, 19, 10, 11, 500_000, tzinfo=UTC), "taken_offset": "-07:00"},
    "29*/06-06-*.jpg": {"taken_local": datetime(2019, 5, 4)},
    "29*/06-07-*.jpg": {"taken_local": datetime(2019, 5, 4, 23, 59, 59)},
    "29*/33-nokia24.jpg": {"taken_local": datetime(2019, 1, 1, 0, 4, 20)},
    "33*/09a-*.jpg": {"description": "Sea – boat’s “bow” … €5"},
    "33*/09f-*.jpg": {"description": "Boat’s “bow”"},
    "35*/11a-*.jpg": REGATTA,
    "35*/11b-*.jpg": {**REGATTA, "headline": "Headline here", "city": "Girona", "country": "Spain"},
    "35*/11c-*.jpg": {**REGATTA, "description": "my comment"},
    "35*/11d-*.jpg": {"description": "Our boat"},
    "35*/11e-*.jpg": BOAT,
    "37*/16a-*.jpg": {"people": ["Anna", "Bert"]},
    "37*/16b-*.jpg": {"people": ["Anna"]},
    "37*/16c-*.jpg": {"people": ["Anna", "Bert"]},
    "38*/14b-*.png": {**REGATTA, "description": "Our boat", "artist": "A. Nobody"},
    "38*/14f-*.png": {"description": "Hafen Küste"},
    "40*/*.png": {"camera_make": "ACME", "taken_local": datetime(2019, 5, 4, 12, 10, 11)},
    "41*/17a-*.jpg": {"camera_make": "ACME", "taken_local": datetime(2019, 5, 4, 12, 10, 11)},
    "41*/17d-*.jpg": {"camera_make": "ACME", "taken_local": datetime(2019, 5, 4, 12, 10, 11)},
    "43*/13g-*.jpg": {"location": None, "altitude_metres": None},
    "48*/39-xmp.gif": {"keywords": ["sea"]},
    "49*/37a-*.jpg": {"keywords": ["sea", "boat"]},
}
# Patterns of the files that are tested below.
OTHER_FILES = ("32*/08*.jpg", "33*/09d-*.jpg", "38*/14a-*.png", "38*/14c-*.png", "48*/40-sidecar.xmp")
# The folders of cases that concern files begin with these digits. The others concern servers and names of objects.
FOLDERS = "[234]?-*"


def test_cases__files__are_all_tested():
    files = {path for path in CASES.glob(f"{FOLDERS}/*") if path.suffix not in (".txt", ".py")}
    assert files == {path for pattern in (*FIELDS, *OTHER_FILES) for path in CASES.glob(pattern)}


@pytest.mark.parametrize("name", FIELDS)
def test_build_record__case__has_the_expected_fields(name):
    photo = record_of(next(CASES.glob(name)).read_bytes()).document["photo"]
    assert {field: photo.get(field) for field in FIELDS[name]} == FIELDS[name]


@pytest.mark.parametrize("letter", "abcdfgij")
def test_build_record__case_of_malformed_xmp__keeps_the_keywords(letter):
    photo = record_of(next(CASES.glob(f"32*/08{letter}-*.jpg")).read_bytes()).document["photo"]
    assert photo["keywords"] == ["sea", "boat"]
    assert photo.get("rating") == (4 if letter == "a" else None)


def test_build_record__case_of_utf8_cut_inside_a_character__keeps_the_text():
    document = record_of(next(CASES.glob("33*/09d-*.jpg")).read_bytes()).document
    assert "KüKü" in str(document["iptc"])


def test_build_record__case_of_regions__keeps_each_name_with_its_area():
    regions = record_of(next(CASES.glob("37*/16a-*.jpg")).read_bytes()).document["photo"]["regions"]
    assert [region["name"] for region in regions if "name" in region] == ["Anna", "Bert"]
    assert len(regions) == 3, "The face without a name keeps its own area."


@pytest.mark.parametrize("name", ["14a-*.png", "14b-*.png"])
def test_build_record__case_of_png_texts__has_their_words(name):
    assert "boat" in record_of(next(CASES.glob(f"38*/{name}")).read_bytes()).document["words"]


def test_build_record__case_of_a_graph__has_its_prompt():
    document = record_of(next(CASES.glob("38*/14c-*.png")).read_bytes()).document
    assert (document["ai"]["prompt"], document["ai"]["software"]) == ("a red boat", "ComfyUI")


def test_build_record__case_of_a_sidecar__has_values_for_its_photo():
    document = record_of(next(CASES.glob("48*/40-sidecar.xmp")).read_bytes()).document
    assert document["format"] == "xmp"
    assert {name: document["sidecar"]["values"][name] for name in ("keywords", "rating")} == {
        "keywords": ["sea"],
        "rating": 5,
    }
