"""Check regular expressions of clients, so that the cost of one in MongoDB is bounded."""

from __future__ import annotations

import re

MAX_PATTERN_CHARS = 200
MAX_REPEATS = 3
_FLAGS = frozenset("imsx")
# "/x/i", the notation of mongodb-rest.
_SLASHES = re.compile(r"/(.+)/([a-z]*)", re.DOTALL)
_BOUNDED = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_MAX_BOUND = 100


def split_slashes(text: str) -> tuple[str, str] | None:
    """Return pattern and flags of a string such as "/x/i"; None if it is not one."""
    match = _SLASHES.fullmatch(text)
    return (match[1], match[2]) if match else None


def check_pattern(pattern: str, flags: str) -> str | None:
    """Return why a regular expression is rejected; None if it is allowed.

    Catastrophic backtracking needs repeats inside repeats, many open repeats in a row, or references and assertions.
    None of these is needed to search photos, so all are rejected by syntax.
    """
    if not set(flags) <= _FLAGS:
        return f"the flags of a regular expression can be {', '.join(sorted(_FLAGS))}"
    if not 0 < len(pattern) <= MAX_PATTERN_CHARS:
        return f"a regular expression needs 1 to {MAX_PATTERN_CHARS} characters"
    if "\0" in pattern:
        return "NUL is not allowed in a regular expression"
    return _check_repeats(pattern)


def _check_repeats(pattern: str) -> str | None:
    """Check the pattern in one pass, character by character, as PCRE reads it."""
    open_groups: list[bool] = []  # for each open group: does it contain a repeat or an alternative?
    closed_with_repeat = False  # was the last atom a group that does?
    repeats = at = 0
    while at < len(pattern):
        char = pattern[at]
        was_repeatable, closed_with_repeat = closed_with_repeat, False
        if char == "\\":
            if pattern[at + 1 : at + 2].isdigit() or pattern[at + 1 : at + 2] in ("g", "k", "Q", "E", "R", "X", "C"):
                return "references, \\Q and \\R are not allowed in a regular expression"
            at += 2
            continue
        if char == "[":
            end = _end_of_class(pattern, at)
            if end is None:
                return "a [ is not closed"
            at = end
            continue
        if char == "(":
            if pattern[at + 1 : at + 2] in ("?", "*") and pattern[at + 1 : at + 3] != "?:":
                return "of groups that begin with (? only (?: is allowed"
            open_groups.append(False)
        elif char == ")":
            if not open_groups:
                return "a ) was not opened"
            closed_with_repeat = open_groups.pop()
            if closed_with_repeat and open_groups:
                open_groups[-1] = True
        elif char == "|":
            if open_groups:
                open_groups[-1] = True
        elif char in "*+?" or (char == "{" and _BOUNDED.match(pattern, at)):
            if was_repeatable and char != "?":
                return "repeating a group that contains repeats or alternatives is not allowed"
            if char == "{" and (reason := _check_bound(pattern, at)):
                return reason
            if char != "?":
                repeats += 1
            if open_groups:
                open_groups[-1] = True
            if repeats > MAX_REPEATS:
                return f"at most {MAX_REPEATS} repeats (*, +, {{}}) are allowed in a regular expression"
        at += 1
    return "a ( is not closed" if open_groups else None


def _check_bound(pattern: str, at: int) -> str | None:
    match = _BOUNDED.match(pattern, at)
    bounds = [int(part) for part in match.groups() if part] if match else []
    return f"a repeat may count to {_MAX_BOUND} at most" if any(bound > _MAX_BOUND for bound in bounds) else None


def _end_of_class(pattern: str, at: int) -> int | None:
    """Return the position after the character class that opens at `at`; None if it is not closed."""
    end = at + 1
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
