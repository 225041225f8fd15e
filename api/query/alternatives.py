"""Join each `without` filter with the filters on the same field, so that a photo must match only one of them.

In the explorer, `without=camera` and `camera=X-T4` are check boxes in the same list, like the check boxes of two
cameras. Of any other two filters, a photo must match both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from api.query.mongo_filter import Filter, combine


def filters_by_property(properties: Mapping[str, str], paths: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Return, for each value of `without`, the names of the filters on the same field.

    Args:
        properties: The field of each value of `without`.
        paths: The field of each filter.
    """
    return {
        name: frozenset(filter_name for filter_name, path in paths.items() if path == property_path)
        for name, property_path in properties.items()
    }


def join_alternatives(parts: Sequence[tuple[str, Filter]], by_property: Mapping[str, frozenset[str]]) -> list[Filter]:
    """Join each `without` filter with the filters on the same field by `$or`.

    Args:
        parts: The filters with their names; those of `without` are named `without=PROPERTY`.
        by_property: The result of filters_by_property.
    """
    joined: list[Filter] = []
    rest = list(parts)
    for name, without_filter in parts:
        option, _, property_ = name.partition("=")
        siblings = by_property.get(property_, frozenset()) if option == "without" else frozenset()
        if chosen := [pair for pair in rest if pair[0] in siblings]:
            rest = [pair for pair in rest if pair not in chosen and pair != (name, without_filter)]
            joined.append({"$or": [combine(*(part for _, part in chosen)), without_filter]})
    return [part for _, part in rest] + joined
