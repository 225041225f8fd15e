"""Batcher flushes the items of many greenlets together."""

from __future__ import annotations

import gevent
import pytest
from gevent.event import Event

from exifinator.worker.batcher import Batcher

# A wait that is longer than a test may take.
VERY_LONG_SECONDS = 3600.0


def submit_all(batcher: Batcher[int, int], items: list[int]) -> list[int | Exception]:
    """Submit each item in its own greenlet. Return the results or errors, in the order of the items."""

    def submit(item: int) -> int | Exception:
        try:
            return batcher.submit(item)
        except ValueError as exc:
            return exc

    greenlets = [gevent.spawn(submit, item) for item in items]
    gevent.joinall(greenlets)
    return [greenlet.value for greenlet in greenlets]


def test_submit__many_items__are_flushed_in_batches_and_get_their_own_results() -> None:
    flushed: list[list[int]] = []

    def flush(items: list[int]) -> list[int]:
        flushed.append(items)
        return [item * 10 for item in items]

    results = submit_all(Batcher(flush, limit=4, wait_seconds=VERY_LONG_SECONDS), list(range(8)))

    assert results == [item * 10 for item in range(8)]
    assert [len(batch) for batch in flushed] == [4, 4]


def test_submit__full_batch__is_flushed_without_waiting() -> None:
    assert submit_all(Batcher(list, limit=3, wait_seconds=VERY_LONG_SECONDS), [1, 2, 3]) == [1, 2, 3]


def test_submit__one_item_fails__raises_only_for_this_item() -> None:
    def flush(items: list[int]) -> list[int | Exception]:
        return [ValueError("bad") if item == 2 else item for item in items]

    results = submit_all(Batcher(flush, limit=10, wait_seconds=0.01), [1, 2, 3])

    assert results[0] == 1
    assert isinstance(results[1], ValueError)
    assert results[2] == 3


def test_submit__flush_fails__raises_for_each_item_of_this_batch_only() -> None:
    calls = 0

    def flush(items: list[int]) -> list[int]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ValueError("server is down")
        return items

    batcher = Batcher(flush, limit=2, wait_seconds=0.01)

    assert all(isinstance(result, ValueError) for result in submit_all(batcher, [1, 2]))
    assert submit_all(batcher, [3, 4]) == [3, 4]


def test_submit__killed_while_waiting__does_not_prevent_the_flush() -> None:
    batcher = Batcher(list, limit=3, wait_seconds=VERY_LONG_SECONDS)
    killed, waiting = gevent.spawn(batcher.submit, 1), gevent.spawn(batcher.submit, 2)
    gevent.idle()  # Both wait for the third item.
    killed.kill()

    assert batcher.submit(3) == 3
    assert waiting.get() == 2


def test_submit__items_during_a_flush__are_in_the_next_batch() -> None:
    flushed: list[list[int]] = []
    flushing, may_end = Event(), Event()

    def flush(items: list[int]) -> list[int]:
        flushed.append(list(items))
        flushing.set()
        may_end.wait()
        return items

    batcher = Batcher(flush, limit=2, wait_seconds=VERY_LONG_SECONDS)
    first = [gevent.spawn(batcher.submit, item) for item in (0, 1)]
    flushing.wait()
    second = [gevent.spawn(batcher.submit, item) for item in (2, 3)]
    gevent.idle()  # Both are submitted.
    assert flushed == [[0, 1]]
    may_end.set()
    gevent.joinall(first + second)

    assert flushed == [[0, 1], [2, 3]]


@pytest.mark.parametrize("count", [1, 99, 100, 101, 1000])
def test_submit__any_number_of_items__returns_each_result_once(count: int) -> None:
    assert submit_all(Batcher(list, limit=100, wait_seconds=0.001), list(range(count))) == list(range(count))
