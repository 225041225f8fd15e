# ruff: noqa: E501 -- keep each row of a table on one line
"""RegexBudget allows a regular expression by the work that it causes for the worst text, not by its form."""

from __future__ import annotations

import pytest

from api.query.regex_cost import measure
from api.query.regex_guard import MAX_PATTERN_CHARS, RegexBudget

# Fields whose values have limited length, and unlimited length.
SHORT, LONG = "photo.description", "Image ImageDescription.printable"


def reason_for_refusal(pattern: str, flags: str = "", field: str = LONG) -> str | None:
    return RegexBudget().spend(pattern, flags, field)


@pytest.mark.parametrize(
    "pattern",
    [
        "SONY", "^IMG_\\d+\\.jpe?g$", "(jpg|png)", "[a-z+*(]{2,5}x", "(?:ab)c", "[]a]", "[^]]", "a|b", "(a+)?", "x{3}", "\\(", "{",
        "\\bbeach\\b", "\\.jpg$", "beach.*", ".*beach.*", "^.*beach", "^Canon.*R5$", "IMG_\\d+\\.jpg", "IMG_\\d+-\\d+\\.jpg",
        "(jpe?g|png|heic|tiff?)$", "[[:alpha:]]x", "\\p{Lu}x", "a+", "x{1,4}y{1,4}", "\\AIMG.*g", "é.?", "_\\d+?x",
    ],
)  # fmt: skip
def test_spend__linear_pattern__is_allowed_for_every_field(pattern: str) -> None:
    assert reason_for_refusal(pattern, "i") is None


@pytest.mark.parametrize(
    "pattern", ["holiday.*beach", ".*.*x", "\\w+@\\w+\\.com", "[^!]*[!]", ".+beach", "(ab|a.*)c", "[[:alpha:]]*x", "^(a|b).*c|d.*e"]
)  # fmt: skip
def test_spend__one_unlimited_repeat__is_allowed_only_for_short_values(pattern: str) -> None:
    assert reason_for_refusal(pattern, field=SHORT) is None
    assert "could take too long" in str(reason_for_refusal(pattern, field=LONG))


@pytest.mark.parametrize(
    "pattern",
    [
        # Repeats one after another: polynomial.
        "[^!]*[^!]*[!]", "a*a*b", "^a*a*b", "\\w*\\s*\\w*x", "(a*)(a*)b", "(?:a*)?(?:a*)?b", "a.*b.*c", "(a+){9}b", "a*?a*?b", "a*+b*+a*c",
        # Repeats within repeats: exponential.
        "(a+)+$", "(a|a)*b", "((a*))*b", "(a?)*b", "(a?){50}b", "a**", "(a*|b)+c",
        # Limited repeats and alternatives whose numbers of ways multiply.
        "a?" * 30 + "a" * 30, "(a|a)" * 20, "(a|b|ab)" * 12 + "c", "x{0,100}x{0,100}x{0,100}y", "(a?a?a?){9}b", "((a|a)(a|a)){9}b",
    ],
)  # fmt: skip
def test_spend__repeats_or_choices_that_multiply__is_refused_even_for_short_values(pattern: str) -> None:
    assert reason_for_refusal(pattern, field=SHORT) is not None


@pytest.mark.parametrize(
    "pattern",
    [
        "(a)\\1", "(?=a)", "(?!a)", "(?<=a)", "(?R)", "(?P<x>a)", "(?>a)", "(*ACCEPT)", "(?i)a", "(?#x)a", "\\Qa", "\\g1", "\\K", "\\Ra",
        "[\\Q]\\E(a+)+]", "x{101}", "x{1,999}", "x{101,}", "a{,9}", "(", ")", "a)b", "[a", "[[:alpha:]", "\\", "*a", "^*", "\\b+", "a" * (MAX_PATTERN_CHARS + 1), "", "a\\0",
    ],
)  # fmt: skip
def test_spend__pattern_outside_the_supported_syntax__is_refused(pattern: str) -> None:
    assert reason_for_refusal(pattern, field=SHORT) is not None


@pytest.mark.parametrize("flag", ["x", "g", "u"])
def test_spend__flag_that_changes_the_meaning_of_characters__is_refused(flag: str) -> None:
    # With the flag "x", the space between the group and its repeat is ignored.
    assert reason_for_refusal("(a|a) *b", flag, SHORT) is not None


@pytest.mark.parametrize(
    ("pattern", "flags", "is_linear"),
    [
        ("x\\d+y", "", False),
        # The repeat can begin at several positions of the same run of digits.
        ("1\\d+y", "", True),
        ("x?\\d+y", "", True),
        # If case is ignored, the Kelvin sign and "k" match each other.
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
def test_measure__unlimited_repeat__is_linear_only_if_it_can_begin_at_one_position(
    pattern: str, flags: str, is_linear: bool
) -> None:
    assert bool(measure(pattern, flags).linear) is is_linear
