"""The metrics that this process counts.

Counting happens in memory, so it takes well under a microsecond. Every few seconds, monitoring/reporter.py adds the new
counts to the totals of all processes, which are in a hash in Redis. If the process dies, the counts since the last
addition are lost. No counts are added twice: each addition has a number, and Redis ignores an addition whose number it
has seen before. So an addition can be repeated if the response was lost.

All fields of the hash are listed in this module, so its size does not grow with the number of photos. The outcomes of
images are counted elsewhere, when the images leave the queue (see queue/image_queue.py); only empty objects, which
never enter it, are counted here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

# Upper bounds of the histogram buckets. The smallest is about the time to decode a JPEG without a thumbnail. The
# largest is about the time for a fetch that needed every retry.
BOUNDS_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# The stages whose durations are measured for each image. `fetch`: all ranged GETs. `queue`: the wait for a write
# worker. `parse`: decoding. `store`: from the end of decoding until MongoDB acknowledges the bulk write.
STAGES = ("fetch", "queue", "parse", "store")
OUTCOMES = ("ok", "no_exif", "unsupported", "damaged", "failed", "deleted")
REQUEST_KINDS = ("get", "list")
# What becomes of the events of S3's notifications. `queued`, `removed`: applied. `unchanged`: the index has the object
# already, for example because the event was delivered twice. `ignored`: outside the sources, or of another kind.
# `failed`: to be delivered again. `malformed`: a message that is no notification.
EVENT_OUTCOMES = ("queued", "removed", "unchanged", "ignored", "failed", "malformed")
# Causes of retries. `boto3_fallback`: the fast client did not get the requested bytes, so boto3 repeats the request.
RETRY_CAUSES = (
    "slow_down", "server_error", "timeout", "connection", "credentials", "object_changed", "mongodb", "redis",
    "boto3_fallback", "other",
)  # fmt: skip

_CAUSE_BY_CODE = {
    **dict.fromkeys(
        ("SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests", "429"), "slow_down"
    ),
    **dict.fromkeys(("InternalError", "ServiceUnavailable", "OperationAborted"), "server_error"),
    **dict.fromkeys(("RequestTimeout",), "timeout"),
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"), "credentials"),
}
_CAUSE_BY_CLASS = {
    "ObjectChanged": "object_changed",
    "StoreUnavailable": "mongodb",
    "QueueUnavailable": "redis",
    "MetadataNotQueued": "redis",
    "ReadTimeoutError": "timeout",
    "ConnectTimeoutError": "timeout",
    "CredentialRetrievalError": "credentials",
    "TokenRetrievalError": "credentials",
    "EndpointConnectionError": "connection",
    "ConnectionClosedError": "connection",
    "ConnectionError": "connection",
    "IncompleteReadError": "connection",
    "ResponseStreamingError": "connection",
}


class StageHistogram:
    """Histogram of the durations of one stage."""

    __slots__ = ("counts", "microseconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_SECONDS) + 1)
        self.microseconds = 0

    def observe(self, seconds: float) -> None:
        """Count one image that took this long."""
        self.counts[bisect_left(BOUNDS_SECONDS, seconds)] += 1
        self.microseconds += int(seconds * 1_000_000)


class Counts:
    """Everything that this process has counted since it started."""

    def __init__(self) -> None:
        self.stages = {name: StageHistogram() for name in STAGES}
        self.bytes_read = 0
        # The number of empty objects. They count as damaged without entering the queue.
        self.empty_objects = 0
        self.requests = dict.fromkeys(REQUEST_KINDS, 0)
        self.retries = dict.fromkeys(RETRY_CAUSES, 0)
        self.events = dict.fromkeys(EVENT_OUTCOMES, 0)
        # The total time from the changes of objects until their events were applied.
        self.event_lag_microseconds = 0
        # The number of events in that total: not every server says when an object changed.
        self.timed_events = 0

    def add_retry(self, cause: str) -> None:
        """Count a retry. If its cause is not one of RETRY_CAUSES, it counts as `other`."""
        self.retries[cause if cause in self.retries else "other"] += 1

    def fields(self) -> dict[str, int]:
        """Return all counts, by the names of their fields in the Redis hash."""
        fields = {"bytes": self.bytes_read, "images:damaged": self.empty_objects}
        fields |= {f"requests:{name}": count for name, count in self.requests.items()}
        fields |= {f"retries:{name}": count for name, count in self.retries.items()}
        fields |= {f"events:{name}": count for name, count in self.events.items()}
        fields |= {"events:lag_us": self.event_lag_microseconds, "events:timed": self.timed_events}
        for name, stage in self.stages.items():
            fields[f"stage:{name}:us"] = stage.microseconds
            fields |= {f"stage:{name}:{i}": count for i, count in enumerate(stage.counts)}
        return fields


COUNTS = Counts()
# These functions are called for every image, so they are looked up only once, here.
observe_fetch, observe_queue, observe_parse, observe_store = (COUNTS.stages[name].observe for name in STAGES)


def retry_cause(error: BaseException) -> str:
    """Return the cause of a retry, one of RETRY_CAUSES, for the error that led to the retry."""
    cause = error.__cause__ or error
    response = getattr(cause, "response", None)
    if isinstance(response, Mapping):
        code = str(response.get("Error", {}).get("Code", ""))
        status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return _CAUSE_BY_CODE.get(code) or ("server_error" if status >= 500 else "other")
    for name in (type(error).__name__, type(cause).__name__):
        if name in _CAUSE_BY_CLASS:
            return _CAUSE_BY_CLASS[name]
    return "other"
