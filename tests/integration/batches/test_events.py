"""Apply notifications of a bucket: afterwards, the index has the same objects as the bucket."""

from __future__ import annotations

from typing import Any

import pytest

from exifinator.batches.events import EventApplier, find_object
from exifinator.errors import DeliveryLost
from exifinator.models import ExifRecord, ImageRef
from exifinator.queue.image_queue import Delivery, Outcome
from exifinator.sources.client import SourceClient
from exifinator.sources.notifications import ObjectEvent
from exifinator.storage.jobs import image_job_id
from exifinator.worker.context import WorkerContext
from exifinator.worker.isolated import read_image
from tests.integration.conftest import Bucket, Installation
from tests.integration.worker.test_record_writer import open_context
from tests.photos import make_jpeg

JPEG = make_jpeg()


def event(bucket: Bucket, key: str) -> ObjectEvent:
    return ObjectEvent(bucket.name, key)


def add_failed_job(installation: Installation, bucket: Bucket, key: str, status: str = "failed") -> None:
    params = {"bucket": bucket.name, "key": key}
    job_id = image_job_id(f"{bucket.name}/{key}")
    installation.store.jobs.collection.insert_one({"_id": job_id, "status": status, "params": params})


def test_apply__object_created__queues_the_same_member_as_a_listing(
    installation: Installation, applier: EventApplier, bucket: Bucket
) -> None:
    for key in ("a b+c.jpg", "é/写.jpg", "a b+c.jpg.xmp"):
        bucket.put(key, JPEG)
    applied = applier.apply([event(bucket, "a b+c.jpg"), event(bucket, "é/写.jpg"), event(bucket, "a b+c.jpg")])
    assert (applied.queued, applied.unchanged) == (2, 1)

    listed = {ref.key: ref.to_member() for ref in installation.s3.list_page(bucket.name, "", None).refs}
    queued = installation.redis.zrange(installation.queue.keys.downloads, 0, -1)
    assert sorted(queued) == sorted([listed["a b+c.jpg"], listed["é/写.jpg"]])

    installation.read_queued()
    applied = applier.apply([event(bucket, "a b+c.jpg"), event(bucket, "é/写.jpg")])
    assert (applied.queued, applied.unchanged) == (0, 2)


def test_apply__object_removed__deletes_record_thumbnail_and_failed_job(
    installation: Installation, applier: EventApplier, bucket: Bucket
) -> None:
    for key in ("a.jpg", "a.jpg.copy", "b.jpg"):
        bucket.put(key, JPEG)
    applier.apply([event(bucket, key) for key in ("a.jpg", "a.jpg.copy", "b.jpg")])
    installation.read_queued()
    add_failed_job(installation, bucket, "a.jpg")
    add_failed_job(installation, bucket, "b.jpg", "retry")
    bucket.delete("a.jpg")
    bucket.delete("b.jpg")
    applied = applier.apply([event(bucket, "a.jpg"), event(bucket, "b.jpg"), event(bucket, "never.jpg")])
    assert (applied.removed, applied.failures) == (3, {})
    assert list(installation.records(bucket.name)) == ["a.jpg.copy"]
    assert {doc["_id"] for doc in installation.store.records.thumbnails.find()} <= {f"{bucket.name}/a.jpg.copy"}
    assert installation.store.jobs.collection.count_documents({}) == 0


def test_apply__removal_event_of_an_existing_object__keeps_the_record(
    installation: Installation, applier: EventApplier, bucket: Bucket
) -> None:
    bucket.put("a.jpg", JPEG)
    applier.apply([event(bucket, "a.jpg")])
    installation.read_queued()
    assert applier.apply([event(bucket, "a.jpg")]).unchanged == 1
    assert list(installation.records(bucket.name)) == ["a.jpg"]


def test_apply__object_removed_while_a_worker_reads_it__stores_nothing(
    installation: Installation, applier: EventApplier, bucket: Bucket
) -> None:
    bucket.put("a.jpg", JPEG)
    applier.apply([event(bucket, "a.jpg")])
    (delivery,) = installation.queue.take_downloads(10)
    ref = ImageRef.from_member(delivery.member)
    record, _ = read_image(installation.s3, ref, installation.config)
    bucket.delete("a.jpg")
    assert applier.apply([event(bucket, "a.jpg")]).removed == 1
    assert installation.queue.find_held([delivery]) == [False]
    with open_context(installation) as worker, pytest.raises(DeliveryLost):
        store_as(worker, record, delivery)
    assert installation.records(bucket.name) == {}


def test_apply__object_removed_while_a_worker_stores_it__leaves_no_record(
    installation: Installation, applier: EventApplier, bucket: Bucket
) -> None:
    for key in ("a.jpg", "b.jpg"):
        bucket.put(key, JPEG)
    applier.apply([event(bucket, "a.jpg"), event(bucket, "b.jpg")])
    deliveries = {ImageRef.from_member(given.member).key: given for given in installation.queue.take_downloads(10)}
    with open_context(installation) as worker:
        original_upsert = worker.store.records.upsert

        def upsert(records: Any, **options: Any) -> Any:
            """Remove the object after the worker has checked its delivery."""
            bucket.delete("a.jpg")
            assert applier.apply([event(bucket, "a.jpg")]).removed == 1
            return original_upsert(records, **options)

        worker.store.records.upsert = upsert  # type: ignore[method-assign]
        for key, delivery in deliveries.items():
            record, _ = read_image(installation.s3, ImageRef.from_member(delivery.member), installation.config)
            store_as(worker, record, delivery)
            worker.store.records.upsert = original_upsert  # type: ignore[method-assign]
            assert list(installation.records(bucket.name)) == ([] if key == "a.jpg" else ["b.jpg"])
    assert {doc["_id"] for doc in installation.store.records.thumbnails.find()} <= {f"{bucket.name}/b.jpg"}
    assert installation.queue.sizes() == (0, 0)


def store_as(worker: WorkerContext, record: ExifRecord, delivery: Delivery) -> None:
    """Store the record of a delivery as a worker does."""
    record.document["delivered_at"] = delivery.delivered_at
    worker.record_writer.write(record, Outcome(delivery.member, record.id, record.status, delivery=delivery.number))


def test_apply__object_replaced_while_a_worker_reads_it__is_queued_again(
    installation: Installation, applier: EventApplier, bucket: Bucket
) -> None:
    bucket.put("a.jpg", JPEG)
    applier.apply([event(bucket, "a.jpg")])
    installation.read_queued()
    bucket.put("a.jpg", JPEG + b"2")
    applier.apply([event(bucket, "a.jpg")])
    installation.queue.take_downloads(10)
    bucket.put("a.jpg", JPEG)
    # The record is that of the current version, but a worker is still reading the version in between.
    assert applier.apply([event(bucket, "a.jpg")]).queued == 1


def test_apply__object_removed_while_a_job_reads_it__is_applied_later(
    installation: Installation, applier: EventApplier, bucket: Bucket
) -> None:
    add_failed_job(installation, bucket, "a.jpg", "started")
    applied = applier.apply([event(bucket, "a.jpg")])
    assert (list(applied.failures), applied.removed) == ([f"{bucket.name}/a.jpg"], 0)
    installation.store.jobs.collection.delete_many({})
    assert applier.apply([event(bucket, "a.jpg")]).removed == 1


def test_apply__object_changed_while_a_job_reads_it__is_applied_later(
    installation: Installation, applier: EventApplier, bucket: Bucket
) -> None:
    for key in ("indexed.jpg", "new.jpg"):
        bucket.put(key, JPEG)
    applier.apply([event(bucket, "indexed.jpg")])
    installation.read_queued()
    events = [event(bucket, key) for key in ("indexed.jpg", "new.jpg")]
    for key in ("indexed.jpg", "new.jpg"):
        add_failed_job(installation, bucket, key, "started")
    # The jobs may have read earlier versions, whose records they will store.
    assert set(applier.apply(events).failures) == {one.id for one in events}
    installation.store.jobs.collection.delete_many({})
    applied = applier.apply(events)
    assert (applied.queued, applied.unchanged, applied.failures) == (1, 1, {})


def test_apply__object_in_a_source_of_an_old_batch__is_queued(installation: Installation, bucket: Bucket) -> None:
    config = installation.config.model_copy(update={"s3_buckets": ()})
    applier = EventApplier(config, SourceClient(installation.s3), installation.store, installation.queue)
    bucket.put("a/x.jpg", JPEG)
    bucket.put("a/x.png", JPEG)
    batches = [("0", f"s3://{bucket.name}/a", "*.jpg"), *((f"1{i:03}", "s3://other", "*") for i in range(120))]
    for batch_id, source, include in batches:
        patterns = [{"source": source, "include": [include], "exclude": []}]
        installation.store.batches.collection.insert_one(
            {"_id": batch_id, "sources": [source], "options": {"patterns": patterns}}  # type: ignore[typeddict-item]
        )
    applied = applier.apply([event(bucket, "a/x.jpg"), event(bucket, "a/x.png"), event(bucket, "x.jpg")])
    assert (applied.queued, applied.ignored) == (1, 2)
    latest = installation.store.batches.find_latest_by_sources(9)
    assert [batch["_id"] for batch in latest] == ["1119", "0"]


def test_apply__empty_object__is_recorded_as_damaged(
    installation: Installation, applier: EventApplier, bucket: Bucket
) -> None:
    bucket.put("empty.jpg", b"")
    bucket.put("folder/", b"")
    applied = applier.apply([event(bucket, "empty.jpg"), event(bucket, "folder/")])
    assert applied.queued == 1
    assert installation.records(bucket.name)["empty.jpg"]["status"] == "damaged"
    assert installation.queue.sizes() == (0, 0)


def test_apply__object_of_another_bucket__is_ignored_without_a_request(applier: EventApplier) -> None:
    applied = applier.apply([ObjectEvent("elsewhere", "a.jpg"), ObjectEvent("elsewhere", "b.jpg")])
    assert (applied.ignored, applied.failures) == (2, {})


def test_apply__bucket_was_deleted__removes_nothing(
    installation: Installation, applier: EventApplier, bucket: Bucket
) -> None:
    bucket.put("a.jpg", JPEG)
    applier.apply([event(bucket, "a.jpg")])
    installation.read_queued()
    bucket.delete("a.jpg")
    bucket.client.delete_bucket(Bucket=bucket.name)
    assert list(applier.apply([event(bucket, "a.jpg")]).failures) == [f"{bucket.name}/a.jpg"]
    assert list(installation.records(bucket.name)) == ["a.jpg"]


def test_find_object__object_exists__equals_the_one_in_the_listing(installation: Installation, bucket: Bucket) -> None:
    bucket.put("a.jpg", JPEG)
    bucket.put("empty", b"")
    client = SourceClient(installation.s3)
    for ref in installation.s3.list_page(bucket.name, "", None).refs:
        result = find_object(client, bucket.name, ref.key)
        assert result is not None
        assert result.to_member() == ref.to_member()
    assert find_object(client, bucket.name, "a") is None
