"""Select the values of a facet that contain a search text."""

from __future__ import annotations

from collections.abc import Mapping

from api.aggregations.facets import FACETS, Counts
from exifinator.search_keys.folding import fold

# Facets whose values are strings.
SEARCHABLE = frozenset(
    name
    for name, facet in FACETS.items()
    if not facet.edges and not facet.hidden and name not in ("taken", "day", "hour", "folder", "rating", "gps", "flash")
)


def select_values(counts: Counts, text: str, makes: Mapping[str, str] | None = None) -> Counts:
    """Return the counts of the values that contain a text, in any case, with or without accents.

    Args:
        makes: The make of each camera model. The text may contain it too, as in "SONY ILCE-7M3".
    """
    makes = makes or {}
    folded_text = fold(text)

    def is_match(value: str) -> bool:
        return folded_text in fold(value) or (value in makes and folded_text in fold(f"{makes[value]} {value}"))

    return {value: count for value, count in counts.items() if isinstance(value, str) and is_match(value)}
