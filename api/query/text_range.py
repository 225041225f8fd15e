"""The range of strings that begin with a prefix."""

from __future__ import annotations


def after_prefix(prefix: str) -> str | None:
    """Return the smallest string that sorts after all strings with this prefix; None if there is none.

    MongoDB sorts strings by their UTF-8 bytes.
    """
    for i in range(len(prefix) - 1, -1, -1):
        code_point = ord(prefix[i])
        if code_point < 0x10FFFF:
            following = 0xE000 if code_point == 0xD7FF else code_point + 1  # skip surrogates
            return prefix[:i] + chr(following)
    return None
