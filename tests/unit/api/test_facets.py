"""Counts as rows of a response."""

from __future__ import annotations

from api.aggregations.facets import to_rows


def test_to_rows__as_many_of_several__are_in_the_order_of_their_names() -> None:
    rows = to_rows("lens", {"Z": 18, "b": 21, "A": 18, None: 3, "M": 18}, limit=3)
    assert [(row["value"], row["count"]) for row in rows] == [("b", 21), ("A", 18), ("M", 18), (None, 3)]
