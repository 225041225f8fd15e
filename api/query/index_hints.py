"""Suggest what would make a slow query faster: name the index or the filter that the query lacks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bson.regex import Regex

from api.database import FILE_FIELDS
from api.query.mongo_filter import Filter, read_filter, read_sort
from exifinator.config import Config
from exifinator.errors import BadQuery
from exifinator.storage.indexes import index_definitions

_FILTERS = "camera, lens, taken, bucket, prefix, iso, f, exposure, focal, format, status, keyword, q, near or bbox"
GENERAL = (
    f"Narrow it by a filter that has an index ({_FILTERS}; in `query` the same fields of `photo`, `bucket`, `_id`), "
    "or add the tag to INDEXED_TAGS of settings.py."
)
_NARROW = f"narrow it by a filter that has one ({_FILTERS})"
# An index finds values that exist, not missing ones.
_NEGATIONS = frozenset({"$ne", "$nin", "$not"})
_MANY_SKIPPED = 10_000
_SHOWN = 100


def suggest(parameters: Mapping[str, str], config: Config) -> str:
    """Return advice on the parameters of a URL: one to three sentences; GENERAL if no parameter stands out."""
    indexed = {index.keys[0][0] for index in index_definitions(config)} | {"_id"}
    try:
        filter_ = read_filter(parameters["query"]) if parameters.get("query") else {}
        sort = read_sort(parameters["sort"]) if parameters.get("sort", "").startswith(("{", "[")) else []
    except BadQuery:
        return GENERAL
    is_indexed, reasons = _about_filter(filter_, indexed)
    advice = [] if is_indexed else list(dict.fromkeys(reasons))
    if sort and sort[0][0] not in indexed:
        advice.append(f"`sort`: {_shown(sort[0][0])} has no index, so all matches are sorted; {_NARROW}.")
    if parameters.get("skip", "").isdigit() and int(parameters["skip"]) >= _MANY_SKIPPED:
        advice.append("`skip` reads all records that it skips; /photos continues from a `cursor` without reading them.")
    return " ".join(advice[:3]) or GENERAL


def _about_filter(filter_: Filter, indexed: set[str]) -> tuple[bool, list[str]]:
    """Return whether an index finds the matches, and why fields of the filter use none."""
    is_indexed, reasons = False, []
    for name, value in filter_.items():
        if name.startswith("$"):
            branches = [_about_filter(branch, indexed) for branch in value]
            # Every alternative needs an index: one without makes MongoDB read all records.
            hits = [hit for hit, _ in branches]
            is_hit = any(hits) if name == "$and" else all(hits) if name == "$or" else False
            reasons += [reason for hit, inner in branches for reason in inner if name != "$or" or not hit]
        else:
            field_reason = _about_field(name, value, indexed)
            is_hit = field_reason is None
            reasons += [field_reason] if field_reason else []
        is_indexed = is_indexed or is_hit
    return is_indexed, reasons


def _about_field(path: str, condition: Any, indexed: set[str]) -> str | None:
    """Return why no index finds this condition; None if one does."""
    shown = _shown(path)
    if pattern := _unanchored_pattern(condition):
        return (
            f"{shown}: the regular expression {_shown(pattern)} reads every value; begin it with ^ and omit "
            "the flag i, so that an index can be used, or search for words with `q`."
        )
    if path not in indexed:
        tag = path.partition(".")[0]
        if tag in ("photo", "words", "cells", "folders", "thumbnail_bytes", "xmp", "iptc", *FILE_FIELDS):
            return f"{shown} has no index; {_NARROW}."
        if f"{tag}.printable" in indexed:
            return f"{shown} has no index; {_shown(f'{tag}.printable')} has one."
        return (
            f"{shown} has no index: add {tag[:_SHOWN]!r} to INDEXED_TAGS of settings.py, restart the API and query "
            f"{_shown(f'{tag}.printable')}, or {_NARROW}."
        )
    if isinstance(condition, dict) and (condition.keys() <= _NEGATIONS or condition.get("$exists") is False):
        return f"{shown}: no index finds missing or different values; {_NARROW}."
    return None


def _unanchored_pattern(condition: Any) -> str | None:
    """Return a regular expression of the condition that is not anchored; None if there is none."""
    values = list(condition.values()) if isinstance(condition, dict) else [condition]
    for value in values:
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Regex):
                pattern = str(item.pattern)
                if not pattern.startswith("^") or item.flags & re.IGNORECASE or "|" in pattern:
                    return pattern
    return None


def _shown(text: str) -> str:
    return f"`{text[:_SHOWN]}`"
