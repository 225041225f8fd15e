"""The decision for each class of error, for raw and regular jobs, with and without retries, and for refused buckets."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mrq.exceptions import JobInterrupt

from exifinator import errors
from exifinator.errors import EXIFinatorError, ObjectGone, QueueUnavailable, SourceUnavailable, StoreUnavailable
from exifinator.worker.failure_policy import (
    AcknowledgeDeleted,
    Attempt,
    Drop,
    Fail,
    Interrupted,
    LetLeaseExpire,
    Release,
    Retry,
    decide,
    decide_unsaved,
    retry_delay_seconds,
)

# Each tuple has the decisions for four cases: a raw job with and without retries left, and a regular job with and
# without retries left.
ALWAYS_FAIL = (Fail, Fail, Fail, Fail)
RETRIED = (Retry, Fail, Retry, Fail)
SERVER_DOWN = (Release, Release, Retry, Fail)

# A class that is not in this table always fails, so a new class of transient errors must be added.
DECISIONS: dict[str, tuple[type, type, type, type]] = {
    "TransientError": RETRIED,
    "SourceUnavailable": RETRIED,
    "ClockSkew": RETRIED,
    "FolderUnavailable": RETRIED,
    "ObjectChanged": RETRIED,
    "StoreUnavailable": SERVER_DOWN,
    "QueueUnavailable": SERVER_DOWN,
    "MetadataNotQueued": SERVER_DOWN,
    "DeliveryLost": (Drop, Drop, Drop, Drop),
}
# Errors whose jobs are released while the circuit breaker considers the whole bucket refused. Its state does not affect
# other errors.
RELEASED_WITH_REFUSED_BUCKET = {
    "AccessDenied", "ClockSkew", "CredentialsRefused", "EncryptedObject", "UntrustedServer", "WrongEndpoint",
    "WrongRegion",
}  # fmt: skip
ATTEMPTS = [(True, 0), (True, 2), (False, 1), (False, 2)]


def attempt(*, is_raw: bool, retries: int, released_by_breaker: bool) -> Attempt:
    return Attempt(
        is_raw=is_raw,
        retries=retries,
        max_retries=2,
        first_delay_seconds=5.0,
        jitter=0.5,
        released_by_breaker=released_by_breaker,
    )


def error_classes() -> list[type[EXIFinatorError]]:
    """Return every error class of errors.py."""
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, EXIFinatorError)]


@pytest.mark.parametrize("released_by_breaker", [False, True], ids=["bucket-allowed", "bucket-refused"])
@pytest.mark.parametrize("case", range(len(ATTEMPTS)), ids=["raw", "raw-last", "regular", "regular-last"])
@pytest.mark.parametrize("kind", error_classes())
def test_decide__error_of_a_task__is_the_decision_in_the_table(
    kind: type[EXIFinatorError], case: int, released_by_breaker: bool
) -> None:
    is_raw, retries = ATTEMPTS[case]
    is_released = released_by_breaker and kind.__name__ in RELEASED_WITH_REFUSED_BUCKET
    expected = Release if is_released else DECISIONS.get(kind.__name__, ALWAYS_FAIL)[case]

    decision = decide(
        kind("message"),
        attempt(is_raw=is_raw, retries=retries, released_by_breaker=released_by_breaker),
    )

    assert type(decision) is expected


@pytest.mark.parametrize(("is_raw", "retries"), ATTEMPTS)
@pytest.mark.parametrize("kind", [ObjectGone, SourceUnavailable])
def test_decide__removed_image__is_acknowledged_only_if_its_object_is_gone(
    kind: type[EXIFinatorError], is_raw: bool, retries: int
) -> None:
    removed = replace(attempt(is_raw=is_raw, retries=retries, released_by_breaker=False), is_removed=True)
    assert (type(decide(kind("message"), removed)) is AcknowledgeDeleted) is (kind is ObjectGone)


def test_decide__classes_in_the_table__exist() -> None:
    assert {*DECISIONS, *RELEASED_WITH_REFUSED_BUCKET} <= {kind.__name__ for kind in error_classes()}


@pytest.mark.parametrize("is_raw", [True, False])
@pytest.mark.parametrize("retries", [0, 2])
def test_decide__interrupted_job__is_released(is_raw: bool, retries: int) -> None:
    assert decide(Interrupted(), attempt(is_raw=is_raw, retries=retries, released_by_breaker=False)) == Release()


@pytest.mark.parametrize(("error", "is_counted"), [(errors.MetadataNotQueued(), True), (QueueUnavailable(), False)])
def test_decide__redis_fails__counts_the_delivery_only_if_the_image_may_be_the_cause(
    error: QueueUnavailable, is_counted: bool
) -> None:
    decision = decide(error, attempt(is_raw=True, retries=0, released_by_breaker=False))
    assert decision == Release(is_counted=is_counted)


def test_decide__unexpected_exception__fails_the_job() -> None:
    assert decide(ValueError(), attempt(is_raw=True, retries=0, released_by_breaker=True)) == Fail()


@pytest.mark.parametrize(("retries", "seconds"), [(0, 5.0), (1, 15.0)])
def test_decide__successive_retries__triple_the_delay(retries: int, seconds: float) -> None:
    decision = decide(errors.SourceUnavailable(), attempt(is_raw=False, retries=retries, released_by_breaker=False))
    assert decision == Retry(seconds)


@pytest.mark.parametrize(("jitter", "seconds"), [(0.0, 22.5), (0.5, 45.0), (1.0, 67.5)])
def test_retry_delay_seconds__jitter__changes_the_delay_by_up_to_half(jitter: float, seconds: float) -> None:
    assert retry_delay_seconds(5.0, 2, jitter) == seconds


@pytest.mark.parametrize("error", [QueueUnavailable(), StoreUnavailable(), errors.RecordRefused(), ValueError()])
def test_decide_unsaved__outcome_that_cannot_be_stored__lets_the_lease_expire(error: Exception) -> None:
    assert decide_unsaved(error) == LetLeaseExpire()


def test_decide_unsaved__interrupted_while_the_worker_stops__is_released() -> None:
    assert decide_unsaved(JobInterrupt()) == Release()
