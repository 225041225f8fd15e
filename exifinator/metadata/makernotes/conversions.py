"""Compile the conversions in the tables, which turn stored values into the values that ExifTool prints.

A conversion is a string: a list of steps, separated by `;`. Each step changes a number x, or each number of a list:

    none A B ...    no value if x is A, B, ...
    mask M S        the bits M of x, shifted right by S
    lin A B         A * x + B
    pow2 A B C      C * 2 ** (A * x + B)
    inv A           A / x; 0 if x is 0
    abs             the absolute value of x
    neg             -x
    square          x * x
    fix A=B ...     B if the stored value is A, without any other step

All other steps are names of functions of the whole value: see SPECIAL in value_functions.py.

A print form turns a value without a label into text. It is a key of PRINTS, or a format string such as `{:.1f} mm`.

Source of the conversions in the tables: docgen/makernotes/probe.py measures the values that ExifTool 13.59 prints.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from exifinator.metadata.makernotes.value_functions import SPECIAL, Conversion, clean

Step = Callable[[Any], Any]
# Results with larger exponents are not photographic values, and may overflow.
MAX_EXPONENT = 100


def _numbers(parts: list[str]) -> list[float]:
    return [float(part) if "." in part or "e" in part else int(part) for part in parts]


def _power(a: float, b: float, c: float) -> Step:
    def step(x: Any) -> Any:
        exponent = a * x + b
        return c * 2.0**exponent if abs(exponent) <= MAX_EXPONENT else None

    return step


def _step(text: str) -> Step | None:
    """Return the function of one step; None if the step is not a function of single numbers."""
    name, *parts = text.split()
    if name == "none":
        unset = frozenset(_numbers(parts))
        return lambda x: None if x in unset else x
    if name == "mask":
        mask, shift = int(parts[0], 0), int(parts[1])
        return lambda x: (x & mask) >> shift
    if name == "lin":
        a, b = _numbers(parts)
        return lambda x: clean(round(a * x + b, 9))
    if name == "pow2":
        return _power(*_numbers(parts))
    if name == "inv":
        top = _numbers(parts)[0]
        return lambda x: clean(top / x) if x else 0
    if name == "abs":
        return abs
    if name == "neg":
        return lambda x: -x
    if name == "square":
        return lambda x: x * x
    return None


def compile_conversion(text: str) -> Conversion:
    """Return the function of a conversion.

    Args:
        text: The conversion, as described in the docstring of this module.

    Returns:
        A function of the stored value and the byte order ("<" or ">"). It returns None if there is no value.

    Raises:
        KeyError: The text has an unknown step.
    """
    fixed: dict[Any, float | int] = {}
    parts = []
    for part in text.split(";"):
        if part.startswith("fix "):
            pairs = [pair.split("=") for pair in part.split()[1:]]
            fixed = {int(stored): _numbers([shown])[0] for stored, shown in pairs}
        else:
            parts.append(part)
    steps = [(_step(part), SPECIAL.get(part.split()[0])) for part in parts]
    if any(step is None and special is None for step, special in steps):
        raise KeyError(text)

    def convert(value: Any, order: str) -> Any:
        if fixed:
            single = value[0] if isinstance(value, list) and len(value) == 1 else value
            if isinstance(single, int) and single in fixed:
                return fixed[single]
        for step, special in steps:
            if special is not None:
                value = special(value, order)
            elif isinstance(value, list):
                value = [step(item) if isinstance(item, int | float) else item for item in value]  # type: ignore[misc]
                if value and all(item is None for item in value):
                    return None
            elif isinstance(value, int | float):
                value = step(value)  # type: ignore[misc]
            if value is None:
                return None
        return value

    return convert


def compile_print(text: str) -> Callable[[Any], str]:
    """Return the function that turns a value into text, by its print form.

    The function returns str(value) if the print form does not fit the value.
    """
    special = PRINTS.get(text)
    if special is not None:
        return special

    def show(value: Any) -> str:
        try:
            return text.format(value)
        except (ValueError, TypeError, IndexError):
            return str(value)

    return show


def exposure_text(value: Any) -> str:
    """Return an exposure time in seconds as photographers write it: 1/125, but 0.5."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return str(value)
    if 1e-9 < value < 0.25001:
        return f"1/{round(1 / value)}"
    text = f"{value:.1f}"
    return text.removesuffix(".0")


def signed_text(value: Any) -> str:
    """Return a number with its sign. Halves and thirds are written as fractions, such as +1/3."""
    if not isinstance(value, int | float):
        return str(value)
    if value == 0:
        return "0"
    for denominator in (1, 2, 3):
        top = value * denominator
        if abs(top - round(top)) < 1e-2:
            return f"{round(top):+d}" if denominator == 1 else f"{round(top):+d}/{denominator}"
    return f"{value:+.3g}"


def lens_text(value: Any) -> str:
    """Return a description of a lens, such as 18-70mm f/3.5-4.5.

    Args:
        value: The shortest and the longest focal length in mm, and the f-number of the largest aperture at each.
    """
    if not isinstance(value, list) or len(value) != 4 or not all(isinstance(item, int | float) for item in value):
        return str(value)
    shortest, longest, wide, narrow = value
    focal = f"{shortest:g}" if shortest == longest else f"{shortest:g}-{longest:g}"
    return f"{focal}mm f/{wide:g}" if wide == narrow else f"{focal}mm f/{wide:g}-{narrow:g}"


def dots(value: Any) -> str:
    """Return numbers, separated by dots."""
    return ".".join(map(str, value)) if isinstance(value, list) else str(value)


PRINTS: dict[str, Callable[[Any], str]] = {
    "exposure": exposure_text,
    "fraction": signed_text,
    "lens": lens_text,
    "dots": dots,
}
