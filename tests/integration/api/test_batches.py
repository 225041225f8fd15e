"""Batches through the API: each has a process that outlives the API, live counts, and can be cancelled."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exifinator.batches.model import BatchCounts
from exifinator.batches.start import MAX_RUNNING, end_watchers, start_batch
from exifinator.config import ROOT
from tests.integration.api.batches import (
    ExportSettings,
    await_batch,
    in_state,
    open_api_over_small_pages,
    open_batch_api,
    processes_of,
    start,
)
from tests.integration.api.fixtures import NOBODY, TOKEN, Api, run_api
from tests.integration.conftest import Bucket, Installation
from tests.photos import make_jpeg
from tests.s3_proxy import Answer, run_proxy, s3_error

BATCH_FIELDS = {
    "id", "sources", "patterns", "state", "started_at", "updated_at", "numbers", "rate", "seconds_left", "problem",
    "pruned",
}  # fmt: skip


def test_post_batch__bucket_and_prefix__indexes_the_objects_below_the_prefix(
    batch_api: Api, installation: Installation, bucket: Bucket
) -> None:
    bucket.put("2024/a.jpg", make_jpeg(seed=1))
    bucket.put("2024/empty.jpg", b"")
    bucket.put("2023/c.jpg", make_jpeg(seed=3))
    installation.start_worker("download", "write")

    begun = start(batch_api, f"{bucket.name}/2024/")
    assert set(begun) == BATCH_FIELDS
    assert (begun["state"], begun["numbers"]) == ("listing", BatchCounts().as_dict())

    done = await_batch(installation, batch_api, begun["id"], in_state("done"))
    numbers = done["numbers"]
    assert (numbers["listed"], numbers["queued"], numbers["stored"], numbers["damaged"]) == (2, 1, 1, 1)
    assert done["sources"] == [f"s3://{bucket.name}/2024/"]
    assert (done["rate"], done["seconds_left"], done["problem"]) == (None, None, None)
    assert {record["key"] for record in installation.store.records.collection.find()} == {
        "2024/a.jpg",
        "2024/empty.jpg",
    }
    assert batch_api.get("/batches").json() == {"batches": [done], "next": None}


def test_post_batch__request_limit_is_reached__stops_and_reports_the_limit(
    batch_api: Api, installation: Installation, bucket: Bucket
) -> None:
    bucket.put("a.jpg", make_jpeg())
    response = batch_api.client.post("/batches", json={"source": bucket.name, "max_requests": 1})
    assert response.status_code == 202
    # The listing takes the only request, so no worker is needed. Wait for the message: a batch whose process has not
    # started yet may be shown as stopped too.
    batch = await_batch(
        installation, batch_api, response.json()["id"], lambda result: "limit" in str(result["problem"])
    )
    assert batch["state"] == "stopped"
    assert "stopped at its limit of 1 request" in batch["problem"]
    assert (batch["numbers"]["list_requests"], batch["numbers"]["requests"]) == (1, 0)
    assert installation.queue.sizes() == (0, 0)
    # A limit in dollars is refused, because the prices of this S3 server are unknown.
    for body in ({"max_requests": 0}, {"max_dollars": -1}, {"max_dollars": "much"}, {"max_dollars": 5}):
        assert batch_api.client.post("/batches", json={"source": bucket.name, **body}).status_code == 400


def test_post_batch__api_is_terminated__batch_continues(
    batch_api: Api, installation: Installation, bucket: Bucket, tmp_path: Path
) -> None:
    bucket.put("a.jpg", make_jpeg())
    # There is no worker, so that the batch cannot end before the API does.
    with run_api(installation.config, tmp_path, installation.environment) as first:
        batch = start(first, bucket.name)
        await_batch(installation, first, batch["id"], in_state("reading"))
    assert processes_of(batch["id"])
    result = await_batch(installation, batch_api, batch["id"], in_state("reading"))
    assert result["problem"] == "No worker is running; start the workers with ./start_workers.sh"
    installation.start_worker("download", "write")
    assert await_batch(installation, batch_api, batch["id"], in_state("done"))["numbers"]["stored"] == 1


def test_end_watchers__batch_is_running__leaves_it_to_be_resumed(
    installation: Installation,
    bucket: Bucket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    export_settings: ExportSettings,
) -> None:
    """`stop --all` calls end_watchers. Here its processes have another tag, so that those of other tests continue."""
    bucket.put("a.jpg", make_jpeg())
    monkeypatch.setattr("exifinator.batches.start.WATCHER_TAG", f"batches-{installation.name}")
    export_settings(installation)
    batch_id = start_batch(installation.config, installation.store, installation.queue, bucket.name, logs=tmp_path)

    def stored_batch() -> dict[str, Any]:
        return installation.store.batches.find(batch_id) or {}

    installation.wait_until(lambda: stored_batch()["state"] == "reading")
    assert end_watchers()
    assert processes_of(batch_id) == []
    assert (stored_batch()["state"], stored_batch()["owner"]) == ("left", None)
    assert not end_watchers()
    again = installation.queue_batch(bucket.name)
    assert again.id == batch_id
    installation.start_worker("download", "write")
    assert installation.finish(again).stored == 1


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("/etc", "Not a bucket"),
        ("./photos", "Not a bucket"),
        ("..", "Not a bucket"),
        ("~/Pictures", "Not a bucket"),
        ("file:///etc", "Not a bucket"),
        ("s3://", "Not a bucket"),
        ("--dry-run", "Not a bucket"),
        ("-h", "Not a bucket"),
        ("a b", "Not a bucket"),
        ("evil.example:80@x", "Not a bucket"),
        ("bücket", "Not a bucket"),
        ("bucket/\0", "without NUL"),
        ("bucket/\ud800", "unicode string"),
        ("bucket/" + "é" * 600, "at most 1,024 bytes"),
    ],
)
def test_post_batch__invalid_source__is_400(shared_batch_api: Api, source: str, message: str) -> None:
    # JSON can express half of a surrogate pair, which UTF-8 cannot.
    headers = {"Content-Type": "application/json"}
    body = json.dumps({"source": source}).encode()
    answer = shared_batch_api.client.post("/batches", headers=headers, content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json()["parameter"] == "source"
    assert message in answer.json()["detail"]


def test_post_batch__with_patterns__indexes_only_matching_objects_and_shows_the_patterns(
    batch_api: Api, installation: Installation, bucket: Bucket
) -> None:
    for key in ("1/original.jpg", "1/small.jpg", "-x.jpg", "drafts/1/original.jpg"):
        bucket.put(key, make_jpeg())
    installation.start_worker("download", "write")
    patterns = {"include": ["*/original.*", "[-]x.jpg"], "exclude": ["/drafts/"]}
    begun = batch_api.client.post("/batches", json={"source": bucket.name, **patterns})
    assert begun.status_code == 202, begun.text
    assert begun.json()["patterns"] == [{"source": f"s3://{bucket.name}", **patterns}]

    done = await_batch(installation, batch_api, begun.json()["id"], in_state("done"))
    assert done["patterns"] == begun.json()["patterns"]
    assert (done["numbers"]["listed"], done["numbers"]["excluded"], done["numbers"]["stored"]) == (4, 2, 2)
    assert set(installation.records(bucket.name)) == {"1/original.jpg", "-x.jpg"}


@pytest.mark.parametrize(
    ("patterns", "parameter", "message"),
    [
        ({"include": ["[x"]}, "include", "include: the pattern '[x' contains [ without ]"),
        ({"include": ["*.jpg"], "exclude": ["a", "*.{a,b}"]}, "exclude", "exclude: the pattern '*.{a,b}' contains {"),
        ({"include": ["x" * 300]}, "include", "250"),
        ({"exclude": ["x"] * 101}, "exclude", "100"),
        ({"include": [""]}, "include", "1 character"),
        ({"exclude": "*.jpg"}, "exclude", "list"),
    ],
)
def test_post_batch__invalid_patterns__are_400(
    shared_batch_api: Api, patterns: dict[str, Any], parameter: str, message: str
) -> None:
    answer = shared_batch_api.client.post("/batches", json={"source": "no-such-bucket", **patterns})
    assert (answer.status_code, answer.json()["parameter"].split("[")[0].split(".")[0]) == (400, parameter)
    assert message in answer.json()["detail"]


@pytest.mark.parametrize("source", ["no-such-bucket", "s3://no-such-bucket/2024/"])
def test_post_batch__no_such_bucket__is_404(shared_batch_api: Api, source: str) -> None:
    answer = shared_batch_api.client.post("/batches", json={"source": source})
    assert (answer.status_code, answer.json()["parameter"], answer.json()["code"]) == (404, "source", "bucket_gone")
    assert "Bucket not found" in answer.json()["detail"]


def test_post_batch__s3_refuses_the_bucket__is_403(
    install: Callable[..., Installation], bucket: Bucket, moto_url: str
) -> None:
    def refuse(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        return s3_error(403, "AccessDenied")

    with run_proxy(moto_url) as proxy:
        proxy.answer = refuse
        with open_batch_api(install(S3_ENDPOINT_URL=proxy.url)) as api:
            answer = api.client.post("/batches", json={"source": bucket.name})
    assert (answer.status_code, answer.json()["parameter"], answer.json()["code"]) == (403, "source", "access_denied")
    assert "Access denied" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["tests", "exifinator", "logs"])
def test_post_batch__source_has_the_name_of_a_folder__is_looked_up_as_a_bucket(
    shared_batch_api: Api, name: str
) -> None:
    assert (ROOT / name).is_dir()
    assert "Bucket not found" in shared_batch_api.client.post("/batches", json={"source": name}).json()["detail"]


@pytest.mark.parametrize(
    "body", [{}, [], {"source": None}, {"source": ""}, {"source": ["a"]}, {"source": "a", "x": 1}, "a"]
)
def test_post_batch__malformed_body__is_400(shared_batch_api: Api, body: Any) -> None:
    assert shared_batch_api.client.post("/batches", json=body).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:5555"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Referer": "https://evil.example/page"},
    ],
)
def test_change__request_from_a_page_of_another_origin__is_refused(
    shared_batch_api: Api, headers: dict[str, str]
) -> None:
    for method, path in (("POST", "/batches"), ("DELETE", "/batches/20240101-000000-abcdef")):
        answer = shared_batch_api.client.request(method, path, headers=headers, json={"source": "no-such-bucket"})
        assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
        assert answer.json()["code"] == "foreign_origin"


def test_change__request_from_a_page_of_this_origin__is_accepted(shared_batch_api: Api) -> None:
    headers = {"Origin": shared_batch_api.url, "Sec-Fetch-Site": "same-origin"}
    answer = shared_batch_api.client.post("/batches", headers=headers, json={"source": "no-such-bucket"})
    assert "Bucket not found" in answer.json()["detail"]


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_post_batch__content_type_that_foreign_pages_can_send__is_refused(
    shared_batch_api: Api, kind: str | None
) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = shared_batch_api.client.post("/batches", headers=headers, content=b'{"source":"no-such-bucket"}')
    assert answer.status_code in (400, 415)
    assert "bucket for" not in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/batches"), ("POST", "/batches"), ("GET", "/batches/x"), ("DELETE", "/batches/x"), ("HEAD", "/events")],
)
def test_batches__token_is_configured__is_required(guarded_api: Api, method: str, path: str) -> None:
    assert guarded_api.client.request(method, path, json={"source": "a"}).status_code == 401
    allowed = guarded_api.client.request(method, path, headers={"Authorization": f"Bearer {TOKEN}"}, json={})
    assert allowed.status_code in (200, 400, 404)


def test_list_batches__in_pages__are_listed_newest_first(batch_api: Api, installation: Installation) -> None:
    ids = [f"2024010{day}-000000-abcdef" for day in range(1, 6)]
    for batch_id in ids:
        installation.store.batches.save({"_id": batch_id, "sources": ["s3://holiday"], "state": "done"})
    first = batch_api.get("/batches", limit=3).json()
    second = batch_api.get("/batches", limit=3, after=first["next"]).json()
    assert [batch["id"] for batch in first["batches"] + second["batches"]] == ids[::-1]
    assert second["next"] is None
    assert batch_api.get("/batches", after="x").status_code == 400


def test_get_batch__process_exits_at_its_start__reports_the_cause(
    batch_api: Api, installation: Installation, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("a.jpg", make_jpeg())
    # The settings have changed since the API was started.
    monkeypatch.setenv("EXIFINATOR_REDIS_URL", "http://127.0.0.1:9/0")
    batch = start(batch_api, bucket.name)
    reason = "The process of the batch exited with code 2: "
    result = await_batch(installation, batch_api, batch["id"], lambda b: (b["problem"] or "").startswith(reason))
    assert "REDIS_URL" in result["problem"]
    assert result["state"] == "stopped"


def test_get_batch__s3_denies_access_while_listing__reports_it(
    install: Callable[..., Installation], bucket: Bucket, moto_url: str, export_settings: ExportSettings
) -> None:
    for at in range(3):
        bucket.put(f"{at}.jpg", make_jpeg(seed=at))

    def refuse(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        if "continuation-token" in target:
            return s3_error(403, "AccessDenied")
        return answer

    with open_api_over_small_pages(install, export_settings, moto_url, refuse) as (installation, api):
        batch = start(api, bucket.name)
        # On a busy machine, the batch is shown without a process until its process reports why it exited.
        result = await_batch(installation, api, batch["id"], lambda b: "Access denied" in (b["problem"] or ""))
    assert (result["state"], result["numbers"]["listed"]) == ("stopped", 1)


def test_get_batch__workers_have_counted_images__includes_their_counts(
    batch_api: Api, installation: Installation, bucket: Bucket
) -> None:
    for at in range(4):
        bucket.put(f"{at}.jpg", make_jpeg(seed=at))
    bucket.put("empty.jpg", b"")
    batch = installation.queue_batch(bucket.name)
    installation.redis.hset(
        installation.queue.keys.batch_counts_prefix + batch.id, mapping={"ok": 2, "damaged": 1, "requests": 5}
    )
    live = {"rate": 0.5, "updated_at": datetime.now(UTC), "failed_before": 1}
    installation.store.batches.collection.update_one({}, {"$set": live})
    result = batch_api.get(f"/batches/{batch.id}").json()
    numbers = result["numbers"]
    assert (numbers["queued"], numbers["stored"], numbers["damaged"], numbers["requests"]) == (4, 2, 2, 5)
    assert numbers["failed"] == 1
    assert (result["state"], result["rate"], result["seconds_left"]) == ("reading", 0.5, 2.0)


def test_post_batch__s3_is_unavailable__is_503(api: Api) -> None:
    assert api.config.s3_endpoint_url in (None, NOBODY)
    answer = api.client.post("/batches", json={"source": "holiday"})
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert "S3 does not respond" in answer.json()["detail"]


def test_post_batch__too_many_batches_are_running__is_503(
    batch_api: Api, installation: Installation, bucket: Bucket
) -> None:
    now = datetime.now(UTC) + timedelta(minutes=5)
    for at in range(MAX_RUNNING):
        document = {"_id": f"20240101-000000-{at:06x}", "sources": ["s3://a"], "state": "reading", "updated_at": now}
        installation.store.batches.save(document)
    answer = batch_api.client.post("/batches", json={"source": bucket.name})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
