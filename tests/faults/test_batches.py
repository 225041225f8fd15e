"""Whole batches whose bucket refuses, moves or kills; whose workers are asked to end, or wait for one another."""

from __future__ import annotations

import re
import shlex
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from exifinator.errors import AccessDenied
from tests.faults.conftest import IMAGES, PHOTOS, Document, Site, assert_each_read_once, assert_whole, finish_whole
from tests.integration.conftest import Installation
from tests.s3_proxy import Answer, Proxy, s3_error

pytestmark = pytest.mark.faults

KEY = re.compile(r"Credential=(\w+)/")
REGION = re.compile(r"Credential=\w+/\d+/([\w-]+)/")
# Every run of it gives another key.
CREDENTIALS = """#!/bin/sh
echo x >> {folder}/calls
number=$(wc -l < {folder}/calls)
echo '{{"Version": 1, "AccessKeyId": "KEY'$number'", "SecretAccessKey": "secret", "SessionToken": "token"}}'
"""


# --- The bucket -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", ["lean", "boto3"])
def test_batch__credentials_that_expire__are_renewed(
    install: Callable[..., Installation],
    proxy: Proxy,
    undisturbed: dict[str, Document],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    client: str,
) -> None:
    """In the middle of the batch S3 calls every key expired that it has seen until then."""
    script = tmp_path / "credentials.sh"
    script.write_text(CREDENTIALS.format(folder=shlex.quote(str(tmp_path))))
    script.chmod(0o700)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {script}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    keys: list[str] = []
    expired: set[str] = set()
    refused = 0

    def expire(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        nonlocal refused
        found = KEY.search(headers.get("Authorization", ""))
        assert found is not None
        keys.append(found[1])
        if len(keys) == IMAGES // 2:
            expired.update(keys)
        if found[1] not in expired:
            return answer
        refused += 1
        return s3_error(400, "ExpiredToken")

    proxy.answer = expire
    here = install(S3_ENDPOINT_URL=proxy.url, AWS_ACCESS_KEY="", AWS_SECRET_KEY="", S3_CLIENT=client, MAX_RETRIES=6)
    here.start_worker("download", "write")
    assert finish_whole(here, here.queue_batch(PHOTOS), undisturbed).stored == IMAGES
    assert 0 < refused < IMAGES // 4


def test_batch__bucket_in_another_region__is_whole(
    install: Callable[..., Installation], proxy: Proxy, undisturbed: dict[str, Document]
) -> None:
    signed_for: list[str] = []

    def elsewhere(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        found = REGION.search(headers.get("Authorization", ""))
        assert found is not None
        signed_for.append(found[1])
        if found[1] == "eu-west-3":
            return answer
        return s3_error(400, "AuthorizationHeaderMalformed", more="<Region>eu-west-3</Region>")

    proxy.answer = elsewhere
    here = install(S3_ENDPOINT_URL=proxy.url)
    here.start_worker("download", "write")
    assert finish_whole(here, here.queue_batch(PHOTOS), undisturbed).stored == IMAGES
    # Asked in the wrong region a few times, not for each image.
    assert signed_for.count("eu-west-3") > IMAGES
    assert len(signed_for) - signed_for.count("eu-west-3") < IMAGES // 10


def test_batch__bucket_that_refuses_after_300_images__stops_and_goes_on_when_allowed(
    install: Callable[..., Installation], proxy: Proxy, undisturbed: dict[str, Document]
) -> None:
    gets = refused = 0
    allowed = False

    def refuse(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        nonlocal gets, refused
        if "list-type" in target:
            return answer
        gets += 1
        if gets <= 300 or allowed:
            return answer
        refused += 1
        return s3_error(403, "AccessDenied")

    proxy.answer = refuse
    here = install(S3_ENDPOINT_URL=proxy.url, GREENLETS=20)
    batch = here.queue_batch(PHOTOS)
    here.start_worker("download", "write")
    with pytest.raises(AccessDenied, match="AccessDenied") as raised:
        here.finish(batch, 100)
    batch.leave("stopped", problem=str(raised.value))
    assert here.store.jobs.count_documents({"params.bucket": PHOTOS}) == 0
    assert refused < 100

    allowed = True
    again = here.queue_batch(PHOTOS)
    assert again.id == batch.id
    assert finish_whole(here, again, undisturbed).stored == IMAGES


def test_batch__poisonous_images__are_failed_and_the_others_stored(
    site: Callable[..., Site], undisturbed: dict[str, Document]
) -> None:
    """Two images kill whatever worker decodes them; the keeper starts another worker."""
    here = site(MAX_DELIVERIES=3)
    for _ in range(2):
        here.keep_worker("download", "write", EXIFINATOR_TEST_POISON="IMG_00000050")
    poisoned = {name for name in undisturbed if "IMG_00000050" in name}
    assert len(poisoned) == 10

    numbers = here.installation.run(PHOTOS, seconds=280)

    assert (numbers.stored, numbers.failed) == (IMAGES - len(poisoned), len(poisoned))
    jobs = list(here.installation.store.jobs.find({"status": "failed"}))
    assert {f"{PHOTOS}/{job['params']['key']}" for job in jobs} == poisoned
    assert {job["exceptiontype"] for job in jobs} == {"KilledWorker"}
    assert_whole(here, undisturbed)


# --- The workers ------------------------------------------------------------------------------------------------------


def test_batch__workers_asked_to_end_ten_times__is_whole(
    install: Callable[..., Installation], undisturbed: dict[str, Document], photos_url: str
) -> None:
    """SIGTERM, Ctrl-C, or both; with a lease that outlasts the test, so that nothing comes back by itself."""
    here = install(S3_ENDPOINT_URL=photos_url, LEASE_SECONDS=3600, GREENLETS=40)
    batch = here.queue_batch(PHOTOS)
    ways = [
        [signal.SIGTERM],
        [signal.SIGINT],
        [signal.SIGINT, signal.SIGTERM],
        [signal.SIGTERM] * 2,
        [signal.SIGINT] * 2,
    ]
    for signals in ways * 2:
        before = here.store.images.count_documents({})
        worker = here.start_worker("download", "write")
        here.wait_until(lambda before=before: here.store.images.count_documents({}) > before + 20)
        for each in signals:
            worker.send_signal(each)
        assert worker.wait(15) == 0
    assert here.store.images.count_documents({}) < IMAGES
    here.start_worker("download", "write")

    assert finish_whole(here, batch, undisturbed, 100).stored == IMAGES


def test_batch__write_workers_away__queue_stays_bounded_and_all_goes_on(
    install: Callable[..., Installation], undisturbed: dict[str, Document], photos_url: str
) -> None:
    here = install(S3_ENDPOINT_URL=photos_url, WRITE_QUEUE_MB=1, LEASE_SECONDS=3)
    batch = here.queue_batch(PHOTOS)
    here.start_worker("download")
    most = 0

    def waiting() -> int:
        return int(here.redis.get(here.queue.write_bytes_key) or 0)

    here.wait_until(lambda: waiting() >= 1 << 20)
    for _ in range(100):  # ten seconds, three leases
        most = max(most, waiting())
        time.sleep(0.1)
    assert most <= 1.2 * (1 << 20)
    assert here.store.images.count_documents({}) == 0
    here.start_worker("write")

    assert finish_whole(here, batch, undisturbed).stored == IMAGES


def test_batch__download_workers_away__writers_wait_and_all_goes_on(
    install: Callable[..., Installation], undisturbed: dict[str, Document], photos_url: str
) -> None:
    here = install(S3_ENDPOINT_URL=photos_url, LEASE_SECONDS=3)
    batch = here.queue_batch(PHOTOS)
    here.start_worker("write")
    downloads = here.start_worker("download")
    here.wait_until(lambda: here.store.images.count_documents({}) > 100)
    downloads.kill()
    downloads.wait()
    time.sleep(8)
    assert here.store.images.count_documents({}) < IMAGES
    here.start_worker("download")

    assert finish_whole(here, batch, undisturbed).stored == IMAGES


def test_batches__two_at_once_over_one_bucket__read_each_image_once(
    install: Callable[..., Installation], proxy: Proxy, undisturbed: dict[str, Document]
) -> None:
    here = install(S3_ENDPOINT_URL=proxy.url)
    first = here.queue_batch(PHOTOS)
    here.start_worker("download", "write")
    here.wait_until(lambda: here.store.images.count_documents({}) > 50)
    second = here.queue_batch(PHOTOS)
    here.start_worker("download", "write")

    a, b = here.finish(first, 200), here.finish(second, 200)

    assert (a.stored, a.failed) == (IMAGES, 0)
    assert b.stored + b.unchanged == IMAGES
    assert_each_read_once(proxy)
    assert_whole(here, undisturbed)
