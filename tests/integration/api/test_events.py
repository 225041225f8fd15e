"""GET /events: what a listener receives, how many listeners there may be, and how streams end."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from pydantic import SecretStr

from api.routes.events import MAX_LISTENERS
from exifinator.config import Config
from tests.integration.api.fixtures import WireApi, open_api, run_api, serve_api
from tests.integration.conftest import Installation
from tests.waiting import eventually


@pytest.fixture
def event_api(installation: Installation) -> Iterator[WireApi]:
    """Yield the API on a socket, because these tests disconnect from streams and wait until streams end."""
    with serve_api(installation.config) as running:
        yield running


@contextlib.contextmanager
def listen(api: WireApi) -> Iterator[Iterator[dict[str, Any]]]:
    """Yield the blocks of the event stream, each as field -> value, without comments."""
    with httpx.stream("GET", f"{api.url}/events", timeout=None, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"
        yield blocks(answer)


def blocks(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    text = ""
    for part in answer.iter_text():
        *whole, text = (text + part).split("\n\n")
        for block in whole:
            fields = dict(line.split(": ", 1) for line in block.split("\n"))
            # A stream that has sent nothing for a while sends a comment.
            if "" not in fields:
                yield fields


def save(installation: Installation, batch_id: str, state: str, *, stored: int = 0, ago: float = 0) -> None:
    at = datetime.now(UTC) - timedelta(seconds=ago)
    numbers = {"listed": 10, "queued": 10, "stored": stored}
    document = {"_id": batch_id, "sources": ["s3://a"], "state": state, "updated_at": at, "numbers": numbers}
    installation.store.batches.save(document)


def test_events__batch_changes__is_sent_to_the_listener(event_api: WireApi, installation: Installation) -> None:
    save(installation, "20240101-000000-aaaaaa", "done", ago=300)
    save(installation, "20240102-000000-bbbbbb", "done", ago=10)
    save(installation, "20240103-000000-cccccc", "reading")
    with listen(event_api) as stream:
        assert next(stream) == {"retry": "3000"}
        first = next(stream)
        assert first["event"] == "batches"
        sent = json.loads(first["data"])
        by_id = {batch["id"]: batch for batch in sent["batches"]}
        assert list(by_id) == ["20240103-000000-cccccc", "20240102-000000-bbbbbb"]
        assert event_api.get("/batches/20240103-000000-cccccc").json() == by_id["20240103-000000-cccccc"]

        for stored in (3, 7):
            save(installation, "20240103-000000-cccccc", "reading", stored=stored)
            # On a busy machine, a batch that ended a while ago may leave the stream, which is a change too.
            counts = (json.loads(block["data"])["batches"][0]["numbers"]["stored"] for block in stream)
            assert stored in counts


def test_events__head_request__has_no_body(event_api: WireApi) -> None:
    answer = event_api.client.head("/events")
    assert (answer.status_code, answer.content) == (200, b"")


def test_events__api_is_terminated__streams_end_without_an_error(installation: Installation, tmp_path: Path) -> None:
    with run_api(installation.config, tmp_path, installation.environment) as api, listen(api) as stream:
        next(stream), next(stream)
        assert api.process is not None
        api.process.send_signal(signal.SIGTERM)
        # A stream that is cut off raises an error here.
        assert list(stream) == []
        api.process.wait()
    log = (tmp_path / f"api-{api.port}.log").read_text()
    assert "Traceback" not in log
    # The server did not have to cut off any stream at its end.
    assert "exceeded" not in log


def test_events__too_many_listeners__are_503_until_others_disconnect(event_api: WireApi) -> None:
    links = []
    try:
        for _ in range(MAX_LISTENERS):
            link = event_api.connect()
            link.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            links.append(link)
        for link in links:
            assert b"200 OK" in link.recv(65536)
        refused = event_api.get("/events")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
        assert refused.headers["content-type"] == "application/problem+json"
        assert event_api.get("/healthz").status_code == 200
    finally:
        for link in links:
            link.close()

    def is_accepted() -> bool:
        with httpx.stream("GET", f"{event_api.url}/events", timeout=None) as again:
            return again.status_code == 200

    eventually(is_accepted)


def test_events__mongodb_is_unavailable__is_503(library: Config) -> None:
    with open_api(library.model_copy(update={"mongodb_uri": SecretStr("mongodb://127.0.0.1:9/")})) as api:
        for path in ("/events", "/batches"):
            answer = api.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
