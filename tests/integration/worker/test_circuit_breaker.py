"""S3 refuses one worker but serves others, or refuses all of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import gevent
import pytest

from exifinator.errors import AccessDenied, ClockSkew, CredentialsRefused, SourceUnavailable, UntrustedServer
from exifinator.models import ImageRef
from exifinator.queue.worker_health import WorkerHealth
from exifinator.worker import circuit_breaker
from exifinator.worker.circuit_breaker import BucketCircuitBreaker
from tests.integration.conftest import Installation

IMAGE = ImageRef("b", "1", "etag", 10, datetime(2024, 5, 17, 12, tzinfo=UTC))


class S3:
    """A fake S3, which serves one worker unless `error` is set."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def read_range(self, ref: ImageRef, start: int, length: int) -> None:
        if self.error:
            raise self.error

    def reload_credentials(self, bucket: str) -> None:
        pass


class Worker:
    """The circuit breaker of one of several workers."""

    def __init__(self, installation: Installation, name: str) -> None:
        queue = installation.queue
        self.s3 = S3()
        self.health = WorkerHealth(queue.client, queue.keys, name)
        self.health.note_alive()
        self.breaker = BucketCircuitBreaker(self.s3, queue.refused_buckets, self.health, installation.store)  # type: ignore[arg-type]

    def is_refused(self, error: AccessDenied | ClockSkew) -> bool:
        self.s3.error = error
        return self.breaker.should_release(IMAGE, error)


@pytest.fixture
def start(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Worker]:
    monkeypatch.setattr(circuit_breaker, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(circuit_breaker, "WATCH_INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(circuit_breaker, "SUSPENDED_SECONDS", 0.01)
    return lambda name: Worker(installation, name)


def wait_until(predicate: Callable[[], object]) -> None:
    with gevent.Timeout(60):
        while not predicate():
            gevent.sleep(0.01)


REFUSALS = [
    CredentialsRefused("the secret key is wrong"),
    UntrustedServer("the certificate has expired"),
    AccessDenied("a policy denies this address"),
    ClockSkew("the clock is two hours ahead"),
]


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
def test_should_release__s3_serves_other_workers__suspends_only_this_worker(
    installation: Installation, start: Callable[[str], Worker], error: AccessDenied | ClockSkew
) -> None:
    refused_worker, served_worker = start("refused_worker.1"), start("served_worker.2")
    served_worker.breaker.note_served("b")

    assert refused_worker.is_refused(error)
    assert refused_worker.breaker.is_suspended
    served_worker.health.note_served("b")
    wait_until(refused_worker.health.refused_workers)

    [message] = refused_worker.health.refused_workers()
    assert all(part in message for part in ("refused_worker.1", str(error)))
    assert installation.queue.refused_buckets.refusals() == {}
    assert not served_worker.breaker.is_suspended

    # Once S3 serves the worker again, it takes images again.
    refused_worker.s3.error = SourceUnavailable("not yet")
    gevent.sleep(0.05)
    assert refused_worker.breaker.is_suspended
    refused_worker.s3.error = None
    wait_until(lambda: not refused_worker.breaker.is_suspended)
    assert refused_worker.health.refused_workers() == []


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
def test_should_release__s3_serves_no_worker__stops_the_bucket(
    installation: Installation, start: Callable[[str], Worker], error: AccessDenied | ClockSkew
) -> None:
    worker, other = start("a.1"), start("b.2")
    other.breaker.note_served("b")
    other.health.note_served("another-bucket")

    assert worker.is_refused(error)
    wait_until(lambda: not worker.breaker.is_suspended)

    assert str(error) in installation.queue.refused_buckets.refusals()["b"]
    assert worker.health.refused_workers() == []


@pytest.mark.parametrize("other", ["none", "stopped"])
def test_should_release__no_other_worker__stops_the_bucket_immediately(
    installation: Installation, start: Callable[[str], Worker], other: str
) -> None:
    worker = start("a.1")
    if other == "stopped":
        start("b.2").health.note_stopped()

    assert worker.is_refused(REFUSALS[0])  # type: ignore[arg-type]
    assert "b" in installation.queue.refused_buckets.refusals()
    assert not worker.breaker.is_suspended
