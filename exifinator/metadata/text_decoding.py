"""Decode text in metadata from the encodings that cameras and photo editors use."""

from __future__ import annotations

PADDING = " \0\t\r\n"

# The bytes that are control characters (C1) in Latin-1. In Windows-1252 they are letters and signs, except for five
# undefined bytes.
WINDOWS_1252 = {byte: bytes([byte]).decode("cp1252", "replace") for byte in range(0x80, 0xA0)}


def decode_windows_1252(data: bytes) -> str:
    """Decode as Windows-1252. Its undefined bytes become U+FFFD."""
    return data.decode("latin-1").translate(WINDOWS_1252)


def decode_bytes(data: bytes, *, is_utf8: bool = False) -> str:
    """Decode as UTF-8, or as Windows-1252 if the bytes are not valid UTF-8.

    Writers that limit the length of a string may truncate it inside a UTF-8 character. Drop such an incomplete last
    character if the string is known to be UTF-8.

    Args:
        data: The bytes.
        is_utf8: Whether the string is declared as UTF-8. An undeclared string counts as UTF-8 if it has another valid
            non-ASCII character.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        is_truncated = error.reason == "unexpected end of data" and error.end == len(data)
        if is_truncated and (is_utf8 or not data[: error.start].isascii()):
            return data[: error.start].decode()
        return decode_windows_1252(data)


def decode_text(data: bytes, *, all_parts: bool = False) -> str:
    """Decode an ASCII value, and strip its padding.

    Args:
        data: The value.
        all_parts: Whether to decode all parts between NULs, and put each on a line of its own, as ExifTool does. By
            default, only the text up to the first NUL is decoded.
    """
    if all_parts:
        parts = [part.strip() for part in data.split(b"\0")]
        return decode_bytes(b"\n".join(part for part in parts if part))
    return decode_bytes(data.split(b"\0", 1)[0]).rstrip(PADDING)


def decode_utf16(data: bytes, byte_order: str = "<") -> str:
    """Decode UTF-16 in the given byte order ("<" or ">"), unless the data begins with a byte order mark."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        byte_order, data = ("<" if data[:1] == b"\xff" else ">"), data[2:]
    text = data.decode("utf-16-le" if byte_order == "<" else "utf-16-be", "replace")
    return text.split("\0", 1)[0].strip(PADDING)


def decode_comment(data: bytes, byte_order: str) -> str:
    """Decode a value such as UserComment, whose first 8 bytes name the encoding of the rest (Exif 3.0, 4.6.6.5).

    Args:
        data: The value.
        byte_order: The byte order of the TIFF block, "<" or ">".
    """
    code, body = data[:8].rstrip(b"\0 ").upper(), data[8:]
    if code == b"UNICODE":
        # Some writers do not use the TIFF block's byte order here. Use the order that gives more Latin letters.
        candidates = (decode_utf16(body, byte_order), decode_utf16(body, ">" if byte_order == "<" else "<"))
        return max(candidates, key=lambda text: sum(character < "\u0250" for character in text))
    if code == b"JIS":
        try:
            return body.decode("iso2022_jp").strip(PADDING)
        except UnicodeDecodeError:
            return decode_bytes(body).strip(PADDING)
    if code not in (b"ASCII", b""):
        body = data
    return decode_bytes(body.split(b"\0", 1)[0]).strip(PADDING)
