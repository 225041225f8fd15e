"""Retry repeats an operation while Redis or MongoDB is unavailable, with pauses that grow and are randomized."""

from __future__ import annotations

import pytest

from exifinator.errors import ConfigError, QueueUnavailable, StoreUnavailable
from exifinator.retry import MAX_PAUSE_SECONDS, MAX_UNAVAILABLE_SECONDS, Retry, backoff_seconds


def test_backoff__successive_attempts__are_longer_pauses_up_to_the_limit() -> None:
    pauses = [backoff_seconds(i, first_seconds=2, growth=3, max_seconds=50, chance=lambda: 1.0) for i in range(1, 6)]

    assert pauses == [2, 6, 18, 50, 50]


def test_backoff__random_factor__is_between_half_and_all_of_the_pause() -> None:
    assert [backoff_seconds(1, first_seconds=4, chance=lambda c=c: c) for c in (0.0, 0.5, 1.0)] == [2, 3, 4]
    assert 2 <= backoff_seconds(1, first_seconds=4) <= 4
    assert backoff_seconds(2, first_seconds=4, growth=3, jitter=(0.5, 1.5), chance=lambda: 1.0) == 18


def test_backoff__thousands_of_attempts__is_the_limit_without_an_overflow() -> None:
    assert backoff_seconds(5000, first_seconds=1, max_seconds=2, chance=lambda: 1.0) == 2


def test_retry__server_available_again__returns_the_result() -> None:
    failures = [QueueUnavailable("down"), StoreUnavailable("down"), QueueUnavailable("down")]
    pauses: list[float] = []

    def action() -> str:
        if failures:
            raise failures.pop()
        return "done"

    assert Retry(pauses.append)(action) == "done"
    assert len(pauses) == 3
    assert pauses == sorted(pauses)
    assert pauses[0] <= 0.5


def test_retry__server_stays_unavailable__raises_after_the_time_limit() -> None:
    pauses: list[float] = []

    def action() -> None:
        raise StoreUnavailable("down")

    with pytest.raises(StoreUnavailable, match="down"):
        Retry(pauses.append)(action)
    assert MAX_UNAVAILABLE_SECONDS < sum(pauses) <= MAX_UNAVAILABLE_SECONDS + MAX_PAUSE_SECONDS
    assert max(pauses) <= MAX_PAUSE_SECONDS


def test_retry__another_error__is_raised_immediately() -> None:
    def action() -> None:
        raise ConfigError("wrong")

    with pytest.raises(ConfigError):
        Retry(lambda _: pytest.fail("paused"))(action)
