"""Search terms. The texts of a photo and a query (`q=`) are split by the same rules."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MAX_WORDS = 48
MAX_WORD_CHARS = 40
MAX_TEXT_CHARS = 10_000
_WORD = re.compile(r"[^\W_]{2,}")


def split_words(texts: Iterable[str], *, limit: int = MAX_WORDS) -> list[str]:
    """Return the distinct words of some texts, in order, in lower case and without accents.

    "Été à Paris_2024.JPG" has ete, paris, 2024, jpg. Single characters are no words.

    Args:
        limit: how many words to return at most.
    """
    words: dict[str, None] = {}
    for text in texts:
        plain = text[:MAX_TEXT_CHARS].casefold()
        if not plain.isascii():
            plain = unicodedata.normalize("NFKD", plain)
            plain = "".join(char for char in plain if not unicodedata.combining(char))
        for match in _WORD.finditer(plain):
            words[match[0][:MAX_WORD_CHARS]] = None
            if len(words) == limit:
                return list(words)
    return list(words)
