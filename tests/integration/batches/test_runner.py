"""Batches that are bounded, interrupted, resumed, refused and reconciled, on real servers."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from exifinator.batches.model import BatchCounts
from exifinator.batches.runner import Batch
from exifinator.config import load_config
from exifinator.errors import AccessDenied, BatchTaken, BucketGone, EXIFinatorError, PermanentError, StoreUnavailable
from exifinator.models import BatchDocument, BatchOwner, ListedPage
from exifinator.queue.image_queue import ImageQueue
from exifinator.queue.redis_client import connect_redis
from exifinator.sources import listing
from exifinator.sources.s3.client import S3Client
from exifinator.sources.source import parse_source
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from tests.integration.batches.batches import PAGE, SmallPages, fill, list_all, open_batch
from tests.integration.conftest import INTERVALS, Bucket, Installation, SharedInstallation
from tests.photos import make_jpeg
from tests.servers import ROOT, reserve_port, run_redis


def adds_up(n: BatchCounts) -> bool:
    return n.listed == n.folders + n.unchanged + n.stored + n.no_exif + n.unsupported + n.damaged + n.failed


def run_elsewhere(source: str) -> None:
    """List and watch a batch in the process of `watch_elsewhere`, and print its progress line by line."""
    listing.STARVED_SHARE = -1.0
    config = load_config()
    batch = Batch(
        [parse_source(source)],
        SmallPages(S3Client(config)),
        Store(connect_mongodb(config), config),
        ImageQueue(connect_redis(config), config),
        intervals=replace(INTERVALS, save_seconds=0.0),
    )
    batch.open()
    print(batch.id, flush=True)
    for numbers in batch.list_and_queue():
        print("listing", numbers.listed, flush=True)
    for numbers in batch.wait():
        print("reading", numbers.done, flush=True)


def watch_elsewhere(installation: Installation, source: str) -> subprocess.Popen[str]:
    """Start another process that lists and watches a batch."""
    return subprocess.Popen(
        [sys.executable, "-c", f"from tests.integration.batches.test_runner import *; run_elsewhere({source!r})"],
        cwd=ROOT,
        env={**os.environ, **installation.environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_at(process: subprocess.Popen[str], phase: str, count: int) -> str:
    """Kill the process (SIGKILL) at this point of its progress, and return the id of its batch."""
    assert process.stdout is not None
    batch_id = process.stdout.readline().strip()
    for line in process.stdout:
        found, number = line.split()
        if found == phase and int(number) >= count:
            break
    process.kill()
    process.wait()
    process.stdout.close()
    return batch_id


# --- Opened ----------------------------------------------------------------------------------------------------------


def test_open__redis_absent_for_a_moment__is_retried(
    install: Callable[..., Installation], bucket: Bucket, tmp_path: Path
) -> None:
    port = reserve_port()
    here = install(REDIS_URL=f"redis://127.0.0.1:{port}/0")
    batch = here.batch(bucket.name)
    pauses: list[float] = []
    with contextlib.ExitStack() as stack:

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 2:
                stack.enter_context(run_redis(tmp_path, port))

        batch.open(pause=pause)
        assert len(pauses) == 2
        assert here.queue.batches.open_ids() == [batch.id]


@pytest.mark.parametrize("command", ["find", "findAndModify"])
def test_open__mongodb_fails_for_a_moment__is_retried(
    installation: Installation, bucket: Bucket, failing_mongodb_uri: str, command: str
) -> None:
    config = installation.config.model_copy(update={"mongodb_uri": SecretStr(failing_mongodb_uri)})
    with connect_mongodb(config) as client:
        store = Store(client, config)
        batch = Batch([parse_source(bucket.name)], installation.s3, store, installation.queue)
        pauses: list[float] = []
        data = {"failCommands": [command], "errorCode": 50}
        client.admin.command("configureFailPoint", "failCommand", mode={"times": 2}, data=data)
        try:
            batch.open(pause=pauses.append)
            stored = store.batches.find(batch.id)
        finally:
            client.admin.command("configureFailPoint", "failCommand", mode="off")
            client.drop_database(config.mongodb_database)
            client.drop_database(config.mrq_database)

    assert len(pauses) == 2
    assert stored is not None
    assert stored["state"] == "listing"


def test_open__response_to_the_claim_is_lost__resumes_that_batch(
    installation: Installation, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_batch(installation, bucket.name)
    first.detach("left")
    claim, pauses = installation.store.batches.claim, list[float]()

    def claim_and_lose_the_response(batch: BatchDocument, owner: BatchOwner) -> bool:
        assert claim(batch, owner)
        if not pauses:
            raise StoreUnavailable("the connection was closed")
        return True

    monkeypatch.setattr(installation.store.batches, "claim", claim_and_lose_the_response)
    second = installation.batch(bucket.name)
    second.open(pause=pauses.append)

    assert len(pauses) == 1
    assert (second.id, second.resumed) == (first.id, True)


# --- Bounded ----------------------------------------------------------------------------------------------------------


def test_list__queue_full__waits_until_there_is_room(install: Callable[..., Installation], bucket: Bucket) -> None:
    installation = install(MAX_QUEUED=20)
    fill(bucket, 70)
    batch = open_batch(installation, bucket.name)
    seen: list[int] = []
    sizes: list[int] = []
    stalls = 0
    for numbers in batch.list_and_queue(pause=lambda seconds: None):
        seen.append(numbers.listed)
        sizes.append(installation.queue.sizes()[0])
        if len(seen) >= 5 and len(set(seen[-5:])) == 1:
            # The batch waits, and yields its counts again and again.
            stalls += 1
            installation.read_queued()

    assert seen[:7] == [10, 20, 20, 20, 20, 20, 30]
    assert stalls >= 3
    assert max(sizes) < 20 + PAGE
    numbers = installation.finish_here(batch)
    assert (numbers.listed, numbers.stored) == (70, 70)


def test_list__redis_emptied_and_queue_bounded__second_listing_waits_too(
    install: Callable[..., Installation], bucket: Bucket
) -> None:
    installation = install(MAX_QUEUED=20)
    fill(bucket, 60)
    batch = open_batch(installation, bucket.name)
    for _ in batch.list_and_queue(pause=lambda seconds: installation.redis.delete(installation.queue.keys.downloads)):
        pass
    installation.empty_redis()
    sizes: list[int] = []
    stalls = 0
    for _ in batch.wait(pause=lambda seconds: None):
        sizes.append(installation.queue.sizes()[0])
        if len(sizes) >= 5 and min(sizes[-5:]) >= 20:
            stalls += 1
            installation.read_queued()
        elif batch.counts.listed == 60 and sizes[-5:] == [sizes[-1]] * 5:
            # The remaining images do not fill the queue.
            installation.read_queued()

    assert stalls
    assert max(sizes) < 20 + PAGE
    assert (batch.counts.listed, batch.counts.stored) == (60, 60)


@pytest.mark.parametrize("indexed", [10, 20])
def test_batch__redis_emptied__keeps_the_counts_of_what_was_read(
    install: Callable[..., Installation], bucket: Bucket, indexed: int
) -> None:
    installation = install()
    fill(bucket, 30)
    batch = open_batch(installation, bucket.name)
    for numbers in batch.list_and_queue():
        if numbers.listed == indexed:
            installation.read_queued()
    next(batch.wait(pause=lambda seconds: None))
    assert batch.counts.requests == indexed
    installation.empty_redis()

    numbers = installation.finish_here(batch)
    assert (numbers.listed, numbers.stored, numbers.requests) == (30, 30, 30)


# --- Interrupted and resumed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("listed", [30, 120], ids=["page by page", "side by side"])
def test_batch__killed_while_listing__is_resumed(shared: SharedInstallation, bucket: Bucket, listed: int) -> None:
    fill(bucket, 200)
    bucket.put("0000-empty.jpg", b"")
    bucket.put("folder/", b"")
    batch_id = kill_at(watch_elsewhere(shared, bucket.name), "listing", listed)
    before = shared.store.batches.find(batch_id)
    assert before is not None

    batch = open_batch(shared, bucket.name)

    assert batch.resumed
    assert (batch.id, batch.started_at) == (batch_id, before["started_at"])
    assert batch.counts.listed == before["numbers"]["listed"] >= listed - 2 * PAGE
    list_all(batch)
    asked = batch.listings.lister.asked  # type: ignore[attr-defined]
    assert all(token or start for token, start in asked)
    numbers = shared.finish(batch)
    assert adds_up(numbers)
    assert (numbers.listed, numbers.stored, numbers.damaged, numbers.folders) == (202, 200, 1, 1)
    assert (numbers.queued, numbers.unchanged, numbers.failed) == (200, 0, 0)
    assert len(shared.records(bucket.name)) == 201
    after = shared.store.batches.find(batch_id)
    assert after is not None
    assert (after["state"], after["owner"]) == ("done", None)
    assert after["started_at"] == before["started_at"]


def test_batch__killed_while_reading__is_resumed_and_finds_new_objects(
    shared: SharedInstallation, bucket: Bucket
) -> None:
    fill(bucket, 100)
    # The process might have read everything before it was killed.
    with shared.stopped():
        batch_id = kill_at(watch_elsewhere(shared, bucket.name), "reading", 0)
    bucket.put("new.jpg", make_jpeg())

    batch = list_all(open_batch(shared, bucket.name))

    assert batch.id == batch_id
    numbers = shared.finish(batch)
    assert (numbers.listed, numbers.queued, numbers.stored) == (101, 101, 101)
    assert adds_up(numbers)


def test_batch__watched__is_not_taken_over(installation: Installation, bucket: Bucket) -> None:
    fill(bucket, 5)
    first = open_batch(installation, bucket.name)
    process = watch_elsewhere(installation, bucket.name)
    assert process.stdout is not None
    second = process.stdout.readline().strip()
    third = open_batch(installation, bucket.name)
    process.kill()
    process.wait()
    process.stdout.close()

    assert len({first.id, second, third.id}) == 3
    first.detach("left")
    # The latest unwatched batch is resumed.
    assert open_batch(installation, bucket.name).id == second
    assert open_batch(installation, bucket.name).id == first.id


@pytest.mark.parametrize(("silent", "taken"), [(5, False), (300, True)])
def test_batch__of_another_host__is_taken_over_once_it_is_silent(
    installation: Installation, bucket: Bucket, silent: int, taken: bool
) -> None:
    fill(bucket, 5)
    first = open_batch(installation, bucket.name)
    owner = {"host": "elsewhere", "pid": os.getpid(), "started": 0.0}
    silent_since = datetime.now(UTC) - timedelta(seconds=silent)
    installation.store.batches.change(first.id, ["listing"], {"owner": owner, "updated_at": silent_since})

    second = open_batch(installation, bucket.name)

    assert (second.id == first.id) is taken
    if not taken:
        # From the first process's point of view, the batch now belongs to another one.
        with pytest.raises(BatchTaken):
            list_all(first)


@pytest.mark.parametrize(
    ("source", "options"),
    [("{}/00", {}), ("{}", {"verify": True}), ("{}", {"refresh": True})],
    ids=["another prefix", "verify", "refresh"],
)
def test_batch__of_another_kind__is_not_resumed(
    installation: Installation, bucket: Bucket, source: str, options: dict[str, bool]
) -> None:
    first = open_batch(installation, bucket.name)
    first.detach("left")

    assert open_batch(installation, source.format(bucket.name), **options).id != first.id
    assert open_batch(installation, bucket.name).id == first.id


def test_batch__unwatched__is_done_when_a_later_one_ends(shared: SharedInstallation, bucket: Bucket) -> None:
    fill(bucket, 20)
    with shared.stopped():
        first = list_all(open_batch(shared, bucket.name))
        first.detach("reading")
        left = list_all(open_batch(shared, f"{bucket.name}/00"))
        left.detach("left")
        second = open_batch(shared, bucket.name)
        assert second.id != first.id

    shared.finish(list_all(second))

    for batch_id, listed in ((first.id, 20), (left.id, 20)):
        known = shared.store.batches.find(batch_id)
        assert known is not None
        numbers = BatchCounts.from_dict(known["numbers"])
        assert (known["state"], numbers.listed, numbers.stored) == ("done", listed, 20)
        assert adds_up(numbers)
    assert not {first.id, left.id, second.id} & set(shared.queue.batches.open_ids())


def test_batch__left_and_idle__is_closed_by_the_next_run_of_any_bucket(
    installation: Installation, bucket: Bucket, moto_url: str
) -> None:
    fill(bucket, 5)
    first = list_all(open_batch(installation, bucket.name))
    first.detach("left")
    installation.read_queued()
    assert installation.batch(bucket.name).is_idle()

    open_batch(installation, Bucket(moto_url).name)

    known = installation.store.batches.find(first.id)
    assert known is not None
    assert (known["state"], known["numbers"]["stored"]) == ("done", 5)
    assert first.id not in installation.queue.batches.open_ids()


def test_leave__servers_unavailable__raises_nothing(install: Callable[..., Installation], bucket: Bucket) -> None:
    """Ctrl-C while Redis is unavailable ends the run as usual.

    So does the end of a batch that waited for Redis in vain.
    """
    installation = install()
    batch = open_batch(installation, bucket.name)
    batch.queue = install(REDIS_URL="redis://127.0.0.1:1/0").queue
    batch.detach("left")
    known = installation.store.batches.find(batch.id)
    assert known is not None
    assert (known["state"], known["owner"]) == ("left", None)
    config = installation.config.model_copy(update={"mongodb_uri": SecretStr("mongodb://127.0.0.1:1")})
    with connect_mongodb(config, serverSelectionTimeoutMS=50) as client:
        batch.stored.store = Store(client, config)
        batch.detach("left")


# --- Compared ---------------------------------------------------------------------------------------------------------


class BrokenBucket(SmallPages):
    """An S3 client that lists some pages of one bucket, and then fails."""

    def __init__(self, s3: S3Client, bucket: str, error: EXIFinatorError, pages: int) -> None:
        super().__init__(s3)
        self.bucket, self.error, self.pages_left = bucket, error, pages

    def list_page(
        self, bucket: str, prefix: str, token: str | None, *, start_after: str = "", max_keys: int = PAGE
    ) -> ListedPage:
        if bucket == self.bucket:
            self.pages_left -= 1
            if self.pages_left < 0:
                raise self.error
        return super().list_page(bucket, prefix, token, start_after=start_after, max_keys=max_keys)


@pytest.mark.parametrize("pages", [0, 1])
@pytest.mark.parametrize("error", [AccessDenied("denied"), BucketGone("no such bucket"), PermanentError("500")])
def test_batch__source_that_cannot_be_listed__does_not_keep_the_others_from_being_indexed(
    installation: Installation, bucket: Bucket, moto_url: str, error: EXIFinatorError, pages: int
) -> None:
    other = Bucket(moto_url)
    fill(bucket, PAGE + 2)
    fill(other, PAGE + 2)
    lister = BrokenBucket(installation.s3, bucket.name, error, pages)
    sources = [parse_source(bucket.name), parse_source(other.name)]
    batch = Batch(sources, lister, installation.store, installation.queue, intervals=INTERVALS)
    batch.open()

    list_all(batch)
    with pytest.raises(type(error), match=f"{error}.*The other sources were indexed"):
        installation.finish_here(batch)

    assert len(installation.records(other.name)) == PAGE + 2
    batch.detach("stopped", problem=str(error))
    # The next run resumes where the listing of the source stopped.
    resumed = Batch(sources, SmallPages(installation.s3), installation.store, installation.queue, intervals=INTERVALS)
    resumed.open()
    assert resumed.id == batch.id
    assert installation.finish_here(list_all(resumed)).stored == 2 * (PAGE + 2)


def test_batch__one_bucket_refused_meanwhile__does_not_keep_the_others_from_being_indexed(
    installation: Installation, bucket: Bucket, moto_url: str
) -> None:
    other = Bucket(moto_url)
    fill(bucket, PAGE + 2)
    fill(other, PAGE + 2)
    sources = [parse_source(bucket.name), parse_source(other.name)]
    intervals = replace(INTERVALS, stalled_seconds=0.5)
    batch = Batch(sources, SmallPages(installation.s3), installation.store, installation.queue, intervals=intervals)
    batch.open()
    list_all(batch)
    installation.queue.refused_buckets.open_circuit(bucket.name, "the key has expired")

    with pytest.raises(AccessDenied, match=r"the key has expired\. The other sources were indexed"):
        installation.finish_here(batch)

    assert (len(installation.records(bucket.name)), len(installation.records(other.name))) == (0, PAGE + 2)
    assert installation.failed_jobs(bucket.name) == []


def test_batch__no_source_can_be_listed__ends_with_the_error_immediately(
    installation: Installation, bucket: Bucket
) -> None:
    lister = BrokenBucket(installation.s3, bucket.name, BucketGone("no such bucket"), 0)
    batch = Batch([parse_source(bucket.name)], lister, installation.store, installation.queue, intervals=INTERVALS)
    batch.open()

    with pytest.raises(BucketGone, match=r"^no such bucket$"):
        list_all(batch)


def test_verify__records_lost__are_read_and_failures_are_left(shared: SharedInstallation, bucket: Bucket) -> None:
    fill(bucket, 20)
    bucket.put("gone.jpg", make_jpeg())
    with shared.stopped():
        batch = list_all(open_batch(shared, bucket.name))
        bucket.delete("gone.jpg")
    shared.finish(batch)
    bucket.put("gone.jpg", make_jpeg())
    lost = [f"{bucket.name}/{key}" for key in ("0003.jpg", "0007.jpg")]
    shared.store.records.collection.delete_many({"_id": {"$in": lost}})

    batch = list_all(open_batch(shared, bucket.name, verify=True))
    assert (batch.counts.queued, batch.counts.failed, batch.tally.done_when_listed) == (2, 1, 1)
    numbers = shared.finish(batch)

    assert (numbers.listed, numbers.stored, numbers.unchanged, numbers.failed) == (21, 2, 18, 1)
    assert adds_up(numbers)
    assert [job["exceptiontype"] for job in shared.failed_jobs(bucket.name)] == ["ObjectGone"]
    numbers = shared.finish(list_all(open_batch(shared, bucket.name, verify=True)))
    assert (numbers.queued, numbers.unchanged, numbers.failed) == (0, 20, 1)
