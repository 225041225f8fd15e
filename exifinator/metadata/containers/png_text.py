"""Decode the text chunks of a PNG. Source: PNG, third edition, 11.3.3 (tEXt, zTXt, iTXt)."""

from __future__ import annotations

from collections.abc import Callable

from exifinator.metadata.containers.range_buffer import LocatedMetadata
from exifinator.metadata.text_decoding import decode_bytes, decode_text

MAX_LANGUAGE_CHARACTERS = 35


def chunk_text(kind: bytes, body: bytes, decompress: Callable[[bytes], bytes]) -> tuple[str, bytes]:
    """Return the language and the undecoded text of a text chunk. The language is "" except for iTXt.

    Args:
        kind: tEXt, zTXt or iTXt.
        body: The body of the chunk.
        decompress: Function that decompresses the text.
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


def add_text(kind: bytes, body: bytes, metadata: LocatedMetadata, decompress: Callable[[bytes], bytes]) -> None:
    """Add the text of a text chunk under its keyword, and also under `keyword[language]` if it has a language."""
    keyword = decode_text(body[:80]).strip()
    language, data = chunk_text(kind, body, decompress)
    # The specification requires Latin-1 in tEXt and zTXt, but many writers use UTF-8.
    text = decode_bytes(data).replace("\0", " ")
    if not keyword:
        return
    metadata.add_text(keyword, text)
    if language:
        metadata.add_text(f"{keyword}[{language}]", text)
