"""Convert whole values: dates, versions and codes that consist of several bytes or numbers.

The tables name these functions in their conversions: see conversions.py. Each function takes the stored value and the
byte order ("<" or ">"), and returns the value that ExifTool prints, or None if there is none. A value that does not
have the expected form is returned unchanged, or is None.

Source of all formulas: observed. The results are the values that ExifTool 13.59 prints for crafted files with many
values (docgen/makernotes/probe.py) or for sample files (docgen/makernotes/overrides.toml).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

Conversion = Callable[[Any, str], Any]


def clean(number: float) -> float | int:
    """Return a float without decimals as an integer, and any other number unchanged.

    Raises:
        ValueError: The number is not finite.
    """
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError(number)
    return int(number) if isinstance(number, float) and number.is_integer() and abs(number) < 2**53 else number


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, list) and all(isinstance(item, int) for item in value):
        return bytes(item & 0xFF for item in value)
    return value.encode("latin-1", "replace") if isinstance(value, str) else b""


def nikon_fraction(value: Any, _order: str) -> Any:
    """Return Nikon's exposure value in stops: a * b / c of its first three bytes, which are signed; 0 if c is 0."""
    data = _as_bytes(value)
    if len(data) < 3:
        return None
    a, b, c = struct.unpack("3b", data[:3])
    return clean(a * b / c) if c else 0


def version_text(value: Any, _order: str) -> Any:
    """Return a version whose bytes are digits, either as ASCII or as numbers: "0210"."""
    data = _as_bytes(value)
    if data and all(32 <= byte < 127 for byte in data):
        return data.decode("latin-1")
    return "".join(str(byte) for byte in data)


def dotted(value: Any, _order: str) -> Any:
    """Return a version whose bytes are numbers, such as "0.1.2.3". A version in ASCII is returned unchanged."""
    data = _as_bytes(value)
    if data and all(32 <= byte < 127 for byte in data):
        return data.decode("latin-1")
    return ".".join(str(byte) for byte in _as_bytes(value))


def spaced(value: Any, _order: str) -> Any:
    """Return bytes as decimal numbers, separated by spaces."""
    return " ".join(str(byte) for byte in _as_bytes(value))


def unix_time(value: Any, _order: str) -> Any:
    """Return seconds since 1970 as a date and time; None for 0."""
    seconds = value[0] if isinstance(value, list) and value else value
    if not isinstance(seconds, int) or not 0 < seconds < 2**32:
        return None
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).strftime("%Y:%m:%d %H:%M:%S")


def flir_date(value: Any, order: str) -> Any:
    """Return FLIR's date: seconds since 1970 in UTC, milliseconds, and the minutes that local time is behind UTC."""
    data = _as_bytes(value)
    if len(data) != 10:
        return None
    seconds, milliseconds, behind_minutes = struct.unpack(order + "IIh", data)
    # Only the lower half of the number has the milliseconds, as ExifTool reads them.
    milliseconds &= 0xFFFF
    if not seconds or milliseconds > 999 or abs(behind_minutes) > 14 * 60:
        return None
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, minutes=-behind_minutes)
    hours, minutes = divmod(abs(behind_minutes), 60)
    sign = "-" if behind_minutes > 0 else "+"
    return f"{local:%Y:%m:%d %H:%M:%S}.{milliseconds:03d}{sign}{hours:02d}:{minutes:02d}"


def pentax_date(value: Any, _order: str) -> Any:
    """Return Pentax's date, which is a big-endian 16-bit year, a month and a day."""
    data = _as_bytes(value)
    if len(data) != 4:
        return None
    year, month, day = struct.unpack(">HBB", data)
    return f"{year:04d}:{month:02d}:{day:02d}"


def pentax_color_temperature(value: Any, _order: str) -> Any:
    """Return a colour temperature in kelvins, and two fine adjustments from -8 to 7.

    It is stored as the difference from 53190, in a big-endian 16-bit number. The adjustments are in the last byte.
    """
    data = _as_bytes(value)
    if len(data) != 4:
        return None
    adjustments = ((data[3] & 0x0F ^ 8) - 8, (data[3] >> 4 ^ 8) - 8)
    return [53190 - int.from_bytes(data[:2], "big"), *adjustments]


def pentax_kelvin(value: Any, _order: str) -> Any:
    """Return a colour temperature, an adjustment, and the gains of red and blue, stored in units of 1/8192."""
    if not isinstance(value, list) or len(value) != 4:
        return value
    return [53190 - value[0], value[1], value[2] / 8192, value[3] / 8192]


def clock_time(value: Any, _order: str) -> Any:
    """Return a time from three or four bytes: hour, minute, second, hundredth of a second."""
    data = _as_bytes(value)
    if len(data) < 3:
        return None
    text = f"{data[0]:02d}:{data[1]:02d}:{data[2]:02d}"
    return f"{text}.{data[3]:02d}" if len(data) > 3 else text


def canon_ev(value: Any, _order: str) -> Any:
    """Return Canon's exposure value in stops. The unit is 1/32, except that 0x0C is 1/3 and 0x14 is 2/3."""

    def step(number: Any) -> Any:
        if not isinstance(number, int):
            return None
        sign = -1 if number < 0 else 1
        number = abs(number)
        fraction = number & 0x1F
        whole = number - fraction
        part: float = {0x0C: 0x20 / 3, 0x14: 0x40 / 3}.get(fraction, fraction)
        return clean(sign * (whole + part) / 0x20)

    return [step(item) for item in value] if isinstance(value, list) else step(value)


def sony_date(value: Any, order: str) -> Any:
    """Return Sony's date and time, which is a 16-bit year and five bytes."""
    data = _as_bytes(value)
    if len(data) < 7:
        return None
    year, *rest = struct.unpack(order + "H5B", data[:7])
    return "{:04d}:{:02d}:{:02d} {:02d}:{:02d}:{:02d}".format(year, *rest)


def hex_digits(value: Any, _order: str) -> Any:
    """Return bytes as hexadecimal digits."""
    return _as_bytes(value).hex()


def short_date(value: Any, _order: str) -> Any:
    """Return a date and time of six bytes. The first byte is the year of the century."""
    data = _as_bytes(value)
    return "20{:02d}:{:02d}:{:02d} {:02d}:{:02d}:{:02d}".format(*data) if len(data) == 6 else None


def reversed_list(value: Any, _order: str) -> Any:
    """Return numbers in the opposite order."""
    return value[::-1] if isinstance(value, list) else value


def words(value: Any, order: str) -> Any:
    """Return bytes as signed 16-bit numbers."""
    data = _as_bytes(value)
    return list(struct.unpack(f"{order}{len(data) // 2}h", data[: len(data) // 2 * 2]))


def packed_date(value: Any, _order: str) -> Any:
    """Return a date that is packed into one number: a 16-bit year, a month and a day."""
    number = first(value, "")
    return f"{number >> 16:04d}:{number >> 8 & 0xFF:02d}:{number & 0xFF:02d}" if isinstance(number, int) else None


def packed_time(value: Any, _order: str) -> Any:
    """Return a time that is packed into one number: hour, minute and second."""
    number = first(value, "")
    return f"{number >> 16:02d}:{number >> 8 & 0xFF:02d}:{number & 0xFF:02d}" if isinstance(number, int) else None


def date_bytes(value: Any, _order: str) -> Any:
    """Return a date and time, which is a big-endian 16-bit year and five bytes."""
    return sony_date(value, ">")


def colon_bytes(value: Any, _order: str) -> Any:
    """Return bytes as decimal numbers of two digits, separated by colons: "05:01"."""
    return ":".join(f"{byte:02d}" for byte in _as_bytes(value))


def inverted_version(value: Any, _order: str) -> Any:
    """Return Pentax's version, which is four inverted bytes, as decimal numbers separated by spaces."""
    data = [255 - byte for byte in _as_bytes(value)]
    return f"{data[0]} {data[1]:02d} {data[2]:02d} {data[3]:02d}" if len(data) == 4 else None


def olympus_lens(value: Any, _order: str) -> Any:
    """Return the number of an Olympus lens: make, model and version in hexadecimal, separated by spaces."""
    data = _as_bytes(value)
    return f"{data[0]:x} {data[2]:02x} {data[3]:02x}" if len(data) > 3 else None


def olympus_extender(value: Any, _order: str) -> Any:
    """Return the number of an Olympus teleconverter: make and model in hexadecimal, separated by a space."""
    data = _as_bytes(value)
    return f"{data[0]:x} {data[2]:02x}" if len(data) > 2 else None


def first(value: Any, _order: str) -> Any:
    """Return the first item of a list, and any other value unchanged."""
    return value[0] if isinstance(value, list) and value else value


def after_colon(value: Any, _order: str) -> Any:
    """Return the text after the first colon: "+0.4" for "Cont:+0.4"."""
    return value.partition(":")[2].strip() if isinstance(value, str) and ":" in value else value


def text_number(value: Any, _order: str) -> Any:
    """Return a string as a number; None if it is not a number."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return None


def two_words(value: Any, _order: str) -> Any:
    """Return a 32-bit number that is stored as two 16-bit words, the higher one first."""
    return (value[0] << 16) + value[1] if isinstance(value, list) and len(value) == 2 else value


def reconyx_version(value: Any, _order: str) -> Any:
    """Return Reconyx's version, which is two numbers and the code of a letter: "1.4b"."""
    if not isinstance(value, list) or len(value) != 3:
        return value
    letter = chr(value[2]) if 32 < value[2] < 127 else ""
    return f"{value[0]}.{value[1]}{letter}"


def reconyx_date(value: Any, _order: str) -> Any:
    """Return Reconyx's date and time, which is second, minute, hour, month, day and year."""
    if not isinstance(value, list) or len(value) != 6:
        return None
    second, minute, hour, month, day, year = value
    return f"{year:04d}:{month:02d}:{day:02d} {hour:02d}:{minute:02d}:{second:02d}"


def bcd_date(value: Any, _order: str) -> Any:
    """Return a date, with its time if it has one, in binary-coded decimal: 0x2011, 0x0110 is "2011:01:10"."""
    words = value if isinstance(value, list) and len(value) == 2 else None
    digits = f"{words[0]:04x}{words[1]:04x}" if words else _as_bytes(value).hex()
    if len(digits) < 8 or not digits.isdigit():
        return None
    date = f"{digits[:4]}:{digits[4:6]}:{digits[6:8]}"
    return f"{date} {digits[8:10]}:{digits[10:12]}:{digits[12:14]}" if len(digits) >= 14 else date


def padded_text(value: Any, _order: str) -> Any:
    """Return the text before the first NUL."""
    return _as_bytes(value).split(b"\0")[0].decode("latin-1")


def canon_iso(value: Any, _order: str) -> Any:
    """Return Canon's ISO speed: the number in the lower bits if bit 14 is set, else the speed or name for a code."""
    number = first(value, "")
    if not isinstance(number, int) or number in (0x7FFF, -1):
        return None
    names = {0: "n/a", 14: "Auto High", 15: "Auto", 16: 50, 17: 100, 18: 200, 19: 400, 20: 800}
    return number & 0x3FFF if number & 0x4000 else names.get(number, f"Unknown ({number})")


def canon_file_number(value: Any, _order: str) -> Any:
    """Return Canon's file number: the number of the folder times 10,000, plus the number of the file.

    The bits of the two numbers are spread over a 32-bit number.
    """
    number = first(value, "")
    if not isinstance(number, int) or number < 0:
        return None
    return (number >> 6 & 0x3FF) * 10_000 + (number >> 16 & 0xFF) + ((number & 0x3F) << 8)


def canon_battery(value: Any, _order: str) -> Any:
    """Return the name of Canon's battery, which follows four other bytes."""
    return _as_bytes(value)[4:].split(b"\0")[0].decode("latin-1")


def swap_words(value: Any, _order: str) -> Any:
    """Return 32-bit numbers whose two 16-bit words are stored in the opposite order."""
    return [(item & 0xFFFF) << 16 | item >> 16 for item in value] if isinstance(value, list) else value


def pentax_lens(value: Any, _order: str) -> Any:
    """Return the two numbers of a lens from the four or five bytes in Pentax's newer structures."""
    if not isinstance(value, list) or len(value) not in (4, 5):
        return value
    return [value[0] & 0x0F, value[-2] << 8 | value[-1]]


def sony_lens_spec(value: Any, _order: str) -> Any:
    """Return the specification of a Sony lens: features, focal lengths, f-numbers and further features.

    The focal lengths (in mm) and the f-numbers (in tenths) are stored in binary-coded decimal. The features are
    returned as two hexadecimal digits each.
    """
    digits = _as_bytes(value).hex()
    if len(digits) != 16:
        return None
    try:
        shortest, longest, wide, narrow = (int(digits[a:b]) for a, b in ((2, 6), (6, 10), (10, 12), (12, 14)))
    except ValueError:
        return None
    return f"{digits[:2]} {shortest} {longest} {wide / 10:g} {narrow / 10:g} {digits[14:]}"


def pentax_ev(value: Any, _order: str) -> Any:
    """Return Pentax's exposure value in stops. It is stored in eighths, except that 3/8 is 1/3 and 5/8 is 2/3."""
    number = first(value, "")
    if not isinstance(number, int):
        return None
    third = {3: -1 / 3, 5: 1 / 3}.get(number % 8, 0)
    return clean((number + third) / 8)


def pentax_focal(value: Any, _order: str) -> Any:
    """Return Pentax's focal length in mm. It is stored as six bits, and an exponent of two bits to the base 4."""
    number = first(value, "")
    return clean(10 * (number >> 2) * 4.0 ** ((number & 3) - 2)) if isinstance(number, int) else None


def decimal_date(value: Any, _order: str) -> Any:
    """Return a date that is stored as a number such as 20070913."""
    digits = str(first(value, ""))
    return f"{digits[:4]}:{digits[4:6]}:{digits[6:]}" if len(digits) == 8 else value


def signed_words(value: Any, _order: str) -> Any:
    """Return unsigned 16-bit numbers as signed ones."""
    if not isinstance(value, list):
        return value
    return [item - 65536 if isinstance(item, int) and item > 32767 else item for item in value]


def trim_zeros(value: Any, _order: str) -> Any:
    """Return a list without the zeros at its end. Its first number is always kept."""
    if not isinstance(value, list):
        return value
    count = max((index + 1 for index, item in enumerate(value) if item), default=1)
    return value[:count]


def hex_bytes(value: Any, _order: str) -> Any:
    """Return bytes as two hexadecimal digits each, separated by spaces: "01 00 ff"."""
    return _as_bytes(value).hex(" ")


def int16(value: Any, order: str) -> Any:
    """Return two bytes as a signed 16-bit number; None if there are not two."""
    data = _as_bytes(value)
    return struct.unpack(order + "h", data)[0] if len(data) == 2 else None


# The functions by their names in the tables.
SPECIAL: dict[str, Conversion] = {
    function.__name__: function
    for function in (
        hex_bytes, int16, pentax_lens, sony_lens_spec, pentax_ev, pentax_focal, decimal_date, signed_words,
        trim_zeros, nikon_fraction, version_text, dotted, spaced, unix_time, pentax_date, pentax_color_temperature,
        pentax_kelvin, short_date, reversed_list, words, clock_time, canon_ev, sony_date, hex_digits, packed_date,
        packed_time, date_bytes, colon_bytes, inverted_version, olympus_lens, olympus_extender, first, after_colon,
        text_number, two_words, reconyx_version, reconyx_date, bcd_date, padded_text, canon_iso, canon_battery,
        canon_file_number, swap_words, flir_date,
    )
}  # fmt: skip
