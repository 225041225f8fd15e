"""The names by which the filters `country`, `state`, `city` and `place` find a photo.

A photo has names from its position, and names that its file contains. Both count, because nobody remembers which of the
two a photo has. An index over each list finds the photos, newest first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Field of a record -> the fields of `photo` with its names, and those of `photo.place`.
_SOURCES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "countries": (("country",), ("country",)),
    "states": (("state",), ("region",)),
    "cities": (("city",), ("city",)),
    "places": (("sublocation",), ("name",)),
}
FIELDS = tuple(_SOURCES)
# Longer names are cut: a value of an index should be short.
MAX_NAME_CHARACTERS = 200


def place_names(photo: object) -> dict[str, list[str]]:
    """Return the lists of names of a photo, without empty ones. Names that differ only by case count once.

    A place that is not part of a larger city is a city too.
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
        for name in (*_texts(photo, names), *_texts(place, names_of_place)):
            distinct.setdefault(name.casefold(), name)
        if distinct:
            lists[field] = list(distinct.values())
    return lists


def _texts(values: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    return [value[:MAX_NAME_CHARACTERS] for name in names if isinstance(value := values.get(name), str) and value]
