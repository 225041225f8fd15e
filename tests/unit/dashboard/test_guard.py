"""The guard in front of MRQ's dashboard, without a server. tests/system/dashboard/test_server.py uses a real one."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from pathlib import Path

import mrq
import pytest
from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Request, Response

from exifinator.dashboard.guard import BODY_LIMIT_BYTES, Guard
from exifinator.web_security import LoginThrottle

AUTH = "lena:pass:wörd"
HOSTILE = """2019/<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>&amp;'".jpg"""


@Request.application
def echo(request: Request) -> Response:
    """Respond with the request that reached the application."""
    if request.path == "/page":
        return Response("<html><head><script>let a = 1;</script></head></html>", mimetype="text/html")
    if request.path == "/text":
        return Response("text", mimetype="text/plain")
    if request.path == "/json":
        return Response(request.get_data() or "{}", mimetype="application/json")
    return Response(request.get_data(), headers={"X-Reached": "yes"})


def client(auth: str | None = None, bind_host: str = "127.0.0.1", throttle: LoginThrottle | None = None) -> Client:
    return Client(Guard(echo, auth=auth, bind_host=bind_host, throttle=throttle))


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
def test_guard__missing_or_wrong_credentials__are_refused_with_401(headers: dict[str, str]) -> None:
    response = client(AUTH).get("/", headers=headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith('Basic realm="EXIFinator jobs"')
    assert not reached(response)


@pytest.mark.parametrize("scheme", ["Basic", "basic"])
def test_guard__right_credentials__reach_the_dashboard(scheme: str) -> None:
    headers = {"Authorization": basic(AUTH)["Authorization"].replace("Basic", scheme)}
    assert reached(client(AUTH).get("/", headers=headers))


def test_guard__password__is_compared_with_compare_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test checks that hmac.compare_digest gets the whole password. It cannot measure the time of a comparison."""
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, right: bytes) -> bool:
        compared.append((given, right))
        return False

    monkeypatch.setattr("exifinator.dashboard.guard.hmac.compare_digest", compare)
    assert not reached(client(AUTH).get("/", headers=basic(AUTH)))
    assert compared == [(AUTH.encode(), AUTH.encode())]


def test_guard__no_auth_set__requires_no_password() -> None:
    assert reached(client().get("/"))


class Clock:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def guess(guarded: Client, address: str = "") -> int:
    response = guarded.get("/", headers=basic("lena:guess"), environ_overrides={"REMOTE_ADDR": address})
    return response.status_code


def test_guard__repeated_wrong_passwords__cause_longer_and_longer_pauses() -> None:
    clock = Clock()
    guarded = client(AUTH, throttle=LoginThrottle(clock))
    assert [guess(guarded) for _ in range(LoginThrottle.FREE_ATTEMPTS)] == [401] * LoginThrottle.FREE_ATTEMPTS
    pauses = []
    for _ in range(12):
        refused = guarded.get("/", headers=basic("lena:guess"))
        assert (refused.status_code, reached(refused)) == (429, False)
        pauses.append(int(refused.headers["Retry-After"]))
        clock.now += pauses[-1]
        assert guess(guarded) == 401
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (1, LoginThrottle.MAX_SECONDS)
    # The right password passes even during a pause, and clears the count.
    assert reached(guarded.get("/", headers=basic(AUTH)))
    assert [guess(guarded) for _ in range(LoginThrottle.FREE_ATTEMPTS - 1)] == [401] * (LoginThrottle.FREE_ATTEMPTS - 1)
    assert reached(guarded.get("/", headers=basic(AUTH)))


def test_guard__wrong_passwords_from_another_address__cause_no_pause() -> None:
    guarded = client(AUTH, throttle=LoginThrottle(Clock()))
    for _ in range(LoginThrottle.FREE_ATTEMPTS):
        guess(guarded, "10.0.0.1")
    assert guess(guarded, "10.0.0.1") == 429
    assert guess(guarded, "10.0.0.2") == 401


def test_guard__request_during_a_pause__is_refused_without_waiting() -> None:
    """Waiting would occupy a greenlet. The clock of this test does not advance, so a guard that waits never returns."""
    guarded = client(AUTH, throttle=LoginThrottle(Clock()))
    for _ in range(LoginThrottle.FREE_ATTEMPTS):
        guess(guarded)

    assert [guess(guarded) for _ in range(100)] == [429] * 100


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
def test_guard__write_request__is_accepted_only_from_the_same_origin(
    method: str, headers: dict[str, str], passes: bool
) -> None:
    response = client().open("/", method=method, headers={"Host": "localhost:5555", **headers})
    assert reached(response) == passes
    assert response.status_code == (200 if passes else 403)


def test_guard__read_request_from_another_site__reaches_the_dashboard() -> None:
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
def test_guard__host_header_on_loopback__must_be_a_loopback_name(bind_host: str, host: str, passes: bool) -> None:
    response = client(bind_host=bind_host).get("/", environ_overrides={"HTTP_HOST": host})
    assert reached(response) == passes
    if not passes:
        assert response.status_code == 403
        assert response.text.count("\n") == 1


def test_guard__allowed_host_behind_a_proxy__may_read_and_write() -> None:
    guarded = Client(Guard(echo, auth=AUTH, bind_host="127.0.0.1", allowed_hosts=("jobs.example.org",)))
    headers = {"Host": "Jobs.example.org", "X-Forwarded-For": "203.0.113.7", **basic(AUTH)}
    assert reached(guarded.get("/", headers=headers))
    assert reached(guarded.post("/", headers={**headers, "Origin": "https://jobs.example.org"}))
    assert guarded.post("/", headers={**headers, "Origin": "https://evil.example"}).status_code == 403
    assert guarded.get("/", headers={**headers, "Host": "jobs.example.org.evil"}).status_code == 403


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded"])
def test_guard__proxy_without_a_password__is_refused(name: str) -> None:
    assert client().get("/", headers={name: "203.0.113.7"}).status_code == 403
    assert reached(client(AUTH).get("/", headers={name: "203.0.113.7", **basic(AUTH)}))


@pytest.mark.parametrize("path", ["/", "/page", "/json", "/text"])
def test_guard__every_response__has_the_security_headers(path: str) -> None:
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


def test_guard__page__allows_only_its_own_inline_scripts() -> None:
    response = client().get("/page")
    scripts = re.findall("<script>(.*?)</script>", response.text, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert "let a = 1;" in scripts
    assert re.findall("'sha256-(.*?)'", response.headers["Content-Security-Policy"]) == hashes
    assert response.headers["Cache-Control"] == "no-store"


def test_guard__json_response__strings_shown_as_html_are_escaped() -> None:
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


def test_guard__head_request__has_no_body() -> None:
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
def test_guard__request_body__is_limited_in_size(size: int, status: int) -> None:
    response = client().post("/", data=b"x" * size)
    assert response.status_code == status
    if status == 200:
        assert response.data == b"x" * size


@pytest.mark.parametrize("length", ["-1", "1e3", "٣", "9" * 5000])
def test_guard__invalid_content_length__is_refused(length: str) -> None:
    response = client().post("/", data=b"x", environ_overrides={"CONTENT_LENGTH": length})
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1:5555", "http://127.0.0.1:3001/"),
        ("localhost:5555", "http://localhost:3001/"),
        ("[::1]:5555", "http://[::1]:3001/"),
    ],
)
def test_page__navigation__links_to_the_explorer(host: str, url: str) -> None:
    page = (Path(mrq.__file__).parent / "dashboard/templates/index.html").read_text()

    @Request.application
    def serve_page(_: Request) -> Response:
        return Response(page, mimetype="text/html")

    guarded = Client(Guard(serve_page, auth=None, bind_host="127.0.0.1", explorer_port=3001))
    shown = guarded.get("/", headers={"Host": host}).get_data(as_text=True)
    assert shown.count(f'<ul class="nav navbar-nav"><li><a href="{url}">Explorer</a></li>') == 1
