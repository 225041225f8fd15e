"""Search for values of a facet that contain a text."""

from __future__ import annotations

import unicodedata

from api.aggregations.facets import FACETS, Counts

# Facets whose values are texts.
SEARCHABLE = frozenset(
    name
    for name, facet in FACETS.items()
    if not facet.edges and not facet.hidden and name not in ("taken", "day", "hour", "folder", "rating", "gps")
)


def select_values(counts: Counts, text: str) -> Counts:
    """Return the counts of the values that contain a text, in any case, with or without accents."""
    wanted = _fold(text)
    return {value: count for value, count in counts.items() if isinstance(value, str) and wanted in _fold(value)}


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))
