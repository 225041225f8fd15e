"""Open, list, watch and verify batches on real servers, also while servers fail. test_resume.py resumes batches."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from exifinator.batches.runner import Batch
from exifinator.errors import AccessDenied, BucketGone, EXIFinatorError, PermanentError, StoreUnavailable
from exifinator.models import BatchDocument, BatchOwner, ListedPage
from exifinator.sources.s3.client import S3Client
from exifinator.sources.source import parse_source
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from tests.integration.batches.batches import adds_up, fill, list_all, open_batch
from tests.integration.batches.elsewhere import PAGE, SmallPages
from tests.integration.conftest import INTERVALS, Bucket, Installation, SharedInstallation
from tests.photos import make_jpeg
from tests.servers import reserve_port, run_redis

# --- Open -------------------------------------------------------------------------------------------------------------


def test_open__redis_is_unavailable_for_a_moment__is_retried(
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


# --- Queue limit, Redis emptied ---------------------------------------------------------------------------------------


def test_list__queue_is_full__waits_until_there_is_room(install: Callable[..., Installation], bucket: Bucket) -> None:
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


def test_list__repeated_after_redis_was_emptied__waits_while_the_queue_is_full(
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
def test_batch__redis_was_emptied__keeps_the_counts_of_indexed_images(
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


# --- Sources that fail, verify ----------------------------------------------------------------------------------------


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
def test_batch__one_source_cannot_be_listed__indexes_the_others(
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


def test_batch__access_to_one_bucket_is_lost_meanwhile__indexes_the_others(
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


def test_batch__no_source_can_be_listed__raises_the_error_at_once(installation: Installation, bucket: Bucket) -> None:
    lister = BrokenBucket(installation.s3, bucket.name, BucketGone("no such bucket"), 0)
    batch = Batch([parse_source(bucket.name)], lister, installation.store, installation.queue, intervals=INTERVALS)
    batch.open()

    with pytest.raises(BucketGone, match=r"^no such bucket$"):
        list_all(batch)


def test_verify__records_were_lost__indexes_those_images_but_no_failed_ones(
    shared: SharedInstallation, bucket: Bucket
) -> None:
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
