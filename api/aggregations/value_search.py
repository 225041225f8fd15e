"""Select the values of a facet that contain a search text."""

from __future__ import annotations

from api.aggregations.facets import FACETS, Counts
from exifinator.search_keys.folding import fold

# Facets whose values are strings.
SEARCHABLE = frozenset(
    name
    for name, facet in FACETS.items()
    if not facet.edges and not facet.hidden and name not in ("taken", "day", "hour", "folder", "rating", "gps", "flash")
)


def select_values(counts: Counts, text: str) -> Counts:
    """Return the counts of the values that contain a text, in any case, with or without accents."""
    folded_text = fold(text)
    return {value: count for value, count in counts.items() if isinstance(value, str) and folded_text in fold(value)}
