"""Workers that have seen much: bad files, other versions beside them, a wrong clock, very many images."""

from __future__ import annotations

import contextlib
import random
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.faults.conftest import (
    IMAGES,
    PHOTOS,
    Document,
    Site,
    assert_each_read_once,
    assert_whole,
    finish_whole,
    records_of,
)
from tests.integration.conftest import Installation
from tests.s3_proxy import Answer, Proxy, run_proxy, s3_error
from tests.servers import ROOT, free_port, running

DAMAGED = 10_000
SOAKED = 200_000
SAMPLE_EVERY = 20_000
# What the allocator and the drivers' pools may come to hold between two looks.
SLACK_MB = 40.0
SLACK_FILES = 10
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


@contextlib.contextmanager
def made_up_bucket(images: int, log: Path) -> Iterator[str]:
    port = free_port()
    with running([sys.executable, "-m", "bench.object_server", str(port), str(images)], port, log):
        yield f"http://127.0.0.1:{port}"


def wrong_clock(offset: str) -> dict[str, str]:
    """The environment of a program whose clock is so many seconds off."""
    return {"LD_PRELOAD": str(FAKETIME), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def measure(worker: psutil.Process) -> tuple[float, int]:
    """Memory (MB) and open files, sockets among them, of a worker."""
    return worker.memory_info().rss / 1e6, worker.num_fds()


def spoil(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
    """A photo with a few dozen bytes of its metadata made others, the same ones each time."""
    found = re.search(r"IMG_(\d+)", target)
    if found is None or "list-type" in target:
        return answer
    chance = random.Random(int(found[1]))
    body = bytearray(answer.body)
    # The IFDs' entries: their types, lengths and offsets.
    for _ in range(40):
        body[chance.randrange(20, min(1500, len(body)))] = chance.randrange(256)
    if int(found[1]) % 3 == 0:
        body[0:2] = b"\0\0"
    return replace(answer, body=bytes(body))


@pytest.mark.faults
def test_worker__10_000_damaged_files_in_a_row__is_as_healthy_as_before(
    install: Callable[..., Installation], tmp_path: Path, record_property: Callable[..., None]
) -> None:
    with made_up_bucket(DAMAGED, tmp_path / "objects.log") as url, run_proxy(url) as proxy:
        here = install(S3_ENDPOINT_URL=proxy.url, GREENLETS=20)
        worker = here.start_worker("download", "write")
        assert here.run("good", seconds=200).stored == DAMAGED
        before = measure(psutil.Process(worker.pid))
        proxy.answer = spoil
        numbers = here.run("spoiled", seconds=280)
        after = measure(psutil.Process(worker.pid))

    assert worker.poll() is None
    record_property("before", before)
    record_property("after", after)
    assert numbers.done == DAMAGED
    assert numbers.damaged + numbers.no_exif + numbers.unsupported >= DAMAGED // 3
    assert numbers.failed == 0
    assert after[0] < before[0] + SLACK_MB
    assert after[1] <= before[1] + SLACK_FILES


def test_worker__image_that_computes_for_ever__ends_by_the_deadline(
    site: Callable[..., Site], undisturbed: dict[str, Document]
) -> None:
    here = site(PARSE_DEADLINE_SECONDS=0.5)
    worker = here.installation.start_worker("download", "write", EXIFINATOR_TEST_ENDLESS="IMG_000000077")

    numbers = here.installation.run(PHOTOS, seconds=200)

    assert worker.poll() is None
    assert (numbers.stored, numbers.damaged, numbers.failed) == (IMAGES - 1, 1, 0)
    [record] = here.installation.store.images.find({"status": "damaged"})
    assert "took more than 0.5 s of computing" in record["problem"]
    found = records_of(here.installation)
    assert [name for name in found if found[name] != undisturbed[name]] == [record["_id"]]


@pytest.mark.faults
def test_batch__workers_of_two_versions_at_once__each_image_has_one_record(
    site: Callable[..., Site], undisturbed: dict[str, Document], tmp_path: Path
) -> None:
    # Python runs it before anything else.
    newer = tmp_path / "newer"
    newer.mkdir()
    (newer / "sitecustomize.py").write_text("import exifinator\nexifinator.EXTRACTOR_VERSION += 1\n")
    here = site(GREENLETS=5)
    here.keep_worker("download", "write")
    here.keep_worker("download", "write", PYTHONPATH=f"{newer}:{ROOT}")
    workers = here.installation.store.jobs.database["mrq_workers"]
    here.installation.wait_until(lambda: workers.count_documents({}) == 2)

    numbers = here.installation.run(PHOTOS, seconds=200)

    assert (numbers.listed, numbers.stored, numbers.failed) == (IMAGES, IMAGES, 0)
    records: list[dict[str, Any]] = list(here.installation.store.images.find({}, {"extractor_version": 1}))
    assert {record["extractor_version"] for record in records} == {1, 2}
    expected = dict(undisturbed)
    for record in records:
        expected[record["_id"]] = {**expected[record["_id"]], "extractor_version": record["extractor_version"]}
    assert_whole(here, expected)


@pytest.mark.skipif(FAKETIME is None, reason="a wrong clock needs libfaketime: apt-get install libfaketime")
@pytest.mark.faults
@pytest.mark.parametrize("offset", ["+600", "-600"])
def test_batch__clock_of_a_worker_ten_minutes_off__is_whole(
    site: Callable[..., Site], undisturbed: dict[str, Document], proxy: Proxy, offset: str
) -> None:
    here = site(GREENLETS=5, S3_ENDPOINT_URL=proxy.url, LEASE_SECONDS=30)
    here.keep_worker("download", "write")
    here.keep_worker("download", "write", **wrong_clock(offset))
    workers = here.installation.store.jobs.database["mrq_workers"]
    here.installation.wait_until(lambda: workers.count_documents({}) == 2)

    finish_whole(here, here.installation.queue_batch(PHOTOS), undisturbed, 250)

    times = [record["extracted_at"] for record in here.installation.store.images.find({}, {"extracted_at": 1})]
    # Both have taken part.
    assert (max(times) - min(times)).total_seconds() > 500
    # A lease that a clock of theirs had ended would have been read by both.
    assert_each_read_once(proxy)


@pytest.mark.skipif(FAKETIME is None, reason="a wrong clock needs libfaketime: apt-get install libfaketime")
@pytest.mark.faults
@pytest.mark.parametrize(
    ("sets", "takes_up"), [("+600", "+0"), ("+0", "-600")], ids=["set by one ahead", "taken up by one behind"]
)
def test_retry__between_workers_whose_clocks_differ__comes_when_it_is_due(
    site: Callable[..., Site], tmp_path: Path, sets: str, takes_up: str
) -> None:
    """The worker that notes the retry of the one image dies; another one, with another clock, takes it up."""
    with made_up_bucket(1, tmp_path / "objects.log") as url, run_proxy(url) as proxy:
        proxy.answer = lambda method, target, headers, answer: answer if "list" in target else s3_error(503, "SlowDown")
        here = site(S3_ENDPOINT_URL=proxy.url, RETRY_DELAY_SECONDS=5, MAX_RETRIES=3)
        batch = here.installation.queue_batch(PHOTOS)
        first = here.installation.start_worker("download", "write", **wrong_clock(sets))
        here.installation.wait_until(lambda: here.installation.store.jobs.find_one({"status": "retry"}))
        first.kill()
        first.wait()
        proxy.answer = None
        here.installation.start_worker("download", "write", **wrong_clock(takes_up))

        assert here.installation.finish(batch, 60).stored == 1


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_workers__200_000_images__nothing_grows(
    site: Callable[..., Site], tmp_path: Path, record_property: Callable[..., None]
) -> None:
    with made_up_bucket(SOAKED, tmp_path / "objects.log") as url:
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
                        "jobs of images": store.jobs.count_documents({"params.bucket": {"$exists": True}}),
                    }
                )
        ended = {"status": "success", "dateexpires": {"$exists": False}}
        kept_for_ever = store.jobs.count_documents(ended)
        assert any("expireAfterSeconds" in index for index in store.jobs.index_information().values())

    record_property("samples", samples)
    assert (batch.numbers.stored, batch.numbers.failed) == (SOAKED, 0)
    assert [worker.poll() for worker in workers] == [None, None]
    first, last = samples[1], samples[-1]
    for (mb, files), (mb_after, files_after) in zip(first["workers"], last["workers"], strict=True):
        assert mb_after < mb + SLACK_MB
        assert files_after <= files + SLACK_FILES
    assert last["connections"] <= first["connections"] + SLACK_FILES
    assert last["redis clients"] <= first["redis clients"] + SLACK_FILES
    assert last["jobs of images"] == 0
    # MRQ's own maintenance leaves a job each minute, whatever is read; each must say when it is to be forgotten.
    assert kept_for_ever == 0
    # What is kept for an image while it is under way is gone after it.
    assert here.installation.redis.dbsize() < 100
    assert here.installation.redis.hlen(here.installation.queue.deliveries_key) == 0
