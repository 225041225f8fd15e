"""Ranges of a bucket's keys, and the strings at which to split them.

S3 lists keys in the order of their UTF-8 bytes, which is also how Python orders strings. A range is split at a string
that need not be a key. Keys up to and including the string go into the first part, and greater keys into the second
part, so every key is in exactly one range.

To find split points, this module requests the first key after various strings. The responses show how long a prefix
the remaining keys share, and which characters follow that prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

# Split a range only after this many of its pages have been listed, because listing a short range takes less time than
# splitting it.
PAGES_BEFORE_SPLIT = 5
MAX_SPLITS = 16
# The first character whose order is ambiguous: some servers compare keys as UTF-16, where the order differs from here
# on.
_FIRST_SURROGATE = 0xD800


@dataclass(slots=True, eq=False)
class KeyRange:
    """A range of keys that are still to be processed: greater than `after`, up to and including `end`.

    Attributes:
        after: The last key that was processed, or the string at which the range was split off; "" for the start of the
            bucket.
        end: The upper limit of the range; None for the end of the bucket.
        reached: The last key that was listed. It may be greater than `after`, because keys are listed before they are
            processed.
        page_count: The number of pages listed since the range was created or split.
        token: The server's token for the next page; None before the first page and after the last one.
        pages_before_split: The value of `page_count` from which the range may be split.
        is_being_split: Whether a thread is looking for split points of the range.
        repeats: The number of pages without a new key, although the listing does not end there.
        empty_pages: The number of pages without a key since the last page with a key.
    """

    after: str = ""
    end: str | None = None
    reached: str = ""
    page_count: int = 0
    token: str | None = None
    pages_before_split: int = PAGES_BEFORE_SPLIT
    is_being_split: bool = False
    repeats: int = 0
    empty_pages: int = 0

    def __post_init__(self) -> None:
        self.reached = self.after


def successor(text: str) -> str | None:
    """Return the first string of the same length that is greater than all strings starting with `text`.

    Return None if servers could order that string differently.
    """
    if _unambiguous_length(text) < len(text):
        return None
    return text[:-1] + chr(ord(text[-1]) + 1)


def _unambiguous_length(text: str) -> int:
    """Return the number of characters before the first one that servers could order differently.

    U+D7FF counts as such a character too, because its successor would be a surrogate.
    """
    return next((i for i, character in enumerate(text) if ord(character) >= _FIRST_SURROGATE - 1), len(text))


def find_split_points(
    first_key_after: Callable[[str], str | None], after: str, end: str | None, *, limit: int = MAX_SPLITS
) -> Iterator[str]:
    """Yield at most `limit` strings, in order, at which to split a range.

    Args:
        first_key_after: Returns the first key greater than a string; None if there is none.
        after: The keys of the range are greater than this string; "" for the start of the bucket.
        end: The upper limit of the range; None for the end of the bucket.
        limit: The maximum number of split points.
    """

    def first_after(text: str | None) -> str | None:
        """Return the first key of the range that is greater than `text`; None if there is none."""
        key = first_key_after(text) if text is not None else None
        return key if key is not None and (end is None or key <= end) else None

    key = first_after(after)
    if key is None:
        return
    # The keys of the range share a prefix, which may be empty. Find its length by bisection.
    shared, upper = 0, _unambiguous_length(key)
    while shared < upper:
        middle = (shared + upper + 1) // 2
        if first_after(successor(key[:middle])) is None:
            shared = middle
        else:
            upper = middle - 1
    if shared == len(key):
        # The first key is itself the shared prefix, so no character follows the prefix. Continue with the second key.
        key = first_after(key)
    count = 0
    while key is not None and count < limit:
        split = successor(key[: shared + 1])
        key = first_after(split)
        if key is not None and split is not None:
            count += 1
            yield split
