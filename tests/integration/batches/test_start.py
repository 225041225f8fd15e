"""start_batch limits the number of running batches, even if several processes call it at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exifinator.batches import start
from exifinator.batches.start import MAX_RUNNING, start_batch
from exifinator.errors import TooManyBatches
from exifinator.queue.image_queue import ImageQueue
from exifinator.queue.redis_client import connect_redis
from tests.integration.conftest import Installation


class Process:
    """A fake process of a batch, which ends when the event is set."""

    pid = 1

    def __init__(self, ends: threading.Event) -> None:
        self._ends = ends

    def wait(self) -> int:
        self._ends.wait()
        return 0


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Replace the processes of batches by fakes, and return the event that ends all of them."""
    event = threading.Event()
    monkeypatch.setattr(start, "_check_source", lambda *_: None)
    monkeypatch.setattr(start, "_spawn_watcher", lambda *_, **__: Process(event))
    return event


@pytest.fixture
def try_to_start(installation: Installation, tmp_path: Path) -> Callable[[str], bool]:
    def attempt(batch_id: str) -> bool:
        # Each process has its own client.
        queue = ImageQueue(connect_redis(installation.config), installation.config)
        try:
            start_batch(installation.config, installation.store, queue, "a", batch_id=batch_id, logs=tmp_path)
        except TooManyBatches:
            return False
        finally:
            queue.client.close()
        return True

    return attempt


def join_waiters() -> None:
    """Wait for the threads that wait for processes of batches."""
    for thread in threading.enumerate():
        if "_await_end" in thread.name:
            thread.join()


def batch_ids(count: int) -> list[str]:
    return [f"20240101-000000-{at:06x}" for at in range(count)]


def save_batch(installation: Installation, batch_id: str, **fields: Any) -> None:
    batch = {"_id": batch_id, "sources": ["s3://a"], "updated_at": datetime.now(UTC), **fields}
    installation.store.batches.save(batch)  # type: ignore[arg-type]


def test_start_batch__called_by_many_processes_at_once__keeps_the_limit(
    installation: Installation,
    ends: threading.Event,
    try_to_start: Callable[[str], bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All processes look for running batches before any of them has stored its own batch."""
    all_have_looked = threading.Barrier(20)
    read_watched = start.read_watched

    def read_watched_together(store: Any) -> Any:
        result = read_watched(store)
        all_have_looked.wait()
        return result

    monkeypatch.setattr(start, "read_watched", read_watched_together)
    with ThreadPoolExecutor(20) as pool:
        started = list(pool.map(try_to_start, batch_ids(20)))
    assert started.count(True) == MAX_RUNNING
    assert installation.store.batches.collection.count_documents({}) == MAX_RUNNING
    ends.set()
    join_waiters()


def test_start_batch__interrupted_batches_are_resumed__counts_them_before_their_processes_begin(
    installation: Installation, ends: threading.Event, try_to_start: Callable[[str], bool]
) -> None:
    """After a restart of the machine, the scheduler may resume many batches at once."""
    ids = batch_ids(MAX_RUNNING + 4)
    for batch_id in ids:
        save_batch(installation, batch_id, state="left", checkpoint={})

    assert [try_to_start(batch_id) for batch_id in ids] == [True] * MAX_RUNNING + [False] * 4
    assert try_to_start(ids[0]), "a batch is not counted twice"

    ends.set()
    join_waiters()
    assert try_to_start(ids[-1]), "a batch that has ended is not counted"
    join_waiters()


def test_start_batch__batches_running_and_starting__are_counted_together(
    installation: Installation, ends: threading.Event, try_to_start: Callable[[str], bool]
) -> None:
    *running, first, second, third = batch_ids(MAX_RUNNING + 1)
    for batch_id in running:
        save_batch(installation, batch_id, state="reading")
    save_batch(installation, first, state="stopped", checkpoint={})

    assert [try_to_start(batch_id) for batch_id in (first, second, third)] == [True, True, False]

    ends.set()
    join_waiters()
