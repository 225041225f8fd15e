"""A bucket goes in, records come out: real Redis, MongoDB, S3 and MRQ workers."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from exifinator import EXTRACTOR_VERSION
from tests.integration.conftest import Bucket, Installation
from tests.keys import KEYS
from tests.photos import make_jpeg, make_plain
from tests.s3_proxy import Answer, run_proxy
from tests.servers import SHARED_PHOTOS, run_rclone


def test_run__photos_of_every_status__each_has_its_record(installation: Installation, bucket: Bucket) -> None:
    bucket.put("good.jpg", make_jpeg(seed=1))
    bucket.put("plain.jpg", make_plain())
    bucket.put("text.jpg", b"not a photo at all\n" * 50)
    bucket.put("cut.jpg", make_jpeg()[:80])
    bucket.put("empty.jpg", b"")
    bucket.put("folder/", b"")
    installation.start_worker("download", "write")

    numbers = installation.run(bucket.name)

    assert numbers.listed == 6
    assert numbers.folders == 1
    assert numbers.queued == 4
    found = {doc["key"]: doc["status"] for doc in installation.store.images.find()}
    assert found == {
        "good.jpg": "ok",
        "plain.jpg": "no_exif",
        "text.jpg": "unsupported",
        "cut.jpg": "damaged",
        "empty.jpg": "damaged",
    }
    assert (numbers.stored, numbers.no_exif, numbers.unsupported, numbers.damaged, numbers.failed) == (1, 1, 1, 2, 0)
    assert numbers.requests >= 4
    assert numbers.bytes_read > 0


def test_run__record__is_as_designed(installation: Installation, bucket: Bucket) -> None:
    body = make_jpeg("SONY", "ILCE-7M3", seed=5)
    bucket.put("2024/a b.jpg", body)
    installation.start_worker("download", "write")
    installation.run(bucket.name)

    doc = installation.store.images.find_one({"Image Make.printable": "SONY"})

    assert doc is not None
    assert doc["_id"] == f"{bucket.name}/2024/a b.jpg"
    assert (doc["bucket"], doc["key"], doc["size"], doc["format"]) == (bucket.name, "2024/a b.jpg", len(body), "jpeg")
    head = bucket.client.head_object(Bucket=bucket.name, Key="2024/a b.jpg")
    assert doc["etag"] == head["ETag"].strip('"')
    assert doc["last_modified"] == head["LastModified"]
    assert doc["extractor_version"] == EXTRACTOR_VERSION
    assert abs((doc["extracted_at"] - datetime.now(UTC)).total_seconds()) < 60
    assert doc["photo"]["camera_model"] == "ILCE-7M3"
    assert doc["photo"]["iso"] == 105
    assert doc["Image Make"] == {
        "printable": "SONY", "tag": 271, "field_type": 2, "field_length": 5, "values": "SONY",
    }  # fmt: skip


def test_run__again__is_all_unchanged_and_asks_s3_for_nothing(installation: Installation, bucket: Bucket) -> None:
    for i in range(5):
        bucket.put(f"{i}.jpg", make_jpeg(seed=i))
    bucket.put("empty.jpg", b"")
    installation.start_worker("download", "write")
    installation.run(bucket.name)

    numbers = installation.run(bucket.name)

    assert (numbers.listed, numbers.unchanged, numbers.queued, numbers.requests) == (6, 6, 0, 0)


def test_run__changed_image__replaces_its_record_whole(installation: Installation, bucket: Bucket) -> None:
    bucket.put("a.jpg", make_jpeg("SONY"))
    bucket.put("b.jpg", make_jpeg("SONY"))
    installation.start_worker("download", "write")
    installation.run(bucket.name)
    bucket.put("a.jpg", make_plain())

    numbers = installation.run(bucket.name)

    assert (numbers.unchanged, numbers.queued, numbers.no_exif) == (1, 1, 1)
    doc = installation.store.images.find_one({"key": "a.jpg"})
    assert doc is not None
    assert "Image Make" not in doc


def test_run__older_extractor__is_read_again_only_by_a_refresh(installation: Installation, bucket: Bucket) -> None:
    for key in ("a.jpg", "b.jpg", "c.jpg"):
        bucket.put(key, make_jpeg())
    installation.start_worker("download", "write")
    installation.run(bucket.name)
    installation.store.images.update_one({"key": "a.jpg"}, {"$set": {"extractor_version": EXTRACTOR_VERSION - 1}})
    installation.store.images.update_one({"key": "b.jpg"}, {"$set": {"extractor_version": EXTRACTOR_VERSION + 1}})

    batch = installation.queue_batch(bucket.name)
    assert (installation.finish(batch).queued, batch.older) == (0, 1)
    numbers = installation.finish(installation.queue_batch(bucket.name, refresh=True))

    assert (numbers.listed, numbers.queued, numbers.stored, numbers.unchanged) == (3, 1, 1, 2)
    found = {doc["key"]: doc["extractor_version"] - EXTRACTOR_VERSION for doc in installation.store.images.find()}
    assert found == {"a.jpg": 0, "b.jpg": 1, "c.jpg": 0}


def test_run__every_key_that_s3_allows__has_its_record(installation: Installation, bucket: Bucket) -> None:
    for i, key in enumerate(KEYS):
        bucket.put(key, make_jpeg(seed=i))
    installation.start_worker("download", "write")

    numbers = installation.run(bucket.name)

    assert numbers.stored == len(KEYS)
    stored = {doc["key"]: doc["photo"]["iso"] for doc in installation.store.images.find()}
    assert stored == {key: 100 + i for i, key in enumerate(KEYS)}


def test_run__newline_in_a_key__has_its_record(
    install: Callable[..., Installation], bucket: Bucket, moto_url: str
) -> None:
    # moto takes no newline, so it holds the object under another name and a proxy puts the newline in.
    bucket.put("twoNEWLINElines.jpg", make_jpeg(seed=7))

    def rename(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        body = answer.body.replace(b"NEWLINE", b"%0A") if "list-type" in target else answer.body
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
        return Answer(answer.status, headers, body)

    with run_proxy(moto_url) as proxy:
        proxy.request = lambda target: target.replace("%0A", "NEWLINE")
        proxy.answer = rename
        installation = install(S3_ENDPOINT_URL=proxy.url)
        installation.start_worker("download", "write")
        first = installation.run(bucket.name)
        second = installation.run(bucket.name)

    assert (first.stored, second.unchanged) == (1, 1)
    doc = installation.store.images.find_one({"_id": f"{bucket.name}/two\nlines.jpg"})
    assert doc is not None
    assert doc["photo"]["iso"] == 107


def test_run__server_without_etags__goes_by_size_and_time(
    install: Callable[..., Installation], rclone_url: str, rclone_folder: Path
) -> None:
    folder = rclone_folder / "no-etags"
    folder.mkdir()
    (folder / "same.jpg").write_bytes(make_jpeg())
    (folder / "%41 +#?.jpg").write_bytes(make_jpeg(seed=1))
    installation = install(S3_ENDPOINT_URL=rclone_url)
    installation.start_worker("download", "write")
    assert installation.run("no-etags").stored == 2
    (folder / "%41 +#?.jpg").write_bytes(make_jpeg(seed=1, make="NIKON CORPORATION"))

    numbers = installation.run("no-etags")

    assert (numbers.unchanged, numbers.stored) == (1, 1)
    assert installation.store.images.find_one({"Image Make.printable": "NIKON CORPORATION"})


def test_run__prefix__reads_only_what_starts_with_it(installation: Installation, bucket: Bucket) -> None:
    for key in ("a/1.jpg", "a/2.jpg", "ab.jpg", "b/3.jpg"):
        bucket.put(key, make_jpeg())
    installation.start_worker("download", "write")

    assert installation.run(f"{bucket.name}/a/").stored == 2
    assert installation.run(f"s3://{bucket.name}/a", bucket.name + "/a/").stored == 1


def test_run__successes__leave_no_job(installation: Installation, bucket: Bucket) -> None:
    bucket.put("a.jpg", make_jpeg())
    installation.start_worker("download", "write")
    installation.run(bucket.name)

    assert installation.store.jobs.count_documents({"path": {"$regex": "^exifinator"}}) == 0


def test_run__task_history_all__keeps_successes(install: Callable[..., Installation], bucket: Bucket) -> None:
    installation = install(TASK_HISTORY="all")
    bucket.put("a.jpg", make_jpeg())
    installation.start_worker("download", "write")
    installation.run(bucket.name)

    def kept() -> dict[str, Any] | None:
        return installation.store.jobs.find_one({"params.key": "a.jpg", "status": "success"})

    assert installation.wait_until(kept)["path"] == "exifinator.tasks.Write"


def requeue(installation: Installation, **which: str) -> None:
    """What the dashboard's Requeue does: a JobAction in the maintenance queue."""
    installation.store.jobs.insert_one(
        {
            "path": "mrq.basetasks.utils.JobAction",
            "params": {"action": "requeue", **which},
            "queue": "maintenance",
            "status": "queued",
            "datequeued": datetime.now(UTC),
        }
    )


def test_run__object_gone_meanwhile__is_a_failed_job_that_requeue_mends(
    installation: Installation, bucket: Bucket
) -> None:
    bucket.put("gone.jpg", make_jpeg())
    bucket.put("here.jpg", make_jpeg())
    batch = installation.queue_batch(bucket.name)
    bucket.delete("gone.jpg")
    installation.start_worker("download", "write")

    numbers = installation.finish(batch)

    assert (numbers.listed, numbers.stored, numbers.failed) == (2, 1, 1)
    [job] = installation.store.jobs.find({"status": "failed"})
    assert (job["path"], job["exceptiontype"], job["queue"]) == ("exifinator.tasks.Download", "ObjectGone", "download")
    assert (job["params"]["bucket"], job["params"]["key"]) == (bucket.name, "gone.jpg")
    assert "ObjectGone" in job["traceback"]
    logs = installation.mongodb[installation.config.mrq_database].mrq_logs.find_one({"job": job["_id"]})
    assert logs is not None
    assert "gone.jpg is not in the bucket any more" in logs["logs"]

    bucket.put("gone.jpg", make_jpeg())
    requeue(installation, status="failed", exceptiontype="ObjectGone")
    installation.wait_until(lambda: installation.store.images.find_one({"key": "gone.jpg"}))
    installation.wait_until(lambda: installation.store.jobs.find_one({"_id": job["_id"], "status": "success"}))
    assert installation.run(bucket.name).unchanged == 2


def test_run__again_after_a_failure__requeues_the_job_instead_of_making_another(
    installation: Installation, bucket: Bucket
) -> None:
    bucket.put("gone.jpg", make_jpeg())
    batch = installation.queue_batch(bucket.name)
    bucket.delete("gone.jpg")
    installation.start_worker("download", "write")
    installation.finish(batch)
    bucket.put("gone.jpg", make_jpeg())

    numbers = installation.run(bucket.name)

    assert (numbers.queued, numbers.stored, numbers.failed) == (1, 1, 0)
    assert installation.store.jobs.count_documents({"status": "failed"}) == 0


def test_run__s3_away__is_retried_later_and_then_failed(
    install: Callable[..., Installation], rclone_folder: Path, tmp_path: Path
) -> None:
    folder = rclone_folder / "away"
    folder.mkdir(exist_ok=True)
    (folder / "a.jpg").write_bytes(make_jpeg())
    with run_rclone(rclone_folder) as url:
        installation = install(S3_ENDPOINT_URL=url, S3_TIMEOUT_SECONDS=2)
        batch = installation.queue_batch("away")
    installation.start_worker("download", "write")

    # The count comes last: with it, everything about the job is stored.
    counted = {"opened": 1, "failed": 1, "bytes_read": 0, "requests": 0}
    installation.wait_until(lambda: batch.queue.batch_counts(batch.id) == counted, 60)
    [job] = installation.store.jobs.find({"status": "failed"})
    assert (job["exceptiontype"], job["retry_count"]) == ("SourceUnavailable", 1)
    assert [entry["status"] for entry in job["traceback_history"]] == ["retry", "failed"]


def test_worker__killed__its_images_come_back(install: Callable[..., Installation], bucket: Bucket) -> None:
    installation = install(LEASE_SECONDS=3)
    for i in range(150):
        bucket.put(f"{i:03}.jpg", make_jpeg(seed=i))
    batch = installation.queue_batch(bucket.name)
    worker = installation.start_worker("download", "write")
    installation.wait_until(lambda: installation.store.images.count_documents({}) > 10)
    worker.kill()
    worker.wait()
    assert installation.store.images.count_documents({}) < 150
    installation.start_worker("download", "write")

    numbers = installation.finish(batch)

    assert (numbers.stored, numbers.failed) == (150, 0)
    assert installation.store.images.count_documents({}) == 150
    assert installation.queue.sizes() == (0, 0)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM hands back", "SIGINT drains"])
def test_worker__asked_to_end__leaves_nothing_behind(
    install: Callable[..., Installation], bucket: Bucket, how: signal.Signals
) -> None:
    # A lease that outlasts the test: what was not handed back would be missing.
    installation = install(LEASE_SECONDS=600)
    for i in range(150):
        bucket.put(f"{i:03}.jpg", make_jpeg(seed=i))
    batch = installation.queue_batch(bucket.name)
    worker = installation.start_worker("download", "write")
    installation.wait_until(lambda: installation.store.images.count_documents({}) > 10)
    worker.send_signal(how)
    assert worker.wait(15) == 0
    installation.start_worker("download", "write")

    assert installation.finish(batch, 30).stored == 150
    assert installation.store.jobs.count_documents({"status": {"$ne": "success"}, "params.bucket": bucket.name}) == 0


def test_worker__ctrl_c_while_it_comes_up__ends_without_a_traceback(installation: Installation, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    settings = tmp_path / "settings.py"
    settings.write_text(f"import time\nopen({str(ready)!r}, 'w').close()\ntime.sleep(60)\n")
    worker = installation.start_worker("download", "write", EXIFINATOR_SETTINGS=str(settings))
    installation.wait_until(ready.exists)
    worker.send_signal(signal.SIGINT)

    assert worker.wait(15) == -signal.SIGINT
    assert installation.worker_logs() == ""


def test_worker__poisonous_image__is_failed_and_the_others_are_done(
    install: Callable[..., Installation], bucket: Bucket
) -> None:
    installation = install(LEASE_SECONDS=3, MAX_DELIVERIES=2)
    for i in range(30):
        bucket.put(f"{i:03}.jpg", make_jpeg(seed=i))
    bucket.put("015-poison.jpg", make_jpeg())
    batch = installation.queue_batch(bucket.name)
    worker = installation.start_worker("download", "write", EXIFINATOR_TEST_POISON="poison")
    assert worker.wait(30) == -signal.SIGKILL
    installation.start_worker("download", "write", EXIFINATOR_TEST_POISON="poison")

    numbers = installation.finish(batch, 90)

    assert (numbers.stored, numbers.failed) == (30, 1)
    [job] = installation.store.jobs.find({"status": "failed"})
    assert (job["exceptiontype"], job["params"]["key"]) == ("KilledWorker", "015-poison.jpg")
    assert "signal 9" in job["traceback"]


def test_batch__redis_emptied_meanwhile__is_repaired(install: Callable[..., Installation], bucket: Bucket) -> None:
    installation = install()
    for i in range(40):
        bucket.put(f"{i:03}.jpg", make_jpeg(seed=i))
    bucket.put("empty.jpg", b"")
    batch = installation.queue_batch(bucket.name)
    for key in list(installation.redis.scan_iter(f"{installation.config.mrq_database}:*")):
        installation.redis.delete(key)
    installation.start_worker("download", "write")

    numbers = installation.finish(batch)

    assert (numbers.listed, numbers.stored, numbers.damaged, numbers.failed) == (41, 40, 1, 0)


def test_batch__server_that_lists_other_etags_than_it_sends__ends_all_the_same(
    install: Callable[..., Installation], bucket: Bucket, moto_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.put("a.jpg", make_jpeg())

    def relabel(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        if "list-type" in target:
            return answer
        return Answer(answer.status, {**answer.headers, "ETag": '"another"'}, answer.body)

    with run_proxy(moto_url) as proxy:
        proxy.answer = relabel
        installation = install(S3_ENDPOINT_URL=proxy.url)
        installation.start_worker("download", "write")
        numbers = installation.run(bucket.name)

    assert (numbers.listed, numbers.stored, numbers.failed) == (1, 1, 0)
    assert "S3 lists another ETag" in caplog.text


def test_batch__two_at_once_over_the_same_bucket__read_each_image_once(
    installation: Installation, bucket: Bucket
) -> None:
    for i in range(40):
        bucket.put(f"{i:03}.jpg", make_jpeg(seed=i))
    first = installation.queue_batch(bucket.name)
    second = installation.queue_batch(bucket.name)
    installation.start_worker("download", "write")

    a, b = installation.finish(first), installation.finish(second)

    assert a.stored == 40
    assert b.stored + b.unchanged == 40
    assert a.requests == 40


def test_download__write_queue_full__waits_and_goes_on(install: Callable[..., Installation], bucket: Bucket) -> None:
    installation = install(WRITE_QUEUE_MB=1, FIRST_READ_BYTES=65536, LEASE_SECONDS=3)
    body = make_jpeg()
    for i in range(60):
        bucket.put(f"{i:03}.jpg", _with_comment(body, 60_000, i))
    batch = installation.queue_batch(bucket.name)
    key = installation.queue.write_bytes_key
    full = 1024 * 1024
    installation.start_worker("download")
    installation.wait_until(lambda: int(installation.redis.get(key) or 0) >= full * 0.5, 20)
    installation.wait_until(lambda: installation.queue.sizes()[1] > 5, 20)
    assert int(installation.redis.get(key) or 0) <= full * 1.2
    installation.start_worker("write")

    numbers = installation.finish(batch)

    assert (numbers.stored, numbers.failed) == (60, 0)
    assert int(installation.redis.get(key) or 0) == 0


def test_download__write_queue_full_and_no_other_worker__goes_on(
    install: Callable[..., Installation], bucket: Bucket
) -> None:
    installation = install(WRITE_QUEUE_MB=1)
    for i in range(60):
        bucket.put(f"{i:03}.jpg", _with_comment(make_jpeg(), 60_000, i))
    installation.start_worker("download", "write")

    assert installation.run(bucket.name).stored == 60


def _with_comment(jpeg: bytes, size: int, seed: int) -> bytes:
    """The JPEG with an EXIF block that a MakerNote makes large; it is metadata, so it crosses the write queue."""
    exif_at = jpeg.index(b"\xff\xe1")
    length = int.from_bytes(jpeg[exif_at + 2 : exif_at + 4], "big")
    padded = jpeg[exif_at + 4 : exif_at + 2 + length] + bytes([seed % 251]) * (size - length)
    return jpeg[:exif_at] + b"\xff\xe1" + (len(padded) + 2).to_bytes(2, "big") + padded + jpeg[exif_at + 2 + length :]


@pytest.mark.skipif(not SHARED_PHOTOS.is_dir(), reason="the folder of sample photos is not beside the project")
def test_run__sample_photos__each_has_a_record(install: Callable[..., Installation]) -> None:
    with run_rclone(SHARED_PHOTOS) as url:
        installation = install(S3_ENDPOINT_URL=url)
        installation.start_worker("download", "write")
        installation.start_worker("write")
        folders = [p.name for p in SHARED_PHOTOS.iterdir() if p.is_dir()]
        files = sum(p.is_file() for folder in folders for p in (SHARED_PHOTOS / folder).rglob("*"))

        numbers = installation.run(*folders, seconds=120)

    assert (numbers.listed, numbers.failed) == (files, 0)
    assert installation.store.images.count_documents({}) == files


def test_image_job_id__any_image__is_below_the_ids_of_today() -> None:
    from exifinator.store import image_job_id

    assert all(image_job_id(str(i)) < ObjectId() for i in range(1000))
