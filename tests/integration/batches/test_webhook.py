"""The webhook at the end of a batch, received by a real HTTP server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from exifinator.batches.webhook import ATTEMPTS
from tests.integration.cli.test_run import Run, run
from tests.integration.conftest import Bucket, SharedInstallation
from tests.photos import make_jpeg
from tests.servers import serving

__all__ = ["run"]


@dataclass
class Receiver:
    """An HTTP server that stores the requests, and responds with each of `statuses` in turn, then with 204."""

    url: str
    statuses: list[int]
    received: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)


@contextmanager
def run_receiver(*statuses: int) -> Iterator[Receiver]:
    receiver = Receiver("", list(statuses))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append((dict(self.headers), json.loads(body)))
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        receiver.url = f"{url}/hook?token=hidden"
        yield receiver


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exifinator.batches.webhook.FIRST_PAUSE_SECONDS", 0.0)


def test_run__batch_is_done__posts_the_summary_until_it_is_accepted(
    shared: SharedInstallation, bucket: Bucket, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("a.jpg", make_jpeg())
    with run_receiver(503, 200) as receiver:
        monkeypatch.setitem(shared.settings, "BATCH_WEBHOOK_URL", receiver.url)
        monkeypatch.setitem(shared.settings, "BATCH_WEBHOOK_SECRET", "s")
        done = run(shared, bucket.name)

    assert done.exit_code == 0, done.output
    # The first request was answered with an error, and the same message was sent again.
    (first, event), (second, again) = receiver.received
    assert event == again
    assert first["webhook-id"] == second["webhook-id"]
    assert first["webhook-signature"].startswith("v1,")
    assert event["type"] == "batch.done"
    assert event["data"]["sources"] == [f"s3://{bucket.name}"]
    assert event["data"]["numbers"]["stored"] == 1


def test_run__receiver_refuses_the_webhook__is_logged_without_its_address(
    shared: SharedInstallation,
    bucket: Bucket,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bucket.put("a.jpg", make_jpeg())
    with run_receiver(*[500] * ATTEMPTS) as receiver:
        monkeypatch.setitem(shared.settings, "BATCH_WEBHOOK_URL", receiver.url)
        done = run(shared, bucket.name)

    assert done.exit_code == 0, done.output
    assert len(receiver.received) == ATTEMPTS
    assert "(status 500)" in caplog.text
    assert "hidden" not in caplog.text + done.output


def test_run__json_events__are_one_object_per_line(shared: SharedInstallation, bucket: Bucket, run: Run) -> None:
    bucket.put("a.jpg", make_jpeg())
    done = run(shared, "--json=events", bucket.name)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {event["type"] for event in events} <= {"note", "progress", "end"}
    assert events[-1]["type"] == "end"
    assert events[-1]["numbers"]["stored"] == 1
    assert any(event["type"] == "progress" and event["phase"] == "listing" for event in events)


def test_run__unknown_value_of_json__is_refused(shared: SharedInstallation, run: Run) -> None:
    assert run(shared, "--json=more", "bucket").exit_code == 2
