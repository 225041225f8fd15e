"""Decide what happens to an image whose task failed: retry it, release it, or record a failed job.

| Error | Raw job | Regular job |
|---|---|---|
| Interrupted | release | release |
| QueueUnavailable, StoreUnavailable | release: a server is down, the image is not at fault | retry, then fail |
| any other TransientError | retry, then fail | retry, then fail |
| AccessDenied, the circuit breaker releases | release: if the bucket is refused, deliveries stop | release |
| AccessDenied, only this object is refused | fail | fail |
| any other error | fail | fail |

A raw job comes straight from a queue of images. A regular job, a retry or a requeue, is stored in MongoDB by MRQ.

Release means that no failed job is recorded. The image of a raw job returns to the download queue. A regular job gets
the status `interrupt`, and MRQ's maintenance queues it again.
"""

from __future__ import annotations

from dataclasses import dataclass

from mrq.exceptions import JobInterrupt

from exifinator.errors import AccessDenied, QueueUnavailable, StoreUnavailable, TransientError
from exifinator.retry import backoff_seconds

RETRY_GROWTH = 3


class Interrupted(Exception):
    """A task stopped before it had a result. Its image is not at fault."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The attempt that failed.

    is_raw: whether the job is raw; otherwise it is regular. retries: how often the job was retried before.
    first_delay_seconds: mean pause before the first retry. jitter: a random number from 0 to 1. released_by_breaker:
    after an AccessDenied, whether the circuit breaker decided to release the image.
    """

    is_raw: bool
    retries: int
    max_retries: int
    first_delay_seconds: float
    jitter: float
    released_by_breaker: bool = False


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after a pause, as a regular job."""

    delay_seconds: float


@dataclass(frozen=True, slots=True)
class Release:
    """Return the image or the job to its queue; record no failed job."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Record a failed job."""


@dataclass(frozen=True, slots=True)
class LetLeaseExpire:
    """Do nothing: when its lease expires, the image is delivered again."""


def decide(error: Exception, attempt: Attempt) -> Retry | Release | Fail:
    """Decide what happens to an image whose task raised `error`."""
    match error:
        case Interrupted():
            return Release()
        case QueueUnavailable() | StoreUnavailable() if attempt.is_raw:
            return Release()
        case TransientError() if attempt.retries < attempt.max_retries:
            return Retry(retry_delay_seconds(attempt.first_delay_seconds, attempt.retries, attempt.jitter))
        case AccessDenied() if attempt.released_by_breaker:
            return Release()
        case _:
            return Fail()


def decide_unsaved(error: BaseException) -> Release | LetLeaseExpire:
    """Decide what happens to an image whose outcome could not be saved, so that it is not acknowledged.

    If the job was interrupted while saving, the worker is stopping and releases the image with all others. If Redis or
    MongoDB rejected the outcome, releasing the image would most likely fail too.
    """
    return Release() if isinstance(error, JobInterrupt) else LetLeaseExpire()


def retry_delay_seconds(first_seconds: float, retries: int, jitter: float) -> float:
    """Return the pause before the next retry: on average three times the previous one, randomized by up to half.

    The jitter, from 0 to 1, keeps images that failed together from being retried together.
    """
    return backoff_seconds(
        retries + 1, first_seconds=first_seconds, growth=RETRY_GROWTH, jitter=(0.5, 1.5), chance=lambda: jitter
    )
