"""When S3 denies access to an image, find out whether only this object is refused or its whole bucket.

A refused object becomes a failed job. If a whole bucket is refused, each of its images would become a failed job. To
avoid that, the circuit breaker releases the images of the bucket and stops their deliveries. The batch that waits for
them reports the reason and stops.

A bucket counts as refused if S3 rejects the credentials themselves or the time of the request, or if S3 denies access
to all of a few other objects of the bucket that it returned before.

If there are other workers, the fault may be on this worker's machine only. This worker then takes no images for a few
seconds and watches the others. If S3 serves one of them, the bucket is not refused: this worker reports itself as
refused, and takes no images until S3 serves it again.
"""

from __future__ import annotations

import logging
import platform
import threading
import time

import gevent

from exifinator.errors import (
    AccessDenied,
    ClockSkew,
    CredentialsRefused,
    EXIFinatorError,
    PermanentError,
    TransientError,
    UntrustedServer,
    WrongEndpoint,
)
from exifinator.models import ImageRef
from exifinator.queue.refused_buckets import RefusedBuckets
from exifinator.queue.worker_health import WorkerHealth
from exifinator.sources.client import SourceClient
from exifinator.storage.store import Store

log = logging.getLogger(__name__)

# After a probe in which S3 returned another object of the bucket, do not probe the bucket again for this many seconds.
TRUSTED_SECONDS = 30.0
# How long a refused worker watches whether S3 serves others, and the interval at which it checks.
PATIENCE_SECONDS = 10.0
WATCH_INTERVAL_SECONDS = 0.5
# If S3 refuses only this worker, the worker tries again after this many seconds.
SUSPENDED_SECONDS = 60.0
# The minimum time between two reports that S3 serves this worker.
REPORT_SECONDS = 1.0


class BucketCircuitBreaker:
    """Distinguishes refused workers, buckets and objects, for all greenlets of one worker process.

    Attributes:
        is_suspended: Whether this worker must take no images, because S3 refuses it and perhaps serves others.
    """

    def __init__(self, sources: SourceClient, buckets: RefusedBuckets, health: WorkerHealth, store: Store) -> None:
        self._sources = sources
        self._buckets = buckets
        self._health = health
        self._store = store
        self.is_suspended = False
        self._reported_at: dict[str, float] = {}
        self._trusted_until: dict[str, float] = {}
        self._probing = threading.Lock()

    def should_release(self, ref: ImageRef, refusal: AccessDenied | ClockSkew) -> bool:
        """Return whether to release an image that S3 refused.

        The image should be released if its bucket or this worker is refused, or if S3 returns the image when it is read
        again. Otherwise only this object is refused, and the image should fail.

        Raises:
            TransientError: S3, Redis or MongoDB did not respond.
        """
        with self._probing:
            if self.is_suspended or self.is_open(ref.bucket):
                return True
            is_trusted = time.monotonic() < self._trusted_until.get(ref.bucket, 0.0)
            if not is_trusted:
                self._sources.reload_credentials(ref.bucket)
            # The credentials may have been replaced since the image was refused.
            if self._is_readable(ref):
                return True
            if isinstance(refusal, (CredentialsRefused, UntrustedServer, WrongEndpoint, ClockSkew)):
                self._refuse(ref, str(refusal))
                return True
            if is_trusted:
                return False
            if any(self._is_readable(other) for other in self._probe_objects(ref)):
                self._trusted_until[ref.bucket] = time.monotonic() + TRUSTED_SECONDS
                return False
            self._refuse(ref, f"{refusal}. Other objects of the bucket cannot be read now either")
            return True

    def is_open(self, bucket: str) -> bool:
        """Return whether the circuit of a bucket is open, so that none of its images should be read now."""
        return bool(self._buckets.refusals({bucket}))

    def note_served(self, bucket: str) -> None:
        """Report that S3 has returned an object of a bucket, unless this was reported a moment ago."""
        now = time.monotonic()
        if now - self._reported_at.get(bucket, -REPORT_SECONDS) >= REPORT_SECONDS:
            self._reported_at[bucket] = now
            self._health.note_served(bucket)

    def _refuse(self, ref: ImageRef, message: str) -> None:
        """Open the circuit of a bucket. If there are other workers, first watch whether S3 serves them."""
        if not self._health.has_others():
            self._open(ref.bucket, message)
            return
        since = self._health.now()
        self.is_suspended = True
        gevent.spawn(self._watch_others, ref, message, since)

    def _watch_others(self, ref: ImageRef, message: str, since: float) -> None:
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not self._health.has_served_others(ref.bucket, since):
                if time.monotonic() > deadline:
                    self._open(ref.bucket, message)
                    return
                gevent.sleep(WATCH_INTERVAL_SECONDS)
            self._wait_until_served(ref, message)
        except TransientError as exc:
            # If S3 refuses another image, the decision starts over.
            log.warning("retry: %s", exc, extra={"action": "retry"})
        finally:
            self.is_suspended = False

    def _wait_until_served(self, ref: ImageRef, message: str) -> None:
        """Report this worker as refused, and return once S3 serves it again."""
        report = (
            f"S3 refuses the worker {self._health.worker} on {platform.node()}, but serves other workers, so this one "
            f"takes no images until S3 serves it: {message}"
        )
        log.error("stop: %s", report, extra={"action": "stop", "bucket": ref.bucket})
        while True:
            self._health.note_refused(report)
            gevent.sleep(SUSPENDED_SECONDS)
            self._sources.reload_credentials(ref.bucket)
            try:
                if self._is_readable(ref):
                    break
            except EXIFinatorError as exc:
                log.warning("retry: %s", exc, extra={"action": "retry"})
        self._health.clear_refused()
        log.warning("start: S3 serves this worker again", extra={"action": "start", "bucket": ref.bucket})

    def _open(self, bucket: str, message: str) -> None:
        log.error("stop: %s", message, extra={"action": "stop", "bucket": bucket})
        self._buckets.open_circuit(bucket, message)

    def _is_readable(self, ref: ImageRef) -> bool:
        try:
            self._sources.read_range(ref, 0, 1)
        except (AccessDenied, ClockSkew):
            return False
        except PermanentError:
            # The object was deleted or archived. But S3 accepted the credentials, so the bucket is not refused.
            pass
        return True

    def _probe_objects(self, ref: ImageRef) -> list[ImageRef]:
        """Return other objects of the bucket that S3 returned before. If none are known, return queued images."""
        stored = self._buckets.probe_object(ref.bucket)
        returned_before = [*([stored] if stored else []), *self._store.records.find_first_and_last(ref.bucket)]
        others = [other for other in returned_before if other.id != ref.id]
        return others or [other for other in self._buckets.sample(ref.bucket) if other.id != ref.id]
