"""MRQ's dashboard as start_workers.sh starts it, on real servers.

tests/unit/dashboard/test_guard.py has the tests of its guard.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pymongo
import pytest
from bson import ObjectId

from exifinator.dashboard.guard import BODY_LIMIT_BYTES
from tests.servers import ROOT, end, find_chromium, reserve_port, running
from tests.waiting import ReadySocket, eventually

AUTH = "lena:pass:wörd"
HOSTILE = """2019/<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>&amp;'".jpg"""
COMMAND = [sys.executable, "-m", "exifinator.dashboard.server"]


def basic(credentials: str) -> str:
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"


@dataclass
class Dashboard:
    """A running dashboard, and the database of its jobs."""

    port: int
    log: Path
    jobs: pymongo.database.Database[dict[str, Any]]

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port)) as connection:
            sent = {"Authorization": basic(AUTH), **headers}
            connection.request(method, path, body, {k.replace("_", "-"): v for k, v in sent.items()})  # type: ignore[arg-type]
            response = connection.getresponse()
            return response.status, response.read().decode()

    def add_job(self, **fields: Any) -> ObjectId:
        """Add a failed job of a photo with a hostile key."""
        job = {
            "path": "exifinator.worker.tasks.Download",
            "queue": "download",
            "exceptiontype": "AccessDenied",
            **fields,
        }
        job |= {"status": "failed", "traceback": f"AccessDenied: {HOSTILE}", "params": {"key": HOSTILE}}
        return ObjectId(self.jobs["mrq_jobs"].insert_one(job).inserted_id)


@contextlib.contextmanager
def run_dashboard(log: Path, port: int, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the dashboard, and wait until it reports that it is ready."""
    given = {"EXIFINATOR_DASHBOARD_PORT": str(port), "PYTHONPATH": str(ROOT), **environment}
    with (
        contextlib.closing(ReadySocket()) as ready,
        running(COMMAND, port, log, given | ready.environment, is_ready=lambda _: ready.is_ready()) as process,
    ):
        yield process


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory, mongodb_uri: str, redis_url: str) -> Iterator[Dashboard]:
    log, port, database = tmp_path_factory.mktemp("dashboard") / "log", reserve_port(), f"mrq-{secrets.token_hex(4)}"
    environment = {
        "EXIFINATOR_MONGODB_URI": mongodb_uri,
        "EXIFINATOR_REDIS_URL": redis_url,
        "EXIFINATOR_MRQ_DATABASE": database,
        "EXIFINATOR_DASHBOARD_AUTH": AUTH,
    }
    with run_dashboard(log, port, **environment), pymongo.MongoClient[dict[str, Any]](mongodb_uri) as client:
        dashboard = Dashboard(port, log, client[database])
        dashboard.add_job()
        # All fields of this job are hostile.
        dashboard.add_job(path=HOSTILE, queue=HOSTILE, exceptiontype=HOSTILE)
        try:
            yield dashboard
        finally:
            client.drop_database(database)


TABLES = ("taskexceptions", "status", "taskpaths", "queues", "workers", "agents", "scheduled_jobs", "jobs")


@pytest.mark.parametrize("table", TABLES)
def test_main__each_table__responds_with_rows(dashboard: Dashboard, table: str) -> None:
    status, body = dashboard.ask("GET", f"/api/datatables/{table}?sEcho=1&iDisplayLength=20")
    assert status == 200
    assert "aaData" in json.loads(body)


def test_main__jobs__are_sorted_newest_first_regardless_of_their_ids(dashboard: Dashboard) -> None:
    """The ids of these jobs are derived from their images, so they cannot be sorted by time."""
    ids_by_day = {day: dashboard.add_job(datequeued=datetime(2026, 1, day)) for day in (2, 3, 1)}
    query = urlencode({"sEcho": 1, "iDisplayLength": 2, "path": "exifinator.worker.tasks.Download"})
    status, body = dashboard.ask("GET", f"/api/datatables/jobs?{query}")
    assert status == 200
    assert [job["_id"] for job in json.loads(body)["aaData"]] == [str(ids_by_day[3]), str(ids_by_day[2])]
    assert json.loads(body)["iTotalDisplayRecords"] >= 3


def test_main__requeue__queues_the_action(dashboard: Dashboard) -> None:
    job = dashboard.add_job()
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{dashboard.port}"}
    status, body = dashboard.ask("POST", "/api/jobaction", f"action=requeue&id={job}", **form)
    assert status == 200
    action = dashboard.jobs["mrq_jobs"].find_one({"_id": ObjectId(json.loads(body)["job_id"])})
    assert action is not None
    assert action["params"] == {"action": "requeue", "id": str(job)}
    assert (action["queue"], action["status"]) == ("maintenance", "queued")


def test_main__write_from_another_site__is_refused(dashboard: Dashboard) -> None:
    before = dashboard.jobs["mrq_jobs"].count_documents({})
    status, _ = dashboard.ask("POST", "/api/jobaction", "action=cancel&status=failed", Origin="http://evil.example")
    assert status == 403
    assert dashboard.jobs["mrq_jobs"].count_documents({}) == before


def test_main__body_in_endless_chunks__is_refused(dashboard: Dashboard) -> None:
    head = f"POST /api/jobaction HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic(AUTH)}\r\n"
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", dashboard.port)) as connection:
        connection.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(BODY_LIMIT_BYTES // 0x10000 + 1):
            connection.sendall(chunk)
        assert connection.recv(64).startswith(b"HTTP/1.1 411")


def test_main__log__has_one_line_per_request_and_no_password(dashboard: Dashboard) -> None:
    dashboard.ask("GET", "/api/datatables/status?sEcho=7")
    dashboard.ask("GET", "/", Authorization=basic("lena:guess"))
    # The log line of a request is written after the response.
    lines = ('127.0.0.1 "GET /api/datatables/status" 200', "wrong user or password from 127.0.0.1")
    eventually(lambda: all(line in dashboard.log.read_text() for line in lines))
    log = dashboard.log.read_text()
    for secret in ("wörd", "guess", basic(AUTH).split()[1]):
        assert secret not in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_main__signal__exits_with_code_0(tmp_path: Path, number: signal.Signals) -> None:
    log = tmp_path / "log"
    with run_dashboard(log, reserve_port()) as process:
        end(process, how=number)
        assert process.returncode == 0
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize(
    ("program", "name"), [("exifinator.dashboard.server", "DASHBOARD"), ("api", "API")], ids=["dashboard", "api"]
)
def test_main__port_in_use__is_reported_in_one_sentence(program: str, name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        environment = {f"EXIFINATOR_{name}_PORT": port, "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
        command = [sys.executable, "-m", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    problem = f"{'API' if name == 'API' else 'dashboard'} cannot start: 127.0.0.1:{port} cannot be bound"
    assert done.stderr.splitlines()[-1].startswith(f"The {problem}")
    assert f"{name}_HOST and {name}_PORT" in done.stderr
    assert "Traceback" not in done.stderr


# Resolves when a missing image has failed to load. By then, images inserted into the page before have failed too.
IMAGES_HAVE_FAILED = "new Promise(done => { const image = new Image(); image.onerror = done; image.src = 'x'; })"


def test_page__in_a_browser__works_and_shows_hostile_names_as_text(dashboard: Dashboard) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing")
    errors: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"], timeout=0)
        user, _, password = AUTH.partition(":")
        page = browser.new_page(http_credentials={"username": user, "password": password})
        page.set_default_timeout(0)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"http://127.0.0.1:{dashboard.port}/")
        page.get_by_text("Jobs by status").wait_for()
        for tab in ("queues", "taskpaths", "taskexceptions", "jobs"):
            page.goto(f"http://127.0.0.1:{dashboard.port}/#{tab}")
            page.locator(f".js-page-{tab} table tbody td").first.wait_for()
            if tab != "queues":
                page.locator(f".js-page-{tab}").get_by_text(HOSTILE, exact=True).first.wait_for()
        failed = page.locator(".js-page-jobs tr", has_text="AccessDenied").first
        failed.locator("button[data-action=viewtraceback]").click()
        page.get_by_text(f"AccessDenied: {HOSTILE}").wait_for()
        page.evaluate(IMAGES_HAVE_FAILED)
        assert page.title() == "MRQ Dashboard"
        assert page.locator("img[src=x]").count() == 0
        browser.close()
    assert errors == []
