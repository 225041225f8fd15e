"""Cancel batches: during listing or indexing, when no process watches them (detached), or after their process died."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.api.batches import (
    ExportSettings,
    await_batch,
    in_state,
    open_api_over_small_pages,
    processes_of,
    start,
)
from tests.integration.api.fixtures import Api
from tests.integration.conftest import Bucket, Installation
from tests.photos import make_jpeg
from tests.s3_proxy import Answer

LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


def queued_keys(installation: Installation) -> set[str]:
    """Return the object keys in the download queue."""
    members: Any = installation.redis.zrange(installation.queue.keys.downloads, 0, -1)
    return {member.split(b"\x1f")[-1].decode() for member in members}


def test_cancel__images_wait_for_workers__removes_them_and_keeps_the_counts(
    batch_api: Api, installation: Installation, bucket: Bucket
) -> None:
    for at in range(5):
        bucket.put(f"{at}.jpg", make_jpeg(seed=at))
    batch = start(batch_api, bucket.name)
    await_batch(installation, batch_api, batch["id"], lambda b: b["state"] == "reading" and b["numbers"]["queued"] == 5)

    answer = batch_api.client.delete(f"/batches/{batch['id']}")
    assert answer.status_code == 202
    assert answer.json()["state"] in ("cancelling", "cancelled")
    cancelled = await_batch(installation, batch_api, batch["id"], in_state("cancelled"))

    assert (cancelled["numbers"]["queued"], cancelled["numbers"]["stored"]) == (5, 0)
    assert queued_keys(installation) == set()
    # The state is stored before the batch is closed in Redis.
    installation.wait_until(lambda: not processes_of(batch["id"]))
    assert installation.queue.batches.open_ids() == []
    again = batch_api.client.delete(f"/batches/{batch['id']}")
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")
    assert again.json()["code"] == "batch_ended"
    assert "cancelled" in again.json()["detail"]


def test_cancel__listing_without_end__is_stopped(
    install: Callable[..., Installation], bucket: Bucket, moto_url: str, export_settings: ExportSettings
) -> None:
    for at in range(2):
        bucket.put(f"{at:09}.jpg", make_jpeg(seed=at))
    first: list[Answer] = []
    pages: list[str] = []

    def list_on(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        """Return pages without end: each is like the first one, with another key and another continuation token."""
        if "continuation-token" in target:
            pages.append(target)
            number = b"%09d" % len(pages)
            body = re.sub(rb"(<Key>).*?(\.jpg</Key>)", rb"\g<1>" + number + rb"\g<2>", first[0].body)
            body = re.sub(rb"(<NextContinuationToken>).*?<", rb"\g<1>" + number + rb"<", body)
            return replace(first[0], headers={**first[0].headers, "content-length": str(len(body))}, body=body)
        if b"<NextContinuationToken>" in answer.body:
            first.append(answer)
        return answer

    with open_api_over_small_pages(install, export_settings, moto_url, list_on) as (installation, api):
        batch = start(api, bucket.name)
        installation.wait_until(lambda: pages)
        # A process that has reported nothing for a while, on a busy machine, counts as dead.
        assert api.client.delete(f"/batches/{batch['id']}").json()["state"] in ("cancelling", "cancelled")
        cancelled = await_batch(installation, api, batch["id"], in_state("cancelled"))
    # `pages` lacks the first page, because the request for it has no token. The listing fetches ahead, so it may have
    # dropped the last pages.
    assert 0 < cancelled["numbers"]["listed"] <= len(pages) + 1
    assert queued_keys(installation) == set()


def test_cancel__images_of_another_batch__are_still_indexed(
    batch_api: Api, installation: Installation, bucket: Bucket
) -> None:
    for key in ("2023/a.jpg", "2024/b.jpg", "2024/c.jpg"):
        bucket.put(key, make_jpeg())
    other = installation.queue_batch(f"{bucket.name}/2024/")
    batch = start(batch_api, bucket.name)
    await_batch(installation, batch_api, batch["id"], in_state("reading"))
    assert queued_keys(installation) == {"2023/a.jpg", "2024/b.jpg", "2024/c.jpg"}

    batch_api.client.delete(f"/batches/{batch['id']}")
    await_batch(installation, batch_api, batch["id"], in_state("cancelled"))

    assert queued_keys(installation) == {"2024/b.jpg", "2024/c.jpg"}
    installation.start_worker("download", "write")
    assert installation.finish(other).stored == 2
    assert installation.store.records.collection.count_documents({}) == 2


def test_cancel__pending_retries__are_dropped(batch_api: Api, installation: Installation, bucket: Bucket) -> None:
    jobs = [
        {"status": "retry", "params": {"bucket": bucket.name, "key": "2024/(a+b).jpg"}},
        {"status": "queued", "params": {"bucket": bucket.name, "key": "2024/(c).jpg"}},
        {"status": "failed", "params": {"bucket": bucket.name, "key": "2024/(d).jpg"}},
        {"status": "retry", "params": {"bucket": bucket.name, "key": "2023/(e).jpg"}},
        {"status": "retry", "params": {"bucket": "another", "key": "2024/(f).jpg"}},
    ]
    installation.store.jobs.collection.insert_many(jobs)
    bucket.put("2024/(a+b).jpg", make_jpeg())
    batch = installation.batch(f"{bucket.name}/2024/(")
    batch.open()
    assert batch_api.client.delete(f"/batches/{batch.id}").status_code == 202
    installation.finish(batch)
    left = {job["params"]["key"] for job in installation.store.jobs.collection.find()}
    assert left == {"2024/(d).jpg", "2023/(e).jpg", "2024/(f).jpg"}


@pytest.mark.parametrize("phase", ["listing", "reading"])
def test_cancel__process_of_the_batch_is_dead__cancels_at_once(
    batch_api: Api, installation: Installation, bucket: Bucket, phase: str
) -> None:
    for at in range(3):
        bucket.put(f"{at}.jpg", make_jpeg(seed=at))
    batch = installation.queue_batch(bucket.name)
    # A process that was killed a while ago leaves this state behind.
    installation.store.batches.collection.update_one({}, {"$set": {"state": phase, "updated_at": LONG_AGO}})
    result = batch_api.get(f"/batches/{batch.id}").json()
    assert result["state"] == {"listing": "stopped", "reading": "left"}[phase]
    # Without a process, a listing stops. The queued images wait for a worker.
    assert {"listing": "has exited", "reading": "No worker is running"}[phase] in result["problem"]

    answer = batch_api.client.delete(f"/batches/{batch.id}")

    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
    assert queued_keys(installation) == set()
    assert installation.queue.batches.open_ids() == []
    assert batch_api.client.delete(f"/batches/{batch.id}").status_code == 409


def test_cancel__process_of_the_batch_is_dead__waits_for_images_in_progress(
    batch_api: Api, installation: Installation, bucket: Bucket
) -> None:
    bucket.put("a.jpg", make_jpeg())
    bucket.put("b.jpg", make_jpeg())
    batch = installation.queue_batch(bucket.name)
    (taken,) = installation.queue.take_downloads(1)
    installation.store.batches.collection.update_one({}, {"$set": {"updated_at": LONG_AGO}})

    assert batch_api.client.delete(f"/batches/{batch.id}").json()["state"] == "cancelling"
    assert len(queued_keys(installation)) == 1

    # The worker never finishes. When the lease has expired, its image is dropped.
    lease = timedelta(seconds=installation.config.lease_seconds)
    installation.store.batches.collection.update_one(
        {}, {"$set": {"cancel_requested_at": datetime.now(UTC) - lease - lease}}
    )
    assert batch_api.get(f"/batches/{batch.id}").json()["state"] == "cancelled"
    assert queued_keys(installation) == set()
    assert installation.queue.push_metadata([(taken, b"x")]) == [2]


def test_cancel__detached_batch__is_refused_only_after_the_queue_has_closed_it(
    batch_api: Api, installation: Installation, bucket: Bucket
) -> None:
    bucket.put("a.jpg", make_jpeg())
    first, second = installation.queue_batch(bucket.name), installation.queue_batch(bucket.name)
    first.detach("left")
    second.detach("left")
    installation.queue.batches.close(second.id)
    assert batch_api.client.delete(f"/batches/{second.id}").status_code == 409
    assert batch_api.client.delete(f"/batches/{first.id}").json()["state"] == "cancelled"


def test_cancel__unknown_batch__is_404(shared_batch_api: Api) -> None:
    for method in ("GET", "DELETE"):
        assert shared_batch_api.client.request(method, "/batches/20200101-000000-aaaaaa").status_code == 404
