"""The words, place names and kinds that are stored in records for searches."""

from __future__ import annotations

from typing import Any

import pytest

from exifinator.search_keys.kinds import kinds_of
from exifinator.search_keys.place_names import MAX_NAME_CHARACTERS, place_names
from exifinator.search_keys.search_text import search_terms

PLACE = {"name": "Gràcia", "city": "Barcelona", "region": "Catalonia", "country": "Spain", "country_code": "ES"}


def test_search_terms__photo_xmp_and_prompt__are_words_and_labelled_text() -> None:
    photo = {
        "title": "Boat", "people": ["Anna"], "city": "Girona", "keywords": ["Spain|Girona"], "iso": 100, "place": PLACE,
        "camera_model": "X-T4",
    }  # fmt: skip
    terms = search_terms("a.jpg", photo, {"dc:title[de-DE]": "Boot", "xmp:Label": "Red"}, {"prompt": "a fox"})
    assert sorted(terms["words"]) == sorted(
        [
            "a",
            "jpg",
            "boat",
            "anna",
            "girona",
            "spain",
            "boot",
            "fox",
            "gracia",
            "barcelona",
            "catalonia",
            "x",
            "t4",
            "xt4",
        ]
    )
    assert terms["search_text"] == (
        "|key: a jpg |camera: x t4 |title: boat |keyword: spain girona |person: anna |country: spain "
        "|state: catalonia |city: girona |city: barcelona |place: gracia |title: boot |description: a fox |camera: xt4 "
    )


def test_search_terms__values_of_unexpected_types__are_omitted() -> None:
    photo = {"title": 7, "keywords": ["a", 3, None], "place": "here", "description": {"x": 1}, "camera_model": 5}
    terms = search_terms("k", photo, {"dc:title[de]": ["x"]}, {"prompt": 5})
    assert terms == {"words": ["k", "a"], "search_text": "|key: k |keyword: a "}


def test_place_names__names_from_the_file_and_the_position__are_combined() -> None:
    photo = {"country": "España", "city": "barcelona", "sublocation": "Park Güell", "place": PLACE}
    assert place_names(photo) == {
        "countries": ["España", "Spain"],
        "states": ["Catalonia"],
        "cities": ["barcelona"],
        "places": ["Park Güell", "Gràcia"],
    }


def test_place_names__place_without_a_city__is_the_city() -> None:
    assert place_names({"place": {"name": "Galway", "country": "Ireland"}}) == {
        "countries": ["Ireland"], "cities": ["Galway"], "places": ["Galway"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "photo", [None, "none", {}, {"country": 7, "place": ["x"]}, {"city": "", "place": {"name": ""}}]
)
def test_place_names__missing_or_invalid_values__is_empty(photo: Any) -> None:
    assert place_names(photo) == {}


def test_place_names__long_name__is_truncated() -> None:
    assert place_names({"city": "x" * 5000}) == {"cities": ["x" * MAX_NAME_CHARACTERS]}


def test_kinds_of__format_flags_and_generation__are_the_matching_kinds() -> None:
    photo = {"is_hdr": True, "is_panorama": True, "is_burst": True}
    assert kinds_of("dng", photo, {"generated": True}) == ["raw", "hdr", "panorama", "burst", "generated"]
    assert kinds_of("jpeg", {"is_hdr": False, "is_burst": 1}, {"prompt": "x"}) == []
    assert kinds_of(None, "none", []) == []
