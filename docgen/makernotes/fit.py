"""Find the conversion that turns stored values into the values that ExifTool shows."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from exifinator.metadata.makernotes.conversions import PRINTS, compile_conversion
from exifinator.metadata.makernotes.value_functions import SPECIAL

# Share of the points that a conversion must explain. MAX_EXCEPTIONS unexplained points are always allowed.
MIN_SHARE = 0.8
MAX_EXCEPTIONS = 6
# Larger exceptions are not recorded, because they result from stored values that no camera writes.
MAX_EXCEPTION_VALUE = 1e9


def number(value: Any) -> float | None:
    """Return a value as a number; None if it is not a finite number."""
    if isinstance(value, bool):
        return None
    try:
        result = float(value)
    except (TypeError, ValueError):
        return None
    return result if math.isfinite(result) else None


def is_same_value(left: Any, right: Any) -> bool:
    """Return whether two values are equal. Numbers are equal if they differ by at most 2e-7 of the larger one.

    Args:
        left: A number, a string, or a list of numbers and strings.
        right: A number or a string. If `left` is a list, a string of items that are separated by spaces.
    """
    if isinstance(left, list):
        parts = str(right).split()
        return len(parts) == len(left) and all(is_same_value(a, b) for a, b in zip(left, parts, strict=True))
    a, b = number(left), number(right)
    if a is not None and b is not None:
        return abs(a - b) <= 2e-7 * max(abs(a), abs(b), 1e-6)
    return str(left) == str(right)


def format_number(value: float) -> str:
    """Return a number in decimal: a simple fraction with 12 significant digits, any other number with 10."""
    if value == int(value) and abs(value) < 2**53:
        return str(int(value))
    nice = Fraction(value).limit_denominator(1000)
    return f"{float(nice):.12g}" if abs(float(nice) - value) < 1e-9 * max(1, abs(value)) else f"{value:.10g}"


def _fit_line(points: list[tuple[float, float]]) -> tuple[float, float] | None:
    """Return a and b of the line y = a * x + b that contains most of the points (x, y).

    Return None if too few points are on a line.
    """
    points = sorted(set(points))
    if len(points) < 3:
        return None
    best: tuple[int, tuple[float, float]] | None = None
    middle = len(points) // 2
    for first, second in (
        (middle, middle + 1),
        (middle // 2, middle),
        (1, 2),
        (len(points) // 3, 2 * len(points) // 3),
    ):
        if second >= len(points) or points[first][0] == points[second][0]:
            continue
        a = (points[second][1] - points[first][1]) / (points[second][0] - points[first][0])
        b = points[first][1] - a * points[first][0]
        hits = sum(abs(a * x + b - y) <= 1e-7 * max(1, abs(y)) for x, y in points)
        if best is None or hits > best[0]:
            best = hits, (a, b)
    return best[1] if best and best[0] >= MIN_SHARE * len(points) - MAX_EXCEPTIONS else None


def _scalar_candidates(points: list[tuple[Any, float]]) -> Iterator[str]:
    """Yield conversions of single numbers that may fit.

    Args:
        points: Pairs of the stored value and the value that ExifTool shows.
    """
    pairs = [(float(x), y) for x, y in points if isinstance(x, int | float) and not isinstance(x, bool)]
    if not pairs:
        return
    line = _fit_line(pairs)
    if line and line != (1, 0):
        yield f"lin {format_number(line[0])} {format_number(line[1])}"
    logs = [(x, math.log2(y)) for x, y in pairs if y > 0]
    line = _fit_line(logs) if len(logs) > len(pairs) / 2 else None
    if line and abs(line[0]) > 1e-9:
        for exponent in (0.0, line[1]):
            factor = 2.0 ** (line[1] - exponent)
            yield f"pow2 {format_number(line[0])} {format_number(exponent)} {format_number(factor)}"
    products = [x * y for x, y in pairs if x and y]
    if len(products) > 4:
        middle = sorted(products)[len(products) // 2]
        yield f"inv {format_number(middle)}"
    squares = [(x * x, y) for x, y in pairs]
    line = _fit_line(squares)
    if line:
        yield f"square;lin {format_number(line[0])} {format_number(line[1])}"
    yield "abs"
    yield "neg"


def _mask_candidates(points: list[tuple[Any, float]], bits: int) -> Iterator[tuple[str, list[tuple[Any, float]]]]:
    """Yield all mask steps for a number of `bits` bits, each with the points whose stored value is masked."""
    for width in range(1, bits):
        for shift in range(bits - width + 1):
            mask = ((1 << width) - 1) << shift
            yield f"mask 0x{mask:x} {shift}", [((x & mask) >> shift, y) for x, y in points]


def find_exceptions(text: str, points: list[tuple[Any, Any]], order: str) -> list[tuple[Any, Any]] | None:
    """Return the points that a conversion does not explain; None if there are too many of them.

    Args:
        text: The conversion; "" for none.
        points: Pairs of the stored value and the value that ExifTool shows.
        order: Byte order, "<" or ">".
    """
    convert = compile_conversion(text) if text else (lambda value, _order: value)
    exceptions = []
    for stored, shown in points:
        try:
            value = convert(stored, order)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            value = None
        if value is None or not is_same_value(value, shown):
            exceptions.append((stored, shown))
            if len(exceptions) > max(MAX_EXCEPTIONS, (1 - MIN_SHARE) * len(points)):
                return None
    return exceptions


def fit_conversion(points: list[tuple[Any, Any]], missing: list[Any], bits: int, order: str) -> str | None:
    """Find the conversion that turns the stored values into ExifTool's values.

    Args:
        points: Pairs of the stored value and the value that ExifTool shows.
        missing: Stored values for which ExifTool shows no value.
        bits: Number of bits of the stored value if it is an unsigned integer, else 0.
        order: Byte order, "<" or ">".

    Returns:
        The conversion as in makernotes.conversions; "" if ExifTool shows the stored value; None if no conversion fits.
    """
    candidates: list[str] = [""]
    numeric = [(x, n) for x, y in points if (n := number(y)) is not None and isinstance(x, int | float)]
    candidates += _scalar_candidates(numeric)
    for name in SPECIAL:
        candidates.append(name)
        special = SPECIAL[name]
        try:
            converted = [(special(x, order), y) for x, y in numeric]
        except (ArithmeticError, LookupError, TypeError, ValueError):
            continue
        candidates += [f"{name};{text}" for text in _scalar_candidates([(x, y) for x, y in converted if x is not None])]
    best: tuple[int, str, list[tuple[Any, Any]]] | None = None
    for text in candidates:
        exceptions = find_exceptions(text, points, order)
        if exceptions is not None and (best is None or len(exceptions) < best[0]):
            best = len(exceptions), text, exceptions
            if not exceptions:
                break
    if (best is None or best[0]) and bits and all(isinstance(x, int) for x, _ in points):
        values = {y for _, y in numeric}
        for mask, converted in _mask_candidates(numeric, min(bits, 16)):
            # Each masked value has one result, so there cannot be more results than masked values, except exceptions.
            if len(values) > len({x for x, _ in converted}) + MAX_EXCEPTIONS:
                continue
            for text in ("", *_scalar_candidates(converted)):
                conversion = f"{mask};{text}" if text else mask
                exceptions = find_exceptions(conversion, points, order)
                if exceptions is not None and (best is None or len(exceptions) < best[0]):
                    best = len(exceptions), conversion, exceptions
            if best and not best[0]:
                break
    if best is None:
        return None
    return _add_exceptions(best[1], best[2], missing)


def _add_exceptions(text: str, exceptions: list[tuple[Any, Any]], missing: list[Any]) -> str:
    """Return a conversion with a step for the points that it does not explain, and one for the missing values."""
    steps = []
    missing_integers = [x for x in missing if isinstance(x, int)]
    if missing_integers and len(missing_integers) <= 4:
        steps.append("none " + " ".join(map(str, sorted(set(missing_integers)))))
    storable_exceptions = [
        (x, y)
        for x, y in exceptions
        if isinstance(x, int) and (shown := number(y)) is not None and abs(shown) < MAX_EXCEPTION_VALUE
        and len(exceptions) <= MAX_EXCEPTIONS
    ]  # fmt: skip
    if storable_exceptions:
        steps.append("fix " + " ".join(f"{x}={format_number(float(y))}" for x, y in storable_exceptions))
    if text:
        steps.append(text)
    return ";".join(steps)


def fit_print_form(points: list[tuple[Any, str]]) -> str | None:
    """Find the print form that turns values into the strings that ExifTool prints.

    Args:
        points: Pairs of the value and the printed string, for values without a name.

    Returns:
        The print form as in makernotes.conversions; None if no form fits, or if the printed string is the value itself.
    """
    points = [(value, text) for value, text in points if text and not text.startswith("Unknown (")]
    if not points or sum(str(value) == text for value, text in points) >= 0.7 * len(points):
        return None
    forms: list[Callable[[Any], str]] = []
    names: list[str] = []
    for name, print_form in PRINTS.items():
        names.append(name)
        forms.append(print_form)
    seen: set[str] = set()
    for _, text in points[:: max(1, len(points) // 6)]:
        match = re.search(r"[+-]?\d+(?:\.\d+)?", text)
        if match:
            before, after = text[: match.start()], text[match.end() :]
            for code in (
                "{}",
                "{:.0f}",
                "{:.1f}",
                "{:.2f}",
                "{:.3f}",
                "{:.4f}",
                "{:+d}",
                "{:+g}",
                "{:+.1f}",
                "{:g}",
                "{:.2g}",
                "{:.3g}",
                "0x{:x}",
            ):
                form = before.replace("{", "{{") + code + after.replace("{", "{{")
                if form not in seen:
                    seen.add(form)
                    names.append(form)
                    forms.append(form.format)
    best_form: tuple[int, str] | None = None
    for name, print_form in zip(names, forms, strict=True):
        hits = 0
        for value, text in points:
            try:
                hits += print_form(value) == text
            except (ValueError, TypeError, IndexError, KeyError):
                continue
        if best_form is None or hits > best_form[0]:
            best_form = hits, name
    return best_form[1] if best_form and best_form[0] >= 0.6 * len(points) else None
