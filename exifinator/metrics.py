"""What the processes count, and how it comes together in Redis: one small hash for all processes and hosts.

A process counts in its own memory, which costs well under a microsecond, and adds what it has counted since the last
time to the hash every few seconds, in one script. A process that dies loses what it counted since then, and nothing is
ever added twice: each addition has a number, and one that Redis has seen already (its answer was lost) adds nothing.

Every field that there can be is listed here, so the hash and the labels are bounded whatever the photos hold.
How many images ended how is not counted here but where they leave the queue: see queues.py.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from exifinator.errors import QueueUnavailable

if TYPE_CHECKING:
    from exifinator.queue_control import QueueControl

log = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0
# Upper bounds in seconds, from a parse of a thumbnail-less JPEG to a read that needed every retry.
BOUNDS_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# fetch: all ranged GETs of an image; queue: its metadata waits for a write worker; parse: decoding; store: until the
# bulk write that it is part of is acknowledged.
STAGES = ("fetch", "queue", "parse", "store")
OUTCOMES = ("ok", "no_exif", "unsupported", "damaged", "failed")
REQUESTS = ("get", "list")
# `asked_again`: boto3 repeats a request that the lean reader had no plain answer to.
CAUSES = (
    "slow_down", "server_error", "timeout", "connection", "credentials", "object_changed", "mongodb", "redis",
    "asked_again", "other",
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


class Stage:
    """How long one stage took: a histogram."""

    __slots__ = ("counts", "microseconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_SECONDS) + 1)
        self.microseconds = 0

    def observe(self, seconds: float) -> None:
        """Count one that took so long."""
        self.counts[bisect_left(BOUNDS_SECONDS, seconds)] += 1
        self.microseconds += int(seconds * 1_000_000)


class Counts:
    """What this process has counted since it started."""

    def __init__(self) -> None:
        self.stages = {name: Stage() for name in STAGES}
        self.bytes_read = 0
        # Images that are done without being read; the others are counted where they leave the queue.
        self.empty = 0
        self.requests = dict.fromkeys(REQUESTS, 0)
        self.retries = dict.fromkeys(CAUSES, 0)

    def add_retry(self, cause: str) -> None:
        """Count one more try. An unknown cause counts as `other`."""
        self.retries[cause if cause in self.retries else "other"] += 1

    def fields(self) -> dict[str, int]:
        """Everything by its name in the hash."""
        found = {"bytes": self.bytes_read, "images:damaged": self.empty}
        found |= {f"requests:{name}": count for name, count in self.requests.items()}
        found |= {f"retries:{name}": count for name, count in self.retries.items()}
        for name, stage in self.stages.items():
            found[f"stage:{name}:us"] = stage.microseconds
            found |= {f"stage:{name}:{at}": count for at, count in enumerate(stage.counts)}
        return found


COUNTS = Counts()
# Their methods are looked up once: these are called for every image.
observe_fetch, observe_queue, observe_parse, observe_store = (COUNTS.stages[name].observe for name in STAGES)


def retry_cause(error: BaseException) -> str:
    """Which of CAUSES made another try necessary."""
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


class Flusher:
    """Adds to Redis what `counts` has counted; not for two threads at once."""

    def __init__(self, queues: QueueControl, counts: Counts = COUNTS) -> None:
        self._queues = queues
        self._counts = counts
        self._sender = f"{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(4)}"
        self._number = 0
        # What Redis has, as far as is known, and what is on its way there: sent again, unchanged, until it answers.
        self._sent: Counter[str] = Counter()
        self._on_its_way: dict[str, int] = {}

    def flush(self) -> None:
        """Raises: QueueUnavailable; then the next call sends the same again, and Redis adds it once."""
        self._send()
        now = self._counts.fields()
        self._on_its_way = {name: n - self._sent[name] for name, n in now.items() if n != self._sent[name]}
        self._number += 1
        self._send()

    def _send(self) -> None:
        if self._on_its_way:
            self._queues.add_counts(self._sender, self._number, self._on_its_way)
            self._sent.update(self._on_its_way)
            self._on_its_way = {}


@contextmanager
def flushing(queues: QueueControl) -> Iterator[None]:
    """Flush every few seconds while the block runs, in a thread, and once at its end."""
    flusher, ended = Flusher(queues), threading.Event()

    def work() -> None:
        while True:
            last = ended.wait(FLUSH_SECONDS)
            try:
                flusher.flush()
            except QueueUnavailable as exc:
                log.debug("metrics wait: %s", exc)
            if last:
                return

    thread = threading.Thread(target=work, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(FLUSH_SECONDS)
