# ruff: noqa: E501 -- tables read better with a row a line
"""Which regular expressions are allowed. What counts is the work for the worst text, not their form."""

from __future__ import annotations

import pytest

from api.query.regex_cost import measure
from api.query.regex_guard import MAX_PATTERN_CHARS, RegexBudget

SHORT, LONG = "photo.description", "Image ImageDescription.printable"


def refuse(pattern: str, flags: str = "", field: str = LONG) -> str | None:
    return RegexBudget().spend(pattern, flags, field)


@pytest.mark.parametrize(
    "pattern",
    [
        "SONY", "^IMG_\\d+\\.jpe?g$", "(jpg|png)", "[a-z+*(]{2,5}x", "(?:ab)c", "[]a]", "[^]]", "a|b", "(a+)?", "x{3}", "\\(", "{",
        "\\bbeach\\b", "\\.jpg$", "beach.*", ".*beach.*", "^.*beach", "^Canon.*R5$", "IMG_\\d+\\.jpg", "IMG_\\d+-\\d+\\.jpg",
        "(jpe?g|png|heic|tiff?)$", "[[:alpha:]]x", "\\p{Lu}x", "a+", "x{1,4}y{1,4}", "\\AIMG.*g", "é.?", "_\\d+?x",
    ],
)  # fmt: skip
def test_spend__linear__passes_forevery_field(pattern: str) -> None:
    assert refuse(pattern, "i") is None


@pytest.mark.parametrize(
    "pattern", ["holiday.*beach", ".*.*x", "\\w+@\\w+\\.com", "[^!]*[!]", ".+beach", "(ab|a.*)c", "[[:alpha:]]*x", "^(a|b).*c|d.*e"]
)  # fmt: skip
def test_spend__one_open_repeat__passes_for_short_texts_only(pattern: str) -> None:
    assert refuse(pattern, field=SHORT) is None
    assert "could take too long" in str(refuse(pattern, field=LONG))


@pytest.mark.parametrize(
    "pattern",
    [
        # Repeats one after another: polynomial.
        "[^!]*[^!]*[!]", "a*a*b", "^a*a*b", "\\w*\\s*\\w*x", "(a*)(a*)b", "(?:a*)?(?:a*)?b", "a.*b.*c", "(a+){9}b", "a*?a*?b", "a*+b*+a*c",
        # Repeats in repeats: exponential.
        "(a+)+$", "(a|a)*b", "((a*))*b", "(a?)*b", "(a?){50}b", "a**", "(a*|b)+c",
        # These have no repeat, but choices that multiply.
        "a?" * 30 + "a" * 30, "(a|a)" * 20, "(a|b|ab)" * 12 + "c", "x{0,100}x{0,100}x{0,100}y", "(a?a?a?){9}b", "((a|a)(a|a)){9}b",
    ],
)  # fmt: skip
def test_spend__ways_multiply__is_refused_even_for_short_texts(pattern: str) -> None:
    assert refuse(pattern, field=SHORT) is not None


@pytest.mark.parametrize(
    "pattern",
    [
        "(a)\\1", "(?=a)", "(?!a)", "(?<=a)", "(?R)", "(?P<x>a)", "(?>a)", "(*ACCEPT)", "(?i)a", "(?#x)a", "\\Qa", "\\g1", "\\K", "\\Ra",
        "[\\Q]\\E(a+)+]", "x{101}", "x{1,999}", "x{101,}", "a{,9}", "(", ")", "a)b", "[a", "[[:alpha:]", "\\", "*a", "^*", "\\b+", "a" * (MAX_PATTERN_CHARS + 1), "", "a\\0",
    ],
)  # fmt: skip
def test_spend__outside_of_the_subset__is_refused(pattern: str) -> None:
    assert refuse(pattern, field=SHORT) is not None


@pytest.mark.parametrize("flag", ["x", "g", "u"])
def test_spend__flag__is_refused_if_it_changes_what_the_characters_mean(flag: str) -> None:
    # With "x", the space between a group and its repeat does not count.
    assert refuse("(a|a) *b", flag, SHORT) is not None


@pytest.mark.parametrize(
    ("pattern", "flags", "linear"),
    [
        ("x\\d+y", "", False),
        # The repeat can begin at two positions of one stretch.
        ("1\\d+y", "", True),
        ("x?\\d+y", "", True),
        # Ignoring case, these match each other: the Kelvin sign and k.
        ("K[^a-z]+y", "i", True),
        ("x.*y", "", True),
        # A pattern that begins with .* is tried once for each line, and with ^ once.
        (".*y", "", False),
        (".*y|z", "", True),
        ("^x.*y", "", False),
        ("^x.*y", "m", True),
        ("(^x|^y).*z", "", False),
        ("(^x|y).*z", "", True),
        # If nothing follows, the first alternative matches.
        ("x.*", "", False),
        ("x.*(y?)", "", False),
        ("x.*$", "", True),
    ],
)
def test_measure__open_repeat__is_linear_only_if_no_two_positions_share_it(
    pattern: str, flags: str, linear: bool
) -> None:
    assert bool(measure(pattern, flags).linear) is linear
