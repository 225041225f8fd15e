"""Facts about JPEG files (ITU-T T.81)."""

from __future__ import annotations

# The marker SOI, and the first byte of the next marker. Two bytes alone occur too often in other data.
JPEG_BEGIN = b"\xff\xd8\xff"
