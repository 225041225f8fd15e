"""Fold text for search, so that spellings of one word become equal: case, diacritics, width, and kinds of digits."""

from __future__ import annotations

import unicodedata

# Marks that texts and queries often omit: diacritics of Latin, Greek and Cyrillic, Hebrew points, Arabic vowel marks,
# variation selectors, and invisible joiners. The marks of other scripts, such as Thai or Devanagari vowels, distinguish
# words, so they stay.
_DROPPED_MARKS = (
    (0x00AD, 0x00AD), (0x0300, 0x036F), (0x0483, 0x0487), (0x0591, 0x05BD), (0x05BF, 0x05BF), (0x05C1, 0x05C2),
    (0x05C4, 0x05C5), (0x05C7, 0x05C7), (0x0610, 0x061A), (0x0640, 0x0640), (0x064B, 0x065F), (0x0670, 0x0670),
    (0x06D6, 0x06DC), (0x06DF, 0x06E4), (0x06E7, 0x06E8), (0x06EA, 0x06ED), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x2069), (0x20D0, 0x20FF), (0xFE00, 0xFE0F), (0xFE20, 0xFE2F),
    (0xFEFF, 0xFEFF),
)  # fmt: skip
# Letters that Unicode does not decompose, and Arabic letters whose spelling varies by country.
_LETTERS = {
    "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ł": "l", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th",
    "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ٱ": "ا", "׳": " ", "״": " ",
}  # fmt: skip
# The zeros of decimal digits in other scripts.
_ZEROS = "٠۰०০੦૦୦௦౦೦൦๐໐၀"
_TABLE: dict[int, str | None] = {
    **{code: None for first, last in _DROPPED_MARKS for code in range(first, last + 1)},
    **{ord(letter): plain for letter, plain in _LETTERS.items()},
    **{ord(zero) + digit: str(digit) for zero in _ZEROS for digit in range(10)},
}


def fold(text: str) -> str:
    """Return the text in lower case, without diacritics, and with ASCII digits: "Ångström ٣" becomes "angstrom 3"."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    # Compose what is left, for example Hangul syllables and voiced kana.
    return unicodedata.normalize("NFC", decomposed.translate(_TABLE))
