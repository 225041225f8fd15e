"""Workers in difficult conditions: damaged files, workers of two versions, wrong clocks, and very many images."""

from __future__ import annotations

import random
import re
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from exifinator import EXTRACTOR_VERSION
from tests.faults.conftest import (
    IMAGES,
    PATIENT,
    PHOTOS,
    Document,
    Site,
    assert_complete,
    assert_each_read_once,
    finish_and_check,
    records_of,
    start_batch,
)
from tests.faults.poison import endless, newer_version
from tests.integration.conftest import Installation
from tests.s3_proxy import Answer, Gate, Proxy, run_proxy, s3_error
from tests.servers import run_made_up_bucket

DAMAGED = 10_000
SOAKED = 200_000
SAMPLE_EVERY = 20_000
# How much the memory of a worker may grow between two measurements, because of the allocator and the drivers' pools.
SLACK_MB = 40.0
SLACK_DESCRIPTORS = 10
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def wrong_clock(offset: str) -> dict[str, str]:
    """Return the environment of a program whose clock is off by `offset` seconds, such as `+600`."""
    return {"LD_PRELOAD": str(FAKETIME), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def measure(worker: psutil.Process) -> tuple[float, int]:
    """Return the memory (MB) of a worker, and its number of open files, sockets included."""
    return worker.memory_info().rss / 1e6, worker.num_fds()


def damage(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
    """Return the response with 40 metadata bytes of its photo overwritten, always in the same way for a photo."""
    match = re.search(r"IMG_(\d+)", target)
    if match is None or "list-type" in target:
        return answer
    rng = random.Random(int(match[1]))
    body = bytearray(answer.body)
    # The bytes are in entries of the IFDs: types, lengths and offsets.
    for _ in range(40):
        body[rng.randrange(20, min(1500, len(body)))] = rng.randrange(256)
    if int(match[1]) % 3 == 0:
        body[0:2] = b"\0\0"
    return replace(answer, body=bytes(body))


@pytest.mark.faults
def test_worker__10_000_damaged_files_in_a_row__keeps_its_memory_and_open_files(
    install: Callable[..., Installation], tmp_path: Path, record_property: Callable[..., None]
) -> None:
    with run_made_up_bucket(DAMAGED, tmp_path) as url, run_proxy(url) as proxy:
        here = install(S3_ENDPOINT_URL=proxy.url, GREENLETS=20)
        worker = here.start_worker("download", "write")
        assert here.run("good").stored == DAMAGED
        before = measure(psutil.Process(worker.pid))
        proxy.answer = damage
        numbers = here.run("spoiled")
        after = measure(psutil.Process(worker.pid))

    assert worker.poll() is None
    record_property("before", before)
    record_property("after", after)
    assert numbers.done == DAMAGED
    assert numbers.damaged + numbers.no_exif + numbers.unsupported >= DAMAGED // 3
    assert numbers.failed == 0
    assert after[0] < before[0] + SLACK_MB
    assert after[1] <= before[1] + SLACK_DESCRIPTORS


def test_worker__image_whose_parsing_never_ends__is_recorded_as_damaged(
    install: Callable[..., Installation], photos_url: str, undisturbed: dict[str, Document]
) -> None:
    here = install(S3_ENDPOINT_URL=photos_url, PARSE_DEADLINE_SECONDS=0.5)
    worker = here.start_worker("download", "write", **endless("IMG_000000077"))

    numbers = here.run(PHOTOS)

    assert worker.poll() is None
    assert (numbers.stored, numbers.damaged, numbers.failed) == (IMAGES - 1, 1, 0)
    [record] = here.store.records.collection.find({"status": "damaged"})
    assert "took more than 0.5 s of CPU time" in record["problem"]
    records = records_of(here)
    assert [name for name in records if records[name] != undisturbed[name]] == [record["_id"]]


@pytest.mark.faults
def test_batch__workers_of_two_versions_simultaneously__each_image_has_one_record(
    install: Callable[..., Installation], proxy: Proxy, gate: Gate, undisturbed: dict[str, Document]
) -> None:
    here = install(S3_ENDPOINT_URL=proxy.url, GREENLETS=5, **PATIENT)
    older = here.start_worker("download", "write")
    batch = start_batch(here)
    # The older worker indexes nothing more until the newer one has stored a record.
    older.send_signal(signal.SIGSTOP)
    newer = here.start_worker("download", "write", **newer_version())
    gate.open()
    is_newer = {"extractor_version": EXTRACTOR_VERSION + 1}
    here.wait_until(lambda: here.store.records.collection.find_one(is_newer), watching=[newer])
    older.send_signal(signal.SIGCONT)

    numbers = here.finish(batch)

    assert (numbers.listed, numbers.failed) == (IMAGES, 0)
    records: list[dict[str, Any]] = list(here.store.records.collection.find({}, {"extractor_version": 1}))
    assert {record["extractor_version"] for record in records} == {EXTRACTOR_VERSION, EXTRACTOR_VERSION + 1}
    expected = dict(undisturbed)
    for record in records:
        expected[record["_id"]] = {**expected[record["_id"]], "extractor_version": record["extractor_version"]}
    assert_complete(here, expected)


@pytest.mark.skipif(FAKETIME is None, reason="a wrong clock needs libfaketime: apt-get install libfaketime")
@pytest.mark.faults
@pytest.mark.parametrize("offset", ["+600", "-600"])
def test_batch__clock_of_a_worker_ten_minutes_off__is_complete(
    install: Callable[..., Installation], proxy: Proxy, gate: Gate, undisturbed: dict[str, Document], offset: str
) -> None:
    gate.let_through(0)
    here = install(S3_ENDPOINT_URL=proxy.url, GREENLETS=5, LEASE_SECONDS=30, **PATIENT)
    batch = here.queue_batch(PHOTOS)
    workers = [here.start_worker("download", "write"), here.start_worker("download", "write", **wrong_clock(offset))]

    def both_have_read() -> bool:
        """Return whether both workers have read from S3: a request carries the time of its signature."""
        signed = [
            datetime.strptime(value, "%Y%m%dT%H%M%SZ")
            for method, target, headers in list(proxy.seen)
            if "IMG_" in target
            for name, value in headers.items()
            if name.lower() == "x-amz-date"
        ]
        return bool(signed) and (max(signed) - min(signed)).total_seconds() > 500

    here.wait_until(both_have_read, watching=workers)
    gate.open()

    finish_and_check(here, batch, undisturbed)

    # If one of the clocks had ended a lease, both workers would have read the image.
    assert_each_read_once(proxy)


@pytest.mark.skipif(FAKETIME is None, reason="a wrong clock needs libfaketime: apt-get install libfaketime")
@pytest.mark.faults
@pytest.mark.parametrize(
    ("first_offset", "second_offset"),
    [("+600", "+0"), ("+0", "-600")],
    ids=["scheduled by a clock ahead", "performed by a clock behind"],
)
def test_retry__by_a_worker_with_another_clock__is_made_when_due(
    install: Callable[..., Installation], tmp_path: Path, first_offset: str, second_offset: str
) -> None:
    """The worker that scheduled the retry of the only image is killed. A worker with another clock makes the retry."""
    with run_made_up_bucket(1, tmp_path) as url, run_proxy(url) as proxy:
        proxy.answer = lambda method, target, headers, answer: answer if "list" in target else s3_error(503, "SlowDown")
        here = install(S3_ENDPOINT_URL=proxy.url, RETRY_DELAY_SECONDS=5, MAX_RETRIES=3)
        batch = here.queue_batch(PHOTOS)
        first = here.start_worker("download", "write", **wrong_clock(first_offset))
        here.wait_until(lambda: here.store.jobs.collection.find_one({"status": "retry"}), watching=[first])
        first.kill()
        first.wait()
        proxy.answer = None
        here.start_worker("download", "write", **wrong_clock(second_offset))

        # By the wrong clock, the retry is due ten minutes later, which exceeds the time limit of a test.
        assert here.finish(batch).stored == 1


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_workers__200_000_images__keep_their_memory_files_and_connections(
    site: Callable[..., Site], tmp_path: Path, record_property: Callable[..., None]
) -> None:
    with run_made_up_bucket(SOAKED, tmp_path) as url:
        here = site(S3_ENDPOINT_URL=url)
        store = here.installation.store
        workers = [here.installation.start_worker("download", "write"), here.installation.start_worker("write")]
        processes = [psutil.Process(worker.pid) for worker in workers]
        batch = here.installation.queue_batch(PHOTOS)
        samples: list[dict[str, Any]] = []
        for numbers in batch.wait():
            if numbers.stored >= (len(samples) + 1) * SAMPLE_EVERY:
                samples.append(
                    {
                        "stored": numbers.stored,
                        "workers": [measure(process) for process in processes],
                        "connections": here.installation.mongodb.admin.command("serverStatus")["connections"][
                            "current"
                        ],
                        "redis clients": here.installation.redis.info("clients")["connected_clients"],
                        "jobs of images": store.jobs.collection.count_documents({"params.bucket": {"$exists": True}}),
                    }
                )
        ended = {"status": "success", "dateexpires": {"$exists": False}}
        never_expire = store.jobs.collection.count_documents(ended)
        assert any("expireAfterSeconds" in index for index in store.jobs.collection.index_information().values())

    record_property("samples", samples)
    assert (batch.counts.stored, batch.counts.failed) == (SOAKED, 0)
    assert [worker.poll() for worker in workers] == [None, None]
    first, last = samples[1], samples[-1]
    for (mb, files), (mb_after, files_after) in zip(first["workers"], last["workers"], strict=True):
        assert mb_after < mb + SLACK_MB
        assert files_after <= files + SLACK_DESCRIPTORS
    assert last["connections"] <= first["connections"] + SLACK_DESCRIPTORS
    assert last["redis clients"] <= first["redis clients"] + SLACK_DESCRIPTORS
    assert last["jobs of images"] == 0
    # MRQ's own maintenance creates a job each minute, regardless of images. Each of these jobs must have an expiry
    # time.
    assert never_expire == 0
    # Redis has deleted its data on images that are no longer in progress.
    assert here.installation.redis.dbsize() < 100
    assert here.installation.redis.hlen(here.installation.queue.keys.deliveries) == 0
