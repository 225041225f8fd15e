"""Conversions of stored values into the values that ExifTool shows, written as short texts in the tables.

A conversion is a list of steps, separated by `;`. Each step changes a number:

    none A B ...    there is no value if the stored one is A, B, ...
    mask M S        take the bits M, shifted right by S
    lin A B         A * x + B
    pow2 A B C      C * 2 ** (A * x + B)
    inv A           A / x; 0 for 0
    abs, neg        its absolute value; its negative
    square          x * x
    fix A=B ...     the value is B if the stored one is A; no further step

Other steps are functions of the whole value; see SPECIAL. A print form is a text with one `{}` or `{:.1f}` for the value.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

Conversion = Callable[[Any, str], Any]
Step = Callable[[Any], Any]
# Exponents beyond these are not photographic values, and may overflow.
MAX_EXPONENT = 100


def _numbers(parts: list[str]) -> list[float]:
    return [float(part) if "." in part or "e" in part else int(part) for part in parts]


def _clean(number: float) -> float | int:
    """Return a whole float as it is shown: 2.0 -> 2."""
    return int(number) if isinstance(number, float) and number.is_integer() and abs(number) < 2**53 else number


def _power(a: float, b: float, c: float) -> Step:
    def step(x: Any) -> Any:
        exponent = a * x + b
        return c * 2.0**exponent if abs(exponent) <= MAX_EXPONENT else None

    return step


def _step(text: str) -> Step | None:
    """Return the function of one step; None if it has to be looked up in SPECIAL."""
    name, *parts = text.split()
    if name == "none":
        unset = frozenset(_numbers(parts))
        return lambda x: None if x in unset else x
    if name == "mask":
        mask, shift = int(parts[0], 0), int(parts[1])
        return lambda x: (x & mask) >> shift
    if name == "lin":
        a, b = _numbers(parts)
        return lambda x: _clean(round(a * x + b, 9))
    if name == "pow2":
        return _power(*_numbers(parts))
    if name == "inv":
        top = _numbers(parts)[0]
        return lambda x: _clean(top / x) if x else 0
    if name == "abs":
        return abs
    if name == "neg":
        return lambda x: -x
    if name == "square":
        return lambda x: x * x
    return None


def compile_conversion(text: str) -> Conversion:
    """Return the function of a conversion. It returns None where there is no value.

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
    """Return the function that shows a value."""
    special = PRINTS.get(text)
    if special is not None:
        return special

    def show(value: Any) -> str:
        try:
            return text.format(value)
        except (ValueError, TypeError, IndexError):
            return str(value)

    return show


# --- functions of the whole value ---------------------------------------------------------------------------------


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, list) and all(isinstance(item, int) for item in value):
        return bytes(item & 0xFF for item in value)
    return value.encode("latin-1", "replace") if isinstance(value, str) else b""


def nikon_fraction(value: Any, _order: str) -> Any:
    """Return a * b / c of the three signed bytes in which Nikon stores steps of exposure."""
    data = _as_bytes(value)
    if len(data) < 3:
        return None
    a, b, c = struct.unpack("3b", data[:3])
    return _clean(a * b / c) if c else 0


def version_text(value: Any, _order: str) -> Any:
    """Return the digits of a version."""
    data = _as_bytes(value)
    return data.rstrip(b"\0").decode("latin-1") if all(32 <= byte < 127 or byte == 0 for byte in data) else list(data)


def dotted(value: Any, _order: str) -> Any:
    """Return bytes as a version: 0.1.2.3."""
    return ".".join(str(byte) for byte in _as_bytes(value))


def spaced(value: Any, _order: str) -> Any:
    """Return bytes as numbers with spaces."""
    return " ".join(str(byte) for byte in _as_bytes(value))


def unix_time(value: Any, _order: str) -> Any:
    """Return seconds since 1970 as a date; None for 0."""
    seconds = value[0] if isinstance(value, list) and value else value
    if not isinstance(seconds, int) or not 0 < seconds < 2**32:
        return None
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).strftime("%Y:%m:%d %H:%M:%S")


def pentax_date(value: Any, order: str) -> Any:
    """Return Pentax's date of a 16-bit year, a month and a day."""
    data = _as_bytes(value)
    if len(data) != 4:
        return None
    year, month, day = struct.unpack(order + "HBB", data)
    return f"{year:04d}:{month:02d}:{day:02d}"


def clock_time(value: Any, _order: str) -> Any:
    """Return the time of three or four bytes: hour, minute, second, hundredth."""
    data = _as_bytes(value)
    if len(data) < 3:
        return None
    text = f"{data[0]:02d}:{data[1]:02d}:{data[2]:02d}"
    return f"{text}.{data[3]:02d}" if len(data) > 3 else text


def canon_ev(value: Any, _order: str) -> Any:
    """Return steps of exposure from Canon's unit, 1/32, in which 1/3 is 0x0c and 2/3 is 0x14."""

    def step(number: Any) -> Any:
        if not isinstance(number, int):
            return None
        sign = -1 if number < 0 else 1
        number = abs(number)
        fraction = number & 0x1F
        whole = number - fraction
        part: float = {0x0C: 0x20 / 3, 0x14: 0x40 / 3}.get(fraction, fraction)
        return _clean(sign * (whole + part) / 0x20)

    return [step(item) for item in value] if isinstance(value, list) else step(value)


def sony_date(value: Any, order: str) -> Any:
    """Return Sony's date of a 16-bit year and five bytes."""
    data = _as_bytes(value)
    if len(data) < 7:
        return None
    year, *rest = struct.unpack(order + "H5B", data[:7])
    return "{:04d}:{:02d}:{:02d} {:02d}:{:02d}:{:02d}".format(year, *rest)


def hex_digits(value: Any, _order: str) -> Any:
    """Return bytes as hexadecimal digits."""
    return _as_bytes(value).hex()


SPECIAL: dict[str, Conversion] = {
    "nikon_fraction": nikon_fraction,
    "version_text": version_text,
    "dotted": dotted,
    "spaced": spaced,
    "unix_time": unix_time,
    "pentax_date": pentax_date,
    "clock_time": clock_time,
    "canon_ev": canon_ev,
    "sony_date": sony_date,
    "hex_digits": hex_digits,
}


def exposure_text(value: Any) -> str:
    """Return an exposure time as people write it: 1/125, or 0.5 and longer."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return str(value)
    if 0 < value < 0.25001:
        return f"1/{round(1 / value)}"
    text = f"{value:.1f}"
    return text.removesuffix(".0")


def signed_text(value: Any) -> str:
    """Return a number with its sign, and thirds and halves as fractions: +1/3."""
    if not isinstance(value, int | float):
        return str(value)
    if value == 0:
        return "0"
    for denominator in (1, 2, 3):
        top = value * denominator
        if abs(top - round(top)) < 1e-2:
            return f"{round(top):+d}" if denominator == 1 else f"{round(top):+d}/{denominator}"
    return f"{value:+.3g}"


PRINTS: dict[str, Callable[[Any], str]] = {"exposure": exposure_text, "fraction": signed_text}
