"""Decode the text chunks of a PNG. Source: PNG, third edition, 11.3.3 (tEXt, zTXt, iTXt)."""

from __future__ import annotations

from collections.abc import Callable

from exifinator.metadata.containers.range_buffer import LocatedMetadata
from exifinator.metadata.text_decoding import decode_bytes, decode_text

MAX_LANGUAGE_CHARACTERS = 35


def chunk_text(kind: bytes, body: bytes, decompress: Callable[[bytes], bytes]) -> tuple[str, bytes]:
    """Return the language and the text of a text chunk. Only iTXt names a language; others have "".

    Args:
        kind: tEXt, zTXt or iTXt.
        body: The chunk's body.
        decompress: Decompresses a text.
    """
    _, _, rest = body.partition(b"\0")
    if kind == b"tEXt":
        return "", rest
    if kind == b"zTXt":
        # The compression method precedes the text.
        return "", decompress(rest[1:])
    # The compression flag and method, the language, the translated keyword, and the text.
    is_compressed = rest[:1] == b"\1"
    language, _, rest = rest[2:].partition(b"\0")
    text = rest.partition(b"\0")[2]
    name = language.decode("ascii", "ignore")[:MAX_LANGUAGE_CHARACTERS]
    return name, decompress(text) if is_compressed else text


def add_text(kind: bytes, body: bytes, located: LocatedMetadata, decompress: Callable[[bytes], bytes]) -> None:
    """Add a text under its keyword. One in a language is added under the keyword with the language too."""
    keyword = decode_text(body[:80]).strip()
    language, data = chunk_text(kind, body, decompress)
    # tEXt and zTXt are Latin-1 by the specification. Writers use UTF-8 all the same.
    text = decode_bytes(data).replace("\0", " ")
    if not keyword:
        return
    located.add_text(keyword, text)
    if language:
        located.add_text(f"{keyword}[{language}]", text)
