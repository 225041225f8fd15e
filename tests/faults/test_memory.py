"""The peak memory of a worker and of Redis while files unpack to thousands of times their size."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brotli
import pytest

from exifinator.metadata.containers.range_buffer import MAX_FILE_BYTES
from exifinator.queue.image_queue import BYTES_PER_PUSH
from exifinator.worker.downloader import HELD_BYTES_LIMIT
from tests.data import build
from tests.integration.conftest import Bucket, Installation
from tests.photos import make_jpeg
from tests.servers import run_redis
from tests.unit.metadata.test_unpacked_limits import heic

MIB = 1024 * 1024
# The number of files from each function of BOMB_MAKERS.
FILES = 5
# Enough to fetch all files at the same time.
GREENLETS = 30
WRITE_QUEUE_MB = 32
# Memory that the allocator keeps, and that Redis needs for itself.
SLACK_BYTES = 32 * MIB
# The number of copies of the largest metadata of a file that a worker may hold. Whatever its number of greenlets, it
# holds a few images at a time, and of each the blocks, the message, the data that a driver sends or receives, and the
# decoded values.
MAX_COPIES = 40


def compressed_boxes() -> bytes:
    """Return a JPEG XL of 12 kB with 490 boxes of 1 MiB each."""
    packed = brotli.compress(b" " * (MIB - 10), quality=9)
    return build.jxl(*[build.box(b"brob", b"xml ", packed)] * 490)


def compressed_chunks() -> bytes:
    """Return a PNG of 400 kB with 100 texts of 4 MiB each."""
    text = zlib.compress(b" " * (4 * MIB - 100), 9)
    return build.png(before=[build.chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + text)] * 100)


def repeated_items() -> bytes:
    """Return a HEIC of 1 MiB, 1,000 items of which are the same 1 MiB."""
    return heic([(0, MIB)] * 1000, b" " * MIB)


def repeated_ranges() -> bytes:
    """Return a HEIC of 4 MiB, 1,000 items of which overlap."""
    return heic([(i, 4 * MIB - 1000) for i in range(1000)], b" " * (4 * MIB))


def compressed_profiles() -> bytes:
    """Return a PNG with 100 raw profiles of 2 MiB each."""
    digits = zlib.compress(b"\nxmp\n1\n" + b"20" * (2 * MIB - 10), 9)
    return build.png(before=[build.chunk(b"zTXt", b"Raw profile type xmp\0\0" + digits)] * 100)


def peak_bytes(pid: int) -> int:
    """Return the peak of the resident memory of a process."""
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match
    return int(match[1]) * 1024


BOMB_MAKERS = [compressed_boxes, compressed_chunks, compressed_profiles, repeated_items, repeated_ranges]


def test_run__files_that_unpack_to_gigabytes__memory_stays_within_the_limits(
    install: Callable[..., Installation],
    bucket: Bucket,
    tmp_path_factory: pytest.TempPathFactory,
    record_property: Callable[..., None],
) -> None:
    """Without a limit per file, five files of one kind took 1.5 GB in the worker and 0.8 GB in Redis."""
    bucket.put("first/a.jpg", make_jpeg())
    for make in BOMB_MAKERS:
        body = make()
        assert len(body) < 5 * MIB
        for i in range(FILES):
            bucket.put(f"{make.__name__}/{i}", body)
    with run_redis(tmp_path_factory.mktemp("redis")) as url:
        here = install(REDIS_URL=url, GREENLETS=GREENLETS, WRITE_QUEUE_MB=WRITE_QUEUE_MB)
        worker = here.start_worker("download", "write")
        assert here.run(f"{bucket.name}/first").stored == 1
        before: dict[str, Any] = {"worker": peak_bytes(worker.pid), "redis": here.redis.info("memory")["used_memory"]}

        counts = here.run(bucket.name)

        assert (counts.done, counts.failed) == (FILES * len(BOMB_MAKERS), 0)
        assert worker.poll() is None
        growth_bytes = {
            "worker": peak_bytes(worker.pid) - before["worker"],
            "redis": here.redis.info("memory")["used_memory_peak"] - before["redis"],
        }
    record_property("growth_bytes", growth_bytes)
    # Redis holds the write queue, the requests of a worker (HELD_BYTES_LIMIT, which one message may exceed), and three
    # copies of one message: in the script, in the response and in the buffer of the append-only file.
    messages = HELD_BYTES_LIMIT + 4 * max(MAX_FILE_BYTES, BYTES_PER_PUSH)
    assert growth_bytes["redis"] < WRITE_QUEUE_MB * MIB + messages + SLACK_BYTES
    assert growth_bytes["worker"] < MAX_COPIES * MAX_FILE_BYTES + SLACK_BYTES
