"""Choose objects by glob patterns over their keys.

The patterns are those of rclone and .gitignore, with these rules:

- `*` matches any characters except the slash, `?` one of them, and `[a-z]` or `[!a-z]` one of a set.
- `**` matches slashes too. `**/` also matches no folder at all.
- A pattern that starts with a slash matches from the start of the key. Any other pattern matches at the end of the key,
  after any folders, so a pattern without a slash matches the name.
- A pattern that ends with a slash matches everything in folders of this name.
- `\\` before a character cancels its special meaning. Upper and lower case are the same.

The time to match a key grows with its length alone, because patterns may come from requests. A regular expression could
take forever: translated, `*a*a*a*a*b` backtracks. All patterns together are therefore one automaton, whose states are
the bits of a number. See R. Baeza-Yates and G. Gonnet, "A new approach to text searching", 1992. Sets of states that
were reached before are cached with the characters that lead to the next ones.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from exifinator.errors import ConfigError

# Limits of one batch, and of one pattern.
MAX_PATTERNS = 100
MAX_PATTERN_CHARS = 250
# Limits on the numbers of cached folders, characters, and steps from one set of states to the next.
_MAX_CACHED_FOLDERS = _MAX_CACHED_CHARS = 1024
_MAX_CACHED_STEPS = 4096

Option = Literal["include", "exclude"]
# Returns whether a set such as [a-z] contains a character.
_Set = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Patterns:
    """The patterns by which the objects of a source are chosen.

    Attributes:
        include: If there are any, only objects that match one of them are indexed.
        exclude: Objects that match one of them are not indexed, even if they match a pattern of `include`.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.include or self.exclude)

    def excluding(self, patterns: Iterable[str]) -> Patterns:
        """Return these patterns and further ones to exclude."""
        return Patterns(self.include, (*self.exclude, *patterns))

    def compile(self) -> Callable[[str], bool]:
        """Return a function that tells whether the patterns choose an object, by its key."""
        included = Globs(self.include).match if self.include else None
        excluded = Globs(self.exclude).match if self.exclude else None

        def is_chosen(key: str) -> bool:
            return (included is None or included(key)) and not (excluded is not None and excluded(key))

        return is_chosen


# Patterns that choose every object.
EVERYTHING = Patterns()


def make_patterns(include: Iterable[str] = (), exclude: Iterable[str] = ()) -> Patterns:
    """Return patterns that a user has entered, without duplicates.

    Raises:
        ConfigError: A pattern is invalid, or there are too many.
    """
    patterns = Patterns(tuple(dict.fromkeys(include)), tuple(dict.fromkeys(exclude)))
    options: tuple[tuple[Option, tuple[str, ...]], ...] = (("include", patterns.include), ("exclude", patterns.exclude))
    for option, globs in options:
        if len(globs) > MAX_PATTERNS:
            raise _error(option, f"{len(globs):,} patterns, but at most {MAX_PATTERNS} are allowed")
        for glob in globs:
            try:
                _parse(glob)
            except ValueError as exc:
                raise _error(option, f"the pattern {glob[:MAX_PATTERN_CHARS]!r} {exc}") from None
    return patterns


def read_pattern_lines(text: str) -> list[str]:
    """Return the patterns in a file: one per line, without empty lines and comments, which start with #."""
    lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _error(option: Option, problem: str) -> ConfigError:
    return ConfigError(f"{option}: {problem}", code="invalid_pattern", pointer=option)


@dataclass(slots=True)
class _Glob:
    """A parsed pattern: the characters to match one after another, and where any other characters may come between.

    Attributes:
        steps: What each next character must be: one character, a set, or None for any character but a slash.
        stars: The numbers of steps after which any characters but a slash may follow.
        double_stars: The numbers of steps after which any characters may follow.
        optional: The numbers of steps after which the next step may be left out.
        is_anchored: Whether the pattern matches from the start of the key.
    """

    steps: list[str | _Set | None] = field(default_factory=list)
    stars: set[int] = field(default_factory=set)
    double_stars: set[int] = field(default_factory=set)
    optional: set[int] = field(default_factory=set)
    is_anchored: bool = False


def _parse(pattern: str) -> _Glob:
    """Parse a pattern.

    Raises:
        ValueError: The pattern is invalid. The message continues "the pattern ...".
    """
    if not pattern.strip("/") or pattern != pattern.strip():
        raise ValueError("is empty, or begins or ends with a space")
    if len(pattern) > MAX_PATTERN_CHARS:
        raise ValueError(f"is longer than {MAX_PATTERN_CHARS} characters")
    if not pattern.isprintable():
        raise ValueError("contains a character that cannot be printed")
    if pattern.startswith("s3://"):
        raise ValueError("must match keys, so it has no s3:// and no bucket")
    if pattern.startswith(("!", "- ", "+ ")):
        raise ValueError(f"starts with {pattern[0]}, which has no meaning here; write \\{pattern[0]} if the key has it")
    text = _fold(pattern)
    glob = _Glob(is_anchored=text.startswith("/"))
    position = 1 if glob.is_anchored else 0
    while position < len(text):
        character, step = text[position], len(glob.steps)
        if character == "*":
            end = position + len(text[position:]) - len(text[position:].lstrip("*"))
            at_start = step == 0 or glob.steps[-1] == "/"
            if end - position >= 2 and at_start and text[end : end + 1] == "/":
                if step - 1 not in glob.optional:
                    glob.optional.add(step)
                    glob.double_stars.add(step)
                    glob.steps.append("/")
                end += 1
            else:
                (glob.double_stars if end - position >= 2 else glob.stars).add(step)
            position = end
            continue
        if character == "[":
            accepts, position = _parse_set(text, position)
            glob.steps.append(accepts)
            continue
        if character in "{}":
            raise ValueError(f"contains {character}: give one pattern for each choice, or write \\{character}")
        if character == "\\":
            position += 1
            if position == len(text):
                raise ValueError("ends with a backslash; write \\\\ for a backslash in a key")
            character = text[position]
            glob.steps.append(character)
        else:
            glob.steps.append(None if character == "?" else character)
        position += 1
    if text.endswith("/"):
        glob.double_stars.add(len(glob.steps))
    return glob


def _parse_set(text: str, start: int) -> tuple[_Set, int]:
    """Parse a set such as `[a-z]`. Return a function that tells whether a character is in it, and the end of the set.

    Raises:
        ValueError: See _parse.
    """
    position = start + 1
    is_negated = text[position : position + 1] in ("!", "^")
    position += is_negated
    ranges: list[tuple[str, str]] = []
    first = position
    while position < len(text) and (text[position] != "]" or position == first):
        if text.startswith("[:", position):
            raise ValueError("contains [:, but sets have no named classes; write [a-z] or [0-9]")
        position += text[position] == "\\"
        low = high = text[position : position + 1]
        if text[position + 1 : position + 2] == "-" and text[position + 2 : position + 3] not in ("", "]"):
            position += 2
            position += text[position] == "\\"
            high = text[position : position + 1]
            if high and not low <= high:
                raise ValueError(f"contains the range {low}-{high}, which ends before it starts")
        ranges.append((low, high))
        position += 1
    if position >= len(text):
        raise ValueError("contains [ without ]; write \\[ for a bracket in a key")

    def accepts(character: str) -> bool:
        is_in = any(low <= form <= high for form in (character, character.upper()) for low, high in ranges)
        return character != "/" and is_in != is_negated

    return accepts, position + 1


class _Steps:
    """The steps of the patterns of an automaton, as bits of its states."""

    def __init__(self) -> None:
        self._literals: dict[str, int] = {}
        self._sets: list[tuple[_Set, int]] = []
        self._any_but_slash = self._stars = self._double_stars = 0

    def add(self, glob: _Glob, offset: int) -> None:
        """Add a pattern whose first state is the bit `offset`."""
        for bit, step in enumerate(glob.steps, start=offset):
            if step is None:
                self._any_but_slash |= 1 << bit
            elif isinstance(step, str):
                self._literals[step] = self._literals.get(step, 0) | 1 << bit
            else:
                self._sets.append((step, 1 << bit))
        self._stars |= sum(1 << (offset + step) for step in glob.stars)
        self._double_stars |= sum(1 << (offset + step) for step in glob.double_stars)

    def transition(self, character: str) -> tuple[int, int]:
        """Return the states from which a character leads to the next state, and the states that it does not change."""
        moving = self._literals.get(character, 0) | sum(bit for accepts, bit in self._sets if accepts(character))
        staying = self._double_stars
        if character != "/":
            moving |= self._any_but_slash
            staying |= self._stars
        return moving, staying


class _States(dict[str, "_States"]):
    """A set of states, and by character the set of states that follows. Those that are not known yet are computed."""

    __slots__ = ("_globs", "bits")

    def __init__(self, globs: Globs, bits: int) -> None:
        super().__init__()
        self._globs = globs
        self.bits = bits

    def __missing__(self, character: str) -> _States:
        return self._globs.add_step(self, character)


class Globs:
    """An automaton that tells whether a key matches at least one of several patterns.

    The state after i steps of a pattern is one bit. The bits of all patterns are next to each other.
    Not safe for use by several threads.

    Args:
        patterns: Valid patterns; see make_patterns.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._steps = _Steps()
        self._optional = self._begin = self._begin_after_slash = self._accept = 0
        offset = 0
        for pattern in patterns:
            glob = _parse(pattern)
            self._steps.add(glob, offset)
            self._optional |= sum(1 << (offset + step) for step in glob.optional)
            begin = 1 << offset
            if 0 in glob.optional:
                begin |= begin << 1
            self._begin |= begin
            if not glob.is_anchored:
                self._begin_after_slash |= begin
            offset += len(glob.steps)
            self._accept |= 1 << offset
            offset += 1
        # Transitions by character; see _Steps.transition.
        self._transitions: dict[str, tuple[int, int]] = {}
        # The sets of states that were reached before, by their bits.
        self._by_bits: dict[int, _States] = {}
        self._forget()

    def match(self, key: str) -> bool:
        """Return whether the key matches one of the patterns."""
        text = _fold(key)
        name_start = text.rfind("/") + 1
        states = self._folders.get(text[:name_start])
        if states is None:
            states = self._enter(text[:name_start])
        for character in text[name_start:]:
            states = states[character]
        return bool(states.bits & self._accept)

    def add_step(self, states: _States, character: str) -> _States:
        """Compute which states follow a set of states after a character, and cache them."""
        moving, staying = self._transitions.get(character) or self._add_transition(character)
        entered = (states.bits & moving) << 1
        bits = entered | (entered & self._optional) << 1 | states.bits & staying
        if character == "/":
            bits |= self._begin_after_slash
        if self._step_count >= _MAX_CACHED_STEPS:
            self._forget()
        self._step_count += 1
        following = self._by_bits.get(bits)
        if following is None:
            following = self._by_bits[bits] = _States(self, bits)
        states[character] = following
        return following

    def _forget(self) -> None:
        """Empty the caches of states."""
        # Sets of states refer to one another, so they would otherwise live until the next cyclic collection.
        for states in self._by_bits.values():
            states.clear()
        begin = _States(self, self._begin)
        self._by_bits = {self._begin: begin}
        self._step_count = 0
        # The states after folders that were seen before. Most keys share a folder with the key before.
        self._folders = {"": begin}

    def _enter(self, folder: str) -> _States:
        """Return the states after a folder, starting from the nearest known folder above it."""
        end = len(folder)
        while (states := self._folders.get(folder[:end])) is None:
            end = folder.rfind("/", 0, end - 1) + 1
        if len(self._folders) >= _MAX_CACHED_FOLDERS:
            self._folders = {"": self._by_bits[self._begin]}
        while end < len(folder):
            start, end = end, folder.find("/", end) + 1
            for character in folder[start:end]:
                states = states[character]
            self._folders[folder[:end]] = states
        return states

    def _add_transition(self, character: str) -> tuple[int, int]:
        if len(self._transitions) >= _MAX_CACHED_CHARS:
            self._transitions.clear()
        transition = self._transitions[character] = self._steps.transition(character)
        return transition


def _fold(text: str) -> str:
    """Return a string without the differences that patterns ignore: case, and how accents are encoded."""
    if text.isascii():
        return text.lower()
    return "".join(_fold_characters(unicodedata.normalize("NFC", text)))


def _fold_characters(text: str) -> Iterator[str]:
    """Yield each character in lower case. Unlike str.lower, this does not depend on the characters around it."""
    for character in text:
        lower = character.lower()
        yield lower if len(lower) == 1 else character
