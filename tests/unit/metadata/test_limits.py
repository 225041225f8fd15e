"""The limits on decoding one file. The CPU limit counts ticks of a timer, and the memory budget counts bytes."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Iterator

import pytest

from exifinator.metadata import limits
from exifinator.metadata.limits import TICKS_PER_SECOND, DeadlineExceeded, MemoryBudget, MemoryExceeded, cpu_limit

LIMIT_SECONDS = 0.1
LIMIT_TICKS = math.ceil(LIMIT_SECONDS * TICKS_PER_SECOND)


def compute_without_end() -> None:
    while True:
        pass


def tick(times: int = 1) -> None:
    """Send this process the signal that the timer sends at each tick."""
    for _ in range(times):
        signal.raise_signal(signal.SIGPROF)


@pytest.fixture
def stopped_timer() -> Iterator[None]:
    """Stop the kernel's timer, so that the only ticks are those of the test."""
    with cpu_limit(LIMIT_SECONDS):
        pass  # The first use starts the timer.
    timer = signal.setitimer(signal.ITIMER_PROF, 0)
    yield
    signal.setitimer(signal.ITIMER_PROF, *timer)


def test_cpu_limit__endless_loop__is_stopped() -> None:
    with pytest.raises(DeadlineExceeded), cpu_limit(LIMIT_SECONDS):
        compute_without_end()


def test_cpu_limit__first_use__starts_a_timer_of_cpu_time() -> None:
    with cpu_limit(LIMIT_SECONDS):
        assert signal.getitimer(signal.ITIMER_PROF)[1] == pytest.approx(1 / TICKS_PER_SECOND)
        assert signal.getsignal(signal.SIGPROF) is limits._tick


@pytest.mark.usefixtures("stopped_timer")
def test_cpu_limit__number_of_ticks_of_the_limit__raises_at_the_last_tick() -> None:
    with cpu_limit(LIMIT_SECONDS):
        tick(LIMIT_TICKS - 1)
        with pytest.raises(DeadlineExceeded):
            tick()


@pytest.mark.usefixtures("stopped_timer")
def test_cpu_limit__exception_that_python_ignored__is_raised_again() -> None:
    """Python ignores an exception in a destructor, or in a callback of the garbage collector."""
    with cpu_limit(LIMIT_SECONDS):
        for _ in range(3):
            with pytest.raises(DeadlineExceeded):
                tick(LIMIT_TICKS)
    tick(LIMIT_TICKS)


@pytest.mark.usefixtures("stopped_timer")
def test_cpu_limit__work_within_its_limit__does_not_stop_later_work() -> None:
    with cpu_limit(LIMIT_SECONDS):
        tick(LIMIT_TICKS - 1)
    tick(3 * LIMIT_TICKS)


@pytest.mark.usefixtures("stopped_timer")
def test_cpu_limit__second_use__has_the_full_limit_again() -> None:
    for _ in range(3):
        with cpu_limit(LIMIT_SECONDS):
            tick(LIMIT_TICKS - 1)


@pytest.mark.usefixtures("stopped_timer")
def test_cpu_limit__work_that_raises__does_not_stop_later_work() -> None:
    with pytest.raises(KeyError), cpu_limit(LIMIT_SECONDS):
        raise KeyError
    tick(3 * LIMIT_TICKS)


@pytest.mark.usefixtures("stopped_timer")
def test_cpu_limit__use_in_another_thread__has_no_effect() -> None:
    entered, ticked = threading.Event(), threading.Event()
    ended: list[bool] = []

    def work() -> None:
        with cpu_limit(LIMIT_SECONDS):
            entered.set()
            ticked.wait()
        ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    entered.wait()
    try:
        tick(3 * LIMIT_TICKS)
    finally:
        ticked.set()
        thread.join()
    assert ended == [True]


def test_memory_budget__more_than_the_limit__raises_memory_exceeded() -> None:
    budget = MemoryBudget(1)
    budget.spend(1024 * 1024)
    with pytest.raises(MemoryExceeded, match="1 MiB"):
        budget.spend(1)
