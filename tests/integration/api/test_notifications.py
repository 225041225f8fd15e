"""POST /events/s3 and GET /events/counts, with real servers."""

from __future__ import annotations

import json
from collections.abc import Callable

from starlette.testclient import TestClient

from api.app import create_app
from exifinator.metrics import EVENT_OUTCOMES
from tests.integration.conftest import Bucket, Installation
from tests.photos import make_jpeg


def test_post_event__real_servers__queues_the_image_and_counts_the_event(
    install: Callable[..., Installation], bucket: Bucket
) -> None:
    token = "events-token-1234567"
    installation = install(S3_BUCKETS=bucket.name, EVENTS_TOKEN=token)
    bucket.put("a b.jpg", make_jpeg())
    ref = installation.s3.list_page(bucket.name, "", None).refs[0]
    with TestClient(create_app(installation.config), base_url="http://127.0.0.1:3001") as api:
        s3 = {"bucket": {"name": bucket.name}, "object": {"key": "a+b.jpg"}}
        body = json.dumps({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3}]})
        response = api.post("/events/s3", content=body, headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 204
    assert installation.queue.still_queued([ref]) == [True]
    # The API adds its counts to those in Redis when it ends.
    assert installation.control.counts()["events:queued"] >= 1
    with TestClient(create_app(installation.config), base_url="http://127.0.0.1:3001") as api:
        events = api.get("/events/counts").json()["events"]
    counts = [events[outcome] for outcome in EVENT_OUTCOMES]
    assert events["received"] == sum(counts) >= events["queued"] >= 1


def test_event_counts__no_token_for_events_is_set__are_null(installation: Installation) -> None:
    installation.control.add_counts("test", 1, {"events:queued": 3})
    with TestClient(create_app(installation.config), base_url="http://127.0.0.1:3001") as api:
        assert api.get("/events/counts").json() == {"events": None}
