"""Ranges of a bucket's keys, and the strings to split them at.

S3 lists keys in the order of their UTF-8 bytes, which is the order of their code points, and so of Python's strings.
A range is split at a string, which need not be a key: keys not greater than it go into the first part, greater keys
into the second. So each key is in exactly one range, whatever keys there are. Split points are found by asking for the
first key after a string: that tells how long a prefix all remaining keys share, and which characters follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

# A range is split after this many pages: one with few keys is listed faster than split.
PAGES_BEFORE_SPLIT = 5
MAX_SPLITS = 16
# Servers that compare UTF-16 order characters from here on differently.
_FIRST_SURROGATE = 0xD800


@dataclass(slots=True, eq=False)
class KeyRange:
    """Keys that are still to be processed: those greater than `after` and not greater than `end`.

    Attributes:
        after: The last key that was processed; "" at the start of the bucket.
        end: The last key of the range; None at the end of the bucket.
        reached: The last key that was listed, which may be ahead of `after`.
        pages: The number of pages listed since the range was created or split.
        token: The server's token for the next page.
        pages_before_split: The number of pages after which it may be split.
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

    None if servers could disagree on its place in the order.
    """
    if _unambiguous_length(text) < len(text):
        return None
    return text[:-1] + chr(ord(text[-1]) + 1)


def _unambiguous_length(text: str) -> int:
    """Return the number of characters before the first one that servers could order differently."""
    return next((i for i, each in enumerate(text) if ord(each) >= _FIRST_SURROGATE - 1), len(text))


def find_split_points(
    probe: Callable[[str], str | None], low: str, end: str | None, *, limit: int = MAX_SPLITS
) -> Iterator[str]:
    """Yield at most `limit` strings, in order, that split the keys greater than `low`.

    Args:
        probe: Returns the first key greater than a string, or None.
        low: A key, or "".
        end: The last key of the range; None at the end of the bucket.
        limit: The maximum number of split points.
    """

    def first_after(text: str | None) -> str | None:
        key = probe(text) if text is not None else None
        return key if key is not None and (end is None or key <= end) else None

    key = first_after(low)
    if key is None:
        return
    # All remaining keys share a prefix with the first of them. Find its length by bisection.
    shared, upper = 0, _unambiguous_length(key)
    while shared < upper:
        middle = (shared + upper + 1) // 2
        if first_after(successor(key[:middle])) is None:
            shared = middle
        else:
            upper = middle - 1
    if shared == len(key):
        # The whole key is the prefix, so the other keys are longer.
        key = first_after(key)
    count = 0
    while key is not None and count < limit:
        split = successor(key[: shared + 1])
        key = first_after(split)
        if key is not None and split is not None:
            count += 1
            yield split
