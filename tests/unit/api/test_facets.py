"""Convert the counts of a facet to the rows of a response."""

from __future__ import annotations

from api.aggregations.facets import to_rows


def test_to_rows__equal_counts__are_sorted_by_value() -> None:
    rows = to_rows("lens", {"Z": 18, "b": 21, "A": 18, None: 3, "M": 18}, limit=3)
    assert [(row["value"], row["count"]) for row in rows] == [("b", 21), ("A", 18), ("M", 18), (None, 3)]
