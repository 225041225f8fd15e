"""Read the first sample of DJI's timed metadata (`djmd`), a message of Protocol Buffers.

Each product has its own type of message, and the message contains the name of the type. The tables of exiftool -listx
(13.59) give the meaning of each product's fields: `dvtm_wm261_3-2-9-1` is field 1 of field 9 of field 2 of field 3 of
the product wm261. Sources: Protocol Buffers, "Encoding" (protobuf.dev); for units and the parts of a position, DJI's
own definition of the messages (dvtm_library.proto), as https://github.com/AdrianEddy/telemetry-parser has it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Any

from exifinator.metadata.makernotes.conversions import exposure_text
from exifinator.metadata.protobuf import BYTES, CUT, FIXED32, FIXED64, VARINT, fields, varint
from exifinator.metadata.quicktime.movie_tags import MovieTags, printable_text, table

DJI = "DJI"
TABLE = "DJI::Protobuf"
MAX_DEPTH = 6
# The name of the product's message, and the size and frame rate of the video.
PROTOCOL = "1-1-1"
# Names of altitudes in millimetres. The position is the first field of the message that has them.
ALTITUDES = ("AbsoluteAltitude", "GPSAltitude")
MILLIMETRES = frozenset({*ALTITUDES, "RelativeAltitude"})
# The fields of a position: its unit (0 for radians), latitude and longitude.
UNIT, LATITUDE, LONGITUDE = 1, 2, 3
DEGREES = 1
TEXTS = frozenset({"?", "string"})


def read_dji(sample: bytes, tags: MovieTags) -> None:
    """Add the model, the serial number, the settings of the camera, and the position."""
    values: dict[str, tuple[int, Any]] = {}
    for path, kind, value in _leaves(sample, ""):
        values.setdefault(path, (kind, value))
    kind, name = values.get(PROTOCOL, (VARINT, 0))
    if kind != BYTES:
        return
    protocol = printable_text(name).removesuffix(".proto")
    if not protocol.startswith("dvtm_"):
        return
    tags.add(DJI, "Protocol", f"{protocol}.proto")
    for key, row in table(TABLE).items():
        product, _, path = key.rpartition("_")
        if product == protocol and path in values:
            tag, form = row if isinstance(row, list) else (row, "?")
            _add(tag, form, *values[path], tags)
            if tag in ALTITUDES:
                _add_position(path.rpartition("-")[0], values, tags)


def _leaves(data: bytes, path: str, depth: int = 0) -> Iterator[tuple[str, int, Any]]:
    """Yield path, wire type and value of all fields. A field of bytes that is a message is followed by its fields."""
    for number, kind, value in fields(data):
        inner = f"{path}-{number}" if path else str(number)
        yield inner, kind, value
        if kind in (BYTES, CUT) and depth < MAX_DEPTH:
            yield from _leaves(value, inner, depth + 1)


def _add(name: str, form: str, kind: int, value: Any, tags: MovieTags) -> None:
    """Add a tag, if the field has the form that the table expects."""
    decoded = _decode(form, kind, value)
    if decoded is None:
        return
    if name in MILLIMETRES:
        decoded /= 1000
        tags.add(DJI, name, decoded, f"{decoded:.15g} m")
    elif name == "ShutterSpeed":
        tags.add(DJI, name, decoded, exposure_text(decoded))
    elif name == "GPSDateTime":
        tags.add(DJI, name, decoded.replace("-", ":"))
    else:
        tags.add(DJI, name, decoded)


def _decode(form: str, kind: int, value: Any) -> Any:
    """Return the value of a field; None if it has another form."""
    if form in TEXTS:
        return printable_text(value) or None if kind == BYTES else None
    if form == "rational":
        return _ratio(value) if kind == BYTES else None
    if form in ("float", "double"):
        number = _number(kind, value)
        return None if number is None else round(number, 6)
    if kind != VARINT:
        return None
    return value - (1 << 64) if form == "int64s" and value >> 63 else value


def _ratio(data: bytes) -> float | None:
    """Return the quotient of two packed numbers."""
    top, offset = varint(data, 0)
    bottom, offset = varint(data, offset)
    return top / bottom if bottom and offset <= len(data) else None


def _number(kind: int, value: Any) -> float | None:
    if kind not in (FIXED32, FIXED64) or len(value) != (4 if kind == FIXED32 else 8):
        return None
    number: float = struct.unpack("<f" if kind == FIXED32 else "<d", value)[0]
    return number if math.isfinite(number) else None


def _add_position(path: str, values: dict[str, tuple[int, Any]], tags: MovieTags) -> None:
    """Add latitude and longitude in degrees. A drone without a position writes zeros, or no position."""
    place = f"{path}-1"
    latitude, longitude = (_number(*values.get(f"{place}-{part}", (VARINT, 0))) for part in (LATITUDE, LONGITUDE))
    if latitude is None or longitude is None:
        return
    if values.get(f"{place}-{UNIT}", (VARINT, 0))[1] != DEGREES:
        latitude, longitude = math.degrees(latitude), math.degrees(longitude)
    tags.add(DJI, "GPSLatitude", round(latitude, 7))
    tags.add(DJI, "GPSLongitude", round(longitude, 7))
