"""Decode Sony's metadata: the USMT box, and the XML of XAVC movies.

Sources: the table QuickTime::MetaData of `exiftool -listx` (13.59), sample files, and the XML itself
(NonRealTimeMeta of Sony's XAVC).
"""

from __future__ import annotations

import re
from datetime import timedelta
from xml.etree.ElementTree import Element, ParseError  # nosec B405  # defusedxml parses

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from exifinator.metadata.quicktime.boxes import find_box, uint
from exifinator.metadata.quicktime.item_lists import exif_date
from exifinator.metadata.quicktime.movie_tags import MovieTags
from exifinator.places.time_zones import format_offset

USMT_UUID = b"USMT" + bytes.fromhex("21d24fcebb88695cfac9c740")
MAX_ENTRIES = 64
TEXT_TAGS = {1: "Title", 3: "ProductionDate", 4: "Software", 5: "Product", 12: "ModifyDate"}
TRACK_PROPERTY, TIME_ZONE = 10, 11
PRESENTATIONS = {0: "No presentation", 1: "Main track"}
ATTRIBUTES = {0: "No attributes", 1 << 15: "Read only"}
UTF16 = 1
XML = "XML"
MAX_XML_BYTES, MAX_ELEMENTS, MAX_DEPTH = 256 * 1024, 500, 8
# The root element, which is not part of the names of tags.
ROOT = "NonRealTimeMeta"


def read_usmt(body: bytes, group: str, tags: MovieTags) -> None:
    """Add the tags of a USMT box. Its box MTDT has entries of size, tag, language, encoding, and value."""
    data = find_box(body, b"MTDT") or b""
    offset = 2
    for _ in range(min(uint(data, 0, 2), MAX_ENTRIES)):
        size, tag, encoding = uint(data, offset, 2), uint(data, offset + 2, 4), uint(data, offset + 8, 2)
        value = data[offset + 10 : offset + size]
        if size < 10 or offset + size > len(data):
            return
        if tag in TEXT_TAGS and encoding == UTF16:
            tags.add(group, TEXT_TAGS[tag], value.decode("utf-16-be", "replace").rstrip("\0"))
        elif tag == TRACK_PROPERTY and len(value) >= 8:
            numbers = [uint(value, 2, 2), uint(value, 0, 2), uint(value, 4, 4)]
            presentation, attributes = (
                names.get(number) or ", ".join(f"[{bit}]" for bit in range(16) if number >> bit & 1)
                for names, number in zip((PRESENTATIONS, ATTRIBUTES), numbers[:2], strict=True)
            )
            tags.add(group, "TrackProperty", numbers, f"{presentation}; {attributes}; Priority {numbers[2]}")
        elif tag == TIME_ZONE and len(value) >= 2:
            minutes = int.from_bytes(value[:2], "big", signed=True)
            tags.add(group, "TimeZone", minutes, format_offset(timedelta(minutes=minutes)))
        offset += size


def read_xml(data: bytes, tags: MovieTags) -> None:
    """Add the attributes and the text content of an XML document as tags, such as `XML DeviceModelName`."""
    try:
        root = fromstring(data[:MAX_XML_BYTES].strip(b"\0 \r\n"), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return
    values: dict[str, list[str]] = {}
    pending: list[tuple[Element, str, int]] = [(root, "", 0)]
    n_elements = 0
    while pending and n_elements < MAX_ELEMENTS:
        element, path, depth = pending.pop()
        n_elements += 1
        for name, value in element.attrib.items():
            values.setdefault(path + _name(name), []).append(value)
        if element.text and element.text.strip():
            values.setdefault(path or _name(element.tag), []).append(element.text.strip())
        if depth < MAX_DEPTH:
            pending += [(child, path + _name(child.tag), depth + 1) for child in reversed(element[:MAX_ELEMENTS])]
    for name, strings in values.items():
        converted = [exif_date(string) for string in strings]
        tags.add(XML, name or ROOT, converted if len(converted) > 1 else converted[0])


def _name(name: str) -> str:
    """Return the name of an element or attribute without its namespace, with a capital letter."""
    local = re.sub(r"[^A-Za-z0-9]", "", name.rpartition("}")[2])
    return local[:1].upper() + local[1:]
