"""Read the name and the colour space of an ICC profile. Source: ICC.1:2022, 7.2 (header), 7.3 (tag table), 10."""

from __future__ import annotations

from exifinator.metadata.text_decoding import decode_text

HEADER_BYTES = 128
SIGNATURE_OFFSET, SIGNATURE = 36, b"acsp"
COLOR_SPACE_OFFSET = 16
DESCRIPTION = b"desc"
# How much of a profile to read. The tag with the name is short, and one of the first.
READ_BYTES = 4096
MAX_TAGS = 100
MAX_NAME_BYTES = 1000


def describe_profile(profile: bytes) -> dict[str, str]:
    """Return the fields `name` and `color_space` of a profile. Leave out unknown fields.

    Args:
        profile: The profile, or at least its first READ_BYTES.
    """
    if len(profile) < HEADER_BYTES or profile[SIGNATURE_OFFSET : SIGNATURE_OFFSET + 4] != SIGNATURE:
        return {}
    color_space = decode_text(profile[COLOR_SPACE_OFFSET : COLOR_SPACE_OFFSET + 4])
    fields = {"name": _name(profile), "color_space": color_space}
    return {field: text for field, text in fields.items() if text}


def _name(profile: bytes) -> str:
    count = min(int.from_bytes(profile[HEADER_BYTES : HEADER_BYTES + 4], "big"), MAX_TAGS)
    for offset in range(HEADER_BYTES + 4, HEADER_BYTES + 4 + 12 * count, 12):
        if profile[offset : offset + 4] == DESCRIPTION:
            start = int.from_bytes(profile[offset + 4 : offset + 8], "big")
            return _description(profile[start : start + MAX_NAME_BYTES])
    return ""


def _description(value: bytes) -> str:
    """Decode a description: type `desc` (version 2), or the first language of type `mluc` (version 4)."""
    if value[:4] == b"desc":
        length = int.from_bytes(value[8:12], "big")
        return decode_text(value[12 : 12 + length]).strip()
    if value[:4] == b"mluc":
        length = int.from_bytes(value[20:24], "big")
        start = int.from_bytes(value[24:28], "big")
        return value[start : start + length].decode("utf-16-be", "replace").split("\0", 1)[0].strip()
    return ""
