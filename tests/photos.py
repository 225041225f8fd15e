"""Make small photos for the tests."""

from __future__ import annotations

import io

from PIL import Image


def make_jpeg(make: str = "SONY", model: str = "ILCE-7M3", *, seed: int = 0, size: tuple[int, int] = (64, 48)) -> bytes:
    """Return a JPEG with Exif data. `seed` varies the picture and the ISO value (100 + seed)."""
    image = Image.new("RGB", size, ((seed * 37) % 256, (seed * 91) % 256, 120))
    exif = image.getexif()
    exif[271], exif[272], exif[306] = make, model, "2024:05:17 18:30:00"
    details = exif.get_ifd(0x8769)
    details[33434], details[33437], details[34855] = (1, 250), (28, 10), 100 + seed
    details[36867] = "2024:05:17 18:30:00"
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


def make_plain(kind: str = "JPEG") -> bytes:
    """Return an image without metadata."""
    out = io.BytesIO()
    Image.new("RGB", (32, 32), (200, 30, 30)).save(out, kind)
    return out.getvalue()
