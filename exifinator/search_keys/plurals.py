"""Find the singular or the plural of an English noun: a search for "cities" also finds "city"."""

from __future__ import annotations

import re

_WORD = re.compile(r"[a-z]{3,40}")
_IRREGULAR = {
    "child": "children", "foot": "feet", "goose": "geese", "man": "men", "mouse": "mice", "person": "people",
    "tooth": "teeth", "woman": "women",
}  # fmt: skip
_SINGULARS = {plural: singular for singular, plural in _IRREGULAR.items()}
# Endings of words that are not plurals, although they end in s: glass, bus, iris.
_NOT_PLURAL = ("ss", "us", "is")
# Nouns with these endings form their plural with -es.
_ES_ENDINGS = ("s", "x", "z", "ch", "sh", "o")


def singular_and_plural_forms(word: str) -> list[str]:
    """Return the singular forms of a plural, or the plural of a singular that does not begin with the singular.

    Plurals such as `beaches` begin with their singular, so a search by the beginning of words finds them anyway. If
    the spelling allows two singulars (`leaves`: leaf, leave), return both.
    """
    if not _WORD.fullmatch(word):
        return []
    if irregular := _IRREGULAR.get(word) or _SINGULARS.get(word):
        return [irregular]
    if word.endswith("ies") and len(word) > 4:
        return [f"{word[:-3]}y", word[:-1]]
    if word.endswith("ves") and len(word) > 4:
        return [f"{word[:-3]}f", f"{word[:-3]}fe", word[:-1]]
    if word.endswith("es") and word[:-2].endswith(_ES_ENDINGS):
        return [word[:-2], word[:-1]]
    if word.endswith("s") and not word.endswith(_NOT_PLURAL) and len(word) > 3:
        return [word[:-1]]
    if word.endswith("y") and word[-2] not in "aeiou":
        return [f"{word[:-1]}ies"]
    if word.endswith("fe"):
        return [f"{word[:-2]}ves"]
    if word.endswith("f") and not word.endswith("ff"):
        return [f"{word[:-1]}ves"]
    return []
