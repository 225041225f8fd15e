"""Decide what happens to an image whose task failed: retry it, release it, or record a failed job.

| Error | Raw job | Job that MRQ keeps |
|---|---|---|
| Interrupted | release | release |
| QueueUnavailable, StoreUnavailable | release: the servers are down, the image has no fault | retry, then fail |
| any other TransientError | retry, then fail | retry, then fail |
| AccessDenied, its bucket refused | release: the circuit breaker stops further deliveries | release |
| AccessDenied, only this object refused | fail | fail |
| any other error | fail | fail |

Released means: no failed job is recorded. A raw job's image returns to the download queue; a job that MRQ keeps gets
the status `interrupt`, from which MRQ's maintenance queues it again.
"""

from __future__ import annotations

from dataclasses import dataclass

from mrq.exceptions import JobInterrupt

from exifinator.errors import AccessDenied, QueueUnavailable, StoreUnavailable, TransientError
from exifinator.retry import backoff_seconds

RETRY_GROWTH = 3


class Interrupted(Exception):
    """A task stopped before it had a result, through no fault of its image."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The attempt that failed.

    is_raw: the job came straight from a queue of images; else MRQ keeps it (a retry, a requeue). retries: how often the
    job was tried again before. first_delay_seconds: mean pause before the first retry. jitter: a random number from 0
    to 1. released_by_breaker: the circuit breaker's answer to an AccessDenied.
    """

    is_raw: bool
    retries: int
    max_retries: int
    first_delay_seconds: float
    jitter: float
    released_by_breaker: bool = False


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after a pause, as a job that MRQ keeps."""

    delay_seconds: float


@dataclass(frozen=True, slots=True)
class Release:
    """Return the image or the job to its queue; record no failed job."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Record a failed job."""


@dataclass(frozen=True, slots=True)
class LetLeaseExpire:
    """Do nothing: the image is delivered again when its lease has expired."""


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
    """Decide what happens to an image whose outcome could not be saved: neither stored nor acknowledged.

    A job that is interrupted while it saves an earlier interruption is released with all other images when the worker
    stops. Where Redis or MongoDB rejected the outcome, releasing would most likely fail too.
    """
    return Release() if isinstance(error, JobInterrupt) else LetLeaseExpire()


def retry_delay_seconds(first_seconds: float, retries: int, jitter: float) -> float:
    """Return the pause before the next retry: three times the one before, spread by half either way.

    The jitter, from 0 to 1, keeps images that failed together from coming back together.
    """
    return backoff_seconds(
        retries + 1, first_seconds=first_seconds, growth=RETRY_GROWTH, jitter=(0.5, 1.5), chance=lambda: jitter
    )
