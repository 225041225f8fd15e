"""Remove what is stored about images whose objects are gone, as events have reported."""

from __future__ import annotations

from exifinator.batches.events import ANY_TIME, find_object
from exifinator.errors import SourceUnavailable
from exifinator.models import ImageRef
from exifinator.worker.context import WorkerContext


def remove_withdrawn(context: WorkerContext, ref: ImageRef) -> bool:
    """Remove what is stored about an image that S3 does not find, if an event has reported its deletion.

    Return whether an event has reported it.

    Raises:
        SourceUnavailable: The object exists.
        EXIFinatorError: S3 does not say whether the object exists, or MongoDB or Redis is unavailable.
    """
    if not context.queue.withdrawals.is_withdrawn(ref.id):
        return False
    _check_gone(context, ref)
    context.store.records.remove([ref.id], ANY_TIME)
    # If the object was created in the meantime, another worker may have stored the record that was just removed.
    _check_gone(context, ref)
    return True


def _check_gone(context: WorkerContext, ref: ImageRef) -> None:
    if find_object(context.sources, ref.bucket, ref.key):
        raise SourceUnavailable(f"{ref.id} exists again, although S3 did not find it before")
