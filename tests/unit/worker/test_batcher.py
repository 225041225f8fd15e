"""The batcher: items of many greenlets are flushed together."""

from __future__ import annotations

import gevent
import pytest
from gevent.event import Event

from exifinator.worker.batcher import Batcher

# Longer than a test may take.
FOR_EVER = 3600.0


def run_all(batcher: Batcher[int, int], items: list[int]) -> list[int | Exception]:
    def submit(item: int) -> int | Exception:
        try:
            return batcher.submit(item)
        except ValueError as exc:
            return exc

    greenlets = [gevent.spawn(submit, item) for item in items]
    gevent.joinall(greenlets)
    return [greenlet.value for greenlet in greenlets]


def test_submit__many_simultaneously__go_together_and_get_their_own_result() -> None:
    flushed: list[list[int]] = []

    def flush(items: list[int]) -> list[int]:
        flushed.append(items)
        return [item * 10 for item in items]

    results = run_all(Batcher(flush, limit=4, wait_seconds=0.05), list(range(10)))

    assert results == [item * 10 for item in range(10)]
    assert [len(batch) for batch in flushed] == [4, 4, 2]


def test_submit__full_batch__does_not_wait() -> None:
    assert run_all(Batcher(list, limit=3, wait_seconds=FOR_EVER), [1, 2, 3]) == [1, 2, 3]


def test_submit__one_bad_item__fails_alone() -> None:
    def flush(items: list[int]) -> list[int | Exception]:
        return [ValueError("bad") if item == 2 else item for item in items]

    results = run_all(Batcher(flush, limit=10, wait_seconds=0.01), [1, 2, 3])

    assert results[0] == 1
    assert isinstance(results[1], ValueError)
    assert results[2] == 3


def test_submit__flush_fails__every_item_of_the_batch_and_no_other_fails() -> None:
    calls = 0

    def flush(items: list[int]) -> list[int]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ValueError("server away")
        return items

    batcher = Batcher(flush, limit=2, wait_seconds=0.01)

    assert all(isinstance(result, ValueError) for result in run_all(batcher, [1, 2]))
    assert run_all(batcher, [3, 4]) == [3, 4]


def test_submit__interrupted_while_waiting__leaves_the_batch_to_the_others() -> None:
    batcher = Batcher(list, limit=3, wait_seconds=FOR_EVER)
    killed, patient = gevent.spawn(batcher.submit, 1), gevent.spawn(batcher.submit, 2)
    gevent.idle()  # Both wait for the third item.
    killed.kill()

    assert batcher.submit(3) == 3
    assert patient.get() == 2


def test_submit__items_while_flushing__are_the_next_batch() -> None:
    flushed: list[list[int]] = []
    flushing, may_end = Event(), Event()

    def flush(items: list[int]) -> list[int]:
        flushed.append(list(items))
        flushing.set()
        may_end.wait()
        return items

    batcher = Batcher(flush, limit=2, wait_seconds=FOR_EVER)
    first = [gevent.spawn(batcher.submit, item) for item in (0, 1)]
    flushing.wait()
    second = [gevent.spawn(batcher.submit, item) for item in (2, 3)]
    gevent.idle()  # Both are submitted.
    assert flushed == [[0, 1]]
    may_end.set()
    gevent.joinall(first + second)

    assert flushed == [[0, 1], [2, 3]]


@pytest.mark.parametrize("count", [1, 99, 100, 101, 1000])
def test_submit__any_number__each_comes_back_once(count: int) -> None:
    assert run_all(Batcher(list, limit=100, wait_seconds=0.001), list(range(count))) == list(range(count))
