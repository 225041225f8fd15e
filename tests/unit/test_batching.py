"""Work of many greenlets, done together."""

from __future__ import annotations

import time

import gevent
import pytest

from exifinator.batching import Batcher


def run_all(batcher: Batcher[int, int], items: list[int]) -> list[int | Exception]:
    def submit(item: int) -> int | Exception:
        try:
            return batcher.submit(item)
        except ValueError as exc:
            return exc

    greenlets = [gevent.spawn(submit, item) for item in items]
    gevent.joinall(greenlets)
    return [greenlet.value for greenlet in greenlets]


def test_submit__many_at_once__go_together_and_get_their_own_result() -> None:
    flushed: list[list[int]] = []

    def flush(items: list[int]) -> list[int]:
        flushed.append(items)
        return [item * 10 for item in items]

    results = run_all(Batcher(flush, most=4, wait_seconds=0.05), list(range(10)))

    assert results == [item * 10 for item in range(10)]
    assert [len(batch) for batch in flushed] == [4, 4, 2]


def test_submit__full_batch__does_not_wait() -> None:
    began = time.monotonic()
    assert run_all(Batcher(list, most=3, wait_seconds=60), [1, 2, 3]) == [1, 2, 3]
    assert time.monotonic() - began < 30


def test_submit__one_bad_item__fails_alone() -> None:
    def flush(items: list[int]) -> list[int | Exception]:
        return [ValueError("bad") if item == 2 else item for item in items]

    results = run_all(Batcher(flush, most=10, wait_seconds=0.01), [1, 2, 3])

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

    batcher = Batcher(flush, most=2, wait_seconds=0.01)

    assert all(isinstance(result, ValueError) for result in run_all(batcher, [1, 2]))
    assert run_all(batcher, [3, 4]) == [3, 4]


def test_submit__interrupted_while_waiting__leaves_the_batch_to_the_others() -> None:
    batcher = Batcher(list, most=10, wait_seconds=0.05)
    impatient = gevent.spawn(batcher.submit, 1)
    patient = gevent.spawn(batcher.submit, 2)
    gevent.sleep(0.01)
    impatient.kill()

    patient.join()
    assert patient.value == 2


def test_submit__items_while_flushing__are_the_next_batch() -> None:
    flushed: list[list[int]] = []

    def flush(items: list[int]) -> list[int]:
        flushed.append(list(items))
        gevent.sleep(0.05)
        return items

    batcher = Batcher(flush, most=2, wait_seconds=0.01)
    first = [gevent.spawn(batcher.submit, i) for i in range(2)]
    gevent.sleep(0.02)
    second = [gevent.spawn(batcher.submit, i) for i in (2, 3)]
    gevent.joinall(first + second)

    assert flushed == [[0, 1], [2, 3]]


@pytest.mark.parametrize("count", [1, 99, 100, 101, 1000])
def test_submit__any_number__each_comes_back_once(count: int) -> None:
    assert run_all(Batcher(list, most=100, wait_seconds=0.001), list(range(count))) == list(range(count))
