# ruff: noqa: E501 -- keep each row of a table on one line
"""How texts become search terms: scripts, diacritics, parts of file names and English plurals."""

from __future__ import annotations

import pytest

from exifinator.search_keys.folding import fold
from exifinator.search_keys.plurals import singular_and_plural_forms
from exifinator.search_keys.terms import (
    MAX_SEARCH_TEXT_CHARS,
    MAX_WORD_CHARS,
    MAX_WORDS,
    make_terms,
    name_parts,
    split_units,
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Ångström", "angstrom"),
        ("İstanbul Łódź Straße Ærø", "istanbul lodz strasse aero"),
        ("cafe\u0301", "cafe"),
        ("Ёлка й", "елка и"),
        ("Ελλάδα Σίσυφος", "ελλαδα σισυφοσ"),
        ("أهلاً مدرسة", "اهلا مدرسه"),
        ("שָׁלוֹם", "שלום"),
        ("٢٠٢٤ ۲۰۲۴ २०२४ ２０２４", "2024 2024 2024 2024"),
        ("ｶﾞｷﾞ が", "ガギ が"),
        ("각", "각"),
        ("Ｔｏｋｙｏ ①", "tokyo 1"),
    ],
)
def test_fold__text__has_no_case_diacritics_or_width_variants(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize("text", ["がぎ", "ที่นี่", "हिन्दी", "각"])
def test_fold__marks_that_distinguish_words__are_kept(text: str) -> None:
    assert fold(text) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Été à Paris_2024.JPG", ["ete", "a", "paris", "2024", "jpg"]),
        ("X-T4, f/2.8", ["x", "t4", "f", "2", "8"]),
        ("京都の秋", ["京都", "都の", "の秋", "秋"]),
        ("東京Tower 2", ["東京", "京", "tower", "2"]),
        ("서울에서", ["서울", "울에", "에서", "서"]),
        ("ที่นี่", ["ที่นี่", "นี่"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("Красная площадь", ["красная", "площадь"]),
        ("القاهرة", ["القاهره"]),
        ("", []),
        ("!?… ☃ 🏔️", []),
    ],
)
def test_make_terms__text__is_split_into_words(text: str, words: list[str]) -> None:
    assert make_terms([("title", text)]).words == words


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("2019/09/DSC01314.JPG", ["01314", "1314"]),
        ("SunsetBeach.jpg", ["Beach"]),
        ("a/2019Lisbon-0042.jpg", ["Lisbon", "0042", "42"]),
        ("20190923_123456.jpg", []),
        ("550e8400e29b41d4a716446655440000.jpg", []),
        ("ÉtéLisbonne7.jpg", ["Lisbonne7", "7"]),
        ("e\u0301te\u0301Lisbonne.jpg", ["Lisbonne"]),
        ("京都2024.jpg", ["2024"]),
    ],
)
def test_name_parts__key__is_the_words_and_numbers_inside_longer_words(key: str, parts: list[str]) -> None:
    assert list(name_parts(key)) == parts


def test_make_terms__very_long_texts__are_limited() -> None:
    texts = [
        ("title", " ".join(f"w{n}" for n in range(100_000))),
        ("title", "x" * 1_000_000),
        ("title", "\ufdfa" * 100_000),
        ("title", "ก" + "\u0e34" * 100_000),
        ("title", "京" * 100_000),
    ]
    for text in texts:
        terms = make_terms([text, text], [("key", part) for part in name_parts("aB1" * 1000 + "/" + "a1/" * 5000)])
        assert len(terms.words) <= MAX_WORDS
        assert all(len(word) <= MAX_WORD_CHARS for word in terms.words)
        assert len(terms.text) <= MAX_SEARCH_TEXT_CHARS + 1000


def test_make_terms__more_words_than_the_limit__include_the_parts_of_the_name() -> None:
    terms = make_terms([("key", " ".join(f"w{n}" for n in range(1000)))], [("key", "1314")])
    assert "1314" in terms.words


def test_make_terms__separator_character_in_a_text__is_replaced() -> None:
    assert make_terms([("title", "a|person: b")]).text == "|title: a person b "


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("beaches", {"beach"}), ("cities", {"city"}), ("city", {"cities"}), ("selfies", {"selfie"}), ("boats", {"boat"}),
        ("leaves", {"leaf"}), ("knife", {"knives"}), ("women", {"woman"}), ("child", {"children"}), ("buses", {"bus"}),
        ("photos", {"photo"}), ("boxes", {"box"}), ("houses", {"house"}),
    ],
)  # fmt: skip
def test_singular_and_plural_forms__noun__include_its_singular_or_plural(word: str, forms: set[str]) -> None:
    assert forms <= set(singular_and_plural_forms(word))


@pytest.mark.parametrize("word", ["glass", "bus", "iris", "ete", "x", "dsc01314", "京都", "as", "boat", "day"])
def test_singular_and_plural_forms__word_that_is_no_plural__are_empty(word: str) -> None:
    assert singular_and_plural_forms(word) == []


def test_split_units__word_longer_than_the_limit__is_truncated() -> None:
    assert split_units("x" * 100) == ["x" * MAX_WORD_CHARS]
