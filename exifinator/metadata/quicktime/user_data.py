"""Decode user data (`udta`): text boxes of Apple and 3GPP, and the boxes of cameras.

Sources: QuickTime File Format Specification, 2001, "User Data Atoms"; 3GPP TS 26.244, clause 8. The tags have the
names of ExifTool 13.59.
"""

from __future__ import annotations

from typing import NamedTuple

from exifinator.metadata.jpeg_spec import JPEG_BEGIN
from exifinator.metadata.quicktime.boxes import boxes_in, four_characters, uint
from exifinator.metadata.quicktime.item_lists import add_value, read_meta
from exifinator.metadata.quicktime.movie_tags import MovieTags, definition, table
from exifinator.metadata.quicktime.places import place_text
from exifinator.metadata.quicktime.tracks import QUICKTIME, language
from exifinator.metadata.text_decoding import decode_windows_1252

USER_DATA = "UserData"
MAX_ENTRIES = 50
# The first byte of the codes of Apple's international text boxes.
INTERNATIONAL = 0xA9
# 3GPP's boxes with text after the version and the language.
TEXT_BOXES_3GPP = frozenset({"titl", "dscp", "auth", "perf", "gnre", "cprt", "albm", "coll"})
# Types of boxes that contain a single number.
UNSIGNED = frozenset({"int8u", "int16u", "int32u"})
ROLES = {0: "shooting", 1: "real", 2: "fictional"}
# Boxes whose bytes are shown as hexadecimal digits.
HEXADECIMAL = frozenset({"CAME"})
# Boxes that makers.py decodes.
MAKERS = frozenset({"TAGS"})


class UserDataBlock(NamedTuple):
    """A packet or picture in the user data. `kind` is the kind of a Block, or the code of a maker's box."""

    kind: str
    data: bytes


def read_user_data(body: bytes, key_group: str, tags: MovieTags) -> list[UserDataBlock]:
    """Add the tags of a `udta` box, and return the packets, pictures and makers' boxes in it."""
    blocks: list[UserDataBlock] = []
    for kind, inner in boxes_in(body):
        code = kind.decode("latin-1")
        if kind == b"meta":
            blocks += [UserDataBlock(*block) for block in read_meta(inner, QUICKTIME, key_group, tags)]
        elif kind == b"XMP_":
            blocks.append(UserDataBlock("xmp", inner))
        elif kind[0] == INTERNATIONAL:
            _read_international(code, inner, tags)
        elif code in TEXT_BOXES_3GPP and _is_3gpp(inner):
            _read_3gpp(code, inner, tags)
        elif code == "kywd" and _is_3gpp(inner):
            _read_keywords(inner, tags)
        elif code == "loci" and _is_3gpp(inner):
            _read_location(inner, tags)
        elif code == "yrrc" and len(inner) >= 6:
            tags.add(USER_DATA, "Year", uint(inner, 4, 2))
        elif code == "urat" and len(inner) >= 8:
            tags.add(USER_DATA, "UserRating", inner[7])
        elif code in ("rtng", "clsf") and len(inner) > 10:
            _read_rating(code, inner, tags)
        elif inner.startswith(JPEG_BEGIN):
            row = table(USER_DATA).get(code)
            tags.add_binary(USER_DATA, definition(row)[0] if row else "ThumbnailImage", inner)
            blocks.append(UserDataBlock("jpeg", inner))
        elif code in table(USER_DATA) and code not in MAKERS:
            _read_plain(code, inner, tags)
        else:
            blocks.append(UserDataBlock(code, inner))
    return blocks


def _tagged(name: str, code: int) -> str:
    """Return a name with the language of its text, unless the language is unknown, English or a Macintosh code."""
    suffix = language(code)
    return name if suffix in ("", "und", "eng") else f"{name}-{suffix}"


def _read_international(code: str, body: bytes, tags: MovieTags) -> None:
    """Read a box whose code begins with a copyright sign: entries of a length, a language and text."""
    row = table(USER_DATA).get(code)
    name = definition(row)[0] if row else f"UserData_{code[1:].strip()}" if code[1:].strip().isalnum() else ""
    offset, first = 0, ""
    for _ in range(MAX_ENTRIES):
        length, language_code = uint(body, offset, 2), uint(body, offset + 2, 2)
        if not name or offset + 4 > len(body) or not length:
            break
        data = body[offset + 4 : offset + 4 + length]
        text = _decode(data, language_code)
        if text:
            first = first or text
            add_value(USER_DATA, _tagged(name, language_code), text, tags)
        offset += 4 + length
    if first:
        add_value(USER_DATA, name, first, tags)


def _decode(data: bytes, language_code: int) -> str:
    """Decode text. If its language is a Macintosh code, its encoding may be that of the Macintosh."""
    if data[:2] in (b"\xfe\xff", b"\xff\xfe"):
        return data.decode("utf-16", "replace").rstrip("\0")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("mac_roman", "replace") if language_code < 0x400 else decode_windows_1252(data)
    return text.rstrip("\0")


def _is_3gpp(body: bytes) -> bool:
    """Return whether a box has a version and flags of 0, and a packed language."""
    return len(body) > 6 and not any(body[:4]) and body[4] < 0x80


def _text_3gpp(body: bytes, start: int) -> tuple[str, int]:
    """Return the text at an offset up to its NUL, in UTF-8 or UTF-16, and the offset after the NUL."""
    if body[start : start + 2] in (b"\xfe\xff", b"\xff\xfe"):
        end = start + 2
        while end + 1 < len(body) and body[end : end + 2] != b"\0\0":
            end += 2
        return body[start:end].decode("utf-16", "replace"), end + 2
    end = body.find(b"\0", start)
    end = len(body) if end < 0 else end
    return _decode(body[start:end], 0x7FFF), end + 1


def _read_3gpp(code: str, body: bytes, tags: MovieTags) -> None:
    text, end = _text_3gpp(body, 6)
    name = definition(table(USER_DATA)[code])[0]
    if text:
        tags.add(USER_DATA, _tagged(name, uint(body, 4, 2)), text)
        # Like ExifTool, also add the first text under the name without a language.
        tags.add(USER_DATA, name, text)
    if code == "albm" and end < len(body):
        tags.add(USER_DATA, "TrackNumber", body[end])


def _read_keywords(body: bytes, tags: MovieTags) -> None:
    keywords, offset = [], 7
    for _ in range(min(body[6], MAX_ENTRIES)):
        length = uint(body, offset, 1)
        keywords.append(_decode(body[offset + 1 : offset + 1 + length], 0x7FFF))
        offset += 1 + length
    if keywords := [keyword for keyword in keywords if keyword]:
        tags.add(USER_DATA, "Keywords", keywords)


def _read_location(body: bytes, tags: MovieTags) -> None:
    """Read a location: its name, its role, longitude, latitude and altitude, the astronomical body, and notes."""
    name, role_at = _text_3gpp(body, 6)
    end = role_at + 13
    numbers = [
        int.from_bytes(body[offset : offset + 4], "big", signed=True) / 65536 for offset in range(role_at + 1, end, 4)
    ]
    if end > len(body):
        return
    longitude, latitude, altitude = numbers
    astronomical, end = _text_3gpp(body, end)
    notes, _ = _text_3gpp(body, end)
    parts = [name or "(none)", f"Role={ROLES.get(uint(body, role_at, 1), 'reserved')}"]
    parts += [f"Lat={latitude:.5f}", f"Lon={longitude:.5f}", f"Alt={altitude:.2f}"]
    parts += [f"Body={astronomical}"] if astronomical else []
    parts += [f"Notes={notes}"] if notes else []
    tags.add(USER_DATA, "LocationInformation", " ".join(parts))
    if astronomical.lower() in ("", "earth") and (latitude or longitude):
        place = [round(latitude, 6), round(longitude, 6), round(altitude, 3)]
        # ExifTool has no such tag, but the readers of `photo` need the position as numbers.
        tags.add(USER_DATA, "LocationCoordinates", place, place_text(place))


def _read_rating(code: str, body: bytes, tags: MovieTags) -> None:
    """Read a rating or a classification: an entity of four characters, a criterion or table, and text."""
    entity = four_characters(body, 4)
    if code == "rtng":
        parts = [f"Entity={entity}", f"Criteria={four_characters(body, 8)}", _text_3gpp(body, 14)[0]]
    else:
        parts = [f"Entity={entity}", f"Index={uint(body, 8, 2)}", _text_3gpp(body, 12)[0]]
    tags.add(USER_DATA, definition(table(USER_DATA)[code])[0], " ".join(parts))


def _read_plain(code: str, body: bytes, tags: MovieTags) -> None:
    """Read a box that contains only text or a number."""
    name, kind, values = definition(table(USER_DATA)[code])
    if code in HEXADECIMAL:
        tags.add(USER_DATA, name, body[:32].hex())
        return
    if kind in UNSIGNED and len(body) in (1, 2, 4):
        add_value(USER_DATA, name, int.from_bytes(body, "big"), tags, values)
        return
    # Some cameras write international text into a box whose code has no copyright sign.
    data = body[4:] if len(body) > 4 and uint(body, 0, 2) == len(body) - 4 else body
    text = _decode(data.split(b"\0")[0], 0x7FFF).strip() if not data.startswith((b"\xfe\xff", b"\xff\xfe")) else ""
    if text and text.isprintable():
        add_value(USER_DATA, name, text, tags, values)
    elif body:
        tags.add_binary(USER_DATA, name, body)
