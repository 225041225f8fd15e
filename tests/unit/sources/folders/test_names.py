"""Convert file names, which may contain any bytes, to keys and back."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exifinator.sources.folders.names import to_key, to_name
from tests.unit.readers import EXAMPLES

# File names, as bytes, and the key of each.
NAMES = {
    b"caf\xe9.jpg": "caf\\xE9.jpg",
    b"sjis\x93\x8c.jpg": "sjis\\x93\\x8C.jpg",
    b"M\xc3\xbcller \xfc.jpg": "Müller \\xFC.jpg",
    b"surrogate \xed\xa0\x80": "surrogate \\xED\\xA0\\x80",
    # File names that look like the key of another file name.
    rb"caf\xE9.jpg": "caf\\x5CxE9.jpg",
    rb"caf\x5CxE9.jpg": "caf\\x5Cx5CxE9.jpg",
    b"\\\xff": "\\\\xFF",
}
UNCHANGED = [
    "plain.jpg", "a%20b.jpg", "bad%FF.jpg", "back\\slash.jpg", "\\xff", "\\x41", "tab\there", "new\nline", "del\x7f",
    "\u201bquote", "full／width", "␀nul", "a\ufffd.jpg", "u\u0308nfd", "ünfc", "emoji😀", "private \ue000", "\ufdd0",
]  # fmt: skip
PIECES = st.sampled_from([b"\\", b"\\x5C", b"x", b"xE9", b"\xe9", b"\xff", b"E9", "é".encode(), b"5C", b"a", b"\xc3"])


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_to_key__bytes_that_are_not_utf8__are_escaped(name: bytes) -> None:
    assert to_key(os.fsdecode(name)) == NAMES[name]
    assert to_name(NAMES[name]) == name


@pytest.mark.parametrize("name", UNCHANGED, ids=ascii)
def test_to_key__name_in_utf8__is_unchanged(name: str) -> None:
    assert to_key(name) == name
    assert to_name(name) == name.encode()


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.one_of(st.binary(max_size=12), st.lists(PIECES, max_size=6).map(b"".join)))
def test_to_key__any_name__can_be_converted_back(name: bytes) -> None:
    key = to_key(os.fsdecode(name))
    assert to_name(key) == name
    key.encode()


@pytest.mark.parametrize("key", ["\\xC3\\xA9", "\\x5Cy", "\ud800"], ids=ascii)
def test_to_name__key_of_no_name__raises_value_error(key: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- includes UnicodeEncodeError
        to_name(key)
