"""PreviewMaker limits concurrency and shares results between requests; `make` chooses the part of a file to use."""

from __future__ import annotations

import asyncio
import io
import os
import struct
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

from api.previews import maker, outcomes
from api.previews.decoder_pool import DecoderPool
from api.previews.maker import PreviewMaker, TooManyWaiting, choose, guess_orientation, make
from api.previews.outcomes import NoPreview
from exifinator.config import Config
from exifinator.errors import SourceUnavailable
from exifinator.metadata.previews.embedded import EmbeddedJpeg
from exifinator.metadata.previews.fetch import PinnedReader
from exifinator.models import ImageRef, RangeRead

TIME = datetime(2025, 1, 1, tzinfo=UTC)
MAX_RUNNING = 2 * (os.cpu_count() or 1)


def make_jpeg(width: int = 64, height: int = 48) -> bytes:
    output = io.BytesIO()
    Image.new("RGB", (width, height)).save(output, "JPEG")
    return output.getvalue()


def make_raf(jpeg: bytes) -> bytes:
    head = b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + struct.pack(">II", 200, len(jpeg))
    return head.ljust(200, b"\0") + jpeg


def make_tiff(jpeg: bytes, padding: int = 0) -> bytes:
    """Return a TIFF file that has a thumbnail, but no image that can be decoded."""
    entries = struct.pack("<HHHIIHHII", 2, 0x0201, 4, 1, 38, 0x0202, 4, 1, len(jpeg)) + bytes(4)
    return b"II*\0\x08\0\0\0" + entries + jpeg + bytes(padding)


class Reader:
    """Reads one file under every key, and calls `on_read` first."""

    def __init__(self, data: bytes, on_read: Callable[[], None] = lambda: None) -> None:
        self.data, self.on_read = data, on_read
        self.keys: list[str] = []

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        self.keys.append(ref.key)
        self.on_read()
        return RangeRead(start, self.data[start : start + length], len(self.data), "e", TIME)


class Pool:
    """Replaces the pool of decoders. Returns its arguments as a preview, or raises NoPreview with `reason`."""

    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason

    def shrink(self, data: bytes, **options: Any) -> bytes:
        if self.reason and options["decoder"] != "JPEG":
            raise NoPreview(self.reason)
        return repr((len(data), options["decoder"], options["orientation"])).encode()


async def never_gone() -> bool:
    return False


async def always_gone() -> bool:
    return True


def ref(key: str) -> ImageRef:
    return ImageRef("bucket", key, "e", 9, TIME)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maker, "CACHE_FOLDER", tmp_path / "cache")


def test_get__many_simultaneous_requests__make_each_preview_once_and_two_per_core_at_a_time() -> None:
    lock, running, peak, may_go_on = threading.Lock(), [0], [0], threading.Event()

    def on_read() -> None:
        with lock:
            running[0] += 1
            peak[0] = max(peak[0], running[0])
        may_go_on.wait()
        with lock:
            running[0] -= 1

    async def run() -> list[bytes]:
        reader = Reader(make_raf(make_jpeg()), on_read)
        previews = PreviewMaker(Config(), reader)
        keys = [f"{at}.raf" for at in range(3 * MAX_RUNNING)] * 2
        requests = [asyncio.create_task(previews.get(ref(key), "raf", 0, "screen", never_gone)) for key in keys]
        while running[0] < MAX_RUNNING:
            await asyncio.sleep(0)
        for _ in range(1000):  # gives further calls time to start
            await asyncio.sleep(0)
        may_go_on.set()
        jpegs = await asyncio.gather(*requests)
        assert len(reader.keys) == 2 * 3 * MAX_RUNNING  # two reads per file: to find the JPEG, and to fetch it
        await previews.close()
        return jpegs

    jpegs = asyncio.run(run())
    assert peak[0] == MAX_RUNNING
    assert set(jpegs) == {make_jpeg()}


@asynccontextmanager
async def all_turns_taken(previews: PreviewMaker) -> AsyncIterator[None]:
    """Take all places in which previews may be made, so that requests wait until the block ends."""
    async with AsyncExitStack() as turns:
        while not previews._turns.locked():
            await turns.enter_async_context(previews._turns)
        yield


def test_get__request_after_all_others_disconnected__makes_the_preview() -> None:
    """A request that arrives just after a preview was abandoned gets a preview of its own."""

    async def run() -> None:
        previews = PreviewMaker(Config(), Reader(make_raf(make_jpeg())))
        late: list[asyncio.Task[bytes]] = []

        async def disconnects() -> bool:
            # The late request runs after this function has returned, but before the callbacks of the abandoned task.
            late.append(asyncio.create_task(previews.get(ref("a.raf"), "raf", 0, "screen", never_gone)))
            return True

        # The maker also raises this if all clients have disconnected.
        with pytest.raises(TooManyWaiting):
            await previews.get(ref("a.raf"), "raf", 0, "screen", disconnects)
        assert await late[0] == make_jpeg()
        await previews.close()

    asyncio.run(run())


def test_get__disconnected_clients__get_a_preview_only_if_another_client_waits() -> None:
    async def run() -> None:
        reader = Reader(make_raf(make_jpeg()))
        previews = PreviewMaker(Config(), reader)
        with pytest.raises(TooManyWaiting):
            await previews.get(ref("a.raf"), "raf", 0, "screen", always_gone)
        assert reader.keys == []
        async with all_turns_taken(previews):
            clients = [
                asyncio.create_task(previews.get(ref("b.raf"), "raf", 0, "screen", state))
                for state in (always_gone, never_gone)
            ]
            while [len(running.waiting) for running in previews._running.values()] != [2]:
                await asyncio.sleep(0)
        assert await asyncio.gather(*clients) == [make_jpeg()] * 2
        await previews.close()

    asyncio.run(run())


def test_get__too_many_waiting_requests__is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maker, "MAX_WAITING", 0)

    async def run() -> None:
        previews = PreviewMaker(Config(), Reader(b""))
        with pytest.raises(TooManyWaiting):
            await previews.get(ref("a.raf"), "raf", 0, "screen", never_gone)
        await previews.close()

    asyncio.run(run())


def test_get__unavailable_storage__is_tried_again_but_a_missing_preview_is_remembered() -> None:
    async def run() -> None:
        def fail() -> None:
            raise SourceUnavailable("S3 does not respond")

        reader = Reader(make_raf(make_jpeg()), fail)
        previews = PreviewMaker(Config(), reader)
        with pytest.raises(SourceUnavailable):
            await previews.get(ref("a.raf"), "raf", 0, "screen", never_gone)
        reader.on_read = lambda: None
        assert await previews.get(ref("a.raf"), "raf", 0, "screen", never_gone) == make_jpeg()
        reader.data = b"FUJIFILMCCD-RAW ".ljust(300, b"\0")
        for _ in range(2):
            with pytest.raises(NoPreview, match=outcomes.ABSENT):
                await previews.get(ref("b.raf"), "raf", 0, "screen", never_gone)
        assert reader.keys.count("b.raf") == 1
        await previews.close()

    asyncio.run(run())


def run_make(data: bytes, format_: str, pool: Pool, *, size: Any = "screen", max_bytes: int = 10**6) -> bytes:
    reader = PinnedReader(Reader(data), ref("a"))
    return make(reader, cast(DecoderPool, pool), format_=format_, orientation=6, size=size, max_bytes=max_bytes)


def test_make__tiff_that_cannot_be_decoded__returns_its_thumbnail() -> None:
    jpeg = make_jpeg(160, 120)
    for pool, padding in ((Pool(outcomes.DAMAGED), 0), (Pool(), 2 * 10**6)):
        preview = run_make(make_tiff(jpeg, padding), "tiff", pool)
        assert Image.open(io.BytesIO(preview)).getexif()[0x0112] == 6
    assert b"'TIFF'" in run_make(make_tiff(jpeg), "tiff", Pool())
    with pytest.raises(NoPreview, match=outcomes.DAMAGED):
        run_make(b"II*\0" + bytes(100), "tiff", Pool(outcomes.DAMAGED))


def test_make__embedded_jpeg_above_the_limit__is_too_large() -> None:
    with pytest.raises(NoPreview, match=outcomes.TOO_LARGE):
        run_make(make_raf(make_jpeg(800, 600)), "raf", Pool(), max_bytes=500)


def test_choose__embedded_jpegs__is_the_largest_for_the_screen_and_the_smallest_sufficient_for_a_tile() -> None:
    full, middle, small = (EmbeddedJpeg(1, 9, width, width * 3 // 4, 0) for width in (6000, 1600, 160))
    assert choose([full, middle, small], "screen") is full
    assert choose([full, middle, small], "tile") is middle
    assert choose([small], "tile") is small


@pytest.mark.parametrize(
    ("width", "height", "orientation", "expected"),
    [(1600, 1200, 6, 6), (1200, 1600, 6, 0), (1200, 1600, 3, 3), (1600, 1200, 0, 0), (1200, 1600, 1, 1)],
)
def test_guess_orientation__embedded_jpeg__has_that_of_the_photo_unless_it_is_already_upright(
    width: int, height: int, orientation: int, expected: int
) -> None:
    assert guess_orientation(EmbeddedJpeg(1, 9, width, height, 0), orientation) == expected
