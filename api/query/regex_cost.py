"""Bound the work of a regular expression on the worst-case text, by parsing the allowed subset of PCRE's syntax.

PCRE tries a pattern at each position of the text and, from there, all ways in which its parts can match. The ways
multiply along a sequence: `a?a?a?` has 8, `(a|b)(a|b)` has 4. An open repeat, such as `.*` or `\\d+`, has as many as
the text has characters. So the work is a polynomial in the length of the text.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace

MAX_BOUND = 100
# Work in units of 2.5 ns, measured with PCRE 8.42 (MongoDB 6.0). _CHAR: comparing a character. _TURN: continuing after
# a group, an alternative or one turn (iteration) of a repeat.
_CHAR, _TURN = 2, 8
# Patterns with more ways or more work than this are rejected early, to avoid computing with huge numbers.
_HUGE = 10**9
_QUANTIFIER = re.compile(r"(?:[*+?]|\{(\d+)(,?)(\d*)\})[?+]?")
_CLASS_ESCAPES, _ANCHORS = "dDwWsShHvVtnrf", "bBAzZ"
_LONG_ESCAPE = re.compile(r"\\(?:[pP](?:\{\^?\w{1,40}\}|[A-Z])|x(?:[0-9a-fA-F]{2}|\{[0-9a-fA-F]{1,6}\}))")
_POSIX_CLASS = re.compile(r"\[:\^?[a-z]+:\]")
_ASCII = "".join(map(chr, range(128)))


class PatternRejected(Exception):
    """The pattern is not allowed. The message continues a sentence that begins with "the regular expression"."""


@dataclass(frozen=True)
class Poly:
    """An amount that depends on the length n of the text, for one position at which PCRE tries the pattern.

    Attributes:
        constant: The part that does not depend on n.
        shared: A factor of n that counts once for all positions together, because the stretches of text that are
            matched from different positions do not overlap.
        linear: A factor of n that counts for each position.
    """

    constant: int = 0
    shared: int = 0
    linear: int = 0

    def __add__(self, other: Poly) -> Poly:
        return Poly(self.constant + other.constant, self.shared + other.shared, self.linear + other.linear)

    def __mul__(self, other: Poly) -> Poly:
        if self.linear and other.linear:
            raise PatternRejected("has several open repeats (*, + or {n,}), of which at most one is allowed")
        product = Poly(
            self.constant * other.constant,
            self.constant * other.shared + self.shared * other.constant + self.shared * other.shared,
            self.constant * other.linear
            + self.linear * other.constant
            + self.linear * other.shared
            + self.shared * other.linear,
        )
        if max(product.constant, product.shared, product.linear) > _HUGE:
            raise PatternRejected("can match in too many ways")
        return product


_NONE, _ONE = Poly(0), Poly(1)


@dataclass(frozen=True)
class Node:
    """A part of a pattern.

    Attributes:
        ways: The number of ways in which the part can match.
        work: The work of trying all of them.
        chars: The ASCII characters that the part matches, if it always matches exactly one character.
        beyond_ascii: Whether the part may match other characters too.
        is_anchored: Whether the part matches only at the start of the text.
        is_optional: Whether the part matches the empty text, so that it cannot fail.
        repeats: Whether the part is an open repeat. `chars` and `beyond_ascii` then describe one turn.
    """

    ways: Poly = _ONE
    work: Poly = Poly(_CHAR)
    chars: frozenset[str] | None = None
    beyond_ascii: bool = True
    is_anchored: bool = False
    is_optional: bool = False
    repeats: bool = False

    def is_disjoint(self, other: Node | None) -> bool:
        """Return whether both match single characters, and none in common."""
        if other is None or self.chars is None or other.chars is None or (self.beyond_ascii and other.beyond_ascii):
            return False
        return not self.chars & other.chars


def measure(pattern: str, flags: str) -> Poly:
    """Return a bound on the work of trying a pattern, at one position of the text. See Poly.

    Args:
        flags: Some of "i", "m" and "s".

    Raises:
        PatternRejected: The pattern is not in the allowed subset, or can match in too many ways.
    """
    return _Parser(pattern, flags).measure()


class _Parser:
    def __init__(self, pattern: str, flags: str) -> None:
        self.pattern = pattern
        self.flags = flags
        self.position = 0
        self.python_flags = re.ASCII | (re.IGNORECASE if "i" in flags else 0) | (re.DOTALL if "s" in flags else 0)

    def measure(self) -> Poly:
        total = _NONE
        alternatives = self.read_alternatives()
        if self.position < len(self.pattern):
            raise PatternRejected("has an unmatched )")
        for nodes in alternatives:
            # If the rest of the pattern can match the empty text, it cannot fail, so PCRE does not try other ways.
            while nodes and nodes[-1].is_optional:
                nodes.pop()
            if nodes and nodes[-1].repeats:
                nodes[-1] = replace(nodes[-1], work=Poly(_CHAR), ways=_ONE, repeats=False)
            # PCRE tries a pattern that begins with .* only at the start of each line.
            starts_lines = len(alternatives) == 1 and self.pattern.startswith(".*")
            node = _join(nodes, starts_lines=starts_lines)
            work = node.work
            if node.is_anchored:
                work = Poly(work.constant, work.shared + work.linear)
            total += work
        return total

    def peek(self, n_chars: int = 1) -> str:
        return self.pattern[self.position : self.position + n_chars]

    def read_alternatives(self) -> list[list[Node]]:
        alternatives: list[list[Node]] = [[]]
        while self.peek() not in ("", ")"):
            if self.peek() == "|":
                self.position += 1
                alternatives.append([])
            else:
                alternatives[-1].append(self.read_quantified())
        return alternatives

    def read_quantified(self) -> Node:
        atom = self.read_atom()
        if self.peek(2) == "{,":  # a quantifier in newer versions of PCRE only
            raise PatternRejected("has a repeat without a lower bound: write {0,n}")
        match = _QUANTIFIER.match(self.pattern, self.position)
        if match is None:
            return atom
        self.position = match.end()
        if atom.work == _NONE:
            raise PatternRejected("repeats an anchor")
        if _QUANTIFIER.match(self.pattern, self.position):
            raise PatternRejected("repeats a repeat")
        symbol = match[0][0]
        if symbol != "{":
            low, high = (1 if symbol == "+" else 0), (1 if symbol == "?" else None)
        else:
            low = int(match[1])
            high = (int(match[3]) if match[3] else None) if match[2] else low
        if max(low, high or 0) > MAX_BOUND:
            raise PatternRejected(f"has a repeat of more than {MAX_BOUND}")
        return _repeat(atom, low, high)

    def read_atom(self) -> Node:
        char = self.peek()
        if char == "(":
            return self.read_group()
        if char in "*+?":
            raise PatternRejected(f"has a {char} with nothing before it")
        if char == "[":
            return self.read_single(self.end_of_class())
        if char == "\\":
            return self.read_escape()
        self.position += 1
        if char in "^$":
            return Node(work=_NONE, is_anchored=char == "^" and "m" not in self.flags, is_optional=False)
        return self.read_single(self.position, char if char == "." else re.escape(char), start=self.position - 1)

    def read_group(self) -> Node:
        self.position += 1
        if self.peek(2) == "?:":
            self.position += 2
        elif self.peek() in ("?", "*"):
            raise PatternRejected("has a group that begins with (? or (*: only (?: is allowed")
        alternatives = [_join(nodes) for nodes in self.read_alternatives()]
        if self.peek() != ")":
            raise PatternRejected("has an unclosed (")
        self.position += 1
        ways = work = _NONE
        for node in alternatives:
            ways += node.ways
            work += node.work + Poly(_TURN)
        return Node(
            ways,
            work,
            is_anchored=all(node.is_anchored for node in alternatives),
            is_optional=any(node.is_optional for node in alternatives),
        )

    def read_escape(self) -> Node:
        char = self.pattern[self.position + 1 : self.position + 2]
        if match := _LONG_ESCAPE.match(self.pattern, self.position):
            self.position = match.end()
            return Node()
        if not char or (char.isalnum() and char not in _CLASS_ESCAPES + _ANCHORS):
            raise PatternRejected(f"has \\{char}, which is not allowed")
        if char in _ANCHORS:
            self.position += 2
            return Node(work=_NONE, is_anchored=char == "A")
        return self.read_single(self.position + 2)

    def end_of_class(self) -> int:
        """Return the position after the character class that begins here."""
        end = self.position + 1
        if self.pattern[end : end + 1] == "^":
            end += 1
        if self.pattern[end : end + 1] == "]":  # the first ] is a member
            end += 1
        while (char := self.pattern[end : end + 1]) != "]":
            if not char:
                raise PatternRejected("has an unclosed [")
            if match := _POSIX_CLASS.match(self.pattern, end) or _LONG_ESCAPE.match(self.pattern, end):
                end = match.end()
            elif char == "\\":
                escaped = self.pattern[end + 1 : end + 2]
                if not escaped or (escaped.isalnum() and escaped not in _CLASS_ESCAPES + "b"):
                    raise PatternRejected(f"has \\{escaped}, which is not allowed")
                end += 2
            else:
                end += 1
        return end + 1

    def read_single(self, end: int, source: str | None = None, *, start: int | None = None) -> Node:
        """Read a part that matches a single character.

        Args:
            end: The position after the part.
            source: The part as a pattern for Python, if it differs from the part as written for PCRE.
            start: The position of the part. The default is the current position.
        """
        start = self.position if start is None else start
        text = self.pattern[start:end]
        self.position = end
        # Where Python and PCRE may differ, assume that any character can match. They agree on everything else.
        if not text.isascii() or "[:" in text or re.search(r"\\[hHvVpPx]", text):
            return Node()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                matcher = re.compile(source or text, self.python_flags)
            except re.error:
                return Node()
        chars = frozenset(filter(matcher.fullmatch, _ASCII))
        # If case is ignored, K also matches the Kelvin sign, and S the long s.
        folds_beyond = "i" in self.flags and not chars.isdisjoint("ksKS")
        beyond_ascii = text == "." or "^" in text or bool(re.search(r"\\[DWS]", text)) or folds_beyond
        return Node(chars=chars, beyond_ascii=beyond_ascii)


def _repeat(atom: Node, low: int, high: int | None) -> Node:
    is_optional = low == 0 or atom.is_optional
    if high is None:
        if atom.ways != _ONE or atom.work.shared or atom.work.linear:
            raise PatternRejected("repeats a group that can match in several ways without an upper bound")
        turn = atom.work.constant
        many = Poly(linear=1)
        return Node(many, Poly(linear=turn + _TURN), atom.chars, atom.beyond_ascii, False, is_optional, repeats=True)
    ways, work, power = _NONE, _NONE, _ONE
    for turn in range(high + 1):
        if turn >= low:
            ways += power
            work += power * Poly(_TURN)
        if turn < high:
            work += power * atom.work
            power *= atom.ways
    is_single = low == high == 1
    return Node(ways, work, atom.chars if is_single else None, atom.beyond_ascii, False, is_optional)


def _join(nodes: list[Node], *, starts_lines: bool = False) -> Node:
    """Return one node for a sequence of nodes.

    Args:
        starts_lines: Whether the sequence is tried only at the start of each line.
    """
    ways, work = _ONE, _NONE
    previous: Node | None = None
    for index, node in enumerate(nodes):
        following = nodes[index + 1] if index + 1 < len(nodes) else None
        node_ways, node_work = node.ways, node.work
        if node.repeats:
            # The next part cannot match a character of the repeat, so PCRE tries only the longest way.
            has_one_way = following is not None and not following.repeats and node.is_disjoint(following)
            # If the part before cannot match a character of the repeat, the repeat begins only once in each stretch of
            # such characters.
            is_shared = node.is_disjoint(previous) or (index == 0 and starts_lines)
            length = Poly(shared=1) if is_shared else Poly(linear=1)
            node_ways = _ONE if has_one_way else length
            node_work = length * Poly(node.work.linear)
        elif node.chars is not None and node.is_disjoint(previous):
            # Where both characters match, the attempt that starts at the next position fails at its first character. So
            # on average, at most half of the attempts get here.
            node_work = Poly(_CHAR // 2)
        work += ways * node_work
        ways *= node_ways
        if node.work != _NONE:
            previous = None if node.repeats else node
    return Node(
        ways,
        work,
        is_anchored=bool(nodes) and nodes[0].is_anchored,
        is_optional=all(node.is_optional for node in nodes),
    )
