"""When S3 denies access to an image, find out whether only this object is refused or its whole bucket.

A refused object becomes a failed job. If a whole bucket is refused, each of its images would become a failed job. To
avoid that, the circuit breaker releases the images of the bucket and stops their deliveries. The batch that waits for
them reports the reason and stops.

A bucket counts as refused if S3 rejects the credentials themselves, or if S3 denies access to all of a few other
objects of the bucket that it returned before.
"""

from __future__ import annotations

import logging
import threading
import time

from exifinator.errors import AccessDenied, CredentialsRefused, PermanentError, UntrustedServer
from exifinator.models import ImageRef
from exifinator.queue.refused_buckets import RefusedBuckets
from exifinator.sources.client import SourceClient
from exifinator.storage.store import Store

log = logging.getLogger(__name__)

# After a probe in which S3 returned another object of the bucket, do not probe the bucket again for this many seconds.
TRUSTED_SECONDS = 30.0


class BucketCircuitBreaker:
    """Distinguishes refused buckets from refused objects, for all greenlets of one worker process."""

    def __init__(self, sources: SourceClient, buckets: RefusedBuckets, store: Store) -> None:
        self._sources = sources
        self._buckets = buckets
        self._store = store
        self._trusted_until: dict[str, float] = {}
        self._probing = threading.Lock()

    def should_release(self, ref: ImageRef, refusal: AccessDenied) -> bool:
        """Return whether to release an image to which S3 denied access.

        The image should be released if its bucket is refused, or if S3 returns the image when it is read again.
        Otherwise only this object is refused, and the image should fail.

        Raises:
            TransientError: S3, Redis or MongoDB did not respond.
        """
        with self._probing:
            if self.is_open(ref.bucket):
                return True
            is_trusted = time.monotonic() < self._trusted_until.get(ref.bucket, 0.0)
            if not is_trusted:
                self._sources.reload_credentials(ref.bucket)
            # The credentials may have been replaced since the image was refused.
            if self._is_readable(ref):
                return True
            if isinstance(refusal, (CredentialsRefused, UntrustedServer)):
                self._open(ref.bucket, str(refusal))
                return True
            if is_trusted:
                return False
            if any(self._is_readable(other) for other in self._probe_objects(ref)):
                self._trusted_until[ref.bucket] = time.monotonic() + TRUSTED_SECONDS
                return False
            self._open(ref.bucket, f"{refusal}. Other objects of the bucket cannot be read now either")
            return True

    def is_open(self, bucket: str) -> bool:
        """Return whether the circuit of a bucket is open, so that none of its images should be read now."""
        return bool(self._buckets.refusals({bucket}))

    def _open(self, bucket: str, message: str) -> None:
        log.error("stop: %s", message, extra={"action": "stop", "bucket": bucket})
        self._buckets.open_circuit(bucket, message)

    def _is_readable(self, ref: ImageRef) -> bool:
        try:
            self._sources.read_range(ref, 0, 1)
        except AccessDenied:
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
