"""Batches during which S3 refuses the credentials, a bucket or an object."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exifinator.batches.sources import check_sources
from exifinator.errors import AccessDenied
from exifinator.models import ImageRef, RangeRead
from exifinator.sources.s3.client import S3Client
from exifinator.sources.source import Source
from tests.integration.batches.batches import fill, list_all, open_batch
from tests.integration.conftest import Bucket, Installation, SharedInstallation
from tests.integration.credential_process import use_credential_process
from tests.s3_proxy import Answer, Rules, run_proxy, s3_error
from tests.servers import run_made_up_bucket


class Refuser:
    """Answers GETs of objects whose target contains `only` with an error, after the first `after` GETs."""

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
def test_batch__credentials_stop_working__stops_without_a_failed_job(
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
    # While access is denied, workers send few further requests to S3.
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


def test_batch__s3_refuses_one_object__has_one_failed_job(shared: SharedInstallation, bucket: Bucket) -> None:
    fill(bucket, 60)
    shared.proxy.buckets[bucket.name] = Rules(answer=Refuser("AccessDenied", 403, only="0000.jpg"))

    numbers = shared.finish(list_all(open_batch(shared, bucket.name)))

    assert (numbers.listed, numbers.stored, numbers.failed) == (60, 59, 1)
    [job] = shared.failed_jobs(bucket.name)
    assert (job["params"]["key"], job["exceptiontype"]) == ("0000.jpg", "AccessDenied")


def test_take_downloads__one_bucket_is_refused__delivers_only_images_of_others(installation: Installation) -> None:
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
    """Make boto3 get its credentials from a script, which returns a new access key each time."""
    use_credential_process(folder, CREDENTIALS.format(folder=folder, expiry=expiry), monkeypatch)


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
        # boto3 fetches new credentials for each request if the current ones expire within minutes.
        assert (calls > 1) is bool(expiry)
        expired |= {f"KEY{number}" for number in range(1, calls + 1)}
        assert [read().data for _ in range(3)] == [b"234"] * 3
        s3.close()
    used = {headers["Authorization"].split("Credential=")[1].split("/")[0] for _, _, headers in proxy.seen[-2:]}
    assert not used & expired


@pytest.mark.parametrize("client", ["lean", "boto3"])
def test_batch__credentials_expire__renews_them(
    install: Callable[..., Installation],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    client: str,
) -> None:
    """Halfway through the batch, all access keys that were used so far expire."""
    images = 120
    use_credentials_of_script(tmp_path, monkeypatch)
    keys: list[str] = []
    expired: set[str] = set()
    refused = 0
    # The proxy has a thread for each connection.
    lock = threading.Lock()

    def expire(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        nonlocal refused
        key = headers["Authorization"].split("Credential=")[1].split("/")[0]
        with lock:
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
            GREENLETS=10,
        )
        installation.start_worker("download", "write")
        numbers = installation.run("photos")

    assert (numbers.listed, numbers.stored, numbers.failed) == (images, images, 0)
    assert installation.store.records.collection.count_documents({"status": "ok"}) == images
    assert installation.store.jobs.count_pending() == 0
    # The key is renewed once for all images, not once per image.
    assert 0 < refused < images // 4
