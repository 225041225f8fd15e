"""Batches that are bounded, interrupted, resumed, refused and reconciled, on real servers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from exifinator.batches.model import BatchCounts
from exifinator.batches.runner import Batch
from exifinator.batches.sources import check_sources
from exifinator.config import load_config
from exifinator.errors import AccessDenied, BatchTaken, BucketGone, EXIFinatorError, PermanentError
from exifinator.models import ImageRef, ListedPage, RangeRead
from exifinator.queue.image_queue import ImageQueue
from exifinator.queue.redis_client import connect_redis
from exifinator.sources import listing
from exifinator.sources.s3.client import S3Client
from exifinator.sources.source import Source, parse_source
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from tests.integration.conftest import INTERVALS, Bucket, Installation, SharedInstallation
from tests.photos import make_jpeg
from tests.s3_proxy import Answer, Rules, run_proxy, s3_error
from tests.servers import ROOT, run_made_up_bucket

PAGE = 10


class SmallPages:
    """An S3 whose pages hold ten objects, so that a small bucket has many."""

    def __init__(self, s3: S3Client) -> None:
        self.s3 = s3
        self.asked: list[tuple[str | None, str]] = []

    def endpoint(self, bucket: str) -> str:
        return self.s3.endpoint(bucket)

    def can_list_ranges(self, bucket: str) -> bool:
        return True

    def list_page(
        self, bucket: str, prefix: str, token: str | None, *, start_after: str = "", max_keys: int = PAGE
    ) -> ListedPage:
        self.asked.append((token, start_after))
        return self.s3.list_page(bucket, prefix, token, start_after=start_after, max_keys=min(max_keys, PAGE))


def open_batch(installation: Installation, source: str, **options: Any) -> Batch:
    lister = SmallPages(installation.s3)
    queue = installation.queue
    batch = Batch([parse_source(source)], lister, installation.store, queue, intervals=INTERVALS, **options)
    batch.open()
    return batch


def list_all(batch: Batch) -> Batch:
    for _ in batch.list_and_queue():
        pass
    return batch


def adds_up(n: BatchCounts) -> bool:
    return n.listed == n.folders + n.unchanged + n.stored + n.no_exif + n.unsupported + n.damaged + n.failed


def fill(bucket: Bucket, count: int, prefix: str = "") -> None:
    body = make_jpeg()
    for i in range(count):
        bucket.put(f"{prefix}{i:04}.jpg", body)


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
    """Kill the process (SIGKILL) once it has come this far, and return the id of its batch."""
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
            # It waits, and yields its counts again and again.
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
    for key in list(installation.redis.scan_iter(f"{installation.config.mrq_database}:*")):
        installation.redis.delete(key)
    sizes: list[int] = []
    stalls = 0
    for _ in batch.wait(pause=lambda seconds: None):
        sizes.append(installation.queue.sizes()[0])
        if len(sizes) >= 5 and min(sizes[-5:]) >= 20:
            stalls += 1
            installation.read_queued()
        elif batch.counts.listed == 60 and sizes[-5:] == [sizes[-1]] * 5:
            # The rest, of less than a full queue.
            installation.read_queued()

    assert stalls
    assert max(sizes) < 20 + PAGE
    assert (batch.counts.listed, batch.counts.stored) == (60, 60)


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
    # It might have read everything before the kill.
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
    # The latest of the unwatched batches.
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
        # It is another's now, as far as the first can see.
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
    """Ctrl-C while Redis is away ends as always; so does the end of a batch that waited for Redis in vain."""
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


# --- Refused ----------------------------------------------------------------------------------------------------------


class Refuser:
    """Answers GETs of objects with an error, from the nth on."""

    def __init__(self, code: str, status: int, *, after: int = 0, only: str = "") -> None:
        self.code, self.status, self.after, self.only = code, status, after, only
        self.gets = self.refused = 0
        self.active = True

    def __call__(self, method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        if "list-type" in target or method != "GET":
            return answer
        self.gets += 1
        if not self.active or self.gets <= self.after or self.only not in target:
            return answer
        self.refused += 1
        return s3_error(self.status, self.code)


@pytest.mark.parametrize(
    ("code", "status", "after"),
    [("AccessDenied", 403, 30), ("ExpiredToken", 400, 30), ("AccessDenied", 403, 3)],
    ids=["access", "expired", "nothing stored yet"],
)
def test_batch__credentials_that_stop_working__stop_it_without_a_failed_job(
    shared: SharedInstallation, bucket: Bucket, code: str, status: int, after: int
) -> None:
    fill(bucket, 80)
    for ref in check_sources([Source(bucket.name)], shared.s3):
        shared.queue.refused_buckets.set_probe_object(ref)
    refuser = Refuser(code, status, after=after)
    shared.proxy.buckets[bucket.name] = Rules(answer=refuser)
    with shared.stopped():
        batch = list_all(open_batch(shared, bucket.name))
    with pytest.raises(AccessDenied, match=code) as raised:
        shared.finish(batch)
    batch.detach("stopped", problem=str(raised.value))

    assert shared.failed_jobs(bucket.name) == []
    asked = refuser.refused
    assert asked < 50
    # As long as the refusal holds, S3 is not asked again.
    shared.end_leases(bucket.name)
    shared.wait_until(lambda: not shared.control.stats().due, shared.readers)
    assert refuser.refused <= asked + 20

    refuser.active = False
    again = list_all(open_batch(shared, bucket.name))
    shared.end_leases(bucket.name)
    numbers = shared.finish(again)

    assert again.id == batch.id
    assert (numbers.listed, numbers.stored, numbers.failed) == (80, 80, 0)
    assert len(shared.records(bucket.name)) == 80


def test_batch__one_object_refused__is_one_failed_job(shared: SharedInstallation, bucket: Bucket) -> None:
    fill(bucket, 60)
    shared.proxy.buckets[bucket.name] = Rules(answer=Refuser("AccessDenied", 403, only="0000.jpg"))

    numbers = shared.finish(list_all(open_batch(shared, bucket.name)))

    assert (numbers.listed, numbers.stored, numbers.failed) == (60, 59, 1)
    [job] = shared.failed_jobs(bucket.name)
    assert (job["params"]["key"], job["exceptiontype"]) == ("0000.jpg", "AccessDenied")


def test_take_downloads__refused_bucket__others_are_given_out(installation: Installation) -> None:
    queue = installation.queue
    refs = [ImageRef(name, f"{i}.jpg", "e", 1, datetime.now(UTC)) for name in ("no", "yes") for i in range(9)]
    queue.enqueue(refs)
    queue.refused_buckets.open_circuit("no", "S3 refuses it")

    assert {ImageRef.from_member(each.member).bucket for each in queue.take_downloads(100)} == {"yes"}
    assert queue.refused_buckets.refusals({"no", "yes"}) == {"no": "S3 refuses it"}
    queue.refused_buckets.close_circuits({"no"})
    assert queue.take_downloads(100) == []
    installation.end_leases("no")
    assert len(queue.take_downloads(100)) == 9


CREDENTIALS = """#!/bin/sh
echo x >> "{folder}/calls"
number=$(wc -l < "{folder}/calls")
echo '{{"Version": 1, "AccessKeyId": "KEY'$number'", "SecretAccessKey": "secret", "SessionToken": "token"{expiry}}}'
"""


def use_credentials_of_script(folder: Path, monkeypatch: pytest.MonkeyPatch, expiry: str = "") -> None:
    """Have boto3 run a script for its credentials, which gives another key each time."""
    script = folder / "credentials.sh"
    script.write_text(CREDENTIALS.format(folder=folder, expiry=expiry))
    script.chmod(0o700)
    (folder / "config").write_text(f"[default]\ncredential_process = {script}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "none"))


@pytest.mark.parametrize("client", ["lean", "boto3"])
@pytest.mark.parametrize("expiry", ["", ', "Expiration": "2001-01-01T00:00:00Z"'], ids=["S3 finds out", "known"])
def test_read_range__expired_credentials__are_reloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: Bucket, moto_url: str, client: str, expiry: str
) -> None:
    from exifinator.config import build_config
    from exifinator.sources.s3.fast_client import FastS3Client

    late = ', "Expiration": "\'$(date -u -d "+20 seconds" +%Y-%m-%dT%H:%M:%SZ)\'"' if expiry else ""
    use_credentials_of_script(tmp_path, monkeypatch, late)
    bucket.put("a.jpg", b"0123456789")
    expired: set[str] = set()

    def refuse(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        if not any(f"Credential={key}/" in headers["Authorization"] for key in expired):
            return answer
        return s3_error(400, "ExpiredToken")

    with run_proxy(moto_url) as proxy:
        proxy.answer = refuse
        config = build_config({"S3_ENDPOINT_URL": proxy.url}, {})
        s3 = FastS3Client(config) if client == "lean" else S3Client(config)
        ref = ImageRef(bucket.name, "a.jpg", "", 10, datetime.now(UTC))

        def read() -> RangeRead:
            return s3.read_range(ref, 2, 3)

        assert [read().data for _ in range(3)] == [b"234"] * 3
        calls = len((tmp_path / "calls").read_text().split())
        # What runs out within minutes boto3 renews each time that it is asked for.
        assert (calls > 1) is bool(expiry)
        expired |= {f"KEY{number}" for number in range(1, calls + 1)}
        assert [read().data for _ in range(3)] == [b"234"] * 3
        s3.close()
    used = {headers["Authorization"].split("Credential=")[1].split("/")[0] for _, _, headers in proxy.seen[-2:]}
    assert not used & expired


@pytest.mark.parametrize("client", ["lean", "boto3"])
def test_batch__credentials_that_expire__are_renewed(
    install: Callable[..., Installation],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    client: str,
) -> None:
    """In the middle of the batch S3 calls every key expired that it has seen until then."""
    images = 400
    use_credentials_of_script(tmp_path, monkeypatch)
    keys: list[str] = []
    expired: set[str] = set()
    refused = 0

    def expire(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        nonlocal refused
        key = headers["Authorization"].split("Credential=")[1].split("/")[0]
        keys.append(key)
        if len(keys) == images // 2:
            expired.update(keys)
        if key not in expired:
            return answer
        refused += 1
        return s3_error(400, "ExpiredToken")

    with run_made_up_bucket(images, tmp_path) as url, run_proxy(url) as proxy:
        proxy.answer = expire
        installation = install(
            S3_ENDPOINT_URL=proxy.url,
            AWS_ACCESS_KEY="",
            AWS_SECRET_KEY="",
            S3_CLIENT=client,
            MAX_RETRIES=6,
            GREENLETS=20,
        )
        installation.start_worker("download", "write")
        numbers = installation.run("photos")

    assert (numbers.listed, numbers.stored, numbers.failed) == (images, images, 0)
    assert installation.store.records.collection.count_documents({"status": "ok"}) == images
    assert installation.store.jobs.count_pending() == 0
    # A key is renewed for all images, not for each.
    assert 0 < refused < images // 4


# --- Compared ---------------------------------------------------------------------------------------------------------


class BrokenBucket(SmallPages):
    """An S3 that lists some pages of one bucket, and then none."""

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


def test_batch__no_source_can_be_listed__ends_with_the_error_at_once(
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
