"""Suggest values of facets while a user types a search."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from api.aggregations.facet_counter import FacetCounter
from api.aggregations.facets import MAX_VALUES
from api.aggregations.suggestions import MAX_PER_GROUP, MAX_RESOLVED, Suggester
from api.aggregations.value_index import ValueSearch
from api.query.filters import read_search

COUNTS: dict[str, dict[Any, int]] = {
    "camera": {"X-T4": 70, "X-T30": 9, "Canon EOS R5": 30, "Canon EOS 80D": 50, None: 5},
    "make": {"FUJIFILM": 79, "Canon": 80},
    "lens": {"XF16-55mmF2.8 R LM WR": 12},
    "person": {"Zoë Müller": 3, "김서울": 1, "<img src=x onerror=alert(1)>": 2},
    "creator": {"Mira Lindqvist": 58, "Zoë Ferreira": 32},
    "country": {"Japan": 40},
    "state": {"Kyōto Prefecture": 8},
    "city": {"Kyōto": 8},
    "place": {"京都の秋": 2, "Old Town": 6},
    "keyword": {"canoe": 4, "old boats": 1, **{f"tree {n}": n for n in range(1, 30)}},
    "folders": {"b/2019/": 90, "b/2019/Lisbon trip/": 20, "b/2020/Lisbon/raw/": 6},
}


class _Counter:
    """Returns counts immediately, except for the facets in `missing`, whose count never ends."""

    def __init__(self, missing: frozenset[str] = frozenset()) -> None:
        self.missing = missing

    async def count_values(self, name: str) -> dict[Any, int]:
        if name in self.missing:
            await asyncio.Event().wait()
        return COUNTS[name]


def suggester(**arguments: Any) -> Suggester:
    return Suggester(cast(FacetCounter, _Counter(**arguments)))


def suggest(text: str) -> dict[str, list[tuple[str, int | None, int]]]:
    groups, is_complete = asyncio.run(suggester().suggest(read_search(text, is_typing=True)))
    assert is_complete
    return {name: [(row.text, row.count, row.start) for row in rows] for name, rows in groups.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x-t", {"cameras": [("X-T4", 70, 0), ("X-T30", 9, 0)]}),
        ("fuji", {"cameras": [("FUJIFILM", 79, 0)]}),
        ("beach XT4", {"cameras": [("X-T4", 70, 6)]}),
        ("muller", {"people": [("Zoë Müller", 3, 0)]}),
        ("zoe fer", {"creators": [("Zoë Ferreira", 32, 0)]}),
        ("creator:lind", {"creators": [("Mira Lindqvist", 58, 0)]}),
        ("kyoto", {"places": [("Kyōto", 8, 0), ("Kyōto Prefecture", 8, 0)]}),
        ("京", {"places": [("京都の秋", 2, 0)]}),
        ("の秋", {"places": [("京都の秋", 2, 0)]}),
        ("서울", {"people": [("김서울", 1, 0)]}),
        ("lisb", {"folders": [("b/2019/Lisbon trip/", 20, 0)]}),
        ("2019", {"folders": [("b/2019/", 90, 0)]}),
        ("person:z", {"people": [("Zoë Müller", 3, 0)]}),
        ("camera:", {}),
        ("tree 2", {"keywords": [(f"tree {n}", n, 0) for n in (29, 28, 27, 26, 25)], "folders": [("b/2019/", 90, 5)]}),
        ("eos r5", {"cameras": [("Canon EOS R5", 30, 0)]}),
        ("old b", {"keywords": [("old boats", 1, 0)]}),
        ("has:le", {"filters": [("has:lens", None, 0), ("has:lens_serial", None, 0)]}),
        ("iso", {"filters": [("iso:", None, 0)]}),
        ('"x-t4"', {}),
        ("-x-t4", {}),
        ("!", {}),
        ("", {}),
    ],
)
def test_suggest__typed_text__has_the_matching_values_with_their_counts(text: str, expected: dict[str, Any]) -> None:
    groups = suggest(text)
    if "filters" not in expected:
        groups.pop("filters", None)
    assert groups == expected


def test_suggest__suggestion__has_the_filter_parameters_that_select_it() -> None:
    groups, _ = asyncio.run(suggester().suggest(read_search("lisbon")))
    assert groups["folders"][0].filters == {"bucket": ["b"], "prefix": "2019/Lisbon trip/"}
    groups, _ = asyncio.run(suggester().suggest(read_search("japan")))
    assert groups["places"][0].filters == {"country": ["Japan"]}


def test_suggest__facet_not_counted_in_time__is_omitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.aggregations.suggestions._FIRST_COUNT_SECONDS", 0.01)
    slow = suggester(missing=frozenset({"lens", "keyword"}))
    groups, is_complete = asyncio.run(slow.suggest(read_search("cano")))
    assert not is_complete
    assert list(groups) == ["cameras"]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("camera:x-t4", ["X-T4"]),
        ("camera:XT4", ["X-T4"]),
        ('camera:"canon eos r5"', ["Canon EOS R5"]),
        ("camera:canon", ["Canon EOS 80D", "Canon EOS R5"]),
        ("camera:nikon", []),
        ("keyword:tree", []),  # more than MAX_RESOLVED
        ("camera:!", []),
    ],
)
def test_resolve__filter_in_the_text__is_the_matching_values(text: str, values: list[str]) -> None:
    (item,) = read_search(text)
    assert asyncio.run(suggester().resolve(item)) == values
    assert len(values) <= MAX_RESOLVED


def test_resolve__facet_not_counted_in_time__is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.aggregations.suggestions._FIRST_COUNT_SECONDS", 0.01)
    (item,) = read_search("camera:x-t4")
    assert asyncio.run(suggester(missing=frozenset({"camera"})).resolve(item)) is None


def test_value_search__maximum_number_of_values__finds_the_most_frequent_first() -> None:
    search = ValueSearch({f"value {n} {'word ' * 500}": n for n in range(MAX_VALUES)})
    assert [match.count for match in search.find(["value", "42"])][:2] == [4299, 4298]
    assert MAX_PER_GROUP < len(search.find(["val"])) <= MAX_VALUES
