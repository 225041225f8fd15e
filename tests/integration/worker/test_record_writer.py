"""RecordWriter stores only records of images that still belong to their deliveries."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import pytest

from exifinator.errors import DeliveryLost
from exifinator.models import ExifRecord, ImageRef
from exifinator.queue.image_queue import Delivery, Outcome
from exifinator.worker.context import WorkerContext
from tests.integration.conftest import Installation

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
IMAGE = ImageRef("b", "1", "etag", 10, NOON)


def store(context: WorkerContext, delivery: Delivery, label: str) -> None:
    """Store a record for a delivery. The label marks the record and is the content of its thumbnail."""
    document = {
        "_id": IMAGE.id, "bucket": "b", "key": "1", "etag": "etag", "size": 10, "last_modified": NOON, "status": "ok",
        "extractor_version": 1, "extracted_at": NOON, "label": label, "delivered_at": delivery.delivered_at,
    }  # fmt: skip
    context.record_writer.write(
        ExifRecord(document, label.encode()), Outcome(delivery.member, IMAGE.id, "ok", 1, 1, delivery.number)
    )


def stored_records(installation: Installation) -> list[tuple[str, bytes]]:
    """Return (label, thumbnail) of each record, and ("no record", thumbnail) of each thumbnail without a record."""
    thumbnails = {doc["_id"]: doc["data"] for doc in installation.store.records.thumbnails.find()}
    return [(doc["label"], thumbnails.pop(doc["_id"])) for doc in installation.store.records.collection.find()] + [
        ("no record", data) for data in thumbnails.values()
    ]


@pytest.fixture
def context(installation: Installation) -> Iterator[WorkerContext]:
    installation.queue.batches.open("all", ["b/"])
    installation.queue.enqueue([IMAGE])
    with open_context(installation) as context:
        yield context


@contextlib.contextmanager
def open_context(installation: Installation) -> Iterator[WorkerContext]:
    """Yield the context of a new worker of the installation."""
    context = WorkerContext(installation.config)
    try:
        yield context
    finally:
        context.sources.close()
        context.queue.client.close()
        context.store.client.close()


@pytest.fixture
def other(installation: Installation) -> Iterator[WorkerContext]:
    with open_context(installation) as context:
        yield context


def deliver_again(installation: Installation) -> Delivery:
    """Let the leases of all images expire, and deliver the image again."""
    for member in installation.redis.zrange(installation.queue.keys.downloads, 0, -1):
        installation.redis.zincrby(installation.queue.keys.downloads, -3600, member)
    [delivery] = installation.queue.take_downloads(1)
    return delivery


def interrupt(context: WorkerContext, before: str, meanwhile: Callable[[], object]) -> None:
    """Make a worker call `meanwhile` once while it writes.

    Args:
        before: "check": before it checks whether its images still belong to it. "write": between this check and the
            write.
    """
    check, calls = context.queue.find_held, iter([meanwhile])

    def find_held(deliveries: Sequence[Delivery]) -> list[bool]:
        if before == "check":
            next(calls, lambda: None)()
        held = check(deliveries)
        next(calls, lambda: None)()
        return held

    context.queue.find_held = find_held  # type: ignore[method-assign]


@pytest.mark.parametrize("before", ["check", "write"])
def test_write__another_worker_stored_the_image_meanwhile__keeps_the_newer_record(
    installation: Installation, context: WorkerContext, other: WorkerContext, before: str
) -> None:
    [delivery] = installation.queue.take_downloads(1)
    interrupt(context, before, lambda: store(other, deliver_again(installation), "new"))

    with pytest.raises(DeliveryLost):
        store(context, delivery, "old")

    assert stored_records(installation) == [("new", b"new")]
    assert installation.queue.batches.counts("all") == {"opened": 1, "ok": 1, "bytes_read": 1, "requests": 1}


@pytest.mark.parametrize("before", ["check", "write"])
def test_write__record_was_pruned_meanwhile__leaves_no_record(
    installation: Installation, context: WorkerContext, other: WorkerContext, before: str
) -> None:
    [delivery] = installation.queue.take_downloads(1)

    def prune() -> None:
        again = deliver_again(installation)
        store(other, again, "gone")
        installation.store.records.remove([IMAGE.id], datetime.now(UTC))

    interrupt(context, before, prune)
    try:
        store(context, delivery, "old")
    except DeliveryLost:
        assert before == "check"

    assert stored_records(installation) == []


def test_write__image_was_delivered_to_another_worker__raises_delivery_lost(
    installation: Installation, context: WorkerContext, other: WorkerContext
) -> None:
    [delivery] = installation.queue.take_downloads(1)
    again = deliver_again(installation)

    with pytest.raises(DeliveryLost):
        store(context, delivery, "old")
    store(other, again, "new")

    assert stored_records(installation) == [("new", b"new")]
    assert installation.queue.sizes() == (0, 0)
