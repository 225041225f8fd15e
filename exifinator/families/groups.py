"""Join things that belong together, directly or through others, into groups."""

from __future__ import annotations

from collections.abc import Iterable


class Groups:
    """Sets of ids. Each id is in one set, and at first alone in it."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._of = {id_: {id_} for id_ in ids}

    def join(self, a: str, b: str) -> None:
        """Make one set of those with `a` and `b`."""
        # Move the smaller set, so that joining n ids in any order takes at most n log n moves.
        smaller, larger = sorted((self._of[a], self._of[b]), key=len)
        if smaller is not larger:
            larger |= smaller
            self._of.update(dict.fromkeys(smaller, larger))

    def of(self, id_: str) -> set[str]:
        """Return the set with an id. It grows with later calls of `join`."""
        return self._of[id_]

    def all(self) -> list[set[str]]:
        """Return all sets."""
        return list({id(group): group for group in self._of.values()}.values())
