"""The demo library: a folder of 240 painted pictures with metadata, like a personal photo collection.

Everything in the library is generated, so it may be published. The places, cameras and lenses are real; the people are
not.
"""

from __future__ import annotations

import functools
import io
import math
import os
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.ExifTags import Base
from PIL.PngImagePlugin import PngInfo

from exifinator.demo.exif import build_exif, build_xmp
from exifinator.demo.painter import ramp
from exifinator.demo.palettes import light_at
from exifinator.demo.scenes import paint
from exifinator.demo.shots import Shot, plan_shots

_ROTATIONS = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270, 3: Image.Transpose.ROTATE_180}

# Some files of the library are broken, as in real libraries.
_TRUNCATED_PATH = "Unsorted/recovered 0001.jpg"
_BROKEN_FILES: dict[str, bytes] = {
    "Unsorted/IMG_0000.JPG": b"",
    "Unsorted/notes.jpg": b"Shot list for Lofoten: harbour at dawn, red cabins, aurora after 22:00. Spare batteries!\n",
}
_BROKEN_FILES_TIME = 1_735_689_600  # 2025-01-01, UTC


def make_demo(folder: Path) -> int:
    """Create the 240 files of the demo library in `folder`. Existing files are kept.

    Each file appears atomically. After an interruption, another call creates the missing files.

    Returns:
        The number of files written; 0 if the library was complete.

    Raises:
        OSError: The folder cannot be written.
    """
    missing = [item for item in _library() if not (folder / item[0]).exists()]
    if not missing:
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    # Write each file as a draft and then rename it, so that no half-written file is visible in the folder. The drafts
    # are next to the folder, because a file can only be renamed within a file system.
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as drafts_folder:
        for path, taken_at, content in missing:
            draft, target = Path(drafts_folder) / "draft", folder / path
            draft.write_bytes(content())
            os.utime(draft, (taken_at, taken_at))
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.replace(target)
    return len(missing)


def _library() -> list[tuple[str, int, Callable[[], bytes]]]:
    """Return the files of the library: path, modification time (Unix time), and a function that returns the bytes."""
    shots = plan_shots()
    files: list[tuple[str, int, Callable[[], bytes]]] = [
        (shot.path, int(shot.taken.timestamp()), functools.partial(render, shot)) for shot in shots
    ]
    # As if the memory card had been removed too early: complete metadata, but a truncated picture.
    files.append((_TRUNCATED_PATH, _BROKEN_FILES_TIME, lambda: render(shots[0])[:60_000]))
    files += [(path, _BROKEN_FILES_TIME, functools.partial(bytes, content)) for path, content in _BROKEN_FILES.items()]
    return files


def render(shot: Shot) -> bytes:
    """Paint a shot and encode it with its metadata. Return the bytes of the file."""
    picture = _develop(shot)
    if shot.kind == "bare":
        return _save(picture.resize((picture.width * 3 // 4, picture.height * 3 // 4)), "JPEG", quality=76)
    if shot.orientation in _ROTATIONS:
        picture = picture.transpose(_ROTATIONS[shot.orientation])
    # PNG and TIFF are lossless. At full size, a dozen of them would be as large as all other files together.
    if shot.kind in ("png", "tiff"):
        picture = picture.resize((picture.width * 2 // 3, picture.height * 2 // 3), Image.Resampling.BILINEAR)
    thumbnail = b""
    if shot.thumbnail and shot.kind == "jpeg":
        small = picture.copy()
        small.thumbnail((160, 160), Image.Resampling.BILINEAR, reducing_gap=1.0)
        thumbnail = _save(small, "JPEG", quality=70)
    exif = build_exif(shot, picture.size, thumbnail)
    xmp = build_xmp(shot) if shot.described else b""
    if shot.kind == "png":
        texts = PngInfo()
        if xmp:
            texts.add_itxt("XML:com.adobe.xmp", xmp.decode())
        return _save(picture, "PNG", exif=exif, pnginfo=texts, compress_level=4)
    if shot.kind == "webp":
        return _save(picture, "WEBP", exif=exif, xmp=xmp, quality=84, method=1)
    if shot.kind == "tiff":
        directory = Image.Exif()
        directory.load(exif)
        if xmp:
            directory[Base.XMLPacket] = xmp
        return _save(picture, "TIFF", exif=directory)
    return _save(picture, "JPEG", exif=b"Exif\0\0" + exif, xmp=xmp, quality=88)


def _develop(shot: Shot) -> Image.Image:
    """Paint the shot upright, and add the effects of a lens and sensor: tone curve, white balance, grain."""
    rng = random.Random(shot.seed)  # noqa: S311
    width, height = shot.camera.size[:: -1 if shot.orientation in (6, 8) else 1]
    # Paint at half size, which is four times as fast, and sharp enough for a screen.
    picture = paint(shot.scene, rng, (width // 2, height // 2), light_at(shot.elevation))
    warmth = shot.camera.warmth + rng.uniform(-0.2, 0.2)
    # A film-like curve: darker shadows, brighter highlights.
    curve = [(v, v + 0.24 * v * (1 - v / 255) * (v / 127.5 - 1)) for v in range(0, 256, 15)]
    gains = (1 + warmth * 0.06, 1.0, 1 - warmth * 0.07)
    picture = picture.point([tone for gain in gains for tone in ramp([(x, y * gain) for x, y in curve])])
    # Upscale by nearest neighbour twice, once shifted by half a pixel, and blend the two. This looks as good as
    # bilinear scaling, in a third of the time.
    shifted = picture.resize((width, height), Image.Resampling.NEAREST, box=(0.5, 0.5, *picture.size))
    picture = Image.blend(picture.resize((width, height), Image.Resampling.NEAREST), shifted, 0.5)
    if shot.monochrome:
        picture = picture.convert("L").convert("RGB")
    grain = _grain()
    x, y = rng.randrange(grain.width - width + 1), rng.randrange(grain.height - height + 1)
    stops = math.log2(max(1.0, shot.exposure.iso / 100))
    return Image.blend(picture, grain.crop((x, y, x + width, y + height)), 0.03 + 0.012 * stops)


@functools.cache
def _grain() -> Image.Image:
    """Return a sheet of sensor noise, stronger in brightness than in colour. Each photo uses a crop of it."""
    rng, side = random.Random("grain"), 1024  # noqa: S311
    luma, *colours = (Image.frombytes("L", (side, side), rng.randbytes(side * side)) for _ in range(4))
    return Image.merge("RGB", [Image.blend(luma, colour, 0.3) for colour in colours])


def _save(picture: Image.Image, container: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, container, **options)
    return file.getvalue()
