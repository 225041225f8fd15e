"""Index a bucket with real Redis, MongoDB, S3 and MRQ workers."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from exifinator import EXTRACTOR_VERSION
from tests.integration.conftest import Bucket, Installation, SharedInstallation
from tests.integration.worker.leftovers import assert_nothing_is_left
from tests.keys import KEYS
from tests.photos import make_jpeg, make_plain
from tests.s3_proxy import Answer, Gate, Rules, run_proxy
from tests.servers import ROOT, SHARED_PHOTOS, run_rclone

MONGODB_PRECISION = timedelta(milliseconds=1)


def test_run__images_of_every_status__have_records_with_it(shared: SharedInstallation, bucket: Bucket) -> None:
    bucket.put("good.jpg", make_jpeg(seed=1))
    bucket.put("plain.jpg", make_plain())
    bucket.put("text.jpg", b"not a photo at all\n" * 50)
    bucket.put("cut.jpg", make_jpeg()[:80])
    bucket.put("empty.jpg", b"")
    bucket.put("folder/", b"")

    numbers = shared.run(bucket.name)

    assert numbers.listed == 6
    assert numbers.folders == 1
    assert numbers.queued == 4
    records = {key: doc["status"] for key, doc in shared.records(bucket.name).items()}
    assert records == {
        "good.jpg": "ok",
        "plain.jpg": "no_exif",
        "text.jpg": "unsupported",
        "cut.jpg": "damaged",
        "empty.jpg": "damaged",
    }
    assert (numbers.stored, numbers.no_exif, numbers.unsupported, numbers.damaged, numbers.failed) == (1, 1, 1, 2, 0)
    assert numbers.requests >= 4
    assert numbers.bytes_read > 0


def test_run__photo__has_a_record_with_all_documented_fields(shared: SharedInstallation, bucket: Bucket) -> None:
    body = make_jpeg("SONY", "ILCE-7M3", seed=5)
    bucket.put("2024/a b.jpg", body)
    began_at = datetime.now(UTC) - MONGODB_PRECISION
    shared.run(bucket.name)
    ended_at = datetime.now(UTC)

    doc = shared.store.records.collection.find_one({"bucket": bucket.name, "Image Make.printable": "SONY"})

    assert doc is not None
    assert doc["_id"] == f"{bucket.name}/2024/a b.jpg"
    assert (doc["bucket"], doc["key"], doc["size"], doc["format"]) == (bucket.name, "2024/a b.jpg", len(body), "jpeg")
    head = bucket.client.head_object(Bucket=bucket.name, Key="2024/a b.jpg")
    assert doc["etag"] == head["ETag"].strip('"')
    assert doc["last_modified"] == head["LastModified"]
    assert doc["extractor_version"] == EXTRACTOR_VERSION
    assert began_at <= doc["extracted_at"] <= ended_at
    assert doc["photo"]["camera_model"] == "ILCE-7M3"
    assert doc["photo"]["iso"] == 105
    assert doc["Image Make"] == {
        "printable": "SONY", "tag": 271, "field_type": 2, "field_length": 5, "values": "SONY",
    }  # fmt: skip


def test_run__second_run_without_changes__reads_no_object(shared: SharedInstallation, bucket: Bucket) -> None:
    for i in range(5):
        bucket.put(f"{i}.jpg", make_jpeg(seed=i))
    bucket.put("empty.jpg", b"")
    shared.run(bucket.name)

    numbers = shared.run(bucket.name)

    assert (numbers.listed, numbers.unchanged, numbers.queued, numbers.requests) == (6, 6, 0, 0)


def test_run__object_has_changed__replaces_the_whole_record(shared: SharedInstallation, bucket: Bucket) -> None:
    bucket.put("a.jpg", make_jpeg("SONY"))
    bucket.put("b.jpg", make_jpeg("SONY"))
    shared.run(bucket.name)
    bucket.put("a.jpg", make_plain())

    numbers = shared.run(bucket.name)

    assert (numbers.unchanged, numbers.queued, numbers.no_exif) == (1, 1, 1)
    assert "Image Make" not in shared.records(bucket.name)["a.jpg"]


def test_run__record_of_an_older_extractor__is_renewed_only_by_refresh(
    shared: SharedInstallation, bucket: Bucket
) -> None:
    for key in ("a.jpg", "b.jpg", "c.jpg"):
        bucket.put(key, make_jpeg())
    shared.run(bucket.name)
    for key, version in (("a.jpg", EXTRACTOR_VERSION - 1), ("b.jpg", EXTRACTOR_VERSION + 1)):
        shared.store.records.collection.update_one(
            {"_id": f"{bucket.name}/{key}"}, {"$set": {"extractor_version": version}}
        )

    batch = shared.queue_batch(bucket.name)
    assert (shared.finish(batch).queued, batch.tally.older_extractor) == (0, 1)
    numbers = shared.finish(shared.queue_batch(bucket.name, refresh=True))

    assert (numbers.listed, numbers.queued, numbers.stored, numbers.unchanged) == (3, 1, 1, 2)
    records = {key: doc["extractor_version"] - EXTRACTOR_VERSION for key, doc in shared.records(bucket.name).items()}
    assert records == {"a.jpg": 0, "b.jpg": 1, "c.jpg": 0}


def test_run__unusual_keys__have_their_records(shared: SharedInstallation, bucket: Bucket) -> None:
    for i, key in enumerate(KEYS):
        bucket.put(key, make_jpeg(seed=i))

    numbers = shared.run(bucket.name)

    assert numbers.stored == len(KEYS)
    stored = {key: doc["photo"]["iso"] for key, doc in shared.records(bucket.name).items()}
    assert stored == {key: 100 + i for i, key in enumerate(KEYS)}


def test_run__key_with_a_newline__has_its_record(shared: SharedInstallation, bucket: Bucket) -> None:
    # moto rejects newlines, so it holds the object under another name, and the proxy inserts the newline.
    bucket.put("twoNEWLINElines.jpg", make_jpeg(seed=7))

    def rename(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        body = answer.body.replace(b"NEWLINE", b"%0A") if "list-type" in target else answer.body
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
        return Answer(answer.status, headers, body)

    shared.proxy.buckets[bucket.name] = Rules(request=lambda target: target.replace("%0A", "NEWLINE"), answer=rename)
    first = shared.run(bucket.name)
    second = shared.run(bucket.name)

    assert (first.stored, second.unchanged) == (1, 1)
    assert shared.records(bucket.name)["two\nlines.jpg"]["photo"]["iso"] == 107


def test_run__server_without_etags__detects_changes_by_size_and_time(
    shared: SharedInstallation, rclone_url: str, rclone_folder: Path
) -> None:
    name = f"no-etags-{secrets.token_hex(4)}"
    shared.proxy.buckets[name] = Rules(server_url=rclone_url)
    folder = rclone_folder / name
    folder.mkdir()
    (folder / "same.jpg").write_bytes(make_jpeg())
    (folder / "%41 +#?.jpg").write_bytes(make_jpeg(seed=1))
    assert shared.run(name).stored == 2
    (folder / "%41 +#?.jpg").write_bytes(make_jpeg(seed=1, make="NIKON CORPORATION"))

    numbers = shared.run(name)

    assert (numbers.unchanged, numbers.stored) == (1, 1)
    assert shared.records(name)["%41 +#?.jpg"]["Image Make"]["printable"] == "NIKON CORPORATION"


def test_run__source_with_a_prefix__indexes_only_keys_that_start_with_it(
    shared: SharedInstallation, bucket: Bucket
) -> None:
    for key in ("a/1.jpg", "a/2.jpg", "ab.jpg", "b/3.jpg"):
        bucket.put(key, make_jpeg())

    assert shared.run(f"{bucket.name}/a/").stored == 2
    assert shared.run(f"s3://{bucket.name}/a", bucket.name + "/a/").stored == 1


def test_run__image_is_indexed__leaves_no_job(shared: SharedInstallation, bucket: Bucket) -> None:
    bucket.put("a.jpg", make_jpeg())
    shared.run(bucket.name)

    assert shared.store.jobs.collection.count_documents({"params.bucket": bucket.name}) == 0


def test_run__task_history_is_all__keeps_successful_jobs(install: Callable[..., Installation], bucket: Bucket) -> None:
    installation = install(TASK_HISTORY="all")
    bucket.put("a.jpg", make_jpeg())
    installation.start_worker("download", "write")
    installation.run(bucket.name)

    def kept() -> dict[str, Any] | None:
        return installation.store.jobs.collection.find_one({"params.key": "a.jpg", "status": "success"})

    assert installation.wait_until(kept)["path"] == "exifinator.worker.tasks.Write"


def requeue(installation: Installation, bucket: Bucket, **selection: str) -> None:
    """Requeue jobs of one bucket as the dashboard does: queue a JobAction in the maintenance queue."""
    params = {"action": "requeue", "params": json.dumps({"bucket": bucket.name}), **selection}
    installation.store.jobs.collection.insert_one(
        {
            "path": "mrq.basetasks.utils.JobAction",
            "params": params,
            "queue": "maintenance",
            "status": "queued",
            "datequeued": datetime.now(UTC),
        }
    )


def test_mrq_run__failed_image__clears_its_failure(shared: SharedInstallation, bucket: Bucket) -> None:
    bucket.put("gone.jpg", make_jpeg())
    with shared.stopped():
        batch = shared.queue_batch(bucket.name)
        bucket.delete("gone.jpg")
    shared.finish(batch)
    [job] = shared.failed_jobs(bucket.name)
    bucket.put("gone.jpg", make_jpeg())

    subprocess.run(
        [sys.executable, "-m", "mrq.bin.mrq_run", "exifinator.tasks.Download", json.dumps(job["params"])],
        cwd=ROOT,
        env={**os.environ, **shared.environment},
        check=True,
    )

    assert shared.failed_jobs(bucket.name) == []
    assert shared.records(bucket.name)["gone.jpg"]["status"] == "ok"


def test_run__object_was_deleted_meanwhile__has_a_failed_job_that_can_be_requeued(
    shared: SharedInstallation, bucket: Bucket
) -> None:
    bucket.put("gone.jpg", make_jpeg())
    bucket.put("here.jpg", make_jpeg())
    with shared.stopped():
        batch = shared.queue_batch(bucket.name)
        bucket.delete("gone.jpg")

    numbers = shared.finish(batch)

    assert (numbers.listed, numbers.stored, numbers.failed, numbers.requests) == (2, 1, 1, 2)
    [job] = shared.failed_jobs(bucket.name)
    assert (job["path"], job["exceptiontype"], job["queue"]) == (
        "exifinator.worker.tasks.Download",
        "ObjectGone",
        "download",
    )
    assert (job["params"]["bucket"], job["params"]["key"]) == (bucket.name, "gone.jpg")
    assert "ObjectGone" in job["traceback"]
    logs = shared.mongodb[shared.config.mrq_database].mrq_logs.find_one({"job": job["_id"]})
    assert logs is not None
    assert "Object not found: " in logs["logs"]
    assert "/gone.jpg (S3: NoSuchKey, HTTP 404" in logs["logs"]

    bucket.put("gone.jpg", make_jpeg())
    requeue(shared, bucket, status="failed", exceptiontype="ObjectGone")
    shared.wait_until(
        lambda: shared.store.records.collection.find_one({"bucket": bucket.name, "key": "gone.jpg"}), shared.readers
    )
    shared.wait_until(
        lambda: shared.store.jobs.collection.find_one({"_id": job["_id"], "status": "success"}), shared.readers
    )
    assert shared.run(bucket.name).unchanged == 2


def test_run__image_failed_in_an_earlier_run__requeues_its_job(shared: SharedInstallation, bucket: Bucket) -> None:
    bucket.put("gone.jpg", make_jpeg())
    with shared.stopped():
        batch = shared.queue_batch(bucket.name)
        bucket.delete("gone.jpg")
    shared.finish(batch)
    bucket.put("gone.jpg", make_jpeg())

    numbers = shared.run(bucket.name)

    assert (numbers.queued, numbers.stored, numbers.failed) == (1, 1, 0)
    assert shared.failed_jobs(bucket.name) == []


def test_run__s3_does_not_respond__retries_later_and_then_fails(shared: SharedInstallation, bucket: Bucket) -> None:
    bucket.put("a.jpg", make_jpeg())
    with shared.stopped():
        batch = shared.queue_batch(bucket.name)
        shared.proxy.buckets[bucket.name] = Rules(answer=lambda *_: None)

    # The count is stored last, so everything about the job is stored before it.
    counted = {"opened": 1, "failed": 1, "bytes_read": 0, "requests": 2}
    shared.wait_until(lambda: batch.queue.batches.counts(batch.id) == counted, shared.readers)
    [job] = shared.failed_jobs(bucket.name)
    assert (job["exceptiontype"], job["retry_count"]) == ("SourceUnavailable", 1)
    assert [entry["status"] for entry in job["traceback_history"]] == ["retry", "failed"]


# --- Batches ----------------------------------------------------------------------------------------------------------


def test_batch__redis_was_emptied__queues_the_images_again(installation: Installation, bucket: Bucket) -> None:
    for i in range(40):
        bucket.put(f"{i:03}.jpg", make_jpeg(seed=i))
    bucket.put("empty.jpg", b"")
    batch = installation.queue_batch(bucket.name)
    for key in list(installation.redis.scan_iter(f"{installation.config.mrq_database}:*")):
        installation.redis.delete(key)

    numbers = installation.finish_here(batch)

    assert (numbers.listed, numbers.stored, numbers.damaged, numbers.failed) == (41, 40, 1, 0)


def test_batch__etags_in_listing_and_responses_differ__ends_with_a_warning(
    shared: SharedInstallation, bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.put("a.jpg", make_jpeg())

    def relabel(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        if "list-type" in target:
            return answer
        return Answer(answer.status, {**answer.headers, "ETag": '"another"'}, answer.body)

    shared.proxy.buckets[bucket.name] = Rules(answer=relabel)
    numbers = shared.run(bucket.name)

    assert (numbers.listed, numbers.stored, numbers.failed) == (1, 1, 0)
    assert "with a different ETag" in caplog.text


def test_batch__two_batches_over_the_same_bucket__read_each_image_once(
    install: Callable[..., Installation], bucket: Bucket, moto_url: str
) -> None:
    """The second batch starts while the first one is being indexed, by two workers."""
    images = 32
    for i in range(images):
        bucket.put(f"{i:03}.jpg", make_jpeg(seed=i))
    with run_proxy(moto_url) as proxy:
        # A worker that waits for reads leaves as many writes to others as it has greenlets, so 10 of these are stored.
        proxy.answer = gate = Gate(20)
        # No lease is extended during the test, because an extension would hide that a leased image was queued again.
        installation = install(S3_ENDPOINT_URL=proxy.url, S3_TIMEOUT_SECONDS=300, GREENLETS=10, LEASE_SECONDS=3600)

        def find_gets() -> list[str]:
            seen = list(proxy.seen)
            return [target.partition("?")[0] for method, target, _ in seen if method == "GET" and ".jpg" in target]

        first = installation.queue_batch(bucket.name)
        installation.start_worker("download", "write")
        # With ten greenlets, the worker reads eight images at a time. It is busy when eight further reads are held.
        installation.wait_until(lambda: len(find_gets()) == 20 + 8)
        second = installation.queue_batch(bucket.name)
        installation.start_worker("download", "write")
        # The second worker also takes eight images at a time. Only four are left, so if leased images had been queued
        # again, it would take four of those too.
        installation.wait_until(lambda: len(find_gets()) > 20 + 8)
        gate.open()

        a, b = installation.finish(first), installation.finish(second)

    assert (a.stored, a.failed) == (images, 0)
    assert (b.stored + b.unchanged, b.failed) == (images, 0)
    assert a.requests == images
    assert len(find_gets()) == len(set(find_gets())) == images
    assert_nothing_is_left(installation)


@pytest.mark.skipif(not SHARED_PHOTOS.is_dir(), reason="the folder of sample photos is not beside the project")
def test_run__sample_photos__have_one_record_each(shared: SharedInstallation) -> None:
    folders = [p.name for p in SHARED_PHOTOS.iterdir() if p.is_dir()]
    files = sum(p.is_file() for folder in folders for p in (SHARED_PHOTOS / folder).rglob("*"))
    with run_rclone(SHARED_PHOTOS) as url:
        shared.proxy.buckets |= dict.fromkeys(folders, Rules(server_url=url))

        numbers = shared.run(*folders)

    assert (numbers.listed, numbers.failed) == (files, 0)
    assert shared.store.records.collection.count_documents({"bucket": {"$in": folders}}) == files


def test_image_job_id__any_image__is_less_than_new_object_ids() -> None:
    from exifinator.storage.jobs import image_job_id

    assert all(image_job_id(str(i)) < ObjectId() for i in range(1000))
