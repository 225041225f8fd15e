"""ReadLimit finds the lowest number of concurrent reads with nearly full throughput, and lowers it after failures."""

from __future__ import annotations

import heapq
import itertools
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from exifinator.errors import ObjectGone, SourceUnavailable
from exifinator.models import ImageRef, RangeRead
from exifinator.worker import read_limit
from exifinator.worker.greenlets import GreenletShares
from exifinator.worker.read_limit import BACKLOG, HIGHEST, INITIAL, LOWEST, MeasuredReader, ReadLimit

CPU_SECONDS = 0.00125


@dataclass
class Simulation:
    """A worker process that reads images. Each image needs the CPU for CPU_SECONDS, after a wait for the network.

    Attributes:
        latency_seconds: How long each read waits for the network.
        limits: The limit after each read.
        on_read: A function to call after each read.
    """

    latency_seconds: float
    now: float = 0.0
    limits: list[int] = field(default_factory=list)
    on_read: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.limit = ReadLimit(clock=lambda: self.now)

    def read(self, images: int, *, max_concurrent: int = HIGHEST) -> float:
        """Read a number of images, at most `max_concurrent` at the same time. Return the images per second."""
        began_at = cpu_free_at = self.now
        reads: list[tuple[float, int, float]] = []
        order = itertools.count()
        started = 0
        while started < images or reads:
            new_reads = min(self.limit.value, max_concurrent, images - started + len(reads)) - len(reads)
            for _ in range(new_reads):
                cpu_free_at = max(cpu_free_at, self.now + self.latency_seconds) + CPU_SECONDS
                heapq.heappush(reads, (cpu_free_at, next(order), self.now))
                started += 1
            self.limit.note_downloads(len(reads))
            self.now, _, read_began_at = heapq.heappop(reads)
            self.limit.note_read(self.now - read_began_at)
            self.on_read()
            self.limits.append(self.limit.value)
        return images / (self.now - began_at)


@pytest.mark.parametrize("latency_ms", [0.5, 1, 30, 150, 400])
def test_limit__any_latency__is_as_low_as_full_throughput_permits(latency_ms: float) -> None:
    simulation = Simulation(latency_ms / 1000)
    simulation.read(20_000)
    assert simulation.read(10_000) > 0.95 / CPU_SECONDS
    needed = latency_ms / 1000 / CPU_SECONDS
    assert needed < statistics.median(simulation.limits[-10_000:]) < needed + 2 * BACKLOG


def test_limit__constant_latency__does_not_oscillate() -> None:
    simulation = Simulation(0.03)
    simulation.read(30_000)
    last_limits = simulation.limits[-10_000:]
    assert max(last_limits) - min(last_limits) <= statistics.median(last_limits) * read_limit.STEP_SHARE


def test_limit__fewer_reads_than_the_limit__is_unchanged() -> None:
    simulation = Simulation(0.03)
    simulation.read(5_000, max_concurrent=INITIAL - 1)
    assert set(simulation.limits) == {INITIAL}


def test_limit__latency_rises__is_raised_to_full_throughput() -> None:
    simulation = Simulation(0.001)
    simulation.read(20_000)
    simulation.latency_seconds = 0.15
    simulation.read(80_000)
    assert simulation.read(5_000) > 0.95 / CPU_SECONDS


def test_limit__latency_falls__is_reduced() -> None:
    simulation = Simulation(0.4)
    simulation.read(20_000)
    high = simulation.limit.value
    simulation.latency_seconds = 0.001
    simulation.read(80_000)
    assert simulation.limit.value < high / 2


def test_note_trouble__repeated_calls__reduce_the_limit_once_a_second_down_to_the_minimum() -> None:
    simulation = Simulation(0.15)
    simulation.read(10_000)
    before = simulation.limit.value
    for _ in range(50):
        simulation.limit.note_trouble()
    assert simulation.limit.value == int(before * read_limit.DECREASE)
    for _ in range(30):
        simulation.now += read_limit.DECREASE_SECONDS
        simulation.limit.note_trouble()
    assert simulation.limit.value == LOWEST
    simulation.read(20_000)
    assert simulation.limit.value > before / 2


def test_note_trouble__during_a_probe__reduces_the_limit_from_before_the_probe() -> None:
    simulation = Simulation(0.15)
    simulation.read(30_000)
    limits_before_and_after: list[tuple[int, int]] = []

    def trouble_in_probe() -> None:
        before = simulation.limits[-1]
        if not limits_before_and_after and simulation.limit.value < before / 2:
            simulation.limit.note_trouble()
            limits_before_and_after.append((before, simulation.limit.value))

    simulation.on_read = trouble_in_probe
    simulation.read(60_000)
    [(before, reduced)] = limits_before_and_after
    assert reduced == int(before * read_limit.DECREASE)


class _FailingReader:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        raise self._error


def _timeout() -> SourceUnavailable:
    error = SourceUnavailable("no response", code="no_response")
    error.__cause__ = type("ReadTimeoutError", (Exception,), {})()
    return error


@pytest.mark.parametrize(
    ("make_error", "is_trouble"),
    [
        pytest.param(_timeout, True, id="timeout"),
        pytest.param(lambda: SourceUnavailable("broken", code="no_response"), False, id="connection"),
        pytest.param(lambda: ObjectGone("gone"), False, id="gone"),
    ],
)
def test_measured_reader__error__reduces_the_limit_only_if_it_is_a_timeout(
    make_error: Callable[[], Exception], is_trouble: bool
) -> None:
    limit = ReadLimit()
    error = make_error()
    reader = MeasuredReader(_FailingReader(error), limit)
    with pytest.raises(type(error)):
        reader.read_range(ImageRef("b", "k", "", 0, datetime.now(UTC)), 0, 1)
    assert (limit.value < INITIAL) is is_trouble


def test_shares__fixed_number_of_greenlets__reserve_a_fifth_for_writes() -> None:
    assert _shares(GreenletShares(100, None, serves_writes=True)) == (100, 80)
    assert _shares(GreenletShares(100, None, serves_writes=False)) == (100, 100)


def test_shares__automatic_number_of_greenlets__follow_the_read_limit_within_the_pool() -> None:
    limit = ReadLimit()
    shares = GreenletShares(500, limit, serves_writes=True)
    assert _shares(shares) == (100, INITIAL)
    limit.value = 200
    assert _shares(shares) == (250, 200)
    limit.value = 900
    assert _shares(shares) == (500, 400)


def _shares(shares: GreenletShares) -> tuple[int, int]:
    """Return the number of greenlets in total, and how many of them may download."""
    return shares.total, shares.downloads
