"""Find the values of a facet by the beginnings of their words, for suggestions while a search is typed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exifinator.search_keys.terms import split_units, terms_of

MAX_TERMS_PER_VALUE = 40


@dataclass(frozen=True)
class Match:
    """A value, and the number of photos that have it."""

    value: str
    count: int


class ValueSearch:
    """Finds values by the beginnings of their words.

    Args:
        counts: The number of photos by value. Values that are not strings are ignored.
        text_of: Returns the part of a value in which to search. Default: the whole value.
    """

    def __init__(self, counts: Mapping[Any, int], text_of: Callable[[str], str] = str) -> None:
        ranked = sorted(((-n, value) for value, n in counts.items() if isinstance(value, str)))
        # Most frequent first, so the lowest indexes are the best matches.
        self._matches = [Match(value, -n) for n, value in ranked]
        self._terms = sorted(
            (term, index) for index, match in enumerate(self._matches) for term in _terms(text_of(match.value))
        )

    def find(self, terms: Sequence[str]) -> list[Match]:
        """Return the values in which each term is the beginning of some word. Most frequent first."""
        indexes: set[int] | None = None
        for term in terms:
            with_term = self._find_indexes(term)
            indexes = with_term if indexes is None else indexes & with_term
        return [self._matches[index] for index in sorted(indexes or ())]

    def _find_indexes(self, term: str) -> set[int]:
        """Return the indexes of the values with a word that begins with this term."""
        indexes: set[int] = set()
        for at in range(bisect_left(self._terms, (term,)), len(self._terms)):
            word, index = self._terms[at]
            if not word.startswith(term):
                break
            indexes.add(index)
        return indexes


def _terms(text: str) -> list[str]:
    terms = [term for unit in split_units(text) for term in terms_of(unit)]
    # People write XT4 for X-T4.
    without_hyphens = split_units(text.replace("-", "")) if "-" in text else []
    return list(dict.fromkeys([*terms, *without_hyphens]))[:MAX_TERMS_PER_VALUE]
