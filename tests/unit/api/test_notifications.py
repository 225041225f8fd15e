"""POST /events/s3: which senders are accepted, and which responses they get."""

from __future__ import annotations

import asyncio
import hmac
import json
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.routes.notifications import MAX_APPLIED, MAX_WAITING
from exifinator.batches.events import AppliedEvents
from exifinator.config import build_config
from exifinator.errors import AccessDenied, EXIFinatorError, QueueUnavailable, RecordRefused, SourceUnavailable
from exifinator.sources.notifications import MAX_BYTES, ObjectEvent

TOKEN = "events-token-1234567"
API_TOKEN = "reader-token-1234567"
SECRET = "secret-of-signatures"
GOOD = {"Authorization": f"Bearer {TOKEN}"}
PUT = {
    "EventName": "s3:ObjectCreated:Put",
    "Key": "photos/a b.jpg",
    "Records": [
        {
            "eventSource": "minio:s3",
            "eventName": "s3:ObjectCreated:Put",
            "s3": {"bucket": {"name": "photos"}, "object": {"key": "a+b.jpg"}},
        }
    ],
}


class FakeApplier:
    """Records the ids of the events that it is given. It can report a failure for each event, or raise an error."""

    def __init__(self, failure: EXIFinatorError | None = None, error: EXIFinatorError | None = None) -> None:
        self.ids: list[str] = []
        self.failure = failure
        self.error = error

    def apply(self, events: Sequence[ObjectEvent]) -> AppliedEvents:
        if self.error:
            raise self.error
        self.ids += [event.id for event in events]
        return AppliedEvents(failures={event.id: self.failure for event in events} if self.failure else {})


def client(applier: FakeApplier, **settings: Any) -> TestClient:
    """Return a client of an API whose lifespan is not entered: it would connect to the servers."""
    app = create_app(build_config(settings, {}))
    app.state.events = applier
    return TestClient(app, base_url="http://127.0.0.1:3001", client=("127.0.0.1", 50_000))


def test_post__right_token__applies_the_notification() -> None:
    applier = FakeApplier()
    api = client(applier, EVENTS_TOKEN=TOKEN, API_TOKEN=API_TOKEN)
    assert api.post("/events/s3", headers=GOOD, json=PUT).status_code == 204
    # Some servers do not declare the body as JSON.
    assert api.post("/events/s3", headers=GOOD, content=json.dumps(PUT)).status_code == 204
    assert applier.ids == ["photos/a b.jpg"] * 2


@pytest.mark.parametrize("headers", [{}, {"Authorization": f"Bearer {API_TOKEN}"}, {"Authorization": f"Basic {TOKEN}"}])
def test_post__other_token__is_refused(headers: dict[str, str]) -> None:
    applier = FakeApplier()
    refused = client(applier, EVENTS_TOKEN=TOKEN, API_TOKEN=API_TOKEN).post("/events/s3", headers=headers, json=PUT)
    assert refused.status_code == 401
    assert applier.ids == []


def signature(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest()}


@pytest.mark.parametrize("settings", [{}, {"EVENTS_TOKEN": TOKEN}])
def test_post__right_signature__applies_the_notification(settings: dict[str, str]) -> None:
    applier, body = FakeApplier(), json.dumps(PUT).encode()
    api = client(applier, EVENTS_HMAC_SECRET=SECRET, **settings)
    assert api.post("/events/s3", headers=signature(body), content=body).status_code == 204
    assert applier.ids == ["photos/a b.jpg"]
    # The token remains an alternative, if there is one.
    assert api.post("/events/s3", headers=GOOD, content=body).status_code == (204 if settings else 401)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signature(json.dumps(PUT).encode() + b" "),
        signature(json.dumps(PUT).encode(), "another-secret-1234"),
        {"X-Hub-Signature-256": "sha256="},
        {"X-Hub-Signature-256": "sha256=\u00e9".encode("latin-1")},
        {"Authorization": f"Bearer {SECRET}"},
        {"X-Hub-Signature-256": "sha256=0", **GOOD},
    ],
)
def test_post__wrong_signature__is_refused(headers: dict[str, Any]) -> None:
    applier = FakeApplier()
    api = client(applier, EVENTS_HMAC_SECRET=SECRET, EVENTS_TOKEN=TOKEN)
    assert api.post("/events/s3", headers=headers, content=json.dumps(PUT)).status_code == 401
    assert applier.ids == []


def test_post__too_large_body_with_a_signature__is_refused_for_its_size() -> None:
    body = b" " * (MAX_BYTES + 1)
    api = client(FakeApplier(), EVENTS_HMAC_SECRET=SECRET)
    assert api.post("/events/s3", headers=signature(body), content=body).status_code == 413


def test_post__signature_without_a_configured_secret__is_refused() -> None:
    body = json.dumps(PUT).encode()
    assert client(FakeApplier(), EVENTS_TOKEN=TOKEN).post("/events/s3", headers=signature(body)).status_code == 401


def test_get__events_token__is_refused() -> None:
    api = client(FakeApplier(), EVENTS_TOKEN=TOKEN, API_TOKEN=API_TOKEN)
    assert api.get("/", headers=GOOD).status_code == 401


@pytest.mark.parametrize("settings", [{}, {"API_TOKEN": API_TOKEN}, {"EVENTS_TOKEN": None}])
def test_post__no_token_is_set__is_not_found(settings: dict[str, Any]) -> None:
    applier = FakeApplier()
    for headers in ({}, GOOD, {"Authorization": f"Bearer {API_TOKEN}"}, {"Authorization": "Bearer None"}):
        assert client(applier, **settings).post("/events/s3", headers=headers, json=PUT).status_code == 404
    assert applier.ids == []


@pytest.mark.parametrize(
    ("applier", "code"),
    [
        (FakeApplier(failure=SourceUnavailable("S3 does not respond")), "s3_unavailable"),
        (FakeApplier(error=QueueUnavailable("Redis does not respond")), "redis_unavailable"),
    ],
)
def test_post__unavailable_server__asks_the_sender_to_retry(applier: FakeApplier, code: str) -> None:
    refused = client(applier, EVENTS_TOKEN=TOKEN).post("/events/s3", headers=GOOD, json=PUT)
    assert (refused.status_code, refused.json()["code"]) == (503, code)


@pytest.mark.parametrize("error", [RecordRefused("MongoDB rejects it"), AccessDenied("S3 denies it")])
def test_post__permanent_error__asks_the_sender_to_retry_after_a_minute(error: EXIFinatorError) -> None:
    refused = client(FakeApplier(error=error), EVENTS_TOKEN=TOKEN).post("/events/s3", headers=GOOD, json=PUT)
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "unavailable", "60")


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"{}", 400), (b"[" * 60_000, 400), (b"\xff", 400), (b" " * (MAX_BYTES + 1), 413)],
)
def test_post__hostile_body__is_refused(body: bytes, status: int) -> None:
    applier = FakeApplier()
    assert client(applier, EVENTS_TOKEN=TOKEN).post("/events/s3", headers=GOOD, content=body).status_code == status
    assert applier.ids == []


def test_post__test_event_of_s3__is_accepted() -> None:
    body = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"}
    assert client(FakeApplier(), EVENTS_TOKEN=TOKEN).post("/events/s3", headers=GOOD, json=body).status_code == 204


class SlowApplier(FakeApplier):
    """Applies events only after the test has set `may_apply`, and counts how many calls run at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.may_apply = threading.Event()
        self.running = 0
        self.max_running = 0
        self.lock = threading.Lock()

    def apply(self, events: Sequence[ObjectEvent]) -> AppliedEvents:
        with self.lock:
            self.running += 1
            self.max_running = max(self.max_running, self.running)
        self.may_apply.wait()
        with self.lock:
            self.running -= 1
        return super().apply(events)


def test_post__more_notifications_than_may_wait__are_refused_with_a_retry_time() -> None:
    applier = SlowApplier()
    allowed = MAX_APPLIED + MAX_WAITING
    app = create_app(build_config({"EVENTS_TOKEN": TOKEN}, {}))
    app.state.events = applier

    async def send_all() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:3001", headers=GOOD) as api:
            posts = [asyncio.ensure_future(api.post("/events/s3", json=PUT)) for _ in range(allowed + 3)]
            refused, _ = await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
            while len(refused) < 3 or applier.running < MAX_APPLIED:
                refused, _ = await asyncio.wait(posts, timeout=0.01)
            applier.may_apply.set()
            return await asyncio.gather(*posts)

    responses = asyncio.run(send_all())
    assert Counter(response.status_code for response in responses) == {204: allowed, 503: 3}
    (refused, *_) = (response for response in responses if response.status_code == 503)
    assert (refused.json()["code"], refused.headers["Retry-After"]) == ("unavailable", "5")
    assert applier.max_running == MAX_APPLIED
