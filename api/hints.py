"""What would make a query faster that took too long: the index or the filter that it lacks, by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bson.regex import Regex

from api.query import Filter, read_filter, read_sort
from api.shapes import FILE_FIELDS
from exifinator.config import Config
from exifinator.errors import BadQuery
from exifinator.indexes import index_definitions

_FILTERS = "camera, lens, taken, bucket, prefix, iso, f, exposure, focal, format, status, keyword, q, near or bbox"
GENERAL = (
    f"Narrow it by a filter that has an index ({_FILTERS}; in `query` the same fields of `photo`, `bucket`, `_id`), "
    "or list the tag in INDEXED_TAGS of settings.py."
)
_NARROW = f"narrow it by a filter that has one ({_FILTERS})"
# An index finds what is there, not what is not.
_NEGATIONS = frozenset({"$ne", "$nin", "$not"})
_MANY_SKIPPED = 10_000
_SHOWN = 100


def suggest(parameters: Mapping[str, str], config: Config) -> str:
    """One or more sentences on the parameters of a URL; GENERAL where none of them stands out."""
    indexed = {index.keys[0][0] for index in index_definitions(config)} | {"_id"}
    try:
        filter_ = read_filter(parameters["query"]) if parameters.get("query") else {}
        sort = read_sort(parameters["sort"]) if parameters.get("sort", "").startswith(("{", "[")) else []
    except BadQuery:
        return GENERAL
    is_found, reasons = _about_filter(filter_, indexed)
    found = [] if is_found else list(dict.fromkeys(reasons))
    if sort and sort[0][0] not in indexed:
        found.append(f"`sort`: {_shown(sort[0][0])} has no index, so all that is found is sorted; {_NARROW}.")
    if parameters.get("skip", "").isdigit() and int(parameters["skip"]) >= _MANY_SKIPPED:
        found.append("`skip` reads all that it leaves out; /photos goes on from a `cursor` at once.")
    return " ".join(found[:3]) or GENERAL


def _about_filter(filter_: Filter, indexed: set[str]) -> tuple[bool, list[str]]:
    """Whether an index finds what passes, and what keeps its fields from one."""
    is_found, reasons = False, []
    for name, value in filter_.items():
        if name.startswith("$"):
            branches = [_about_filter(branch, indexed) for branch in value]
            # Of alternatives each has to be found, or all is looked at for the sake of one.
            hits = [found_here for found_here, _ in branches]
            found = any(hits) if name == "$and" else all(hits) if name == "$or" else False
            reasons += [why for found_here, theirs in branches for why in theirs if name != "$or" or not found_here]
        else:
            why = _about_field(name, value, indexed)
            found = why is None
            reasons += [why] if why else []
        is_found = is_found or found
    return is_found, reasons


def _about_field(path: str, condition: Any, indexed: set[str]) -> str | None:
    """Why no index finds this; None where one does."""
    shown = _shown(path)
    if pattern := _loose_pattern(condition):
        return (
            f"{shown}: the regular expression {_shown(pattern)} looks into every value; begin it with ^ and leave out "
            "the flag i, so that an index can find it, or look for words with `q`."
        )
    if path not in indexed:
        tag = path.partition(".")[0]
        if tag in ("photo", "words", "cells", "folders", "thumbnail_bytes", "xmp", "iptc", *FILE_FIELDS):
            return f"{shown} has no index; {_NARROW}."
        if f"{tag}.printable" in indexed:
            return f"{shown} has no index; {_shown(f'{tag}.printable')} has one."
        return (
            f"{shown} has no index: list {tag[:_SHOWN]!r} in INDEXED_TAGS of settings.py, ask for "
            f"{_shown(f'{tag}.printable')}, and start the API anew, or {_NARROW}."
        )
    if isinstance(condition, dict) and (condition.keys() <= _NEGATIONS or condition.get("$exists") is False):
        return f"{shown}: no index finds what is not there; {_NARROW}."
    return None


def _loose_pattern(condition: Any) -> str | None:
    """A regular expression in it that is not bound to the beginning of a value."""
    given = list(condition.values()) if isinstance(condition, dict) else [condition]
    for value in given:
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Regex):
                pattern = str(item.pattern)
                if not pattern.startswith("^") or item.flags & re.IGNORECASE or "|" in pattern:
                    return pattern
    return None


def _shown(text: str) -> str:
    return f"`{text[:_SHOWN]}`"
