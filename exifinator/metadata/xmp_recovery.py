"""Read XMP that is not well-formed XML, as far as its tags can be told apart.

Writers forget to declare prefixes, to escape ampersands and to convert text to UTF-8; they truncate packets and
declare a wrong encoding. This reader takes the tags one by one, and mends what does not fit. It knows no entities but
the five of XML and character references, and refuses document type declarations.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from html import unescape
from typing import Protocol

from exifinator.metadata.text_decoding import decode_windows_1252

XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
# A tag, a comment, CDATA, a processing instruction or a declaration. A "<" that begins none of them is text.
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
# Characters that XML does not allow, and NUL among them.
CONTROLS = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
MAX_OPEN_ELEMENTS = 100
MAX_ATTRIBUTES = 1000
# As many take half a second. No writer's packet has a tenth of them.
MAX_TOKENS = 100_000
# UTF-32 before UTF-16, because its mark begins with that of UTF-16.
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# A packet without a mark begins with "<".
FIRST_CHARACTERS = (
    (re.compile(rb"<\0\0\0"), "utf-32-le"),
    (re.compile(rb"\0\0\0<"), "utf-32-be"),
    (re.compile(rb"<\0[^\0]\0"), "utf-16-le"),
    (re.compile(rb"\0<\0[^\0]"), "utf-16-be"),
)
# Python's "surrogateescape" turns a bad byte into this character.
BAD_BYTES = {0xDC00 + byte: decode_windows_1252(bytes([byte])) for byte in range(0x80, 0x100)}


class Target(Protocol):
    """Receives the elements. Names are `{namespace}local`, as from ElementTree's parser."""

    def start_ns(self, prefix: str, uri: str, /) -> None: ...

    def start(self, tag: str, attributes: dict[str, str], /) -> None: ...

    def data(self, text: str, /) -> None: ...

    def end(self, tag: str, /) -> None: ...


def read_tolerantly(packet: bytes, target: Target, namespaces: Mapping[str, str]) -> None:
    """Pass the elements of a packet to `target`.

    Args:
        packet: The packet, in any encoding.
        target: Receives the elements. Its exceptions are passed on.
        namespaces: Prefix -> namespace, for prefixes that the packet does not declare.

    Raises:
        ValueError: If the packet has a document type declaration.
    """
    text = CONTROLS.sub("", decode_packet(packet))
    known = {"xml": XML_NAMESPACE, **namespaces}
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
            _start(match["start"], match["attributes"], target, known, open_elements)
        elif match["end"]:
            _close(match["end"], target, open_elements)
        elif match["cdata"]:
            target.data(match["cdata"])
        elif match["declaration"]:
            raise ValueError("The packet has a document type declaration.")
    while open_elements:
        target.end(open_elements.pop()[1])


def decode_packet(packet: bytes) -> str:
    """Decode a packet by its byte order mark or its NULs, whatever encoding it declares.

    Else it is UTF-8, and each byte that is not counts as Windows-1252.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if packet.startswith(mark):
            return packet[len(mark) :].decode(encoding, "replace")
    for pattern, encoding in FIRST_CHARACTERS:
        if pattern.match(packet):
            return packet.decode(encoding, "replace")
    return packet.decode("utf-8", "surrogateescape").translate(BAD_BYTES)


def _start(
    name: str, attributes: str, target: Target, known: dict[str, str], open_elements: list[tuple[str, str]]
) -> None:
    values: list[tuple[str, str]] = []
    for count, match in enumerate(ATTRIBUTE.finditer(attributes)):
        if count >= MAX_ATTRIBUTES:
            break
        key, *quoted = match.groups()
        value = _unescape(next((part for part in quoted if part is not None), ""))
        prefix, _, local = key.rpartition(":")
        if prefix == "xmlns" or key == "xmlns":
            known[local if prefix else ""] = value
            target.start_ns(local if prefix else "", value)
        else:
            values.append((key, value))
    tag = _qualified(name, target, known, is_element=True)
    target.start(tag, {_qualified(key, target, known): value for key, value in values})
    if attributes.rstrip().endswith("/") or len(open_elements) >= MAX_OPEN_ELEMENTS:
        target.end(tag)
    else:
        open_elements.append((name, tag))


def _close(name: str, target: Target, open_elements: list[tuple[str, str]]) -> None:
    """Close the element of this name and those inside it that are still open. Ignore an end without a start."""
    if all(open_name != name for open_name, _ in open_elements):
        return
    while open_elements:
        open_name, tag = open_elements.pop()
        target.end(tag)
        if open_name == name:
            return


def _qualified(name: str, target: Target, known: dict[str, str], *, is_element: bool = False) -> str:
    """Return `{namespace}local` for `prefix:local`. An unknown prefix stands for a namespace of the same name."""
    prefix, _, local = name.rpartition(":")
    if not prefix and not is_element:
        return name
    namespace = known.get(prefix)
    if namespace is None:
        namespace = known[prefix] = prefix
        target.start_ns(prefix, prefix)
    return f"{{{namespace}}}{local}"


def _unescape(text: str) -> str:
    """Resolve the five entities of XML and character references. Any other ampersand is text."""
    return REFERENCE.sub(lambda match: unescape(match[0]), text) if "&" in text else text
