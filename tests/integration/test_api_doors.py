# ruff: noqa: E501 -- a table reads better with a row a line
"""The doors: the token, pauses after wrong ones, names, bodies, slow clients, browsers of other pages, and failures."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pymongo
import pytest
from pydantic import SecretStr

from api.app import create_app
from api.doors import Attempts
from api.server import CONNECTIONS
from exifinator.config import Config
from exifinator.errors import ConfigError
from tests.integration.api_fixtures import TOKEN, Api, run_api

GOOD = {"Authorization": f"Bearer {TOKEN}"}
READING = ["/", "/dbs", "/waldo", "/waldo/exif_data", "/photos", "/photos/a%2Fb", "/facets", "/map", "/export.csv"]


@pytest.fixture
def fresh_api(library: Config, tmp_path: Path) -> Iterator[Api]:
    """One whose memory of wrong tokens is empty."""
    config = library.model_copy(update={"api_host": "127.0.0.2", "api_token": SecretStr(TOKEN)})
    with run_api(config, tmp_path) as running:
        yield running


@pytest.mark.parametrize("path", [*READING, "/failures"])
def test_token__missing__is_401_and_says_how(guarded_api: Api, path: str) -> None:
    answer = guarded_api.client.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", [*READING, "/failures"])
def test_token__right__is_let_in(guarded_api: Api, path: str) -> None:
    assert guarded_api.client.get(path, headers=GOOD).status_code in (200, 404)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/openapi.json"])
def test_token__health_and_description__need_none(guarded_api: Api, path: str) -> None:
    assert guarded_api.client.get(path).status_code == 200


@pytest.mark.parametrize("place", ["/photos?token=", "/photos?access_token=", "/photos?api_key="])
def test_token__in_the_address__is_not_taken(guarded_api: Api, place: str) -> None:
    assert guarded_api.client.get(place + TOKEN).status_code == 401


@pytest.mark.parametrize(
    "header", [f"Basic {TOKEN}", TOKEN, "Bearer", f"Bearer  {TOKEN} x", "Bearer é".encode().decode("latin-1")]
)
def test_token__in_another_form__is_401(fresh_api: Api, header: str) -> None:
    assert fresh_api.client.get("/photos", headers={"Authorization": header.encode("latin-1")}).status_code == 401


def test_token__wrong_ones__make_a_pause_that_even_the_right_one_waits_for(fresh_api: Api) -> None:
    for _ in range(Attempts.FREE):
        assert fresh_api.client.get("/photos", headers={"Authorization": "Bearer guess"}).status_code == 401
    waiting = fresh_api.client.get("/photos", headers=GOOD)
    assert waiting.status_code == 429
    time.sleep(int(waiting.headers["retry-after"]) + 0.1)
    assert fresh_api.client.get("/photos", headers=GOOD).status_code == 200
    assert fresh_api.client.get("/photos", headers=GOOD).status_code == 200


def test_attempts__many_wrong__pause_grows_to_its_bound() -> None:
    now = [0.0]
    attempts = Attempts(clock=lambda: now[0])
    pauses = []
    for _ in range(20):
        attempts.record_wrong("a")
        pauses.append(attempts.seconds_to_wait("a"))
    assert pauses[: Attempts.FREE - 1] == [0.0] * (Attempts.FREE - 1)
    assert pauses[Attempts.FREE - 1 : Attempts.FREE + 3] == [1, 2, 4, 8]
    assert pauses[-1] == Attempts.MAX_SECONDS
    assert attempts.seconds_to_wait("b") == 0


def test_attempts__many_addresses__are_bounded() -> None:
    attempts = Attempts()
    for at in range(Attempts.KEPT + 100):
        attempts.record_wrong(str(at))
    assert len(attempts._wrong) == Attempts.KEPT


def test_requeue__without_a_token_in_the_settings__is_403(api: Api) -> None:
    answer = api.client.post("/failures/requeue", json={"exception": "AccessDenied"})
    assert answer.status_code == 403
    assert "API_TOKEN" in answer.json()["detail"]


def test_failures__two_causes__are_grouped_and_listed(api: Api) -> None:
    found = api.get("/failures", limit=5).json()
    assert found["total"] == 12
    assert [(group["exception"], group["count"]) for group in found["groups"]] == [
        ("AccessDenied", 8),
        ("ObjectGone", 4),
    ]
    assert found["groups"][0]["example"]["message"] == "exifinator.errors.AccessDenied: S3 refuses image 0"
    seen = [item["id"] for item in found["failures"]]
    while found["next"]:
        found = api.get("/failures", limit=5, after=found["next"]).json()
        seen += [item["id"] for item in found["failures"]]
    assert len(seen) == len(set(seen)) == 12
    assert api.get("/failures", exception="ObjectGone", bucket="holiday").json()["total"] == 2


@pytest.mark.parametrize("by", ["ids", "exception", "batch"])
def test_requeue__failed_jobs__are_queued_again(guarded_api: Api, library: Config, by: str) -> None:
    with pymongo.MongoClient[dict[str, Any]](library.mongodb_uri.get_secret_value()) as client:
        jobs = client["mrq"]["mrq_jobs"]
        before = list(jobs.find())
        try:
            some = {
                "ids": [str(job["_id"]) for job in before[:2]],
                "exception": "ObjectGone",
                "batch": "20240101-000000-abcdef",
            }
            answer = guarded_api.client.post("/failures/requeue", headers=GOOD, json={by: some[by]})
            expected = {"ids": 2, "exception": 4, "batch": 6}[by]
            assert (answer.status_code, answer.json()) == (200, {"requeued": expected})
            queued = list(jobs.find({"status": "queued"}))
            assert len(queued) == expected
            assert {job["retry_count"] for job in queued} == {0}
            assert jobs.count_documents({"status": "failed", "path": "some.other.Task"}) == 1
        finally:
            jobs.delete_many({})
            jobs.insert_many(before)


@pytest.mark.parametrize(
    "body",
    [{}, {"ids": []}, {"ids": ["x"]}, {"ids": ["0" * 24], "exception": "A"}, {"exception": {"$ne": ""}}, {"exception": None},
     {"ids": [{"$gt": ""}]}, {"ids": ["0" * 24] * 1001}, [], "x", {"query": {}}],
)  # fmt: skip
def test_requeue__body_is_none_of_the_three__is_400(guarded_api: Api, body: Any) -> None:
    assert guarded_api.client.post("/failures/requeue", headers=GOOD, json=body).status_code == 400


def test_requeue__unknown_batch__is_404(guarded_api: Api) -> None:
    assert guarded_api.client.post("/failures/requeue", headers=GOOD, json={"batch": "none"}).status_code == 404


@pytest.mark.parametrize("chunked", [False, True])
def test_body__too_large__is_413(guarded_api: Api, chunked: bool) -> None:
    body = b'{"exception":"' + b"x" * 100_000 + b'"}'
    content: Any = (body[at : at + 1000] for at in range(0, len(body), 1000)) if chunked else body
    headers = {**GOOD, "Content-Type": "application/json"}
    answer = guarded_api.client.post("/failures/requeue", headers=headers, content=content)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"])
def test_requeue__body_does_not_say_that_it_is_json__is_refused(guarded_api: Api, kind: str) -> None:
    """A page of another origin may send text without asking first; JSON it may not."""
    headers = {**GOOD, "Content-Type": kind}
    answer = guarded_api.client.post("/failures/requeue", headers=headers, content=b'{"exception":"A"}')
    assert (answer.status_code, answer.headers["content-type"]) == (415, "application/problem+json")
    assert "Content-Type: application/json" in answer.json()["detail"]


def talk(api: Api, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send these bytes, all of them, and only then read: status, headers and body of the answer."""
    with socket.create_connection((api.config.api_host, api.port), 15) as link:
        link.sendall(request)
        answer = HTTPResponse(link)
        answer.begin()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


_POST = b"POST /batches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(_POST + b"Content-Length: 10000000\r\n\r\n" + b"x" * 10_000_000, id="all-of-it-is-sent"),
        pytest.param(_POST + b"Content-Length: 99999999999\r\n\r\n" + b"x" * 1000, id="endless-by-its-own-word"),
        pytest.param(_POST + b"Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n", id="asks-before-it-sends"),
    ],
)
def test_body__too_large__is_413_to_every_kind_of_client(api: Api, request_: bytes) -> None:
    status, headers, body = talk(api, request_)
    assert (status, headers["content-type"], headers["connection"]) == (413, "application/problem+json", "close")
    assert "65536 bytes" in json.loads(body)["detail"]


# What is no HTTP, or not as it should be.
MALFORMED = {
    "no-http": b"hello\r\n\r\n",
    "http-0.9": b"GET /healthz\r\n\r\n",
    "tls": bytes.fromhex("160301020001000001fc0303") + bytes(300),
    "no-host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two-hosts": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    "nul": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
    "a-space-in-a-name": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX Y: a\r\n\r\n",
    "a-space-in-the-address": b"GET /photos?q=a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "length-that-is-none": _POST + b"Content-Length: -1\r\n\r\n",
    "two-lengths": _POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "unknown-coding": _POST + b"Transfer-Encoding: gzip\r\n\r\n",
    "chunk-that-is-none": _POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_request__malformed__is_400_in_the_one_shape(api: Api, name: str) -> None:
    status, headers, body = talk(api, MALFORMED[name])
    assert (status, headers["content-type"], headers["connection"]) == (400, "application/problem+json", "close")
    assert json.loads(body)["status"] == 400
    assert api.get("/healthz").status_code == 200


@pytest.mark.parametrize("target", [b"http://localhost/healthz", b"HTTP://127.0.0.1:1/healthz?x=1"])
def test_request__address_with_a_host__is_answered(api: Api, target: bytes) -> None:
    assert api.get_raw(target).body == b'{"status":"ok"}'


def test_options__of_the_server__says_what_it_takes(api: Api) -> None:
    status, headers, _ = talk(api, b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (status, headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS, POST")


@pytest.mark.parametrize(
    "path", ["/photos/holiday/2024/IMG_0001.jpg", "/photos/by-etag/etag-3", "/dbs", "/waldo", "/batches/a"]
)
def test_parameters__address_takes_none__are_named(api: Api, path: str) -> None:
    answer = api.client.get(f"{path}?camera=X-T4")
    assert (answer.status_code, answer.json()["parameter"]) == (400, "camera")


def test_connections__too_many__are_told_so_and_hold_nobody_up(api: Api) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(socket.create_connection(("127.0.0.1", api.port), 10))
        answer = api.get_raw(b"/healthz")
        assert (answer.status, answer.content_type) == (503, "application/problem+json")
        assert answer.headers["retry-after"] == "5"
    deadline = time.monotonic() + 10
    while api.get_raw(b"/healthz").status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:3001", "127.0.0.1.evil.example", "", "localhost.evil.example"]
)
def test_host__of_another_page__is_refused(api: Api, host: str) -> None:
    answer = api.client.get("/photos", headers={"Host": host})
    assert answer.status_code in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:3001", "LOCALHOST:3001", "[::1]:3001"])
def test_host__of_this_machine__is_taken(api: Api, host: str) -> None:
    assert api.client.get("/healthz", headers={"Host": host}).status_code == 200


def test_cors__no_origin_in_the_settings__allows_none(api: Api) -> None:
    answer = api.client.get("/photos", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    assert "access-control-allow-origin" not in api.client.options("/photos", headers=asked).headers


@pytest.mark.parametrize("path", ["/photos", "/failures/requeue", "/waldo/exif_data/a/b"])
def test_options__address__says_what_it_takes(api: Api, path: str) -> None:
    answer = api.client.options(path)
    assert answer.status_code == 204
    assert answer.headers["allow"] == ("OPTIONS, POST" if path == "/failures/requeue" else "GET, HEAD, OPTIONS")


def test_options__nothing_there__is_404(api: Api) -> None:
    assert api.client.options("/private/secrets").status_code == 404


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PUT", "PATCH", "DELETE", "FOO"])
def test_method__not_taken__is_405_with_allow(api: Api, method: str) -> None:
    with contextlib.suppress(httpx.HTTPError):
        answer = api.client.request(method, "/photos")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_answer__large__is_compressed_when_asked(api: Api) -> None:
    plain = api.client.get("/photos", headers={"Accept-Encoding": "identity"})
    packed = api.client.get("/photos", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json() == plain.json()
    assert packed.headers["etag"] == plain.headers["etag"]
    assert "Accept-Encoding" in packed.headers["vary"]


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip;q=0", False), ("br, GZIP; q=0.0, *", False), ("gzip;q=0.5", True), ("br;q=0, gzip", True), ("zstd", False)],
)
def test_answer__gzip_is_refused__is_plain(api: Api, accepted: str, packed: bool) -> None:
    answer = api.client.get("/photos", headers={"Accept-Encoding": accepted})
    assert ("content-encoding" in answer.headers) == packed
    assert len(answer.json()["photos"]) == 50


def test_answer__any__keeps_browsers_from_guessing(api: Api) -> None:
    for path in ("/photos", "/nothing", "/export.csv"):
        headers = api.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_docs__page__names_no_other_host(api: Api) -> None:
    page = api.get("/docs")
    assert "//" not in page.text.replace("<!doctype", "")
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png", "start.js"):
        assert api.get(f"/docs/{name}").status_code == 200
    assert api.get("/docs/main.py").status_code in (400, 404)


def test_readyz__mongodb_is_gone__is_503_and_healthz_stays(library: Config, tmp_path: Path) -> None:
    gone = library.model_copy(update={"mongodb_uri": SecretStr("mongodb://someone:hush@127.0.0.1:9/")})
    with run_api(gone, tmp_path) as running:
        assert running.get("/healthz").status_code == 200
        for path in ("/readyz", "/photos", "/waldo/exif_data"):
            answer = running.get(path)
            assert (answer.status_code, answer.json()["detail"]) == (503, "MongoDB cannot be reached.")
        assert "hush" not in "".join(log.read_text() for log in tmp_path.glob("*.log"))


@pytest.fixture
def fail(library: Config) -> Iterator[Any]:
    """Makes MongoDB fail in a way that it knows by name, until the test ends."""
    with pymongo.MongoClient[dict[str, Any]](library.mongodb_uri.get_secret_value()) as client:
        names = []

        def set_point(name: str, **data: Any) -> None:
            names.append(name)
            client.admin.command("configureFailPoint", name, mode="alwaysOn", **({"data": data} if data else {}))

        yield set_point
        for name in names:
            client.admin.command("configureFailPoint", name, mode="off")


@pytest.mark.parametrize(
    "path",
    [
        "/photos",
        "/waldo/exif_data",
        "/waldo/exif_data/a",
        "/facets?iso=100",
        "/map?iso=100",
        "/failures",
        "/export.csv",
    ],
)
def test_query__takes_too_long__is_503_with_a_hint(api: Api, fail: Any, path: str) -> None:
    fail("maxTimeAlwaysTimeOut")
    answer = api.get(path)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "INDEXED_TAGS" in answer.json()["hint"]


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [(13, 503, "credentials"), (292, 503, "memory"), (2, 400, "refuses this query")],
)  # fmt: skip
def test_query__mongodb_fails__says_whose_fault_it_is(api: Api, fail: Any, code: int, status: int, words: str) -> None:
    fail("failCommand", failCommands=["find"], errorCode=code)
    answer = api.get("/photos")
    assert answer.status_code == status
    assert words in answer.json()["detail"]


def test_create_app__database_has_the_name_of_a_page__is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="MONGODB_DATABASE"):
        create_app(Config(mongodb_database="photos"))


# What a client sends that never ends, what it goes on to send every half second, and how long the API may wait.
SLOW = [
    ("nothing", b"", b"", 10),
    ("half a head", b"GET /photos HTTP/1.1\r\nHost: localhost\r\nX-A", b"", 10),
    ("a head in drips", b"G", b"G", 10),
    ("a second head in drips", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"G", 10),
    ("half a body", b"POST /failures/requeue HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{", b"", 20),
    (
        "a body in drips",
        b"POST /failures/requeue HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n{",
        b" ",
        20,
    ),
]


def test_slow_clients__each_kind__are_dropped_in_time(api: Api) -> None:
    def seconds_until_dropped(first: bytes, drip: bytes) -> float:
        with socket.create_connection(("127.0.0.1", api.port)) as link:
            start = time.monotonic()
            link.sendall(first)
            link.settimeout(0.5)
            with contextlib.suppress(ConnectionError):
                while time.monotonic() < start + 40:
                    with contextlib.suppress(TimeoutError):
                        if not link.recv(65536):
                            break
                    link.sendall(drip)
            return time.monotonic() - start

    with ThreadPoolExecutor(len(SLOW)) as pool:
        times = list(pool.map(lambda row: seconds_until_dropped(row[1], row[2]), SLOW))
    for (name, _, _, limit), seconds in zip(SLOW, times, strict=True):
        assert seconds < limit + 3, name


def test_head__too_long__is_refused(api: Api) -> None:
    with contextlib.suppress(ConnectionError):
        assert api.get_raw(b"/photos?q=" + b"x" * 200_000).status in (400, 414, 431)
    assert api.get("/healthz").status_code == 200
