"""Suggest filters while a search is typed: cameras, lenses, people, creators, places and more, with their counts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, get_args

from api.aggregations.facet_counter import FacetCounter
from api.aggregations.facets import Counts
from api.aggregations.value_index import Match, ValueSearch
from api.query.filters import SEARCH_NAMES, Kind
from api.query.paths import Property
from api.query.search_filter import terms_of_query
from api.query.search_syntax import SearchItem
from exifinator.bucket_names import split_bucket

# The groups of suggestions, in the order in which to show them, and the facets whose values each group suggests.
GROUPS: dict[str, tuple[str, ...]] = {
    "cameras": ("camera", "make"),
    "lenses": ("lens",),
    "people": ("person",),
    "creators": ("creator",),
    "places": ("country", "state", "city", "place"),
    "keywords": ("keyword",),
    "folders": ("folders",),
}
_FACETS = tuple(facet for facets in GROUPS.values() for facet in facets)
MAX_PER_GROUP = 5
# A suggestion may replace this many of the words before the cursor: `eos r5` suggests one camera.
_MAX_WORDS = 3
# If a typed filter such as `camera:x` matches more values than this, it is searched for as text.
MAX_RESOLVED = 10
# Wait this long for the counts of a facet after the API has started; later, counts are cached.
_FIRST_COUNT_SECONDS = 1.0
# Filters with a fixed list of values.
_CHOICES: dict[str, tuple[str, ...]] = {
    "has": get_args(Property),
    "without": get_args(Property),
    "kind": get_args(Kind),
}


@dataclass(frozen=True)
class Suggestion:
    """A filter to add, or a completion of the typed text.

    Attributes:
        text: What to show: the value, or the completed text.
        start: Position of the first character that the suggestion replaces.
        count: The number of photos with the value, in the whole collection; None for a completion.
        filters: The parameters of the filter; empty for a completion.
    """

    text: str
    start: int
    count: int | None
    filters: dict[str, Any]


class Suggester:
    """Finds suggestions in the cached counts of facets.

    The counts cover the whole collection and are as current as those of /facets without a filter. A facet keeps its
    most frequent values only, see facets.MAX_VALUES.
    """

    def __init__(self, counter: FacetCounter) -> None:
        self._counter = counter
        self._searches: dict[str, tuple[Counts, ValueSearch]] = {}

    async def suggest(self, items: Sequence[SearchItem]) -> tuple[dict[str, list[Suggestion]], bool]:
        """Return suggestions for the end of a search by group, and whether all facets were counted in time."""
        if not items or items[-1].is_quoted or items[-1].is_excluded:
            return {}, True
        last = items[-1]
        groups: dict[str, list[Suggestion]] = {"filters": list(_completions(last))}
        facets = [name for name in _FACETS if not last.name or last.name == name]
        searches = await self._load_value_searches(facets)
        for group, names in GROUPS.items():
            suggestions = [
                _suggestion(name, match, start)
                for start, terms in _last_words(items)
                for name in names
                if name in searches
                for match in searches[name].find(terms)[:MAX_PER_GROUP]
            ]
            # Matches of more words come first, because they are more specific.
            groups[group] = _best(suggestions)
        return {group: rows for group, rows in groups.items() if rows}, len(searches) == len(facets)

    async def resolve(self, item: SearchItem) -> list[str] | None:
        """Return the values that a typed filter matches: `camera:x-t4` matches X-T4.

        Returns:
            The values; an empty list if there are none, or more than MAX_RESOLVED. None if the values of the facet were
            not counted in time.
        """
        search = (await self._load_value_searches([item.name])).get(item.name)
        if search is None:
            return None
        matches = search.find(terms_of_query(item.value))
        exact = [match for match in matches if terms_of_query(match.value) == terms_of_query(item.value)]
        values = [match.value for match in exact or matches]
        return values if len(values) <= MAX_RESOLVED else []

    async def _load_value_searches(self, names: Sequence[str]) -> dict[str, ValueSearch]:
        counts = await asyncio.gather(*(self._read_counts(name) for name in names))
        searches = {}
        for name, values in zip(names, counts, strict=True):
            if values is None:
                continue
            known = self._searches.get(name)
            # Sorting the words of 5,000 values takes a few tens of milliseconds, so do it once for each new count.
            if known is None or known[0] is not values:
                text_of = _folder_name if name == "folders" else str
                known = self._searches[name] = (values, await asyncio.to_thread(ValueSearch, values, text_of))
            searches[name] = known[1]
        return searches

    async def _read_counts(self, name: str) -> Counts | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_COUNT_SECONDS):
                return await self._counter.count_values(name)
        return None


def _last_words(items: Sequence[SearchItem]) -> Iterator[tuple[int, list[str]]]:
    """Yield the position and the terms of the last three words, of the last two words and of the last word.

    If the last item is a filter, yield its position and the terms of its value only.
    """
    if items[-1].name:
        # Replace the whole filter, including its name.
        yield items[-1].start, terms_of_query(items[-1].value)
        return
    first = len(items) - 1
    while first > 0 and len(items) - first < _MAX_WORDS and _is_plain(items[first - 1]):
        first -= 1
    for index in range(first, len(items)):
        terms = [term for item in items[index:] for term in terms_of_query(item.value)]
        if terms:
            yield items[index].start, terms


def _is_plain(item: SearchItem) -> bool:
    return not (item.name or item.is_quoted or item.is_excluded)


def _best(suggestions: list[Suggestion]) -> list[Suggestion]:
    unique: dict[str, Suggestion] = {}
    for suggestion in sorted(suggestions, key=lambda row: (row.start, -(row.count or 0), row.text)):
        unique.setdefault(repr(suggestion.filters), suggestion)
    return list(unique.values())[:MAX_PER_GROUP]


def _suggestion(name: str, match: Match, start: int) -> Suggestion:
    if name == "folders":
        bucket, prefix = split_bucket(match.value)
        return Suggestion(match.value, start, match.count, {"bucket": [bucket], "prefix": prefix})
    return Suggestion(match.value, start, match.count, {name: [match.value]})


def _folder_name(folder: str) -> str:
    """Return the last part of the path, so that a search for a folder's name does not suggest its subfolders."""
    return folder.rstrip("/").rpartition("/")[2]


def _completions(item: SearchItem) -> Iterator[Suggestion]:
    """Yield the names and values of filters that begin with the text of an item: `ca` yields `camera:`."""
    value = item.value.lower()
    if item.name in _CHOICES:
        completions = [f"{item.name}:{choice}" for choice in _CHOICES[item.name] if choice.startswith(value)]
    elif item.name or len(value) < 2:
        completions = []
    else:
        completions = [f"{name}:" for name in sorted(SEARCH_NAMES) if name.startswith(value)]
    for text in completions[:MAX_PER_GROUP]:
        yield Suggestion(text, item.start, None, {})
