"""Limit what the regular expressions of a query cost MongoDB.

MongoDB checks its time limit between two documents, but not while PCRE searches one text. So before a query is sent,
regex_cost.py computes from its patterns how much work they could cause on the worst-case text.
"""

from __future__ import annotations

import re

from api.query.regex_cost import PatternRejected, measure

MAX_PATTERN_CHARS = 200
# Work that all patterns of a query may take on one document, in units of 2.5 ns: about 2.5 s on the worst-case text
# that a document can contain, and some milliseconds on the captions that people write.
MAX_WORK = 1_000_000_000
# Fields whose text has at most _BOUNDED_CHARS characters. In other fields, only the size of the record limits the text,
# to _RECORD_CHARS characters.
_BOUNDED_FIELDS = frozenset(
    {"_id", "bucket", "key", "etag", "format", "status", "problem", "photo", "words", "search_text", "folders", "cells"}
)
_BOUNDED_CHARS = 10_000
_RECORD_CHARS = 1_000_000
_FLAGS = frozenset("ims")
# mongodb-rest's notation, such as "/x/i".
_SLASHES = re.compile(r"/(.+)/([a-z]*)", re.DOTALL)


def split_slashes(text: str) -> tuple[str, str] | None:
    """Split a string such as "/x/i" into pattern and flags. Return None for any other string."""
    match = _SLASHES.fullmatch(text)
    return (match[1], match[2]) if match else None


class RegexBudget:
    """Counts the work of all regular expressions of one query."""

    def __init__(self) -> None:
        self._spent = 0

    def spend(self, pattern: str, flags: str, field: str) -> str | None:
        """Add the work of a pattern. Return why it is rejected; None if it is allowed.

        Args:
            field: The dotted path of the field whose text is searched.
        """
        if not set(flags) <= _FLAGS:
            return f"the only flags allowed in a regular expression are {', '.join(sorted(_FLAGS))}"
        if not 0 < len(pattern) <= MAX_PATTERN_CHARS:
            return f"a regular expression must have 1 to {MAX_PATTERN_CHARS} characters"
        if "\0" in pattern:
            return "NUL is not allowed in a regular expression"
        try:
            work = measure(pattern, flags)
        except PatternRejected as reason:
            return f"the regular expression {reason}"
        chars = _BOUNDED_CHARS if field.partition(".")[0] in _BOUNDED_FIELDS else _RECORD_CHARS
        # From each position, an open repeat continues at most to the end of the text: half the text on average.
        self._spent += chars * (work.constant + work.shared + work.linear * chars // 2)
        if self._spent > MAX_WORK:
            return (
                "this regular expression could take too long on a long text; let it begin with ^, or search for its "
                "parts with $and"
            )
        return None
