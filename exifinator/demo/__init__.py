"""The demo library: 240 files as they lie in a person's photo folder, drawn, not taken.

Everything in it is made here, so it may be shown and shared; the places, cameras and lenses are real, the people not.
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

from exifinator.demo import aerial, desert, fields, land, night, plants, water
from exifinator.demo.exif import build_exif, build_xmp
from exifinator.demo.paint import develop, light_at
from exifinator.demo.trips import Shot, plan_shots

_TURNS = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270, 3: Image.Transpose.ROTATE_180}
_SCENES = {
    scene.__name__: scene
    for scene in (
        land.mountains, land.winter_mountains, land.snow, fields.hills, desert.dunes, desert.buttes, desert.road,
        plants.forest, plants.bamboo, plants.blossom, plants.pagoda, plants.autumn_pagoda,
        water.sea, water.storm, water.lake, aerial.aerial_coast, aerial.aerial_fields, aerial.balloons,
        night.milky_way, night.aurora, night.skyline, night.bokeh, night.moon,
    )
}  # fmt: skip

# What real libraries hold as well.
_CUT_PATH = "Unsorted/recovered 0001.jpg"
_BROKEN: dict[str, bytes] = {
    "Unsorted/IMG_0000.JPG": b"",
    "Unsorted/notes.jpg": b"Shot list for Lofoten: harbour at dawn, red cabins, aurora after 22:00. Spare batteries!\n",
}
_BROKEN_TIME = 1_735_689_600  # 2025-01-01, UTC


def make_demo(folder: Path) -> int:
    """Make the demo library's 240 files below `folder`; what is there already is left alone.

    A file appears whole or not at all, so a run that was interrupted is completed by the next one.
    Returns: how many files were written; 0 where the library was complete.
    Raises: OSError where the folder cannot be written.
    """
    missing = [item for item in _library() if not (folder / item[0]).exists()]
    if not missing:
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    # Beside the folder, not in it: nobody may see half a photo, and a rename needs the same file system.
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as rough:
        for path, taken_at, content in missing:
            draft, target = Path(rough) / "draft", folder / path
            draft.write_bytes(content())
            os.utime(draft, (taken_at, taken_at))
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.replace(target)
    return len(missing)


def _library() -> list[tuple[str, int, Callable[[], bytes]]]:
    """Each file's path, its time (seconds since 1970), and what makes its bytes."""
    shots = plan_shots()
    files: list[tuple[str, int, Callable[[], bytes]]] = [
        (shot.path, int(shot.taken.timestamp()), functools.partial(render, shot)) for shot in shots
    ]
    # A memory card that was pulled too early: the metadata is whole, the picture is not.
    files.append((_CUT_PATH, _BROKEN_TIME, lambda: render(shots[0])[:60_000]))
    files += [(path, _BROKEN_TIME, functools.partial(bytes, content)) for path, content in _BROKEN.items()]
    return files


def render(shot: Shot) -> bytes:
    """The bytes of one photo: drawn, developed, with its metadata."""
    rng = random.Random(shot.seed)  # noqa: S311
    width, height = shot.camera.size
    upright = (height, width) if shot.orientation in (6, 8) else (width, height)
    picture = _SCENES[shot.scene](rng, upright, light_at(shot.elevation))
    noise = math.log2(max(1.0, shot.exposure.iso / 100)) / 8
    picture = develop(rng, picture, grain=min(1.0, 0.18 + noise), warmth=shot.camera.warmth + rng.uniform(-0.2, 0.2))
    if shot.mono:
        picture = picture.convert("L").convert("RGB")
    if shot.kind == "bare":
        return _save(picture.resize((upright[0] * 3 // 4, upright[1] * 3 // 4)), "JPEG", quality=76)
    if shot.orientation in _TURNS:
        picture = picture.transpose(_TURNS[shot.orientation])
    # PNG and TIFF are not lossy: at full size a dozen of them would weigh as much as all the others.
    if shot.kind in ("png", "tiff"):
        picture = picture.resize((picture.width * 2 // 3, picture.height * 2 // 3), Image.Resampling.BILINEAR)
    thumbnail = b""
    if shot.thumbnail and shot.kind == "jpeg":
        small = picture.copy()
        small.thumbnail((160, 160), Image.Resampling.BILINEAR)
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
        return _save_tiff(picture, exif, xmp)
    return _save(picture, "JPEG", exif=b"Exif\0\0" + exif, xmp=xmp, quality=88)


def _save(picture: Image.Image, container: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, container, **options)
    return file.getvalue()


def _save_tiff(picture: Image.Image, exif: bytes, xmp: bytes) -> bytes:
    directory = Image.Exif()
    directory.load(exif)
    if xmp:
        directory[Base.XMLPacket] = xmp
    return _save(picture, "TIFF", exif=directory)
