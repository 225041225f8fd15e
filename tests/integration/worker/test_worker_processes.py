"""Worker processes that end, crash or are stopped, and workers that wait for room in the write queue."""

from __future__ import annotations

import signal
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from exifinator.batches.runner import Batch
from tests.faults.poison import poisoned
from tests.integration.conftest import Bucket, Installation, SharedInstallation
from tests.integration.worker.leftovers import assert_nothing_is_left
from tests.photos import make_jpeg
from tests.s3_proxy import Answer, Gate, Rules, run_proxy
from tests.servers import end, run_made_up_bucket

# The number of images, and how many of them S3 returns. It holds back the responses to further reads.
IMAGES, READ = 60, 30


@dataclass(frozen=True)
class Ending:
    """A second worker of the shared installation in the middle of a batch, while the shared worker is stopped."""

    worker: subprocess.Popen[bytes]
    batch: Batch
    gate: Gate


@pytest.fixture
def ending(shared: SharedInstallation, bucket: Bucket) -> Iterator[Ending]:
    """Yield a worker that has stored most of the READ images and waits for S3 to return further ones."""
    for i in range(IMAGES):
        bucket.put(f"{i:03}.jpg", make_jpeg(seed=i))
    gate = Gate(READ)
    with shared.stopped():
        batch = shared.queue_batch(bucket.name)
        shared.proxy.buckets[bucket.name] = Rules(answer=gate)
        worker = shared.start_worker("download", "write")
        try:
            # While the worker waits for S3, it leaves some of the writes to other workers.
            count = shared.store.records.collection.count_documents
            shared.wait_until(lambda: count({"bucket": bucket.name}) > READ / 2, [worker])
            # Images that are in progress may also be stored already, and wait for their acknowledgement.
            shared.wait_until(lambda: gate.n_held, [worker])
            yield Ending(worker, batch, gate)
        finally:
            gate.open()
            end(worker, signal.SIGKILL)


def test_worker__process_is_killed__its_images_are_delivered_again_after_their_leases(
    shared: SharedInstallation, bucket: Bucket, ending: Ending
) -> None:
    end(ending.worker, signal.SIGKILL)
    ending.gate.open()
    in_progress = shared.control.stats().in_progress
    shared.worker.send_signal(signal.SIGCONT)
    shared.wait_until(lambda: shared.queue.sizes() == (in_progress, 0), shared.readers)
    # An image whose record was stored, but not yet acknowledged, is among those in progress too.
    assert IMAGES - in_progress <= len(shared.records(bucket.name)) < IMAGES
    shared.end_leases(bucket.name)

    numbers = shared.finish(ending.batch)

    assert (numbers.stored, numbers.failed) == (IMAGES, 0)
    assert len(shared.records(bucket.name)) == IMAGES
    assert shared.queue.sizes() == (0, 0)


def test_worker__ended_by_any_signals__loses_no_image(install: Callable[..., Installation], tmp_path: Path) -> None:
    """SIGTERM makes a worker release its images, Ctrl-C (SIGINT) makes it finish them.

    Both signals, or either twice, may arrive at any moment of its loop.
    """
    images, greenlets = 700, 40
    with run_made_up_bucket(images, tmp_path) as url, run_proxy(url) as proxy:
        proxy.answer = gate = Gate(0)
        # Leases last longer than the test, so an image that is not released would be missing.
        installation = install(
            S3_ENDPOINT_URL=proxy.url, S3_TIMEOUT_SECONDS=300, LEASE_SECONDS=3600, GREENLETS=greenlets
        )
        batch = installation.queue_batch("photos")
        n_free = 0
        signal_sequences = [
            [signal.SIGTERM],
            [signal.SIGINT],
            [signal.SIGINT, signal.SIGTERM],
            [signal.SIGTERM] * 2,
            [signal.SIGINT] * 2,
        ]
        # MongoDB knows this number without reading the records, which leaves more time to the workers.
        count_stored = installation.store.records.collection.estimated_document_count
        for signals in signal_sequences:
            enough = count_stored() + 20
            worker = installation.start_worker("download", "write")
            # The gate keeps images for the following workers, however late the signals arrive. A worker that waits for
            # reads leaves as many writes to others as it has greenlets.
            n_free += greenlets + 40
            gate.let_through(n_free)
            installation.wait_until(lambda enough=enough: count_stored() > enough, watching=[worker])
            for signal_number in signals:
                worker.send_signal(signal_number)
            # The worker finishes the reads that the gate holds now, or gives them up.
            n_free += greenlets
            gate.let_through(n_free)
            assert worker.wait() == 0
        assert count_stored() < images
        gate.open()
        installation.start_worker("download", "write")

        numbers = installation.finish(batch)

    assert (numbers.stored, numbers.failed) == (images, 0)
    assert installation.store.records.collection.count_documents({}) == images
    assert (
        installation.store.jobs.collection.count_documents({"status": {"$ne": "success"}, "params.bucket": "photos"})
        == 0
    )
    assert_nothing_is_left(installation)


@pytest.mark.parametrize("late_answer", ["old photo", "gone"])
def test_worker__process_is_stopped_for_longer_than_a_lease__stores_nothing_afterwards(
    shared: SharedInstallation, bucket: Bucket, late_answer: str
) -> None:
    keys = ("a.jpg", "b.jpg")
    for key in keys:
        bucket.put(key, make_jpeg("SONY"))
    gate = Gate(0)

    def answer(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        gate(method, target, headers, answer)
        return Answer(404, {}, b"") if late_answer == "gone" and "list-type" not in target else answer

    shared.proxy.buckets[bucket.name] = Rules(answer=answer)
    batch = shared.queue_batch(bucket.name)
    # S3 has read the old images. Only their responses are held back.
    shared.wait_until(lambda: gate.n_held == len(keys), shared.readers)
    with shared.stopped():
        # Meanwhile the images are replaced, and this process indexes them as another worker would.
        for key in keys:
            bucket.put(key, make_jpeg("NIKON CORPORATION"))
        shared.proxy.buckets[bucket.name] = Rules()
        shared.end_leases(bucket.name)
        shared.read_queued()
    gate.open()

    shared.wait_until(lambda: shared.worker_logs().count(f"skip: {bucket.name}") == len(keys), shared.readers)
    assert {doc["photo"]["camera_make"] for doc in shared.records(bucket.name).values()} == {"NIKON CORPORATION"}
    assert shared.store.jobs.collection.count_documents({"params.bucket": bucket.name}) == 0
    assert (shared.queue.batches.counts(batch.id) or {})["ok"] == len(keys)


def test_worker__ctrl_c_while_it_starts__ends_without_a_traceback(installation: Installation, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    settings = tmp_path / "settings.py"
    settings.write_text(f"import signal\nopen({str(ready)!r}, 'w').close()\nsignal.pause()\n")
    worker = installation.start_worker("download", "write", EXIFINATOR_SETTINGS=str(settings))
    installation.wait_until(ready.exists, [worker])
    worker.send_signal(signal.SIGINT)

    assert worker.wait() == -signal.SIGINT
    assert installation.worker_logs() == ""


def test_workers__images_that_kill_their_process__fail_and_all_others_are_indexed(
    install: Callable[..., Installation], bucket: Bucket
) -> None:
    """Two images kill the worker that decodes them. A new worker replaces each killed one."""
    installation = install(LEASE_SECONDS=3, MAX_DELIVERIES=2)
    for i in range(60):
        bucket.put(f"{i:03}.jpg", make_jpeg(seed=i))
    poison = {f"{i:03}-poison.jpg" for i in (5, 45)}
    for key in poison:
        bucket.put(key, make_jpeg())
    batch = installation.queue_batch(bucket.name)

    def start() -> subprocess.Popen[bytes]:
        return installation.start_worker("download", "write", **poisoned("poison"))

    workers = [start(), start()]
    deaths = []
    for _ in batch.wait():
        for worker in [worker for worker in workers if worker.poll() is not None]:
            deaths.append(worker.returncode)
            workers[workers.index(worker)] = start()

    assert (batch.counts.stored, batch.counts.failed) == (60, len(poison))
    assert set(deaths) == {-signal.SIGKILL}
    jobs = list(installation.store.jobs.collection.find({"status": "failed"}))
    assert {job["params"]["key"] for job in jobs} == poison
    assert {job["exceptiontype"] for job in jobs} == {"KilledWorker"}
    assert all("signal 9" in job["traceback"] for job in jobs)
    assert not {doc["key"] for doc in installation.store.records.collection.find({}, {"key": 1})} & poison
    assert_nothing_is_left(installation)


def test_download__write_queue_is_full__waits_and_continues(
    install: Callable[..., Installation], bucket: Bucket, moto_url: str
) -> None:
    """At first, only a worker for downloads runs, then only one for writes, and then both."""
    images, greenlets, lease_seconds = 80, 40, 600
    body = make_jpeg()
    for i in range(images):
        bucket.put(f"{i:03}.jpg", _with_comment(body, 60_000, i))
    with run_proxy(moto_url) as proxy:
        proxy.answer = gate = Gate(0)
        installation = install(
            S3_ENDPOINT_URL=proxy.url,
            WRITE_QUEUE_MB=1,
            FIRST_READ_BYTES=65536,
            LEASE_SECONDS=lease_seconds,
            GREENLETS=greenlets,
        )
        batch = installation.queue_batch(bucket.name)
        queue, redis = installation.queue, installation.redis
        stored = installation.store.records.collection.count_documents
        limit_bytes = 1 << 20
        refused: defaultdict[bytes, set[float]] = defaultdict(set)

        def waiting_bytes() -> int:
            return int(redis.get(queue.keys.write_bytes) or 0)

        def is_refused_again_and_again() -> bool:
            """Return whether the write queue has refused several images several times.

            Each try extends the lease of a refused image. An image in the write queue is parked instead.
            """
            now = redis.time()[0]
            for member, due in redis.zrange(queue.keys.downloads, 0, -1, withscores=True):
                if now < due <= now + lease_seconds + 1:
                    refused[member].add(due)
            return sum(len(dues) > 4 for dues in refused.values()) > 5 or waiting_bytes() > limit_bytes

        downloads = installation.start_worker("download")
        # S3 holds back all responses until more images are in progress than there is room for. Otherwise, the worker
        # might take no more images when the queue is nearly full.
        installation.wait_until(lambda: installation.control.stats().in_progress == greenlets, watching=[downloads])
        gate.open()
        # There is no room for another image of 60,000 bytes.
        installation.wait_until(lambda: waiting_bytes() > limit_bytes - 70_000, watching=[downloads])
        installation.wait_until(is_refused_again_and_again, watching=[downloads])
        assert waiting_bytes() <= limit_bytes
        assert stored({}) == 0

        downloads.kill()
        downloads.wait()
        pushed = queue.sizes()[1]
        writes = installation.start_worker("write")
        installation.wait_until(lambda: queue.sizes() == (images - pushed, 0), watching=[writes])
        assert 0 < stored({}) == pushed < greenlets
        # The images that the dead worker leased are due again.
        installation.end_leases(bucket.name)
        installation.start_worker("download")

        numbers = installation.finish(batch)

    assert (numbers.stored, numbers.failed) == (images, 0)
    assert_nothing_is_left(installation)


def test_download__write_queue_is_full_and_no_other_worker_runs__continues(
    install: Callable[..., Installation], bucket: Bucket
) -> None:
    installation = install(WRITE_QUEUE_MB=1)
    for i in range(60):
        bucket.put(f"{i:03}.jpg", _with_comment(make_jpeg(), 60_000, i))
    installation.start_worker("download", "write")

    assert installation.run(bucket.name).stored == 60


def _with_comment(jpeg: bytes, size: int, seed: int) -> bytes:
    """Return the JPEG with its EXIF block padded to `size`, as by a large MakerNote.

    The padding is metadata, so it crosses the write queue.
    """
    exif_at = jpeg.index(b"\xff\xe1")
    length = int.from_bytes(jpeg[exif_at + 2 : exif_at + 4], "big")
    padded = jpeg[exif_at + 4 : exif_at + 2 + length] + bytes([seed % 251]) * (size - length)
    return jpeg[:exif_at] + b"\xff\xe1" + (len(padded) + 2).to_bytes(2, "big") + padded + jpeg[exif_at + 2 + length :]
