"""The words by which `q=` finds a photo: the same cut for what is stored and for what is typed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MAX_WORDS = 48
MAX_WORD_CHARS = 40
_WORD = re.compile(r"[^\W_]{2,}")


def split_words(texts: Iterable[str], *, most: int = MAX_WORDS) -> list[str]:
    """The distinct words of some texts, in their order, without case and accents; at most `most`, each 2 characters up.

    "Été à Paris_2024.JPG" gives ete, paris, 2024, jpg.
    """
    words: dict[str, None] = {}
    for text in texts:
        plain = text[:10_000].casefold()
        if not plain.isascii():
            plain = unicodedata.normalize("NFKD", plain)
            plain = "".join(char for char in plain if not unicodedata.combining(char))
        for match in _WORD.finditer(plain):
            words[match[0][:MAX_WORD_CHARS]] = None
            if len(words) == most:
                return list(words)
    return list(words)
