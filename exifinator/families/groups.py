"""Join ids into groups (disjoint sets). Ids that are joined directly or through other ids are in one group."""

from __future__ import annotations

from collections.abc import Iterable


class Groups:
    """Groups of ids. Each id is in one group. At first, each id has a group of its own."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._group_by_id = {id_: {id_} for id_ in ids}

    def join(self, a: str, b: str) -> None:
        """Merge the groups of `a` and `b`."""
        # Move the ids of the smaller group, so that joining n ids in any order takes at most n log n moves.
        smaller, larger = sorted((self._group_by_id[a], self._group_by_id[b]), key=len)
        if smaller is not larger:
            larger |= smaller
            self._group_by_id.update(dict.fromkeys(smaller, larger))

    def of(self, id_: str) -> set[str]:
        """Return the group of an id. Later calls of `join` change the returned set."""
        return self._group_by_id[id_]

    def all(self) -> list[set[str]]:
        """Return all groups."""
        return list({id(group): group for group in self._group_by_id.values()}.values())
