"""The reasons why a photo has no preview. They are cached like previews, because finding them out takes as long."""

from __future__ import annotations

ABSENT, TOO_LARGE, DAMAGED = "absent", "too_large", "damaged"
ALL = frozenset({ABSENT, TOO_LARGE, DAMAGED})
# The first byte of a subprocess's answer (decoder.py): the picture was decoded, is damaged, or is too large.
DECODED_BYTE, DAMAGED_BYTE, TOO_LARGE_BYTE = b"K", b"D", b"L"


class NoPreview(Exception):
    """No preview can be made of this version of the object.

    Args:
        reason: One of the constants of this module.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
