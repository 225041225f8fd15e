"""Check regular expressions from clients, to limit what they cost MongoDB."""

from __future__ import annotations

import re

MAX_PATTERN_CHARS = 200
MAX_REPEATS = 3
_FLAGS = frozenset("imsx")
# mongodb-rest's notation, such as "/x/i".
_SLASHES = re.compile(r"/(.+)/([a-z]*)", re.DOTALL)
_BOUNDED = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_MAX_BOUND = 100


def split_slashes(text: str) -> tuple[str, str] | None:
    """Split a string such as "/x/i" into pattern and flags. Return None for any other string."""
    match = _SLASHES.fullmatch(text)
    return (match[1], match[2]) if match else None


def check_pattern(pattern: str, flags: str) -> str | None:
    """Return why a regular expression is rejected; None if it is allowed.

    Catastrophic backtracking requires nested repeats, many unbounded repeats in a row, back-references or assertions.
    Searching photos requires none of these, so patterns with any of them are rejected.
    """
    if not set(flags) <= _FLAGS:
        return f"the only flags allowed in a regular expression are {', '.join(sorted(_FLAGS))}"
    if not 0 < len(pattern) <= MAX_PATTERN_CHARS:
        return f"a regular expression must have 1 to {MAX_PATTERN_CHARS} characters"
    if "\0" in pattern:
        return "NUL is not allowed in a regular expression"
    return _check_repeats(pattern)


def _check_repeats(pattern: str) -> str | None:
    """Check groups and repeats in one pass over the characters, following PCRE's syntax."""
    # A group is complex if it contains a repeat or an alternative.
    open_groups: list[bool] = []  # whether each open group is complex so far
    previous_is_complex = False  # whether the previous atom is a complex group
    repeats = position = 0
    while position < len(pattern):
        char = pattern[position]
        follows_complex_group, previous_is_complex = previous_is_complex, False
        if char == "\\":
            if pattern[position + 1 : position + 2].isdigit() or pattern[position + 1 : position + 2] in (
                "g",
                "k",
                "Q",
                "E",
                "R",
                "X",
                "C",
            ):
                return "back-references, \\Q and \\R are not allowed in a regular expression"
            position += 2
            continue
        if char == "[":
            end = _end_of_class(pattern, position)
            if end is None:
                return "unclosed [ in the regular expression"
            position = end
            continue
        if char == "(":
            if pattern[position + 1 : position + 2] in ("?", "*") and pattern[position + 1 : position + 3] != "?:":
                return "groups that begin with (? or (* are not allowed, except (?:"
            open_groups.append(False)
        elif char == ")":
            if not open_groups:
                return "unmatched ) in the regular expression"
            previous_is_complex = open_groups.pop()
            if previous_is_complex and open_groups:
                open_groups[-1] = True
        elif char == "|":
            if open_groups:
                open_groups[-1] = True
        elif char in "*+?" or (char == "{" and _BOUNDED.match(pattern, position)):
            if follows_complex_group and char != "?":
                return "repeating a group that contains repeats or alternatives is not allowed"
            if char == "{" and (reason := _check_bound(pattern, position)):
                return reason
            if char != "?":
                repeats += 1
            if open_groups:
                open_groups[-1] = True
            if repeats > MAX_REPEATS:
                return f"a regular expression can have at most {MAX_REPEATS} repeats (*, +, {{}})"
        position += 1
    return "unclosed ( in the regular expression" if open_groups else None


def _check_bound(pattern: str, position: int) -> str | None:
    match = _BOUNDED.match(pattern, position)
    bounds = [int(part) for part in match.groups() if part] if match else []
    return (
        f"the count of a repeat must not exceed {_MAX_BOUND}" if any(bound > _MAX_BOUND for bound in bounds) else None
    )


def _end_of_class(pattern: str, position: int) -> int | None:
    """Return the position after the character class that opens at `position`; None if it is not closed."""
    end = position + 1
    if pattern[end : end + 1] == "^":
        end += 1
    if pattern[end : end + 1] == "]":  # the first ] is a member
        end += 1
    while end < len(pattern):
        if pattern[end] == "\\":
            end += 2
        elif pattern[end] == "]":
            return end + 1
        else:
            end += 1
    return None
