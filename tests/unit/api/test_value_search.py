"""Select the values of a facet that contain a text."""

from __future__ import annotations

import pytest

from api.aggregations.value_search import SEARCHABLE, select_values

COUNTS = {"Canon DIGITAL IXUS 75": 1, "Canon DIGITAL IXUS 750": 2, "Šárka": 3, "京都": 4, None: 5, 7: 6, "a.*b": 7}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("ixus 75", {"Canon DIGITAL IXUS 75", "Canon DIGITAL IXUS 750"}),
        ("sarka", {"Šárka"}),
        ("ŠÁR", {"Šárka"}),
        ("都", {"京都"}),
        (".*", {"a.*b"}),
        ("7", {"Canon DIGITAL IXUS 75", "Canon DIGITAL IXUS 750"}),
        ("none", set()),
    ],
)
def test_select_values__part_of_a_value__selects_the_value(text: str, values: set[str]) -> None:
    assert set(select_values(COUNTS, text)) == values


def test_searchable__facets__are_those_with_strings_as_values() -> None:
    assert {"camera", "lens", "keyword", "person", "bucket", "country"} <= SEARCHABLE
    assert not {"iso", "taken", "rating", "gps", "folder", "bucket_status"} & SEARCHABLE
