"""A refused object, or a refused bucket? One is a failed job; the other would be as many as the bucket has images.

What S3 says of the credentials themselves settles it. Else objects that S3 has given before are asked for again: where
none of them is given any more, the bucket is refused. Its images then go back to the queue and stay there, and the run
that waits for them says why and stops.
"""

from __future__ import annotations

import logging
import threading
import time

from exifinator.errors import AccessDenied, CredentialsRefused, PermanentError, UntrustedServer
from exifinator.queues import ImageQueue
from exifinator.records import ImageRef
from exifinator.s3 import S3
from exifinator.store import Store

log = logging.getLogger(__name__)

# So long a bucket that answered is not suspected again.
TRUSTED_SECONDS = 30.0


class BucketGuard:
    """Tells refused buckets from refused objects, for all greenlets of one worker process."""

    def __init__(self, s3: S3, queue: ImageQueue, store: Store) -> None:
        self._s3, self._queue, self._store = s3, queue, store
        self._trusted_until: dict[str, float] = {}
        self._asking = threading.Lock()

    def is_refused(self, ref: ImageRef, refusal: AccessDenied) -> bool:
        """Whether an image that S3 refused is to go back to the queue, for its bucket is refused or has come back.

        Raises: TransientError where S3 or the servers do not say.
        """
        with self._asking:
            if self._queue.refusals({ref.bucket}):
                return True
            is_trusted = time.monotonic() < self._trusted_until.get(ref.bucket, 0.0)
            if not is_trusted:
                self._s3.renew(ref.bucket)
            # It was refused with the credentials of before, maybe.
            if self._answers(ref):
                return True
            if isinstance(refusal, (CredentialsRefused, UntrustedServer)):
                self._refuse(ref.bucket, str(refusal))
                return True
            if is_trusted:
                return False
            if any(self._answers(other) for other in self._others(ref)):
                self._trusted_until[ref.bucket] = time.monotonic() + TRUSTED_SECONDS
                return False
            self._refuse(ref.bucket, f"{refusal}. No other object of the bucket can be read now either")
            return True

    def is_waiting(self, ref: ImageRef) -> bool:
        """Whether the bucket of an image is refused at present."""
        return bool(self._queue.refusals({ref.bucket}))

    def _refuse(self, bucket: str, sentence: str) -> None:
        log.error("stop: %s", sentence)
        self._queue.refuse(bucket, sentence)

    def _answers(self, ref: ImageRef) -> bool:
        try:
            self._s3.read_range(ref, 0, 1)
        except AccessDenied:
            return False
        except PermanentError:
            # It is gone, or archived: S3 let us in to say so.
            pass
        return True

    def _others(self, ref: ImageRef) -> list[ImageRef]:
        """Objects of the bucket that have been readable, as far as any is known; else some that are queued."""
        noted = self._queue.answering(ref.bucket)
        known = [*([noted] if noted else []), *self._store.find_read_images(ref.bucket)]
        others = [other for other in known if other.id != ref.id]
        return others or [other for other in self._queue.sample(ref.bucket) if other.id != ref.id]
