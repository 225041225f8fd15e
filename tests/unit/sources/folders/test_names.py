"""File names of any bytes as keys, and back."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exifinator.sources.folders.names import to_key, to_name
from tests.unit.readers import EXAMPLES

# Names, as bytes, and their keys.
NAMES = {
    b"caf\xe9.jpg": "caf\\xE9.jpg",
    b"sjis\x93\x8c.jpg": "sjis\\x93\\x8C.jpg",
    b"M\xc3\xbcller \xfc.jpg": "Müller \\xFC.jpg",
    b"surrogate \xed\xa0\x80": "surrogate \\xED\\xA0\\x80",
    # The name looks like the key of another name.
    rb"caf\xE9.jpg": "caf\\x5CxE9.jpg",
    rb"caf\x5CxE9.jpg": "caf\\x5Cx5CxE9.jpg",
    b"\\\xff": "\\\\xFF",
}
SAME = [
    "plain.jpg", "a%20b.jpg", "bad%FF.jpg", "back\\slash.jpg", "\\xff", "\\x41", "tab\there", "new\nline", "del\x7f",
    "\u201bquote", "full／width", "␀nul", "a\ufffd.jpg", "u\u0308nfd", "ünfc", "emoji😀", "private \ue000", "\ufdd0",
]  # fmt: skip
PIECES = st.sampled_from([b"\\", b"\\x5C", b"x", b"xE9", b"\xe9", b"\xff", b"E9", "é".encode(), b"5C", b"a", b"\xc3"])


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_to_key__bytes_that_are_not_utf8__are_escaped(name: bytes) -> None:
    assert to_key(os.fsdecode(name)) == NAMES[name]
    assert to_name(NAMES[name]) == name


@pytest.mark.parametrize("name", SAME, ids=ascii)
def test_to_key__utf8__is_the_name(name: str) -> None:
    assert to_key(name) == name
    assert to_name(name) == name.encode()


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.one_of(st.binary(max_size=12), st.lists(PIECES, max_size=6).map(b"".join)))
def test_to_key__any_name__has_a_key_of_its_own(name: bytes) -> None:
    key = to_key(os.fsdecode(name))
    assert to_name(key) == name
    key.encode()


@pytest.mark.parametrize("key", ["\\xC3\\xA9", "\\x5Cy", "\ud800"], ids=ascii)
def test_to_name__key_that_no_name_has__is_an_error(key: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- UnicodeEncodeError is one
        to_name(key)
