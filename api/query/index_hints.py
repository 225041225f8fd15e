"""Suggest how to speed up a slow query: which index or filter is missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bson.regex import Regex

from api.database import FILE_FIELDS, METADATA_FIELDS, SEARCH_FIELDS
from api.query.mongo_filter import Filter, read_filter, read_sort
from api.query.paths import FILTER_PATHS
from exifinator.config import Config
from exifinator.errors import BadQuery
from exifinator.storage.indexes import index_definitions

# The filters that have an index. Those on a single field (FILTER_PATHS) all have one.
_FILTERS = ", ".join(("taken", "prefix", *FILTER_PATHS, "q", "near")) + " or bbox"
GENERAL_ADVICE = (
    f"Add a filter that has an index ({_FILTERS}; in `query`, the corresponding fields, or `_id`), "
    "or add the tag that you query to INDEXED_TAGS in settings.py."
)
_ADD_FILTER = f"add a filter that has one ({_FILTERS})"
# Operators for missing or different values, which no index helps to find.
_NEGATIONS = frozenset({"$ne", "$nin", "$not"})
_MANY_SKIPPED = 10_000
_MAX_SHOWN_CHARS = 100


def suggest_speedup(parameters: Mapping[str, str], config: Config) -> str:
    """Return advice on how to speed up the query with these URL parameters; GENERAL_ADVICE if no cause is found."""
    indexed = {index.keys[0][0] for index in index_definitions(config)} | {"_id"}
    try:
        filter_ = read_filter(parameters["query"]) if parameters.get("query") else {}
        sort = read_sort(parameters["sort"]) if parameters.get("sort", "").startswith(("{", "[")) else []
    except BadQuery:
        return GENERAL_ADVICE
    is_indexed, reasons = _check_filter(filter_, indexed)
    advice = [] if is_indexed else list(dict.fromkeys(reasons))
    if sort and sort[0][0] not in indexed:
        advice.append(
            f"`sort`: {_quote(sort[0][0])} has no index, so MongoDB sorts all matches before it returns the first; "
            f"{_ADD_FILTER}."
        )
    if parameters.get("skip", "").isdigit() and int(parameters["skip"]) >= _MANY_SKIPPED:
        advice.append("`skip` reads every record that it skips; use /photos with `cursor` instead.")
    return " ".join(advice[:3]) or GENERAL_ADVICE


def _check_filter(filter_: Filter, indexed: set[str]) -> tuple[bool, list[str]]:
    """Return whether an index can find the matches, and the reasons why fields of the filter use no index."""
    is_indexed = False
    reasons: list[str] = []
    for name, value in filter_.items():
        if not name.startswith("$"):
            reason = _why_not_indexed(name, value, indexed)
            if reason is None:
                is_indexed = True
            else:
                reasons.append(reason)
            continue
        branches = [_check_filter(branch, indexed) for branch in value]
        if name == "$and":
            is_indexed = is_indexed or any(branch_is_indexed for branch_is_indexed, _ in branches)
        elif name == "$or":
            # Every alternative needs an index: a single alternative without one makes MongoDB read all records.
            is_indexed = is_indexed or all(branch_is_indexed for branch_is_indexed, _ in branches)
            branches = [branch for branch in branches if not branch[0]]
        reasons += [reason for _, branch_reasons in branches for reason in branch_reasons]
    return is_indexed, reasons


def _why_not_indexed(path: str, condition: Any, indexed: set[str]) -> str | None:
    """Return why no index can find the matches of this condition; None if one can."""
    field = _quote(path)
    if pattern := _unindexable_pattern(condition):
        return (
            f"{field}: the regular expression {_quote(pattern)} makes MongoDB read every value. To use "
            "an index, begin it with ^ and omit the flag i, or search for words with `q`."
        )
    if path not in indexed:
        tag = path.partition(".")[0]
        if tag in ("photo", *SEARCH_FIELDS, *METADATA_FIELDS, *FILE_FIELDS):
            return f"{field} has no index; {_ADD_FILTER}."
        if f"{tag}.printable" in indexed:
            return f"{field} has no index; {_quote(f'{tag}.printable')} has one."
        return (
            f"{field} has no index: add {tag[:_MAX_SHOWN_CHARS]!r} to INDEXED_TAGS in settings.py, restart the API and "
            f"query {_quote(f'{tag}.printable')}, or {_ADD_FILTER}."
        )
    if isinstance(condition, dict) and (condition.keys() <= _NEGATIONS or condition.get("$exists") is False):
        return f"{field}: indexes cannot find missing or different values; add a filter that has an index ({_FILTERS})."
    return None


def _unindexable_pattern(condition: Any) -> str | None:
    """Return a regular expression in the condition that an index cannot serve; None if there is none."""
    values = list(condition.values()) if isinstance(condition, dict) else [condition]
    for value in values:
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Regex):
                pattern = str(item.pattern)
                if not pattern.startswith("^") or item.flags & re.IGNORECASE or "|" in pattern:
                    return pattern
    return None


def _quote(text: str) -> str:
    return f"`{text[:_MAX_SHOWN_CHARS]}`"
