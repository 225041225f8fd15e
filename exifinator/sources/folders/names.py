r"""Convert between the names of files and keys.

A key is the path of a file below its folder, with slashes. Names on Linux are bytes, but keys are text. A name that is
UTF-8 is its own key. In other names, each byte that is not UTF-8 is written as `\xNN`, with two upper-case hexadecimal
digits: the name b"caf\xe9.jpg" has the key "caf\xE9.jpg". To keep the keys of different names different, a backslash
that already starts such an escape in a name is written as `\x5C`.
"""

from __future__ import annotations

import os
import re

# Bytes that are not UTF-8 are 80 to FF. 5C is the backslash.
_ESCAPE = re.compile(r"\\x(5C|[89A-F][0-9A-F])")
# How Python represents a byte that is not UTF-8 in a string (PEP 383): U+DC00 plus the byte.
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_SURROGATE_BASE = 0xDC00


def to_key(name: str) -> str:
    """Return the key of a file name or path, as returned by `os` functions."""
    if name.isascii() and "\\" not in name:
        return name
    # Do not depend on the locale, whose encoding may not be UTF-8.
    text = os.fsencode(name).decode("utf-8", "surrogateescape")
    text = _ESCAPE.sub(r"\\x5Cx\1", text)
    return _NOT_UTF8.sub(lambda match: f"\\x{ord(match[0]) - _SURROGATE_BASE:02X}", text)


def to_name(key: str) -> bytes:
    """Return the file name or path that has this key.

    Raises:
        ValueError: No name has this key.
    """
    if "\\" not in key:
        return key.encode()
    name = _ESCAPE.sub(_unescape, key).encode("utf-8", "surrogateescape")
    if to_key(os.fsdecode(name)) != key:
        raise ValueError("no file name has this key")
    return name


def _unescape(match: re.Match[str]) -> str:
    return "\\" if match[1] == "5C" else chr(_SURROGATE_BASE + int(match[1], 16))
