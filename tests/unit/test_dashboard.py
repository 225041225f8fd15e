from __future__ import annotations

import base64
import hashlib
import html
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
import pytest
from bson import ObjectId
from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Request, Response

from exifinator.dashboard import BODY_LIMIT_BYTES, LONGEST_DELAY_SECONDS, WAITING_LIMIT, Guard
from tests.servers import ROOT, end, find_chromium, free_port, run_mongod, run_redis, running

AUTH = "lena:pass:wörd"
HOSTILE = """2019/<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>&amp;'".jpg"""


@Request.application
def echo(request: Request) -> Response:
    """An application that says what reached it."""
    if request.path == "/page":
        return Response("<html><head><script>let a = 1;</script></head></html>", mimetype="text/html")
    if request.path == "/text":
        return Response("text", mimetype="text/plain")
    if request.path == "/json":
        return Response(request.get_data() or "{}", mimetype="application/json")
    return Response(request.get_data(), headers={"X-Reached": "yes"})


def client(auth: str | None = None, bind_host: str = "127.0.0.1", sleeps: list[float] | None = None) -> Client:
    pauses = [] if sleeps is None else sleeps
    return Client(Guard(echo, auth=auth, bind_host=bind_host, sleep=pauses.append))


def basic(credentials: str | bytes) -> dict[str, str]:
    packed = credentials.encode() if isinstance(credentials, str) else credentials
    return {"Authorization": f"Basic {base64.b64encode(packed).decode()}"}


def reached(response: TestResponse) -> bool:
    return response.headers.get("X-Reached") == "yes"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param(basic("lena:pass"), id="only-the-part-before-the-second-colon"),
        pytest.param(basic("lena:pass:word"), id="another-password"),
        pytest.param(basic("Lena:pass:wörd"), id="another-user"),
        pytest.param(basic("lena:pass:wörd".encode("latin-1")), id="not-utf-8"),
        pytest.param(basic(""), id="empty"),
        pytest.param({"Authorization": "Basic ???"}, id="not-base64"),
        pytest.param({"Authorization": "Basic wörd"}, id="not-ascii"),
        pytest.param({"Authorization": "Bearer " + base64.b64encode(AUTH.encode()).decode()}, id="another-scheme"),
    ],
)
def test_guard__wrong_credentials__are_asked_for(headers: dict[str, str]) -> None:
    response = client(AUTH).get("/", headers=headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith('Basic realm="EXIFinator jobs"')
    assert not reached(response)


@pytest.mark.parametrize("scheme", ["Basic", "basic"])
def test_guard__right_credentials__pass(scheme: str) -> None:
    headers = {"Authorization": basic(AUTH)["Authorization"].replace("Basic", scheme)}
    assert reached(client(AUTH).get("/", headers=headers))


def test_guard__password__is_compared_whole_and_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what is made for it: how long a comparison takes cannot be told here."""
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, right: bytes) -> bool:
        compared.append((given, right))
        return False

    monkeypatch.setattr("exifinator.dashboard.hmac.compare_digest", compare)
    assert not reached(client(AUTH).get("/", headers=basic(AUTH)))
    assert compared == [(AUTH.encode(), AUTH.encode())]


def test_guard__no_auth_set__asks_nobody() -> None:
    assert reached(client().get("/"))


def test_guard__wrong_passwords__take_longer_and_longer_until_a_right_one() -> None:
    sleeps: list[float] = []
    guarded = client(AUTH, sleeps=sleeps)
    for _ in range(12):
        guarded.get("/", headers=basic("lena:guess"))
    assert sleeps == sorted(sleeps)
    assert sleeps[0] < 0.2
    assert sleeps[-1] == LONGEST_DELAY_SECONDS
    assert reached(guarded.get("/", headers=basic(AUTH)))
    guarded.get("/", headers=basic("lena:guess"))
    assert sleeps[-1] == sleeps[0]


def test_guard__wrong_passwords_elsewhere__cost_this_address_nothing() -> None:
    sleeps: list[float] = []
    guarded = client(AUTH, sleeps=sleeps)
    for _ in range(5):
        guarded.get("/", headers=basic("lena:guess"), environ_overrides={"REMOTE_ADDR": "10.0.0.1"})
    guarded.get("/", headers=basic("lena:guess"), environ_overrides={"REMOTE_ADDR": "10.0.0.2"})
    assert sleeps[-1] == sleeps[0]


def test_guard__many_wrong_passwords_at_once__are_not_compared() -> None:
    statuses: list[int] = []

    def guess_while_waiting(_: float) -> None:
        """What another connection gets while this one waits."""
        statuses.append(guarded.get("/", headers=basic("lena:guess")).status_code)

    guarded = Client(Guard(echo, auth=AUTH, bind_host="127.0.0.1", sleep=guess_while_waiting))
    guarded.get("/", headers=basic("lena:guess"))
    assert statuses == [429] + [401] * (WAITING_LIMIT - 1)
    assert reached(guarded.get("/", headers=basic(AUTH)))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        pytest.param({}, True, id="curl"),
        pytest.param({"Origin": "http://localhost:5555"}, True, id="own-origin"),
        pytest.param({"Origin": "HTTP://LOCALHOST:5555"}, True, id="own-origin-in-capitals"),
        pytest.param({"Referer": "http://localhost:5555/#jobs"}, True, id="own-referer"),
        pytest.param({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:5555"}, True, id="own-page"),
        pytest.param({"Origin": "http://evil.example"}, False, id="other-origin"),
        pytest.param({"Origin": "http://localhost:3001"}, False, id="other-port"),
        pytest.param({"Origin": "http://localhost"}, False, id="no-port"),
        pytest.param({"Origin": "null"}, False, id="null-origin"),
        pytest.param({"Origin": "http://[bad"}, False, id="unreadable-origin"),
        pytest.param({"Referer": "http://evil.example/localhost:5555"}, False, id="other-referer"),
        pytest.param(
            {"Origin": "http://evil.example", "Referer": "http://localhost:5555/"}, False, id="origin-before-referer"
        ),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, False, id="cross-site"),
        pytest.param({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:5555"}, False, id="same-site"),
    ],
)
def test_guard__write__only_from_the_own_page(method: str, headers: dict[str, str], passes: bool) -> None:
    response = client().open("/", method=method, headers={"Host": "localhost:5555", **headers})
    assert reached(response) == passes
    assert response.status_code == (200 if passes else 403)


def test_guard__read_from_another_site__passes() -> None:
    assert reached(client().get("/", headers={"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}))


@pytest.mark.parametrize(
    ("bind_host", "host", "passes"),
    [
        pytest.param("127.0.0.1", "127.0.0.1:5555", True, id="address"),
        pytest.param("127.0.0.1", "localhost", True, id="name-without-port"),
        pytest.param("localhost", "LocalHost:1", True, id="capitals"),
        pytest.param("::1", "[::1]:5555", True, id="ipv6"),
        pytest.param("127.0.0.1", "evil.example:5555", False, id="rebound-name"),
        pytest.param("127.0.0.1", "127.0.0.1.evil.example", False, id="begins-alike"),
        pytest.param("127.0.0.1", "evil.example#127.0.0.1", False, id="ends-alike"),
        pytest.param("127.0.0.1", "localhost:5555\n", False, id="newline"),
        pytest.param("127.0.0.1", "", False, id="none"),
        pytest.param("0.0.0.0", "photos.example", True, id="bound-elsewhere"),
    ],
)
def test_guard__host__on_loopback_is_a_loopback_name(bind_host: str, host: str, passes: bool) -> None:
    response = client(bind_host=bind_host).get("/", environ_overrides={"HTTP_HOST": host})
    assert reached(response) == passes
    if not passes:
        assert response.status_code == 403
        assert response.text.count("\n") == 1


@pytest.mark.parametrize("path", ["/", "/page", "/json", "/text"])
def test_guard__every_answer__has_the_security_headers(path: str) -> None:
    for response in (
        client().get(path),
        client(AUTH).get(path),
        client().post(path, headers={"Sec-Fetch-Site": "cross-site"}),
        client().get(path, headers={"Host": "evil.example"}),
    ):
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "same-origin"
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "http" not in policy
        assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]


def test_guard__page__its_inline_scripts_and_no_others_may_run() -> None:
    response = client().get("/page")
    scripts = re.findall("<script>(.*?)</script>", response.text)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert "let a = 1;" in scripts
    assert re.findall("'sha256-(.*?)'", response.headers["Content-Security-Policy"]) == hashes
    assert response.headers["Cache-Control"] == "no-store"


def test_guard__json__strings_that_become_html_are_escaped() -> None:
    sent = {
        "aaData": [
            {"path": HOSTILE, "params": {"key": HOSTILE}, "config": {"queues": [HOSTILE]}, "size": 3, "x": None}
        ],
        "traceback": HOSTILE,
    }
    got = json.loads(client().post("/json", data=json.dumps(sent)).text)
    assert got["aaData"][0] == {
        "path": html.escape(HOSTILE),
        "params": {"key": HOSTILE},
        "config": {"queues": [html.escape(HOSTILE)]},
        "size": 3,
        "x": None,
    }
    assert got["traceback"] == HOSTILE


def test_guard__head__has_no_body() -> None:
    response = client().head("/json")
    assert response.status_code == 200
    assert response.text == ""


@pytest.mark.parametrize(
    ("size", "status"),
    [
        pytest.param(0, 200, id="empty"),
        pytest.param(BODY_LIMIT_BYTES, 200, id="at-the-limit"),
        pytest.param(BODY_LIMIT_BYTES + 1, 413, id="above"),
    ],
)
def test_guard__body__is_bounded(size: int, status: int) -> None:
    response = client().post("/", data=b"x" * size)
    assert response.status_code == status
    if status == 200:
        assert response.data == b"x" * size


@pytest.mark.parametrize("length", ["-1", "1e3", "٣", "9" * 5000])
def test_guard__length_that_is_none__is_refused(length: str) -> None:
    response = client().post("/", data=b"x", environ_overrides={"CONTENT_LENGTH": length})
    assert response.status_code == 400


@dataclass
class Dashboard:
    """MRQ's dashboard as start_workers.sh starts it, on real servers."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    jobs: pymongo.database.Database[dict[str, Any]]

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            sent = {"Authorization": basic(AUTH)["Authorization"], **headers}
            connection.request(method, path, body, {k.replace("_", "-"): v for k, v in sent.items()})  # type: ignore[arg-type]
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    folder, port = tmp_path_factory.mktemp("dashboard"), free_port()
    (folder / "mongodb").mkdir()
    (folder / "redis").mkdir()
    with ExitStack() as stack:
        mongodb_uri = stack.enter_context(run_mongod(folder / "mongodb"))
        redis_url = stack.enter_context(run_redis(folder / "redis"))
        environment = {
            "EXIFINATOR_MONGODB_URI": mongodb_uri,
            "EXIFINATOR_REDIS_URL": redis_url,
            "EXIFINATOR_DASHBOARD_PORT": str(port),
            "EXIFINATOR_DASHBOARD_AUTH": AUTH,
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-m", "exifinator.dashboard"]
        process = stack.enter_context(running(command, port, folder / "dashboard.log", environment))
        mongodb = stack.enter_context(pymongo.MongoClient[dict[str, Any]](mongodb_uri))
        fill(mongodb["mrq"])
        yield Dashboard(port, process, folder / "dashboard.log", mongodb["mrq"])


def fill(database: pymongo.database.Database[dict[str, Any]]) -> None:
    """A failed job of a photo with a hostile key, and one all of whose fields are hostile."""
    common = {"status": "failed", "traceback": f"AccessDenied: {HOSTILE}", "params": {"key": HOSTILE}}
    database["mrq_jobs"].insert_many(
        [
            {"path": "exifinator.tasks.Download", "queue": "download", "exceptiontype": "AccessDenied", **common},
            {"path": HOSTILE, "queue": HOSTILE, "exceptiontype": HOSTILE, **common},
        ]
    )


TABLES = ("taskexceptions", "status", "taskpaths", "queues", "workers", "agents", "scheduled_jobs", "jobs")


@pytest.mark.parametrize("table", TABLES)
def test_main__every_table__answers(dashboard: Dashboard, table: str) -> None:
    status, body = dashboard.ask("GET", f"/api/datatables/{table}?sEcho=1&iDisplayLength=20")
    assert status == 200
    assert "aaData" in json.loads(body)


def test_main__requeue__queues_the_action(dashboard: Dashboard) -> None:
    job = dashboard.jobs["mrq_jobs"].find_one({"path": "exifinator.tasks.Download"})
    assert job is not None
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{dashboard.port}"}
    status, body = dashboard.ask("POST", "/api/jobaction", f"action=requeue&id={job['_id']}", **form)
    assert status == 200
    action = dashboard.jobs["mrq_jobs"].find_one({"_id": ObjectId(json.loads(body)["job_id"])})
    assert action is not None
    assert action["params"] == {"action": "requeue", "id": str(job["_id"])}
    assert (action["queue"], action["status"]) == ("maintenance", "queued")


def test_main__write_from_another_site__does_nothing(dashboard: Dashboard) -> None:
    before = dashboard.jobs["mrq_jobs"].count_documents({})
    status, _ = dashboard.ask("POST", "/api/jobaction", "action=cancel&status=failed", Origin="http://evil.example")
    assert status == 403
    assert dashboard.jobs["mrq_jobs"].count_documents({}) == before


def test_main__body_in_endless_chunks__is_refused(dashboard: Dashboard) -> None:
    head = f"POST /api/jobaction HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic(AUTH)['Authorization']}\r\n"
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", dashboard.port), 20) as connection:
        connection.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(BODY_LIMIT_BYTES // 0x10000 + 1):
            connection.sendall(chunk)
        assert connection.recv(64).startswith(b"HTTP/1.1 413")


def test_main__log__has_a_line_a_request_and_no_password(dashboard: Dashboard) -> None:
    dashboard.ask("GET", "/api/datatables/status?sEcho=7")
    dashboard.ask("GET", "/", Authorization=basic("lena:guess")["Authorization"])
    log = dashboard.log.read_text()
    assert '127.0.0.1 "GET /api/datatables/status" 200' in log
    assert "wrong user or password from 127.0.0.1" in log
    for secret in ("wörd", "guess", basic(AUTH)["Authorization"].split()[1]):
        assert secret not in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_main__signal__ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    port, log = free_port(), tmp_path / "log"
    command = [sys.executable, "-m", "exifinator.dashboard"]
    environment = {"EXIFINATOR_DASHBOARD_PORT": str(port), "PYTHONPATH": str(ROOT)}
    with running(command, port, log, environment) as process:
        end(process, how=number)
        assert process.returncode == 0
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize(
    ("program", "name"), [("exifinator.dashboard", "DASHBOARD"), ("api", "API")], ids=["dashboard", "api"]
)
def test_main__port_taken__says_so_in_one_sentence(program: str, name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        environment = {f"EXIFINATOR_{name}_PORT": port, "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
        command = [sys.executable, "-m", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    said = f"{'API' if name == 'API' else 'dashboard'} cannot start: 127.0.0.1:{port} cannot be bound"
    assert done.stderr.splitlines()[-1].startswith(f"The {said}")
    assert f"set {name}_HOST and {name}_PORT to a free address" in done.stderr
    assert "Traceback" not in done.stderr


def test_page__in_a_browser__works_and_shows_hostile_names_as_text(dashboard: Dashboard) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing")
    errors: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        user, _, password = AUTH.partition(":")
        page = browser.new_page(http_credentials={"username": user, "password": password})
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"http://127.0.0.1:{dashboard.port}/")
        page.get_by_text("Jobs by status").wait_for()
        for tab in ("queues", "taskpaths", "taskexceptions", "jobs"):
            page.goto(f"http://127.0.0.1:{dashboard.port}/#{tab}")
            page.locator(f".js-page-{tab} table tbody td").first.wait_for()
            if tab != "queues":
                page.locator(f".js-page-{tab}").get_by_text(HOSTILE, exact=True).first.wait_for()
        page.locator("button[data-action=viewtraceback]").first.click()
        page.get_by_text(f"AccessDenied: {HOSTILE}").wait_for()
        page.wait_for_timeout(300)
        assert page.title() == "MRQ Dashboard"
        assert page.locator("img[src=x]").count() == 0
        browser.close()
    assert errors == []
