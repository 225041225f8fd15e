"""Read bytes of a MakerNote or an IFD by offset, when only some ranges of its data were fetched."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping


class Pieces:
    """Data of which only some ranges were fetched.

    Args:
        pieces: The fetched ranges by their offset in bytes. They are sorted and do not overlap.
    """

    def __init__(self, pieces: Mapping[int, bytes]) -> None:
        self._starts = list(pieces)
        self._pieces = list(pieces.values())
        self._single = self._pieces[0] if self._starts == [0] else None

    def slice(self, start: int, length: int) -> bytes:
        """Return `length` bytes from offset `start`, or fewer if the piece at that offset ends earlier."""
        if self._single is not None:
            return self._single[start : start + length] if start >= 0 else b""
        index = bisect_right(self._starts, start) - 1
        if index < 0:
            return b""
        offset = start - self._starts[index]
        return self._pieces[index][offset : offset + length]
