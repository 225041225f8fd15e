"""Counters of this process. monitoring/reporter.py adds them up in Redis, in one small hash for all processes.

To count takes well under a microsecond, because it happens in memory. Every few seconds the process adds what it has
counted since the last time to the hash, with one script. A process that dies loses what it has not added yet. Nothing
is added twice: each addition has a number, and Redis ignores a number that it has seen (its answer was lost).

All fields are listed here, so the size of the hash and the number of labels do not depend on the photos. Outcomes of
images are counted elsewhere, when they leave the queue: see queue/image_queue.py.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

# Upper bounds of the histograms, from the parse of a JPEG without thumbnail to a read that needed every retry.
BOUNDS_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# fetch: all ranged GETs of an image. queue: its metadata waits for a write worker. parse: decoding. store: until its
# bulk write is acknowledged.
STAGES = ("fetch", "queue", "parse", "store")
OUTCOMES = ("ok", "no_exif", "unsupported", "damaged", "failed")
REQUESTS = ("get", "list")
# Causes of retries. `boto3_fallback`: the fast S3 client got an answer that it does not support, so boto3 repeats the
# request.
CAUSES = (
    "slow_down", "server_error", "timeout", "connection", "credentials", "object_changed", "mongodb", "redis",
    "boto3_fallback", "other",
)  # fmt: skip

_CAUSE_OF_CODE = {
    **dict.fromkeys(
        ("SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests", "429"), "slow_down"
    ),
    **dict.fromkeys(("InternalError", "ServiceUnavailable", "OperationAborted"), "server_error"),
    **dict.fromkeys(("RequestTimeout",), "timeout"),
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"), "credentials"),
}
_CAUSE_OF_CLASS = {
    "ObjectChanged": "object_changed",
    "StoreUnavailable": "mongodb",
    "QueueUnavailable": "redis",
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
        # Empty objects, which never enter the queue.
        self.empty = 0
        self.requests = dict.fromkeys(REQUESTS, 0)
        self.retries = dict.fromkeys(CAUSES, 0)

    def add_retry(self, cause: str) -> None:
        """Count one retry. An unknown cause counts as `other`."""
        self.retries[cause if cause in self.retries else "other"] += 1

    def fields(self) -> dict[str, int]:
        """Return all counts, by their names in the hash."""
        fields = {"bytes": self.bytes_read, "images:damaged": self.empty}
        fields |= {f"requests:{name}": count for name, count in self.requests.items()}
        fields |= {f"retries:{name}": count for name, count in self.retries.items()}
        for name, stage in self.stages.items():
            fields[f"stage:{name}:us"] = stage.microseconds
            fields |= {f"stage:{name}:{i}": count for i, count in enumerate(stage.counts)}
        return fields


COUNTS = Counts()
# Bound once, because they are called for every image.
observe_fetch, observe_queue, observe_parse, observe_store = (COUNTS.stages[name].observe for name in STAGES)


def retry_cause(error: BaseException) -> str:
    """Return the one of CAUSES that an error belongs to."""
    cause = error.__cause__ or error
    response = getattr(cause, "response", None)
    if isinstance(response, Mapping):
        code = str(response.get("Error", {}).get("Code", ""))
        status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return _CAUSE_OF_CODE.get(code) or ("server_error" if status >= 500 else "other")
    for known in (type(error).__name__, type(cause).__name__):
        if known in _CAUSE_OF_CLASS:
            return _CAUSE_OF_CLASS[known]
    return "other"
