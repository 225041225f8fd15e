# ruff: noqa: E501 -- keep each row of a table on one line
"""The language of a search (`q=`): its parser, and the photos that each search finds."""

from __future__ import annotations

from typing import Any

import pytest
from bson.regex import Regex

from api.query.filters import Filters, read_search
from api.query.search_syntax import MAX_ITEMS, SearchSyntaxError
from exifinator.search_keys.search_text import search_terms


def record(key: str = "a.jpg", **photo: Any) -> dict[str, Any]:
    return search_terms(key, photo)


def matches(record: dict[str, Any], filter_: dict[str, Any]) -> bool:
    """Return whether a record matches a filter. Supports the operators that searches use, with MongoDB's meaning."""
    return all(_holds(record, name, value) for name, value in filter_.items())


def _holds(record: dict[str, Any], name: str, condition: Any) -> bool:
    if name == "$and":
        return all(matches(record, part) for part in condition)
    if name == "$nor":
        return not any(matches(record, part) for part in condition)
    values = record.get(name, [])
    values = values if isinstance(values, list) else [values]
    choices = condition["$in"] if isinstance(condition, dict) else [condition]
    return any(
        choice.try_compile().search(value) is not None if isinstance(choice, Regex) else choice == value
        for choice in choices
        for value in values
    )


LISBON = record(
    "2019/Lisbon trip/DSC01314.JPG", camera_make="FUJIFILM", camera_model="X-T4", keywords=["Old town", "trams"]
)
NEW_YORK = record("b.jpg", title="New York, old bridges", people=["Zoë Müller"], keywords=["city", "town"])
KYOTO = record(
    "c.jpg", title="京都の秋", description="ชายหาดป่าตอง", people=["김서울"], place={"name": "Kyōto", "country": "Japan"}
)
MOSCOW = record(
    "SunsetBeach_2024.jpg", title="Красная площадь", description="القاهرة القديمة", lens_model="FE 24-70mm F2.8 GM"
)
RECORDS = {"lisbon": LISBON, "new york": NEW_YORK, "kyoto": KYOTO, "moscow": MOSCOW}


@pytest.mark.parametrize(
    ("search", "matching"),
    [
        # parts of file names
        ("DSC013", "lisbon"), ("dsc01314.jpg", "lisbon"), ("1314", "lisbon"), ("01314", "lisbon"), ("SC01314", ""),
        ("beach_2024", ""), ("beach 2024", "moscow"), ("sunset", "moscow"), ("beach", "moscow"),
        # all words, in any order; the beginnings of words
        ("trip lisb", "lisbon"), ("lisbon york", ""), ("JPG", "lisbon,new york,kyoto,moscow"),
        # cameras and lenses
        ("x-t4", "lisbon"), ("XT4", "lisbon"), ("x-t", "lisbon"), ("fuji", "lisbon"), ("24-70", "moscow"), ("f2.8", "moscow"),
        # diacritics, both ways
        ("zoe muller", "new york"), ("ZOË", "new york"), ("Kyoto", "kyoto"), ("KYŌTO", "kyoto"), ("trâm", "lisbon"),
        # English plurals, both ways
        ("tram", "lisbon"), ("towns", "lisbon,new york"), ("cities", "new york"), ("bridge", "new york"),
        # scripts
        ("京都", "kyoto"), ("京", "kyoto"), ("秋", "kyoto"), ("の秋", "kyoto"), ("京都の秋", "kyoto"), ("京秋", ""), ("都秋", ""),
        ("京都秋", ""), ("หาด", "kyoto"), ("ป่าตอง", "kyoto"), ("ป่าหาด", ""), ("서울", "kyoto"), ("КРАСНАЯ", "moscow"),
        ("площ", "moscow"), ("القاهره", "moscow"), ("القديمة", "moscow"), ("京都 japan", "kyoto"),
        # phrases
        ('"old town"', "lisbon"), ('"town old"', ""), ('"old towns"', ""), ('"new york old"', "new york"), ("“old town”", "lisbon"),
        ('"york"', "new york"), ('"yor"', ""), ('"city town"', ""), ('"京都の秋"', "kyoto"), ('"都の"', "kyoto"),
        # exclusion
        ("jpg -lisbon", "new york,kyoto,moscow"), ('-"old town"', "new york,kyoto,moscow"), ("-jpg", ""), ("-dsc013 -京都", "new york,moscow"),
        ("old -trams", "new york"), ("-x-t4 town", "new york"),
        # words in one field
        ("title:old", "new york"), ("keyword:old", "lisbon"), ('keyword:"old town"', "lisbon"), ('title:"old town"', ""),
        ("camera:x-t4", "lisbon"), ("CAMERA:fujifilm", "lisbon"), ("lens:24-70mm", "moscow"), ("person:muller", "new york"),
        ("country:japan", "kyoto"), ("key:beach", "moscow"), ("title:京都", "kyoto"), ("person:京都", ""), ("keyword:cities", "new york"),
        ("-keyword:town jpg", "kyoto,moscow"), ("description:京都", ""), ("title:2024", ""),
        # punctuation
        ("lisbon, dsc013; trip!", "lisbon"), ("- lisbon", "lisbon"), ("12:30", ""), ("foo:lisbon", ""), ("!?", ""), ('""', ""),
        # operators and regular expressions are ordinary words
        ('$where {"$gt": ""}', ""), (".*", ""), ("^lisbon$", "lisbon"), ("(a+)+$", ""), ("jpg\x00", "lisbon,new york,kyoto,moscow"),
        ("title:.*", ""), ("|person:", ""),
    ],
)  # fmt: skip
def test_search__words_and_phrases__find_the_matching_photos(search: str, matching: str) -> None:
    filter_ = Filters(q=search).to_filter(exclude=frozenset({"media_type"}))  # type: ignore[call-arg]
    assert [name for name, record in RECORDS.items() if matches(record, filter_)] == [
        name for name in matching.split(",") if name
    ]


def test_search__filters_in_the_text__equal_parameters() -> None:
    search = 'iso:800- taken:2019-09..2019-11 has:gps has:date near:48.85,2.35,5 rating:4 rating:5 bucket:"my photos" prefix:2024/'
    parameters = {
        "iso": "800-", "taken": "2019-09..2019-11", "has": ["gps", "date"], "near": "48.85,2.35,5", "rating": [4, 5],
        "bucket": ["my photos"], "prefix": "2024/",
    }  # fmt: skip
    expected = Filters.model_validate(parameters).to_filter()["$and"]
    conditions = Filters.model_validate({"q": search}).to_filter()["$and"]
    flat = [part for item in expected for part in (item["$and"] if item.keys() == {"$and"} else [item])]
    assert sorted(map(str, conditions)) == sorted(map(str, flat))


def test_search__filter_with_a_minus__is_negated() -> None:
    excluded = frozenset({"media_type"})
    inner = Filters.model_validate({"iso": "800-"}).to_filter(exclude=excluded)
    assert Filters.model_validate({"q": "-iso:800-"}).to_filter(exclude=excluded) == {"$nor": [inner]}


@pytest.mark.parametrize(
    ("search", "start", "end", "reason"),
    [
        ('lisbon "old town', 7, 16, "the quote is not closed"),
        ('tram title:"a', 11, 13, "the quote is not closed"),
        ("tram iso:", 5, 9, "the filter iso: has no value"),
        ("tram iso:abc x", 5, 12, "iso: expected a number"),
        ("rating:5 rating:x", 9, 17, "rating: "),
        ("has:wings", 0, 9, "has: "),
        ("京都 taken:2019-13", 3, 16, "taken: "),
        ("iso:100 -iso:x", 8, 14, "iso: expected a number"),
        ("iso:100 iso:200", 8, 15, "the filter `iso:` can be used only once"),
        (" ".join("abcdefghijklmnopq"), 32, 33, f"a search has at most {MAX_ITEMS} words"),
    ],
)
def test_search__mistake__is_reported_with_its_position(search: str, start: int, end: int, reason: str) -> None:
    with pytest.raises(SearchSyntaxError) as caught:
        Filters(q=search).to_filter()  # type: ignore[call-arg]
    assert (caught.value.start, caught.value.end) == (start, end)
    assert caught.value.reason.startswith(reason)
    assert f"(character {start + 1})" in str(caught.value)


@pytest.mark.parametrize("search", ['"old to', "iso:", "title:", "-", 'keyword:"'])
def test_read_search__unfinished_text_while_typing__raises_no_error(search: str) -> None:
    assert read_search(search, is_typing=True) == [] or read_search(search, is_typing=True)[0].end == len(search)
