"""Read the size of a JPEG XL picture. Source: ISO/IEC 18181-1, "SizeHeader"."""

from __future__ import annotations

# The lowest orientation at which width and height are exchanged for display.
FIRST_TURNED_ORIENTATION = 5
# Aspect ratio as (width, height), by its code in the header. Code 0 means that the width is stored.
RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}


class _Bits:
    """Reads consecutive bits, starting with the lowest bit of the first byte."""

    def __init__(self, data: bytes) -> None:
        self._unread = int.from_bytes(data, "little")

    def read(self, count: int) -> int:
        value = self._unread & ((1 << count) - 1)
        self._unread >>= count
        return value


def _read_side(bits: _Bits, is_small: bool) -> int:
    """Return a width or height in pixels. If `is_small`, it is stored as a multiple of 8, up to 256."""
    if is_small:
        return 8 * (bits.read(5) + 1)
    return 1 + bits.read((9, 13, 18, 30)[bits.read(2)])


def read_codestream_size(data: bytes) -> tuple[int | None, int | None]:
    """Return width and height of the picture as displayed, in pixels, from the first 16 bytes of a codestream.

    Return (None, None) if `data` is not the start of a codestream. Source of the orientation: ISO/IEC 18181-1,
    "ImageMetadata".
    """
    if data[:2] != b"\xff\x0a" or len(data) < 12:
        return None, None
    bits = _Bits(data[2:])
    is_small = bool(bits.read(1))
    height = _read_side(bits, is_small)
    ratio = bits.read(3)
    if ratio:
        ratio_width, ratio_height = RATIOS[ratio]
        width = height * ratio_width // ratio_height
    else:
        width = _read_side(bits, is_small)
    has_default_metadata = bits.read(1)
    has_extra_fields = not has_default_metadata and bits.read(1)
    orientation = 1 + bits.read(3) if has_extra_fields else 1
    return (height, width) if orientation >= FIRST_TURNED_ORIENTATION else (width, height)
