"""Decide what happens to an image whose task failed: retry it, release it, or record a failed job.

| Error | Raw job | Regular job |
|---|---|---|
| Interrupted | release | release |
| DeliveryLost | drop | drop |
| MetadataNotQueued | release, and count the delivery | retry; after MAX_RETRIES, fail |
| QueueUnavailable, StoreUnavailable | release, because a server is down | retry; after MAX_RETRIES, fail |
| ClockSkew, and the circuit breaker says to release the image | release | release |
| any other TransientError | retry; after MAX_RETRIES, fail | retry; after MAX_RETRIES, fail |
| ObjectGone, and an event has removed the image | acknowledge as deleted | acknowledge as deleted |
| AccessDenied, and the circuit breaker says to release the image | release | release |
| AccessDenied, and only this object is refused | fail | fail |
| any other error | fail | fail |

A raw job comes straight from the download queue or the write queue. A regular job is a retry or a requeue, which MRQ
stores in MongoDB.

When a job is released, no failed job is recorded. The image of a raw job returns to the download queue. A regular job
gets the status `interrupt`, and MRQ's maintenance tasks queue it again.

A delivery that is released normally does not count. If Redis failed when it was sent the metadata of the image, the
delivery counts, because the image may be the reason. From the MAX_DELIVERIES-th delivery on, a subprocess reads the
image, and its metadata is not sent to Redis.

When a job is dropped, nothing is stored and nothing is counted: another delivery of the image does both.
"""

from __future__ import annotations

from dataclasses import dataclass

from mrq.exceptions import JobInterrupt

from exifinator.errors import (
    AccessDenied,
    ClockSkew,
    DeliveryLost,
    MetadataNotQueued,
    ObjectGone,
    QueueUnavailable,
    StoreUnavailable,
    TransientError,
)
from exifinator.retry import backoff_seconds

RETRY_GROWTH = 3


class Interrupted(Exception):
    """A task stopped before it had a result, for a reason that has nothing to do with its image."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A failed attempt to run a task.

    Attributes:
        is_raw: Whether the job is raw; otherwise it is regular.
        retries: How often the job was retried before.
        max_retries: After this many retries, the image fails.
        first_delay_seconds: The average delay before the first retry.
        jitter: A random number from 0 to 1.
        released_by_breaker: Whether the circuit breaker decided, after AccessDenied or ClockSkew, to release the image.
        is_removed: Whether the object is gone, an event has reported this, and nothing is stored about the image.
    """

    is_raw: bool
    retries: int
    max_retries: int
    first_delay_seconds: float
    jitter: float
    released_by_breaker: bool = False
    is_removed: bool = False


@dataclass(frozen=True, slots=True)
class Retry:
    """Retry the image after a delay, as a regular job."""

    delay_seconds: float


@dataclass(frozen=True, slots=True)
class Release:
    """Return the image or the job to its queue, without recording a failed job.

    Attributes:
        is_counted: Whether the delivery counts nevertheless.
    """

    is_counted: bool = False


@dataclass(frozen=True, slots=True)
class Fail:
    """Record a failed job."""


@dataclass(frozen=True, slots=True)
class Drop:
    """End the job without storing anything."""


@dataclass(frozen=True, slots=True)
class AcknowledgeDeleted:
    """Acknowledge the image without a record or a failed job, and count it as deleted."""


@dataclass(frozen=True, slots=True)
class LetLeaseExpire:
    """Do nothing. The image is delivered again when its lease expires."""


def decide(error: Exception, attempt: Attempt) -> Retry | Release | Fail | Drop | AcknowledgeDeleted:
    """Decide what happens to an image whose task raised `error`."""
    match error:
        case Interrupted():
            return Release()
        case DeliveryLost():
            return Drop()
        case MetadataNotQueued() if attempt.is_raw:
            return Release(is_counted=True)
        case QueueUnavailable() | StoreUnavailable() if attempt.is_raw:
            return Release()
        case ClockSkew() if attempt.released_by_breaker:
            return Release()
        case TransientError() if attempt.retries < attempt.max_retries:
            return Retry(retry_delay_seconds(attempt.first_delay_seconds, attempt.retries, attempt.jitter))
        case AccessDenied() if attempt.released_by_breaker:
            return Release()
        case ObjectGone() if attempt.is_removed:
            return AcknowledgeDeleted()
        case _:
            return Fail()


def decide_unsaved(error: BaseException) -> Release | LetLeaseExpire:
    """Decide what happens to an image whose outcome could not be saved, so that the image is not acknowledged.

    If the job was interrupted while it saved the outcome, the worker is stopping and releases all its images. If Redis
    or MongoDB did not accept the outcome, releasing the image would most likely fail too, so its lease must expire.
    """
    return Release() if isinstance(error, JobInterrupt) else LetLeaseExpire()


def retry_delay_seconds(first_seconds: float, retries: int, jitter: float) -> float:
    """Return the delay before the next retry: on average three times the previous delay, randomized by up to half.

    The random part keeps images that failed at the same time from being retried at the same time.

    Args:
        first_seconds: The average delay before the first retry.
        retries: How often the job was retried before.
        jitter: A random number from 0 to 1.
    """
    return backoff_seconds(
        retries + 1, first_seconds=first_seconds, growth=RETRY_GROWTH, jitter=(0.5, 1.5), chance=lambda: jitter
    )
