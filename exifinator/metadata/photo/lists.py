"""Read keywords and names, and join the lists from several sources."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from exifinator.metadata.photo.placeholders import NO_NAME, NO_TEXT
from exifinator.metadata.photo.readers import texts
from exifinator.metadata.photo.sources import Raw

MAX_ITEMS = 1000
MAX_KEYWORD_CHARACTERS = 300
MAX_KEYWORD_LEVELS = 16


def join(lists: Iterable[list[str]]) -> list[str] | None:
    """Return the strings of several lists; None if there are none. Omit strings that differ only in case or spacing."""
    distinct: dict[str, str] = {}
    for items in lists:
        for item in items:
            value = " ".join(item[:MAX_KEYWORD_CHARACTERS].split())
            if value and len(distinct) < MAX_ITEMS:
                distinct.setdefault(value.casefold(), value)
    return list(distinct.values()) or None


def keywords(raw: Raw) -> list[str]:
    """Read a list of keywords. A keyword with `|` is a path in a hierarchy; see `paths`."""
    return [part for item in texts(raw) if (value := item.strip(" ,;")) for part in _path_and_parts(value, "|")]


def separated_keywords(raw: Raw) -> list[str]:
    """Read keywords from strings in which semicolons separate them."""
    return [part for item in texts(raw) for value in item.split(";") for part in keywords(value)]


def paths(separator: str) -> Callable[[Raw], list[str]]:
    """Return a reader of keyword hierarchies, which returns each path as `A|B|C`, followed by its parts.

    `separator` is the character between the parts of a path.
    """

    def read(raw: Raw) -> list[str]:
        return [part for item in texts(raw) for part in _path_and_parts(item, separator)]

    return read


def _path_and_parts(item: str, separator: str) -> list[str]:
    """Return a path in the form `A|B|C`, followed by its parts. Return a keyword without a separator alone."""
    parts = [part.strip() for part in item.split(separator)[:MAX_KEYWORD_LEVELS]]
    parts = [part for part in parts if part]
    return ["|".join(parts), *parts] if len(parts) > 1 else parts


def keyword_tree(raw: Raw) -> list[str]:
    """Read the Metadata Working Group's tree of keywords: structures with `Keyword` and a list of `Children`."""
    result: list[str] = []
    pending: list[tuple[dict[str, Any], tuple[str, ...]]] = [(item, ()) for item in reversed(_structures(raw))]
    while pending and len(result) < MAX_ITEMS:
        item, parent_path = pending.pop()
        name = next(iter(texts(item.get("mwg-kw:Keyword"))), "")
        path = (*parent_path, name) if name else parent_path
        result += _path_and_parts("|".join(path), "|")
        if len(path) < MAX_KEYWORD_LEVELS:
            pending += [(child, path) for child in reversed(_structures(item.get("mwg-kw:Children")))]
    return result


def _structures(raw: Raw) -> list[dict[str, Any]]:
    return [item for item in raw if isinstance(item, dict)] if isinstance(raw, list) else []


_SEPARATOR = re.compile(r"\s*;\s*")


def names(raw: Raw) -> list[str]:
    """Read names of people. Semicolons in a string separate names."""
    return [name for item in texts(raw) for name in _SEPARATOR.split(item) if _is_name(name)]


def _is_name(name: str) -> bool:
    lower = name.lower()
    return lower not in NO_TEXT and lower not in NO_NAME
