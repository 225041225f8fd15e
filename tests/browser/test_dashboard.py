"""The page of the installed MRQ behind EXIFinator's guard, with a stand-in for MRQ's API that has one failed job."""

from __future__ import annotations

import importlib.util
import json
import mimetypes
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from playwright.sync_api import Browser, expect
from werkzeug.wrappers import Request, Response

from exifinator.dashboard.guard import Guard
from tests.browser.conftest import Explorer
from tests.servers import serving

MRQ_FILES = Path(str(importlib.util.find_spec("mrq").origin)).parent / "dashboard"  # type: ignore[union-attr]

# The id of an image's job is a hash, so it contains no time.
JOB = {
    "_id": "ffeeddccbbaa998877665544",
    "path": "exifinator.tasks.Download",
    "params": {"key": "a.jpg"},
    "status": "failed",
    "queue": "download",
    "datequeued": f"{datetime.now(UTC) - timedelta(hours=3):%Y-%m-%dT%H:%M:%S}.123000",
}


# Serves MRQ's page and files, and responses of its API.
@Request.application
def serve_mrq_page(request: Request) -> Response:
    if request.path == "/":
        page = (MRQ_FILES / "templates/index.html").read_text()
        return Response(page.replace("{{ MRQ_CONFIG|safe }}", "{}"), mimetype="text/html")
    if request.path.startswith("/static/"):
        file = MRQ_FILES / request.path.removeprefix("/")
        media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return Response(file.read_bytes(), mimetype=media_type) if file.is_file() else Response("", 404)
    rows = [JOB] if request.path == "/api/datatables/jobs" else []
    table = {"aaData": rows, "iTotalDisplayRecords": len(rows), "sEcho": request.args.get("sEcho", 1)}
    return Response(json.dumps({"workergroups": {}, **table}), mimetype="application/json")


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def dashboard(browser: Browser) -> Iterator[Explorer]:
    """Yield the dashboard. A test fails if its page logs an error, such as a blocked script or font."""
    server = make_server(
        "127.0.0.1", 0, Guard(serve_mrq_page, auth=None, bind_host="127.0.0.1"), handler_class=QuietHandler
    )
    with serving(server) as url:
        dashboard = Explorer(url, browser)
        with dashboard.contexts:
            yield dashboard
            dashboard.finish()


def test_worker_groups__tab_key__inserts_a_tab_and_shift_tab_leaves(dashboard: Explorer) -> None:
    page = dashboard.open("/#workergroups")
    text = page.locator(".js-page-workergroups textarea")
    expect(text).to_have_value("{}")
    text.focus()
    text.press("End")
    text.press("Tab")
    page.keyboard.type("x")
    expect(text).to_have_value("{}\tx")
    expect(text).to_be_focused()

    text.press("Shift+Tab")
    expect(text).not_to_be_focused()


def test_jobs__job_of_an_image__shows_when_it_was_queued(dashboard: Explorer) -> None:
    page = dashboard.open("/#jobs")
    expect(page.locator(".js-page-jobs td.col-jobs-time")).to_contain_text("queued 3 hours ago")
