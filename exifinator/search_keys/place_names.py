"""Derive the names by which the filters `country`, `state`, `city` and `place` find a photo.

A photo may have names from its position and names that its file contains. The filters find both, because users do not
remember which kind of name a photo has. An index on each list of names returns the photos, newest first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Field of a record -> the fields of `photo` and the fields of `photo.place` from which it takes its names.
_SOURCES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "countries": (("country",), ("country",)),
    "states": (("state",), ("region",)),
    "cities": (("city",), ("city",)),
    "places": (("sublocation",), ("name",)),
}
# The fields of a record that `place_names` returns.
PLACE_LISTS = tuple(_SOURCES)
# Longer names are truncated, to keep the index entries short.
MAX_NAME_CHARACTERS = 200


def place_names(photo: object) -> dict[str, list[str]]:
    """Return the names of a photo's places, as lists by field of a record. Fields without names are left out.

    If names differ only in case, keep the first. A place that is not part of a larger city is also a city.

    Args:
        photo: The field `photo` of a record.
    """
    if not isinstance(photo, dict):
        return {}
    place = photo.get("place")
    place = place if isinstance(place, dict) else {}
    if "name" in place and "city" not in place:
        place = {**place, "city": place["name"]}
    lists: dict[str, list[str]] = {}
    for field, (names, names_of_place) in _SOURCES.items():
        distinct: dict[str, str] = {}
        for name in (*_strings(photo, names), *_strings(place, names_of_place)):
            distinct.setdefault(name.casefold(), name)
        if distinct:
            lists[field] = list(distinct.values())
    return lists


def _strings(values: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    return [value[:MAX_NAME_CHARACTERS] for name in names if isinstance(value := values.get(name), str) and value]
