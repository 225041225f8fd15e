"""Images whose objects are deleted while they are in the queue of a batch."""

from __future__ import annotations

import json

import pytest

from exifinator.batches.events import EventApplier
from exifinator.models import ImageRef
from exifinator.sources.client import SourceClient
from exifinator.sources.notifications import ObjectEvent
from exifinator.worker.isolated import read_image
from tests.integration.conftest import Bucket, SharedInstallation
from tests.photos import make_jpeg


@pytest.fixture
def applier(shared: SharedInstallation, bucket: Bucket) -> EventApplier:
    config = shared.config.model_copy(update={"s3_buckets": (bucket.name,)})
    return EventApplier(config, SourceClient(shared.s3), shared.store, shared.queue)


def test_batch__objects_were_deleted_while_queued__are_counted_as_deleted(
    shared: SharedInstallation, applier: EventApplier, bucket: Bucket
) -> None:
    keys = ["again.jpg", "here.jpg", "killed.jpg", "reported.jpg", "unreported.jpg"]
    for key in keys:
        bucket.put(key, make_jpeg())
    with shared.stopped():
        batch = shared.queue_batch(bucket.name)
        # The worker of killed.jpg dies after it has written the record, and before it acknowledges the image.
        deliveries = {ImageRef.from_member(given.member).key: given for given in shared.queue.take_downloads(10)}
        killed = deliveries.pop("killed.jpg")
        shared.queue.release(list(deliveries.values()))
        record, _ = read_image(shared.s3, ImageRef.from_member(killed.member), shared.config)
        for key in ("again.jpg", "killed.jpg", "reported.jpg", "unreported.jpg"):
            bucket.delete(key)
        events = [ObjectEvent(bucket.name, key) for key in ("again.jpg", "killed.jpg", "reported.jpg")]
        assert applier.apply(events).removed == 3
        record.document["delivered_at"] = killed.delivered_at
        assert shared.store.records.upsert([record]) == [None]
        bucket.put("again.jpg", make_jpeg())
        shared.end_leases(bucket.name)

    counts = shared.finish(batch)

    assert (counts.listed, counts.stored, counts.failed, counts.deleted) == (5, 2, 1, 2)
    assert sorted(shared.records(bucket.name)) == ["again.jpg", "here.jpg"]
    [job] = shared.failed_jobs(bucket.name)
    assert (job["params"]["key"], job["exceptiontype"]) == ("unreported.jpg", "ObjectGone")
    assert json.loads(json.dumps(counts.as_dict()))["deleted"] == 2


def test_retry__object_was_deleted__succeeds_without_a_record(
    shared: SharedInstallation, applier: EventApplier, bucket: Bucket
) -> None:
    bucket.put("a.jpg", make_jpeg())
    with shared.stopped():
        batch = shared.queue_batch(bucket.name)
        bucket.delete("a.jpg")
    shared.finish(batch)
    [job] = shared.failed_jobs(bucket.name)
    with shared.stopped():
        shared.queue.withdrawals.withdraw([f"{bucket.name}/a.jpg"])
        shared.store.jobs.requeue([f"{bucket.name}/a.jpg"])
    shared.wait_until(
        lambda: shared.store.jobs.collection.find_one({"_id": job["_id"], "status": "success"}), shared.readers
    )
    assert shared.records(bucket.name) == {}
