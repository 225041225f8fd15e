"""Read XMP that is not well-formed XML, as far as its tags can be recognized.

Some writers do not declare prefixes, escape ampersands or convert text to UTF-8. Some truncate packets, or declare the
wrong encoding. This parser reads the tags one by one, and tolerates these errors. It resolves only the five entities of
XML and character references, and rejects document type declarations.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from html import unescape
from typing import Protocol

from exifinator.metadata.text_decoding import decode_windows_1252

XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
# A tag, a comment, CDATA, a processing instruction or a declaration. Any other "<" is text.
TOKEN = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<!\[CDATA\[(?P<cdata>.*?)(?:\]\]>|\Z)"
    r"|<\?.*?(?:\?>|\Z)"
    r"|<(?P<declaration>![A-Za-z])"
    r"|</(?P<end>[^\s<>/]+)[^<>]*+>?"
    r"|<(?P<start>[A-Za-z_][^\s<>/=\"']*+)(?P<attributes>(?:\"[^\"]*+\"|'[^']*+'|[^<>\"']++)*+)>?",
    re.DOTALL,
)
ATTRIBUTE = re.compile(r"([A-Za-z_][^\s=<>/\"']*)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
REFERENCE = re.compile(r"&(?:amp|lt|gt|quot|apos|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")
# Characters that XML does not allow, including NUL.
CONTROLS = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
MAX_OPEN_ELEMENTS = 100
MAX_ATTRIBUTES = 1000
# This many tokens take half a second. No writer's packet has a tenth as many.
MAX_TOKENS = 100_000
# UTF-32 comes before UTF-16, because the byte order mark of UTF-32-LE begins with UTF-16-LE's mark.
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# A packet without a byte order mark begins with "<".
FIRST_CHARACTERS = (
    (re.compile(rb"<\0\0\0"), "utf-32-le"),
    (re.compile(rb"\0\0\0<"), "utf-32-be"),
    (re.compile(rb"<\0[^\0]\0"), "utf-16-le"),
    (re.compile(rb"\0<\0[^\0]"), "utf-16-be"),
)
# The character that Python's "surrogateescape" makes of a byte that is not UTF-8 -> the byte in Windows-1252.
BAD_BYTES = {0xDC00 + byte: decode_windows_1252(bytes([byte])) for byte in range(0x80, 0x100)}


class Target(Protocol):
    """Receives the elements. Names have the form `{namespace}local`, as from ElementTree's parser."""

    def start_ns(self, prefix: str, uri: str, /) -> None: ...

    def start(self, tag: str, attributes: dict[str, str], /) -> None: ...

    def data(self, text: str, /) -> None: ...

    def end(self, tag: str, /) -> None: ...


def parse_tolerantly(packet: bytes, target: Target, namespaces: Mapping[str, str]) -> None:
    """Pass the elements of a packet to `target`.

    Args:
        packet: The packet, in UTF-8, UTF-16, UTF-32 or Windows-1252.
        target: Receives the elements. Exceptions that it raises are not caught.
        namespaces: Prefix -> namespace, for prefixes that the packet does not declare.

    Raises:
        ValueError: If the packet has a document type declaration.
    """
    text = CONTROLS.sub("", decode_packet(packet))
    prefixes = {"xml": XML_NAMESPACE, **namespaces}
    open_elements: list[tuple[str, str]] = []
    position = 0
    for _ in range(MAX_TOKENS):
        match = TOKEN.search(text, position)
        if match is None:
            break
        if match.start() > position and open_elements:
            target.data(_unescape(text[position : match.start()]))
        position = match.end()
        if match["start"]:
            _start(match["start"], match["attributes"], target, prefixes, open_elements)
        elif match["end"]:
            _close(match["end"], target, open_elements)
        elif match["cdata"]:
            target.data(match["cdata"])
        elif match["declaration"]:
            raise ValueError("The packet has a document type declaration.")
    while open_elements:
        target.end(open_elements.pop()[1])


def decode_packet(packet: bytes) -> str:
    """Decode a packet. The byte order mark or the NULs decide on the encoding, not the declaration in the packet.

    Without either, decode it as UTF-8, and bytes that are not valid UTF-8 as Windows-1252.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if packet.startswith(mark):
            return packet[len(mark) :].decode(encoding, "replace")
    for pattern, encoding in FIRST_CHARACTERS:
        if pattern.match(packet):
            return packet.decode(encoding, "replace")
    return packet.decode("utf-8", "surrogateescape").translate(BAD_BYTES)


def _start(
    name: str, attributes: str, target: Target, prefixes: dict[str, str], open_elements: list[tuple[str, str]]
) -> None:
    """Declare the prefixes in the attributes of a start tag, and open its element.

    Args:
        name: The name of the tag, with its prefix.
        attributes: The text after the name.
        target: Receives the element.
        prefixes: Prefix -> namespace. The tag's declarations are added.
        open_elements: The open elements, with prefix and with namespace. An element with content is added.
    """
    values: list[tuple[str, str]] = []
    for count, match in enumerate(ATTRIBUTE.finditer(attributes)):
        if count >= MAX_ATTRIBUTES:
            break
        key, *quoted = match.groups()
        value = _unescape(next((part for part in quoted if part is not None), ""))
        prefix, _, local = key.rpartition(":")
        if prefix == "xmlns" or key == "xmlns":
            prefixes[local if prefix else ""] = value
            target.start_ns(local if prefix else "", value)
        else:
            values.append((key, value))
    tag = _qualified(name, target, prefixes, is_element=True)
    target.start(tag, {_qualified(key, target, prefixes): value for key, value in values})
    if attributes.rstrip().endswith("/") or len(open_elements) >= MAX_OPEN_ELEMENTS:
        target.end(tag)
    else:
        open_elements.append((name, tag))


def _close(name: str, target: Target, open_elements: list[tuple[str, str]]) -> None:
    """Close the innermost element with this name, and the open elements inside it. Ignore an end without a start."""
    if all(open_name != name for open_name, _ in open_elements):
        return
    while open_elements:
        open_name, tag = open_elements.pop()
        target.end(tag)
        if open_name == name:
            return


def _qualified(name: str, target: Target, prefixes: dict[str, str], *, is_element: bool = False) -> str:
    """Return `{namespace}local` for `prefix:local`. An unknown prefix becomes a namespace of the same name."""
    prefix, _, local = name.rpartition(":")
    if not prefix and not is_element:
        return name
    namespace = prefixes.get(prefix)
    if namespace is None:
        namespace = prefixes[prefix] = prefix
        target.start_ns(prefix, prefix)
    return f"{{{namespace}}}{local}"


def _unescape(text: str) -> str:
    """Resolve the five entities of XML and character references. Do not change other ampersands."""
    return REFERENCE.sub(lambda match: unescape(match[0]), text) if "&" in text else text
