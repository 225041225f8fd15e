"""Decode a picture and write a smaller JPEG: the program that runs in a subprocess of the API.

A picture is hostile data. This process has limits on memory and CPU time, cannot write to files, and ends after
MAX_PICTURES. For each picture, it reads one line of JSON and the picture from stdin. It writes one byte with the
outcome (outcomes.py), the length of the JPEG as four bytes, and the JPEG to stdout.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import warnings
from typing import Any

from PIL import Image, ImageFile

from api.previews.outcomes import DAMAGED_BYTE, DECODED_BYTE, TOO_LARGE_BYTE

MAX_PICTURES = 200
BASE_MEMORY_MB = 128
# No camera makes pictures with more pixels, except stitched ones.
MAX_PIXELS = 250_000_000
QUALITY = 82
MAX_PROFILE_BYTES = 64 * 1024
# Orientation in EXIF -> the operation that turns the picture upright (Exif 3.0, 4.6.5.1.6).
OPERATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def shrink(data: bytes, decoder: str, max_side_pixels: int, orientation: int) -> bytes:
    """Return a picture as an upright JPEG whose longer side has at most `max_side_pixels`.

    Args:
        data: The file.
        decoder: Name of Pillow's decoder. No other one is tried.
        max_side_pixels: Limit on the longer side of the JPEG.
        orientation: The orientation in the metadata; 0 or 1 if the picture is upright.

    Raises:
        Image.DecompressionBombError, MemoryError: The picture is too large.
        Exception: The picture is damaged. Pillow raises errors of many classes.
    """
    with Image.open(io.BytesIO(data), formats=[decoder]) as opened:
        if opened.width * opened.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        # A JPEG is decoded at an eighth, a quarter or half of its size if that suffices.
        opened.draft(None, (max_side_pixels, max_side_pixels))
        profile = opened.info.get("icc_profile")
        image: Image.Image = _to_plain(opened)
        image.thumbnail((max_side_pixels, max_side_pixels), Image.Resampling.BILINEAR, reducing_gap=2.0)
    if orientation in OPERATIONS:
        image = image.transpose(OPERATIONS[orientation])
    # A profile for CMYK or grey does not describe RGB.
    is_rgb = isinstance(profile, bytes) and len(profile) <= MAX_PROFILE_BYTES and profile[16:20] == b"RGB "
    output = io.BytesIO()
    image.save(output, "JPEG", quality=QUALITY, icc_profile=profile if is_rgb else None)
    return output.getvalue()


def _to_plain(image: Image.Image) -> Image.Image:
    """Return an image in RGB, on white if it is transparent.

    Values of more than eight bits are scaled so that the lowest and highest values in the image become 0 and 255.
    """
    if image.mode in ("RGB", "L") and "transparency" not in image.info:
        return image.convert("RGB")
    if image.mode == "F" or image.mode.startswith("I"):
        deep = image.convert("F")
        low, high = deep.getextrema()
        scale = 255 / (high - low) if high > low else 1.0  # type: ignore[operator]
        return deep.point(lambda value: value * scale - low * scale).convert("L").convert("RGB")  # type: ignore
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        background = Image.new("RGBA", layer.size, "white")
        background.alpha_composite(layer)
        return background.convert("RGB")
    return image.convert("RGB")


def run(request: dict[str, Any], data: bytes) -> tuple[bytes, bytes]:
    """Return the outcome and the JPEG for one request."""
    try:
        return DECODED_BYTE, shrink(data, request["decoder"], request["max_side_pixels"], request["orientation"])
    except (MemoryError, Image.DecompressionBombError):
        return TOO_LARGE_BYTE, b""
    except Exception:  # noqa: BLE001 -- Pillow raises errors of many classes for a damaged picture
        return DAMAGED_BYTE, b""


def _set_limit(kind: int, limit: int) -> None:
    """Limit a resource of this process. The kernel ends the process if it exceeds the limit."""
    _, hard = resource.getrlimit(kind)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(kind, (limit, hard))


def main() -> None:
    """Decode pictures from stdin, until it is closed or MAX_PICTURES have been decoded."""
    memory_mb, cpu_seconds = map(int, sys.argv[1:])
    _set_limit(resource.RLIMIT_DATA, (memory_mb + BASE_MEMORY_MB) * 1024**2)
    _set_limit(resource.RLIMIT_FSIZE, 0)
    _set_limit(resource.RLIMIT_CORE, 0)
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    ImageFile.LOAD_TRUNCATED_IMAGES = True  # show the part that a truncated file has
    source, output = sys.stdin.buffer, sys.stdout.buffer
    for _ in range(MAX_PICTURES):
        line = source.readline()
        if not line:
            return
        request = json.loads(line)
        used = resource.getrusage(resource.RUSAGE_SELF)
        _set_limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + cpu_seconds)
        outcome, jpeg = run(request, source.read(request["length"]))
        output.write(outcome + len(jpeg).to_bytes(4, "big") + jpeg)
        output.flush()


if __name__ == "__main__":
    main()
