"""Glob patterns for keys: which keys they match, which patterns are refused, and that matching takes linear time."""

from __future__ import annotations

import random
import re

import pytest

from exifinator.errors import ConfigError
from exifinator.sources import patterns as module
from exifinator.sources.junk import JUNK
from exifinator.sources.patterns import (
    MAX_PATTERN_CHARS,
    MAX_PATTERNS,
    Globs,
    Patterns,
    make_patterns,
    read_pattern_lines,
)

MATCHES = {
    # A pattern without a slash matches the name at the end of the key. ** also matches slashes.
    "*.jpg": ("a.jpg", "2024/may/a.jpg", "A.JPG", ".jpg"),
    "IMG_????.heic": ("IMG_0001.heic", "x/img_ABCD.HEIC"),
    "a*b*c": ("abc", "x/axxbxxc"),
    "2019**": ("2019", "x/2019.jpg", "2019/may/a.jpg"),
    # A pattern with a slash matches the end of the key, after any folders.
    "*/original.*": ("1/original.jpg", "photos/1/original.png"),
    "raw/*": ("raw/a", "x/raw/a"),
    "raw/**": ("raw/a", "x/raw/1/2/a"),
    "a/**/b": ("a/b", "a/1/b", "x/a/1/2/b"),
    "**/b": ("b", "x/y/b"),
    "a/**/**/b": ("a/b", "a/1/2/b"),
    # A slash at the start anchors the pattern to the start of the key.
    "/2024/*": ("2024/a",),
    "/2024/**": ("2024/a", "2024/1/2"),
    "/**/b": ("b", "x/y/b"),
    # A slash at the end matches everything in such folders.
    "@eaDir/": ("@eaDir/a", "x/@eadir/y/z.jpg"),
    "/drafts/": ("drafts/a", "drafts/1/a"),
    ".Trash-*/": (".Trash-1000/files/a.jpg",),
    # Sets and escapes.
    "[a-c]?.jpg": ("a1.jpg", "C2.jpg"),
    "[!a-c]*": ("d", "x/d"),
    "[^a-c]*": ("d",),
    "[]x]": ("]", "x"),
    "[a\\]]": ("a", "]"),
    "\\*x": ("*x",),
    "\\[1\\]": ("[1]",),
    "\\{a\\}": ("{a}",),
    # Composed and decomposed accents, letters without case, and letters with several lower-case forms.
    "é.jpg": ("e\u0301.jpg", "É.JPG"),
    "京*": ("旅/京都.jpg",),
    "*σ": ("ΟΔΟΣ", "οδος".replace("ς", "σ")),
    "İ": ("İ",),
}  # fmt: skip
MISSES = {
    "*.jpg": ("a.jpeg", "a.jpg/b", "jpg"),
    "IMG_????.heic": ("IMG_001.heic", "IMG_0/01.heic"),
    "a*b*c": ("ab/c", "acb"),
    "2019**": ("a2019", "x/a2019/b"),
    "*/original.*": ("original.jpg", "1/original", "1/original/x"),
    "raw/*": ("raw/1/a", "xraw/a"),
    "a/**/b": ("a/1/2b", "a/xb", "ab"),
    "**/b": ("xb", "x/yb"),
    "/2024/*": ("x/2024/a", "2024/1/a"),
    "/**/b": ("x/yb",),
    "@eaDir/": ("@eaDir", "x@eaDir/y", "@eaDir2/y"),
    "/drafts/": ("x/drafts/a",),
    "[a-c]?.jpg": ("d1.jpg", "a/.jpg"),
    "[!a]b": ("/b", "x/b", "ab"),
    "\\*x": ("ax", "\\*x"),
}


@pytest.mark.parametrize("pattern", MATCHES)
def test_match__pattern__matches_only_the_expected_keys(pattern: str) -> None:
    make_patterns([pattern])
    globs = Globs([pattern])
    assert [key for key in MATCHES[pattern] if not globs.match(key)] == []
    assert [key for key in MISSES.get(pattern, ()) if globs.match(key)] == []


def test_match__several_patterns__match_the_keys_of_each() -> None:
    globs = Globs(MATCHES)
    for pattern, keys in MATCHES.items():
        assert all(map(globs.match, keys)), pattern
    assert not Globs(["a", "/b/"]).match("ab/")


def to_regex(pattern: str) -> re.Pattern[str]:
    """Translate a pattern of letters, ?, * and slashes to a regular expression, which is slow for hostile patterns."""
    text = pattern.removeprefix("/")
    regex = ("" if pattern.startswith("/") else "(?:.*/)?") + re.sub(
        r"(?:(?<=/)|^)(?:\*\*/)+|\*\*|\*|\?|[^*?]",
        lambda match: {"**": ".*", "*": "[^/]*", "?": "[^/]"}.get(
            match[0], "(?:.*/)?" if match[0].startswith("**/") else re.escape(match[0])
        ),
        text,
    )
    return re.compile(regex + (".*" if text.endswith("/") else ""), re.DOTALL)


def test_match__random_patterns_and_keys__agree_with_regular_expressions() -> None:
    rng = random.Random(19)
    matched = 0
    for _ in range(3000):
        pattern = "".join(rng.choices(["a", "b", "/", "*", "**", "?", "**/", "/**/"], k=rng.randint(1, 6)))
        if re.search(r"\*{3}", pattern) or not pattern.strip("/"):
            continue
        globs, regex = Globs([pattern]), to_regex(pattern)
        for _ in range(8):
            key = "".join(rng.choices("ab/", k=rng.randint(1, 8)))
            expected = regex.fullmatch(key) is not None
            matched += expected
            assert globs.match(key) == expected, (pattern, key, regex.pattern)
    assert matched > 1000


def test_match__hostile_patterns__take_one_step_per_character(monkeypatch: pytest.MonkeyPatch) -> None:
    globs = Globs([*("*a" * 125,) * 3, *(f"**{'[a-z]' * 40}{i}" for i in range(90))])
    steps = 0

    class CountingDict(dict[str, tuple[int, int]]):
        def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
            nonlocal steps
            steps += 1
            return super().get(key, default)

    globs._transitions = CountingDict()
    key = "/".join(["a" * 100] * 10)
    assert globs.match(key + "/" + "a" * 125)
    assert not globs.match(key + "/b")
    assert steps <= 2 * len(key) + 130


def test_match__many_folders_characters_and_states__caches_limited_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_CACHED_CHARS", 50)
    monkeypatch.setattr(module, "_MAX_CACHED_FOLDERS", 50)
    monkeypatch.setattr(module, "_MAX_CACHED_STEPS", 50)
    globs = Globs(["/0*/*.jpg", "*[x]*"])
    for i in range(500):
        assert globs.match(f"0{i}/{chr(0x4E00 + i)}.jpg")
        assert not globs.match(f"1{i}/{chr(0x4E00 + i)}.jpg")
    assert (len(globs._transitions) <= 50, len(globs._folders) <= 53) == (True, True)
    # Each step leads to at most one new set of states, besides the first one.
    assert sum(map(len, globs._by_bits.values())) <= 50
    assert len(globs._by_bits) <= 51


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", "is empty"),
        ("/", "is empty"),
        (" *.jpg", "begins or ends with a space"),
        ("a\n", "begins or ends with a space"),
        ("a\x1bb", "cannot be printed"),
        ("a\0b", "cannot be printed"),
        ("x" * (MAX_PATTERN_CHARS + 1), f"is longer than {MAX_PATTERN_CHARS} characters"),
        ("[a-z", "contains [ without ]"),
        ("[", "contains [ without ]"),
        ("[]", "contains [ without ]"),
        ("[a\\", "contains [ without ]"),
        ("[a-\\", "contains [ without ]"),
        ("[z-a]", "contains the range z-a, which ends before it starts"),
        ("[[:alpha:]]", "contains [:, but sets have no named classes"),
        ("*.{jpg,heic}", "contains {: give one pattern for each choice"),
        ("a\\", "ends with a backslash"),
        ("!*.jpg", "starts with !, which has no meaning here"),
        ("- *.jpg", "starts with -, which has no meaning here"),
        ("s3://holiday/*.jpg", "must match keys"),
    ],
)
def test_make_patterns__invalid_pattern__is_refused_with_a_reason(pattern: str, reason: str) -> None:
    for include, exclude, pointer in (([pattern], [], "include"), (["*.jpg"], ["a", pattern], "exclude")):
        with pytest.raises(ConfigError) as refusal:
            make_patterns(include, exclude)
        error = refusal.value
        assert (error.code, error.pointer) == ("invalid_pattern", pointer)
        assert error.message.startswith(f"{pointer}: the pattern ")
        assert reason in error.message
        assert "\n" not in error.message


def test_make_patterns__too_many_patterns__are_refused_without_counting_repetitions() -> None:
    many = [f"{i}.jpg" for i in range(MAX_PATTERNS)]
    assert make_patterns([*many, *many]).include == tuple(many)
    with pytest.raises(ConfigError, match=r"include: 101 patterns, but at most 100 are allowed"):
        make_patterns([*many, "more.jpg"])


def test_patterns__exclude__takes_precedence_over_include() -> None:
    is_selected = make_patterns(["*.jpg", "keep/"], ["drafts/", "*_small.*"]).compile()
    keys = ["a.jpg", "a.png", "keep/a.png", "drafts/a.jpg", "keep/drafts/a.jpg", "a_small.jpg"]
    assert [key for key in keys if is_selected(key)] == ["a.jpg", "keep/a.png"]
    assert [key for key in keys if make_patterns(exclude=["*.jpg"]).compile()(key)] == ["a.png", "keep/a.png"]
    assert all(map(Patterns().compile(), keys))


def test_read_pattern_lines__comments_and_empty_lines__are_omitted() -> None:
    text = "\ufeff# Photos\n\n*.jpg\r\n  raw/  \n\\#recycle/\n"
    assert read_pattern_lines(text) == ["*.jpg", "raw/", "\\#recycle/"]
    assert make_patterns(read_pattern_lines(text)).compile()("a/#recycle/b")


def test_junk__files_left_by_systems__match_but_photos_do_not() -> None:
    make_patterns(exclude=JUNK)
    junk = Globs(JUNK)
    junk_keys = [
        "2024/@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg", ".Trash-1000/files/a.jpg", "x/Thumbs.db", "thumbs.db", ".DS_Store",
        "2024/._IMG_0001.JPG", "__MACOSX/a/._b.jpg", "x/desktop.ini", ".thumbnails/normal/1.png", "lost+found/#1",
        "#recycle/a.jpg", "@Recently-Snapshot/1/a.jpg", "$RECYCLE.BIN/a.jpg", ".trashed-1700000000-a.jpg",
        "a.jpg.1a2b3c4d.partial", "Catalog Previews.lrdata/a/b.lrprev",
    ]  # fmt: skip
    assert [key for key in junk_keys if not junk.match(key)] == []
    photos = [
        "a.jpg", "_MG_0001.CR2", "._/a.jpg", "thumbs/a.jpg", "Thumbs.db.jpg", "recycle/a.jpg", "eaDir/a.jpg",
        "lost/found/a.jpg", "Trash/a.jpg", ".hidden.jpg", "MACOSX/a.jpg", "partial.jpg", "a.xmp", "IMG_0001.AAE",
    ]  # fmt: skip
    assert [key for key in photos if junk.match(key)] == []
