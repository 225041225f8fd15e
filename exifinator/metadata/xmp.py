"""Decode an XMP packet into properties such as `dc:subject` and `xmpMM:DerivedFrom/stRef:documentID`.

A structure in a list becomes an object with its own properties. An alternative in another language than the default
has the language in its name: `dc:description[de-DE]`.

The packet is parsed with defusedxml, which rejects entities and external references.
Source: XMP specification, part 1, clause 7 (RDF).
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any, NamedTuple
from xml.etree.ElementTree import ParseError  # nosec B405  # defusedxml parses

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from exifinator.metadata.limits import MemoryBudget
from exifinator.metadata.xmp_recovery import parse_tolerantly

# Property -> text, or a list of strings and structures. A structure is a dictionary of the same form.
XMP = dict[str, Any]

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
LISTS = ("Bag", "Seq", "Alt")
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
XML = "{http://www.w3.org/XML/1998/namespace}"
# Prefixes used in property names, by namespace. They replace the prefixes that the file declares.
PREFIXES = {
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/xap/1.0/mm/": "xmpMM",
    "http://ns.adobe.com/xap/1.0/rights/": "xmpRights",
    "http://ns.adobe.com/xap/1.0/bj/": "xmpBJ",
    "http://ns.adobe.com/xap/1.0/t/pg/": "xmpTPg",
    "http://ns.adobe.com/xap/1.0/sType/ResourceRef#": "stRef",
    "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#": "stEvt",
    "http://ns.adobe.com/xap/1.0/sType/Dimensions#": "stDim",
    "http://ns.adobe.com/xmp/sType/Area#": "stArea",
    "http://ns.adobe.com/xmp/1.0/DynamicMedia/": "xmpDM",
    "http://ns.adobe.com/xmp/note/": "xmpNote",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/camera-raw-settings/1.0/": "crs",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/exif/1.0/aux/": "aux",
    "http://cipa.jp/exif/1.0/": "exifEX",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/pdf/1.3/": "pdf",
    "http://ns.adobe.com/lightroom/1.0/": "lr",
    "http://ns.adobe.com/hdr-gain-map/1.0/": "hdrgm",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://ns.useplus.org/ldf/xmp/1.0/": "plus",
    "http://www.metadataworkinggroup.com/schemas/regions/": "mwg-rs",
    "http://www.metadataworkinggroup.com/schemas/keywords/": "mwg-kw",
    "http://ns.microsoft.com/photo/1.0/": "MicrosoftPhoto",
    # Windows writes this namespace without the slash.
    "http://ns.microsoft.com/photo/1.0": "MicrosoftPhoto",
    "http://ns.microsoft.com/photo/1.2/": "MP",
    "http://ns.microsoft.com/photo/1.2/t/RegionInfo#": "MPRI",
    "http://ns.microsoft.com/photo/1.2/t/Region#": "MPReg",
    "http://ns.google.com/photos/1.0/panorama/": "GPano",
    "http://ns.google.com/photos/1.0/camera/": "GCamera",
    "http://ns.google.com/photos/1.0/container/": "Container",
    "http://ns.google.com/photos/1.0/container/item/": "Item",
    "http://ns.apple.com/faceinfo/1.0/": "apple-fi",
    "http://ns.apple.com/HDRGainMap/1.0/": "HDRGainMap",
    "http://www.digikam.org/ns/1.0/": "digiKam",
    "http://ns.iview-multimedia.com/mediapro/1.0/": "mediapro",
    "http://creativecommons.org/ns#": "cc",
}
# Prefix -> namespace, for packets that use a prefix without declaring it.
NAMESPACES = {**{prefix: uri for uri, prefix in PREFIXES.items()}, "rdf": RDF[1:-1]}
# If a file declares one of these prefixes for another namespace, "-other" is appended to the prefix.
RESERVED_PREFIXES = frozenset(PREFIXES.values())

MAX_VALUES = 2000
MAX_ELEMENTS = 20_000
MAX_DEPTH = 32
MAX_DROPPED_NAMES = 32
# Properties with longer values are dropped. Such values are usually pictures or depth maps in base64.
MAX_TEXT_CHARACTERS = 32 * 1024
MAX_NAME_CHARACTERS = 200
# Start of the path of a list that is apart from its property and has a name (rdf:nodeID). No property begins with it.
NODE = "\0"
# Several properties may refer to one list, so a small packet could otherwise make a record of many megabytes.
MAX_REFERENCED_CHARACTERS = 256 * 1024
# Memory to charge for a property, not counting its text.
PROPERTY_OVERHEAD_BYTES = 500
# Memory that the parser takes for each byte of the packet in the worst case, an element with many empty attributes.
PARSER_MEMORY_PER_BYTE = 80


class _LimitReached(Exception):
    """The packet has too many values or elements. The message says what is dropped; the values read so far are kept."""


class _TooDeep(Exception):
    """The packet has elements at a depth of more than MAX_DEPTH."""


_LANGUAGE_TAG = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,4}")


class _NamedList(NamedTuple):
    """A list that properties refer to by its name.

    Attributes:
        suffix: "[LANGUAGE]" for an alternative in a language, otherwise "".
        value: The list, or its only text.
        n_values: The number of values.
        n_characters: The length of all texts and names in it.
    """

    suffix: str
    value: Any
    n_values: int
    n_characters: int


def _measure(value: Any) -> tuple[int, int]:
    """Return the number of values in a property's value, and the length of all texts and names in it."""
    if isinstance(value, str):
        return 1, len(value)
    parts = [_measure(part) for part in (value.values() if isinstance(value, dict) else value)]
    names = sum(map(len, value)) if isinstance(value, dict) else 0
    return sum(count for count, _ in parts), names + sum(characters for _, characters in parts)


class _Scope(NamedTuple):
    """The properties of the packet, or of one item of a list.

    Attributes:
        values: The properties by path. The path "" has the text of the item itself.
        path: The names of the open elements within the scope.
        lists: The paths of properties whose values are lists.
        alternatives: The paths of properties with alternatives in several languages.
        language: The language of the item; "" if it has none.
    """

    values: XMP
    path: list[str]
    lists: set[str]
    alternatives: set[str]
    language: str = ""


class _Properties:
    """XML parser target that collects the values in the RDF tree, by the path of property names that leads to them.

    Attributes:
        values: The properties, by path.
        dropped: The paths of properties that are too long to keep, at most MAX_DROPPED_NAMES.
    """

    def __init__(self, budget: MemoryBudget) -> None:
        self.dropped: list[str] = []
        self._budget = budget
        # The prefixes that the file declares, by namespace.
        self._prefixes: dict[str, str] = {}
        # Cached results of _property_name.
        self._names: dict[str, str] = {}
        # The names of the lists that properties refer to, by the path of the property.
        self._references: dict[str, str] = {}
        self._scopes = [_Scope({}, [], set(), set())]
        # Number of open elements from rdf:RDF inward; 0 outside rdf:RDF.
        self._depth = 0
        self._text: list[str] = []
        self._value_count = self._element_count = 0

    @property
    def values(self) -> XMP:
        """The properties, including items of lists that are still open because the packet ended early."""
        while len(self._scopes) > 1:
            self._close_item("")
        values = self._scopes[0].values
        lists: dict[str, list[_NamedList]] = defaultdict(list)
        for path in [path for path in values if path.startswith(NODE)]:
            name, bracket, language = path.partition("[")
            value = values.pop(path)
            lists[name].append(_NamedList(bracket + language, value, *_measure(value)))
        characters = 0
        for path, name in self._references.items():
            # Without this check, a hostile packet could make the sums below take seconds.
            if self._value_count + len(lists[name]) > MAX_VALUES or characters > MAX_REFERENCED_CHARACTERS:
                self._drop(path)
            else:
                characters += self._resolve(values, path, lists[name], MAX_REFERENCED_CHARACTERS - characters)
        return values

    def _resolve(self, values: XMP, path: str, lists: list[_NamedList], max_characters: int) -> int:
        """Set a property to the lists that it refers to, unless they are too long. Return their length."""
        count = self._value_count + sum(named_list.n_values for named_list in lists)
        characters = sum(len(path) + named_list.n_characters for named_list in lists)
        if count > MAX_VALUES or characters > max_characters:
            self._drop(path)
            return characters
        self._value_count = count
        for suffix, value, n_values, n_characters in lists:
            self._budget.spend(PROPERTY_OVERHEAD_BYTES * n_values + 8 * n_characters)
            values.setdefault(path + suffix, value)
        return characters

    # --- Called by the parser

    def start_ns(self, prefix: str, uri: str) -> None:
        self._prefixes[uri] = prefix

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._text.clear()
        self._element_count += 1
        if self._element_count > MAX_ELEMENTS:
            raise _LimitReached(f"everything past the first {MAX_ELEMENTS} elements")
        if not self._depth:
            if tag != RDF + "RDF":
                return
        elif self._depth > MAX_DEPTH:
            raise _TooDeep
        elif tag.startswith(RDF):
            scope = self._scopes[-1]
            kind = tag[len(RDF) :]
            if self._depth == 1 and kind in LISTS and (name := attributes.get(RDF + "nodeID")):
                scope.path.append(NODE + name.replace("/", "_")[:MAX_NAME_CHARACTERS])
            if kind in ("Bag", "Seq"):
                scope.lists.add("/".join(scope.path))
            elif kind == "Alt":
                scope.alternatives.add("/".join(scope.path))
            elif kind == "li":
                self._scopes.append(_Scope({}, [], set(), set(), attributes.get(LANGUAGE, "")))
        else:
            self._scopes[-1].path.append(self._property_name(tag))
        self._depth += 1
        path = self._scopes[-1].path
        for name, value in attributes.items():
            if name == RDF + "resource":
                self._add_text("/".join(path), value)
            elif name == RDF + "nodeID" and not tag.startswith(RDF) and len(self._scopes) == 1:
                self._add_reference("/".join(path), value)
            elif not name.startswith((RDF, XML)) and name[:1] == "{":
                self._add_text("/".join([*path, self._property_name(name)]), value)

    def data(self, text: str) -> None:
        if self._depth:
            self._text.append(text)

    def end(self, tag: str) -> None:
        if not self._depth:
            return
        self._depth -= 1
        text = "".join(self._text)
        self._text.clear()
        if tag == RDF + "li":
            self._close_item(text)
            return
        path = self._scopes[-1].path
        if text and (path or len(self._scopes) > 1):
            self._add_text("/".join(path), text)
        if path and (not tag.startswith(RDF) or (path[-1].startswith(NODE) and self._depth == 1)):
            path.pop()

    def close(self) -> None:
        """Do nothing, because no tree has to be returned to the parser."""

    # --- Helpers

    def _property_name(self, tag: str) -> str:
        """Return `prefix:local` for `{uri}local`, without characters that MongoDB rejects in field names."""
        name = self._names.get(tag)
        if name is None:
            uri, _, local = tag[1:].rpartition("}")
            prefix = PREFIXES.get(uri) or self._prefixes.get(uri) or "ns"
            if prefix in RESERVED_PREFIXES and uri not in PREFIXES:
                prefix = f"{prefix}-other"
            name = f"{prefix}:{local}".replace(".", "_").replace("$", "_").replace("/", "_")[:MAX_NAME_CHARACTERS]
            self._names[tag] = name
        return name

    def _close_item(self, text: str) -> None:
        """Add an item of a list to the property whose value is the list. `text` is the text at the end of the item."""
        if len(self._scopes) == 1:
            return
        item = self._scopes.pop()
        path = "/".join(self._scopes[-1].path)
        # The path "" holds the item's own text, as opposed to its properties.
        own_text = item.values.pop("", None)
        if item.values:
            if own_text or text.strip():
                item.values["rdf:value"] = own_text or text.strip()
            self._count_value(0)
            self._store(path, item.values, item.language)
        else:
            for value in own_text if isinstance(own_text, list) else [own_text or text]:
                self._add_text(path, value, item.language) if isinstance(value, str) else self._store(path, value, "")

    def _add_text(self, path: str, text: str, language: str = "") -> None:
        text = text.strip()
        if not text or (not path and len(self._scopes) == 1):
            return
        if self._value_count >= MAX_VALUES:
            raise _LimitReached(f"values past the first {MAX_VALUES}")
        if len(text) > MAX_TEXT_CHARACTERS or len(path) > 2 * MAX_NAME_CHARACTERS:
            self._drop(path)
            return
        self._count_value(len(text))
        self._store(path, text, language)

    def _add_reference(self, path: str, name: str) -> None:
        """Note that a property refers to a named list, which may follow later."""
        if len(path) > 2 * MAX_NAME_CHARACTERS or len(self._references) >= MAX_VALUES:
            self._drop(path)
        else:
            self._references[path] = NODE + name.replace("/", "_")[:MAX_NAME_CHARACTERS]

    def _drop(self, path: str) -> None:
        if len(self.dropped) < MAX_DROPPED_NAMES:
            self.dropped.append(path[: 2 * MAX_NAME_CHARACTERS])

    def _count_value(self, n_characters: int) -> None:
        self._value_count += 1
        self._budget.spend(PROPERTY_OVERHEAD_BYTES + 8 * n_characters)

    def _store(self, path: str, value: Any, language: str) -> None:
        scope = self._scopes[-1]
        current = scope.values.get(path)
        if path in scope.alternatives and path:
            # The name without a language has the default, or the first alternative if there is no default.
            if current is None or language == "x-default":
                scope.values[path] = value
            if language != "x-default" and _LANGUAGE_TAG.fullmatch(language):
                scope.values.setdefault(f"{path}[{language}]", value)
        elif isinstance(current, list):
            current.append(value)
        elif current is not None:
            scope.values[path] = [current, value]
        else:
            scope.values[path] = [value] if path in scope.lists or isinstance(value, dict) else value


def read_xmp(packet: bytes, budget: MemoryBudget) -> tuple[XMP, str | None, list[str]]:
    """Decode a packet. If it is not well-formed, parse it a second time with the tolerant parser.

    If the packet is truncated or exceeds a limit, the properties before that point are returned.

    Returns:
        The properties, the problem as a sentence or None, and descriptions of what was dropped.

    Raises:
        MemoryExceeded: If the values would exceed the budget.
    """
    if len(packet) * PARSER_MEMORY_PER_BYTE > budget.limit_mb << 20:
        return {}, None, [f"packet of {len(packet):,} bytes"]
    properties = _Properties(budget)
    parser = DefusedXMLParser(target=properties)
    problem = None
    try:
        # Strip the padding, because it is not XML. A packet in UTF-16 is not stripped, because there the same bytes may
        # be half of a character.
        parser.feed(packet if b"\0" in packet[:4] else packet.strip(b"\0 \t\r\n"))
        parser.close()
    except _LimitReached as limit:
        properties.dropped.append(str(limit))
    except _TooDeep:
        problem = "The XMP is nested too deeply."
    except DefusedXmlException:
        problem = "The XMP defines entities, which are not allowed."
    except (ParseError, ValueError, LookupError):
        # The parser reports an unknown encoding with any of these errors, and malformed XML with ParseError.
        problem = "The XMP is not well-formed, or its encoding is not supported."
        recovered = _recover(packet, budget)
        if len(recovered.values) >= len(properties.values):
            properties = recovered
    return properties.values, problem, properties.dropped


def _recover(packet: bytes, budget: MemoryBudget) -> _Properties:
    """Read a packet that is not well-formed. If this fails too, keep the properties before that point."""
    properties = _Properties(budget)
    try:
        parse_tolerantly(packet, properties, NAMESPACES)
    except _LimitReached as limit:
        properties.dropped.append(str(limit))
    except (_TooDeep, ValueError):
        pass
    return properties
