"""Make the preview of a photo: an embedded JPEG, or a smaller copy of the original."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal

from api.previews import outcomes
from api.previews.cache import PreviewCache
from api.previews.decoder_pool import DecoderPool
from api.previews.outcomes import NoPreview
from exifinator.config import ROOT, Config
from exifinator.metadata.previews.embedded import EmbeddedJpeg, with_orientation
from exifinator.metadata.previews.fetch import FIRST_READ_BYTES, PinnedReader, find_previews
from exifinator.models import ImageRef, RangeReader

CACHE_FOLDER = ROOT / "var" / "previews"
Size = Literal["tile", "screen"]
# The longer side of a preview, in pixels.
MAX_SIDE_PIXELS: dict[Size, int] = {"tile": 480, "screen": 2560}
# Part of the cache's keys. Increase it if a file's preview changes, or if a file without a preview gets one.
VERSION = 2
# How many previews all processes together make at the same time.
MAKERS_PER_CORE = 2
# How many requests may wait for their turn. A page of the gallery has fewer tiles.
MAX_WAITING = 256
# Limits on decoding one picture.
DECODE_MEMORY_MB, DECODE_CPU_SECONDS, DECODE_WALL_SECONDS = 512, 20, 120.0

# Format of a record -> Pillow's decoder.
DECODERS = {
    "avif": "AVIF", "bmp": "BMP", "gif": "GIF", "ico": "ICO", "j2c": "JPEG2000", "jp2": "JPEG2000", "jpeg": "JPEG",
    "jpx": "JPEG2000", "pcx": "PCX", "png": "PNG", "pnm": "PPM", "psd": "PSD", "qoi": "QOI", "tga": "TGA",
    "tiff": "TIFF", "webp": "WEBP",
}  # fmt: skip


# Returns whether a client has closed its connection.
IsGone = Callable[[], Awaitable[bool]]


class _Running:
    """A preview that is being made, and a function for each client that waits for it."""

    def __init__(self) -> None:
        self.task: asyncio.Task[bytes]
        self.waiting: list[IsGone] = []


class TooManyWaiting(Exception):
    """Too many requests are waiting for a preview."""


class PreviewMaker:
    """Makes previews, a few at a time, and caches them.

    Args:
        config: The settings.
        reader: Reads the objects.
        processes: How many processes make previews on this machine. They share its cores.
    """

    def __init__(self, config: Config, reader: RangeReader, *, processes: int = 1) -> None:
        self._max_bytes = config.api_preview_max_mb * 1024**2
        self._reader = reader
        self._cache = PreviewCache(CACHE_FOLDER, config.api_preview_cache_mb * 1024**2)
        self._pool = DecoderPool(
            memory_mb=DECODE_MEMORY_MB, cpu_seconds=DECODE_CPU_SECONDS, wall_seconds=DECODE_WALL_SECONDS
        )
        n_makers = max(1, MAKERS_PER_CORE * (os.cpu_count() or 1) // processes)
        self._threads = ThreadPoolExecutor(n_makers, thread_name_prefix="previews")
        self._turns = asyncio.Semaphore(n_makers)
        self._n_waiting = 0
        # The previews that are being made, by key.
        self._running: dict[str, _Running] = {}

    async def get(self, ref: ImageRef, format_: str, orientation: int, size: Size, is_gone: IsGone) -> bytes:
        """Return the preview of a photo as a JPEG.

        Args:
            ref: The photo's object.
            format_: The format in its record.
            orientation: The orientation in its record; 0 if it has none.
            size: `tile` for the gallery, `screen` for the viewer.
            is_gone: Returns whether the client has closed its connection. A preview for which no client waits is not
                made.

        Raises:
            NoPreview: This version of the object has no preview, or none can be made.
            TooManyWaiting: Too many requests are waiting.
            ObjectChanged, TransientError, PermanentError: The object cannot be read, or has been replaced.
        """
        version = ref.etag or f"{ref.size_bytes} {ref.last_modified}"
        key = "\0".join((ref.id, version, format_, str(orientation), size, str(VERSION), str(self._max_bytes)))
        if key not in self._running:
            cached = await asyncio.to_thread(self._cache.get, key)
            if cached is not None:
                return _unpack(cached)
        if key not in self._running:
            if len(self._running) >= MAX_WAITING:
                raise TooManyWaiting
            make_content = partial(self._make_and_cache, key, ref, format_, orientation, size)
            running = self._running[key] = _Running()
            running.task = asyncio.create_task(self._make_in_turn(key, running, make_content))
            running.task.add_done_callback(_retrieve_error)
        running = self._running[key]
        running.waiting.append(is_gone)
        # If this request is cancelled, others may still wait for the same preview.
        return _unpack(await asyncio.shield(running.task))

    async def _make_in_turn(self, key: str, running: _Running, make_content: Callable[[], bytes]) -> bytes:
        try:
            async with self._turns:
                if all([await is_gone() for is_gone in running.waiting]):
                    raise TooManyWaiting
                return await asyncio.get_running_loop().run_in_executor(self._threads, make_content)
        finally:
            # Delete the entry here and not in a callback, so that no request waits for a preview that will not be made.
            del self._running[key]

    def _make_and_cache(self, key: str, ref: ImageRef, format_: str, orientation: int, size: Size) -> bytes:
        """Make a preview and cache it. Return the cached content.

        The content is "J" and the JPEG, or "N" and the reason why there is no preview.
        """
        try:
            content = b"J" + make(
                PinnedReader(self._reader, ref),
                self._pool,
                format_=format_,
                orientation=orientation,
                size=size,
                max_bytes=self._max_bytes,
            )
        except NoPreview as error:
            content = b"N" + error.reason.encode()
        self._cache.put(key, content)
        return content

    async def close(self) -> None:
        """Abandon the previews that are waiting, finish the others, and end the subprocesses."""
        for running in list(self._running.values()):
            running.task.cancel()
        await asyncio.to_thread(self._threads.shutdown)
        self._pool.close()


def _retrieve_error(task: asyncio.Task[bytes]) -> None:
    """Retrieve the error of a task, because asyncio would log an error that no waiting request retrieves."""
    if not task.cancelled():
        task.exception()


def _unpack(content: bytes) -> bytes:
    """Return the JPEG in cached content.

    Raises:
        NoPreview: The content is a reason.
    """
    if content[:1] == b"J":
        return content[1:]
    reason = content[1:].decode()
    raise NoPreview(reason if reason in outcomes.ALL else outcomes.ABSENT)


def make(
    reader: PinnedReader, pool: DecoderPool, *, format_: str, orientation: int, size: Size, max_bytes: int
) -> bytes:
    """Make a preview from the original if it can be decoded, unless an embedded JPEG is large enough.

    Args:
        reader: The object.
        pool: Decodes pictures.
        format_: The format in the object's record.
        orientation: The orientation in the object's record; 0 if it has none.
        size: The size of the preview.
        max_bytes: Limit on the length of an embedded JPEG, and of an original that is decoded.

    Raises:
        NoPreview: No preview can be made.
        ObjectChanged, TransientError, PermanentError: The object cannot be read.
    """
    all_embedded = find_previews(reader, format_)
    embedded = [jpeg for jpeg in all_embedded if jpeg.length <= max_bytes]
    max_side_pixels = MAX_SIDE_PIXELS[size]
    if format_ in DECODERS and not (embedded and _longer_side(embedded[0]) >= max_side_pixels):
        try:
            data = _read_whole(reader, max_bytes)
            return pool.shrink(
                data, decoder=DECODERS[format_], max_side_pixels=max_side_pixels, orientation=orientation
            )
        except NoPreview:
            if not embedded:
                raise
    if embedded:
        return _from_embedded(reader, pool, choose(embedded, size), orientation, size)
    raise NoPreview(outcomes.TOO_LARGE if all_embedded else outcomes.ABSENT)


def _read_whole(reader: PinnedReader, max_bytes: int) -> bytes:
    """Return an original.

    Raises:
        NoPreview: It is longer than `max_bytes`, or empty.
    """
    data = reader.read(0, min(max_bytes, FIRST_READ_BYTES))
    if reader.total_bytes > max_bytes:
        raise NoPreview(outcomes.TOO_LARGE)
    if not data:
        raise NoPreview(outcomes.DAMAGED)
    if len(data) < reader.total_bytes:
        data += reader.read(len(data), reader.total_bytes - len(data))
    return data


def _from_embedded(reader: PinnedReader, pool: DecoderPool, jpeg: EmbeddedJpeg, orientation: int, size: Size) -> bytes:
    """Return an embedded JPEG: smaller for a tile, and unchanged for the viewer except for its orientation."""
    data = reader.read(jpeg.start, jpeg.length)
    orientation = jpeg.orientation or guess_orientation(jpeg, orientation)
    if size == "tile":
        return pool.shrink(data, decoder="JPEG", max_side_pixels=MAX_SIDE_PIXELS[size], orientation=orientation)
    return data if jpeg.orientation else with_orientation(data, orientation)


def choose(embedded: list[EmbeddedJpeg], size: Size) -> EmbeddedJpeg:
    """Return the largest JPEG for the viewer, or the smallest that suffices for a tile.

    Args:
        embedded: The JPEGs, largest first.
        size: The size of the preview.
    """
    if size == "screen":
        return embedded[0]
    return next((jpeg for jpeg in reversed(embedded) if _longer_side(jpeg) >= MAX_SIDE_PIXELS[size]), embedded[0])


def guess_orientation(jpeg: EmbeddedJpeg, photo_orientation: int) -> int:
    """Return the orientation of an embedded JPEG without EXIF: the photo's, or 0 if the JPEG is already upright.

    Some cameras rotate the embedded JPEG, but never the sensor data, which is wider than tall. So if the photo has to
    be rotated by 90 degrees, a JPEG that is taller than wide is already upright.
    """
    is_rotated = photo_orientation >= 5 and jpeg.height_pixels > jpeg.width_pixels
    return 0 if is_rotated else photo_orientation


def _longer_side(jpeg: EmbeddedJpeg) -> int:
    return max(jpeg.width_pixels, jpeg.height_pixels)
