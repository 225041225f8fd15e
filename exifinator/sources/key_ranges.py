"""Ranges of a bucket's keys, and the strings at which to split them.

S3 lists keys in the order of their UTF-8 bytes. This is the order of their code points, and so of Python's strings. A
range is split at a string, which need not be a key: keys up to and including it go into the first part, greater keys
into the second. So every key is in exactly one range. Split points are found by requesting the first key after a
string. The answers show how long a prefix the remaining keys share, and which characters follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

# Split a range only after this many pages: listing a short range takes less time than splitting it.
PAGES_BEFORE_SPLIT = 5
MAX_SPLITS = 16
# Servers that compare keys as UTF-16 order the characters from this one on differently.
_FIRST_SURROGATE = 0xD800


@dataclass(slots=True, eq=False)
class KeyRange:
    """A range of keys that are still to be processed: greater than `after`, up to and including `end`.

    Attributes:
        after: The last key that was processed; "" at the start of the bucket.
        end: The last key of the range; None at the end of the bucket.
        reached: The last key that was listed, which may be ahead of `after`.
        pages: The number of pages listed since the range was created or split.
        token: The server's token for the next page.
        pages_before_split: The number of pages after which the range may be split.
        is_being_split: Whether a thread is looking for its split points.
    """

    after: str = ""
    end: str | None = None
    reached: str = ""
    pages: int = 0
    token: str | None = None
    pages_before_split: int = PAGES_BEFORE_SPLIT
    is_being_split: bool = False

    def __post_init__(self) -> None:
        self.reached = self.after


def successor(text: str) -> str | None:
    """Return the first string of the same length that is greater than all strings starting with `text`.

    Return None if servers could disagree on its place in the order.
    """
    if _unambiguous_length(text) < len(text):
        return None
    return text[:-1] + chr(ord(text[-1]) + 1)


def _unambiguous_length(text: str) -> int:
    """Return the number of characters before the first one that servers could order differently."""
    return next((i for i, character in enumerate(text) if ord(character) >= _FIRST_SURROGATE - 1), len(text))


def find_split_points(
    probe: Callable[[str], str | None], low: str, end: str | None, *, limit: int = MAX_SPLITS
) -> Iterator[str]:
    """Yield at most `limit` strings, in order, that split the keys greater than `low`.

    Args:
        probe: Returns the first key greater than a string, or None.
        low: Only keys greater than this one are split; "" for all.
        end: The last key of the range; None at the end of the bucket.
        limit: The maximum number of split points.
    """

    def first_after(text: str | None) -> str | None:
        key = probe(text) if text is not None else None
        return key if key is not None and (end is None or key <= end) else None

    key = first_after(low)
    if key is None:
        return
    # The remaining keys share a prefix, perhaps an empty one. Find its length by bisection.
    shared, upper = 0, _unambiguous_length(key)
    while shared < upper:
        middle = (shared + upper + 1) // 2
        if first_after(successor(key[:middle])) is None:
            shared = middle
        else:
            upper = middle - 1
    if shared == len(key):
        # The first key is itself the prefix, so all other keys are longer.
        key = first_after(key)
    count = 0
    while key is not None and count < limit:
        split = successor(key[: shared + 1])
        key = first_after(split)
        if key is not None and split is not None:
            count += 1
            yield split
