"""RequestRate finds the rate that a server permits. Requests rejected regardless of the rate do not mislead it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from exifinator.sources.s3 import pacing
from exifinator.sources.s3.pacing import Pacer, RequestRate

# The rate at which the client sends requests that are not paced, per second.
UNPACED_RATE = 1000.0


@dataclass
class Client:
    """A client that sends requests one after the other. The server responds immediately.

    Attributes:
        is_rejected: Returns whether the server rejects a request at a time in seconds.
        served, rejected: The times of the requests that the server served or rejected.
    """

    is_rejected: Callable[[float], bool]
    now: float = 0.0
    served: list[float] = field(default_factory=list)
    rejected: list[float] = field(default_factory=list)
    rate: RequestRate = field(default_factory=RequestRate)

    def send(self, seconds: float) -> float:
        """Send requests for this time, and return how many per second were served."""
        until, served_before = self.now + seconds, len(self.served)
        while self.now < until:
            self.now += 1 / UNPACED_RATE
            while delay := self.rate.delay_seconds(self.now):
                self.now += delay
            self.rate.note_begun(self.now)
            is_throttled = self.is_rejected(self.now)
            (self.rejected if is_throttled else self.served).append(self.now)
            self.rate.note_response(self.now, self.now, is_throttled=is_throttled)
        return (len(self.served) - served_before) / seconds


def token_bucket(rate_at: Callable[[float], float], depth: float) -> Callable[[float], bool]:
    """Return an `is_rejected` for a server with a token bucket, whose refill rate may change over time."""
    tokens, last = depth, 0.0

    def is_rejected(now: float) -> bool:
        nonlocal tokens, last
        tokens, last = min(depth, tokens + (now - last) * rate_at(now)), now
        is_served = tokens >= 1
        tokens -= is_served
        return not is_served

    return is_rejected


def test_rate__no_rejected_requests__is_not_limited() -> None:
    client = Client(lambda _: False)
    assert client.send(20) == pytest.approx(UNPACED_RATE, rel=0.01)
    assert not client.rate.is_limited


@pytest.mark.parametrize(("permitted", "depth"), [(100, 5), (100, 50), (300, 30), (300, 3000)])
def test_rate__server_with_a_limit__is_close_to_the_limit_with_few_rejections(permitted: int, depth: int) -> None:
    client = Client(token_bucket(lambda _: permitted, depth))
    client.send(20)
    rejected_before = len(client.rejected)
    assert client.send(100) > 0.93 * permitted
    assert len(client.rejected) - rejected_before < 0.01 * 100 * permitted


def test_rate__constant_limit__is_exceeded_less_and_less_often() -> None:
    client = Client(token_bucket(lambda _: 100, 10))
    client.send(40)
    rejected_before = len(client.rejected)
    assert client.send(800) > 93
    assert len(client.rejected) - rejected_before < 0.005 * 800 * 100


def test_rate__limit_removed_later__is_no_longer_limited() -> None:
    client = Client(token_bucket(lambda now: 100 if now < 120 else 1e9, 10))
    client.send(120)
    client.send(120)
    assert not client.rate.is_limited
    assert client.send(5) == pytest.approx(UNPACED_RATE, rel=0.01)


def test_rate__limit_lowered_later__falls_to_the_new_limit() -> None:
    client = Client(token_bucket(lambda now: 400 if now < 30 else 100, 10))
    client.send(40)
    rejected_before = len(client.rejected)
    assert 90 < client.send(60) < 105
    assert len(client.rejected) - rejected_before < 0.015 * 60 * 100


@pytest.mark.parametrize("share", [0.001, 0.01, 0.03])
def test_rate__requests_rejected_regardless_of_the_rate__is_hardly_reduced(share: float) -> None:
    rng = random.Random(7)
    client = Client(lambda _: rng.random() < share)
    client.send(60)
    assert client.send(60) > 0.75 * UNPACED_RATE


def test_rate__many_requests_rejected_at_one_time__is_reduced_once() -> None:
    rate = RequestRate()
    for i in range(100):
        rate.note_begun(i / 100)
    assert [rate.note_response(i / 100, 1.0, is_throttled=True) for i in range(100)].count(True) == 1
    assert rate.is_limited


def test_rate__all_requests_rejected__stays_above_the_minimum() -> None:
    client = Client(lambda _: True)
    client.send(120)
    assert len([at for at in client.rejected if at > 60]) >= 60 * pacing.LOWEST_RATE * 0.9


def test_pacer__no_limit__does_not_wait() -> None:
    pacer = Pacer()
    assert sorted(begun := [pacer.wait() for _ in range(100)]) == begun
