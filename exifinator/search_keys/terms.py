"""Split text into search terms. The same rules apply to the values of a photo and to a query (`q=`).

Most scripts separate words by spaces or punctuation. Chinese, Japanese, Thai and some others do not, and Korean
attaches particles to nouns. A run of such characters is indexed by its pairs of adjacent characters (bigrams) and its
last character, so that a search finds any part of it: 京都の秋 has the terms 京都, 都の, の秋 and 秋.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from exifinator.search_keys.folding import fold

MAX_WORDS = 200
MAX_WORD_CHARS = 40
# Limits on one value of a photo, and on `search_text`, the folded values of a photo together.
MAX_TEXT_CHARS = 10_000
MAX_SEARCH_TEXT_CHARS = 4_000
# Begins each value in Terms.text, so that no phrase matches across two values.
SEPARATOR = "|"
_RUN_CHARS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u303b\u3040-\u30ff"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_UNIT = re.compile(rf"[{_RUN_CHARS}]+|[^\s{_RUN_CHARS}]+")
_RUN = re.compile(rf"[{_RUN_CHARS}]")
_ASCII_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Terms:
    """The search terms of a photo.

    Attributes:
        words: The distinct words and bigrams.
        text: The folded values, in which a search looks for phrases and for the words of one field. Each value has the
            form `|name: first second third `.
    """

    words: list[str]
    text: str


def make_terms(values: Iterable[tuple[str, str]], parts: Iterable[tuple[str, str]] = ()) -> Terms:
    """Return the search terms of a photo.

    Args:
        values: (name of the field in a query, value) for each value to search. The most important values come first,
            because the number of words of a photo is limited.
        parts: (name of the field, word) for words inside longer words, such as the results of `name_parts`.
    """
    words: dict[str, None] = {}
    lines: dict[str, None] = {}
    n_characters = 0
    for name, text in values:
        units = split_units(text)
        if not units:
            continue
        words.update(dict.fromkeys(units if text.isascii() else _terms_of_all(units)))
        line = f"{SEPARATOR}{name}: {' '.join(units)} "
        if line not in lines and n_characters < MAX_SEARCH_TEXT_CHARS:
            lines[line[: MAX_SEARCH_TEXT_CHARS - n_characters]] = None
            n_characters += len(line)
        if len(words) >= MAX_WORDS:
            break
    limited_words = dict.fromkeys(list(words)[: MAX_WORDS - 2 * _MAX_PARTS])
    for name, part in parts:
        units = split_units(part)
        limited_words.update(dict.fromkeys(units))
        lines[f"{SEPARATOR}{name}: {' '.join(units)} "] = None
    return Terms(list(limited_words)[:MAX_WORDS], "".join(lines))


def _terms_of_all(units: list[str]) -> Iterator[str]:
    for unit in units:
        yield from terms_of(unit)


def split_units(text: str) -> list[str]:
    """Return the words and runs in `text`, folded and in order. "Été à Paris_2024" has ete, a, paris and 2024."""
    folded = fold(text[:MAX_TEXT_CHARS])
    if folded.isascii():
        return [word[:MAX_WORD_CHARS] for word in _ASCII_WORD.findall(folded)]
    spaced = "".join(char if char.isalnum() or _is_mark(char) else " " for char in folded[: 2 * MAX_TEXT_CHARS])
    return [unit if is_run(unit) else unit[:MAX_WORD_CHARS] for unit in _UNIT.findall(spaced)]


def is_run(unit: str) -> bool:
    """Return whether a unit is a run of characters in a script that does not separate words by spaces."""
    return _RUN.match(unit) is not None


def terms_of(unit: str) -> list[str]:
    """Return the terms under which a unit is indexed: a word itself, or the bigrams and the last character of a run."""
    if not is_run(unit):
        return [unit]
    characters = split_characters(unit)
    return [a + b for a, b in pairwise(characters)] + characters[-1:]


def split_characters(run: str) -> list[str]:
    """Return the characters of a run, each with the marks that follow it, such as Thai vowels and tones."""
    characters: list[str] = []
    for char in run:
        # Limit the number of marks, because a file may contain any number of them.
        if characters and _is_mark(char) and len(characters[-1]) < 6:
            characters[-1] += char
        else:
            characters.append(char)
    return characters


def _is_mark(char: str) -> bool:
    return char > "\u02ff" and unicodedata.category(char) in ("Mn", "Mc")


_KEY_WORD = re.compile(r"[^\W_]{2,}")
# Where a word of a file name may begin within another: SunsetBeach, DSC01314, 2019Lisbon.
_BOUNDARY = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])|(?<=[a-zß-öø-ÿа-яё])(?=[A-ZÀ-ÖØ-ÞА-ЯЁ])")
# Words with more boundaries than this are random characters, such as hashes.
_MAX_BOUNDARIES = 3
_MAX_PARTS = 12


def name_parts(key: str) -> Iterator[str]:
    """Yield the parts that begin within the words of a key, at most _MAX_PARTS, so that a search finds them too.

    Numbers also count without leading zeros: DSC01314 has the parts 01314 and 1314.
    """
    count = 0
    # Some systems decompose accented letters in file names.
    for match in _KEY_WORD.finditer(unicodedata.normalize("NFC", key[:MAX_TEXT_CHARS])):
        word = match[0]
        starts = [boundary.start() for boundary in _BOUNDARY.finditer(word)] if len(word) <= MAX_WORD_CHARS else []
        parts = [word[start:] for start in starts] if len(starts) <= _MAX_BOUNDARIES else []
        if word.startswith("0") and len(word) > 2:  # but not the month in a folder's name
            parts.append(word)
        for part in parts:
            yield part
            if part.startswith("0"):
                yield part.lstrip("0")
            count += 1
            if count == _MAX_PARTS:
                return
