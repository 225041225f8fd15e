"""Split text into search terms. The same rules apply to the texts of a photo and to a query (`q=`)."""

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

    The words of "Été à Paris_2024.JPG" are ete, paris, 2024 and jpg. Single characters do not count as words.

    Args:
        limit: The maximum number of words.
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
