# ruff: noqa: E501 -- one line per row of a table
"""Requests to the API: tokens, origins, hosts, methods, bodies, compression, failed jobs, and error responses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pymongo
import pytest
from pydantic import SecretStr

from api.errors import ErrorCode
from exifinator.config import Config
from exifinator.web_security import LoginThrottle
from tests.integration.api.fixtures import TOKEN, Api, WireApi, guarded, open_api, serve_api

Fail = Callable[..., None]
GOOD = {"Authorization": f"Bearer {TOKEN}"}
READ_PATHS = [
    "/",
    "/openapi.json",
    "/dbs",
    "/waldo",
    "/waldo/exif_data",
    "/photos",
    "/photos/a%2Fb",
    "/facets",
    "/map",
    "/export.csv",
]


@pytest.fixture(scope="module")
def guarded_wire_api(library: Config) -> Iterator[WireApi]:
    """Yield the guarded API on a socket, because an in-process client sends other bytes for non-ASCII text."""
    with serve_api(guarded(library)) as running:
        yield running


@pytest.mark.parametrize("path", [*READ_PATHS, "/failures"])
def test_token__missing__is_401_with_www_authenticate(guarded_api: Api, path: str) -> None:
    answer = guarded_api.client.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "token_missing"


@pytest.mark.parametrize("path", [*READ_PATHS, "/failures"])
def test_token__right__is_accepted(guarded_api: Api, path: str) -> None:
    assert guarded_api.client.get(path, headers=GOOD).status_code in (200, 404)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/docs/start.js"])
def test_token__health_checks_and_documentation__need_none(guarded_api: Api, path: str) -> None:
    assert guarded_api.client.get(path).status_code == 200


@pytest.mark.parametrize("place", ["/photos?token=", "/photos?access_token=", "/photos?api_key="])
def test_token__sent_in_the_address__is_ignored(guarded_api: Api, place: str) -> None:
    assert guarded_api.client.get(place + TOKEN).status_code == 401


@pytest.mark.parametrize(
    "header", [f"Basic {TOKEN}", TOKEN, "Bearer", f"Bearer  {TOKEN} x", "Bearer é".encode().decode("latin-1")]
)
def test_token__sent_in_another_form__is_401(guarded_wire_api: WireApi, header: str) -> None:
    headers = {"Authorization": header.encode("latin-1")}
    assert guarded_wire_api.client.get("/photos", headers=headers).status_code == 401


def test_login_throttle__many_failures__pause_doubles_up_to_the_maximum() -> None:
    now = [0.0]
    attempts = LoginThrottle(clock=lambda: now[0])
    pauses = []
    for _ in range(20):
        attempts.record_failure("a")
        pauses.append(attempts.seconds_to_wait("a"))
    assert pauses[: LoginThrottle.FREE_ATTEMPTS - 1] == [0.0] * (LoginThrottle.FREE_ATTEMPTS - 1)
    assert pauses[LoginThrottle.FREE_ATTEMPTS - 1 : LoginThrottle.FREE_ATTEMPTS + 3] == [1, 2, 4, 8]
    assert pauses[-1] == LoginThrottle.MAX_SECONDS
    assert attempts.seconds_to_wait("b") == 0


def test_login_throttle__many_addresses__remembers_a_limited_number() -> None:
    attempts = LoginThrottle()
    for at in range(LoginThrottle.MAX_ADDRESSES + 100):
        attempts.record_failure(str(at))
    assert len(attempts._failures) == LoginThrottle.MAX_ADDRESSES


@pytest.mark.parametrize("origin", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/failures/requeue", {"exception": "AccessDenied"}),
        ("POST", "/batches", {"source": "holiday"}),
        ("DELETE", "/batches/20240101-000000-abcdef", None),
        ("POST", "/views", {"name": "mine", "address": "/"}),
        ("PATCH", "/views/0", {"version": 1}),
        ("DELETE", "/views/0", None),
    ],
)
def test_write__from_another_origin__is_refused_without_a_token(
    api: Api, method: str, path: str, body: dict[str, str] | None, origin: dict[str, str]
) -> None:
    refused = api.client.request(method, path, json=body, headers=origin)
    assert (refused.status_code, refused.json()["code"]) == (403, "foreign_origin")


def test_requeue__no_token_is_configured__needs_none(own_library: Config) -> None:
    """Without a token, requests from the same origin may change data, as the explorer does."""
    with open_api(own_library) as own:
        headers = {"Origin": own.url, "Sec-Fetch-Site": "same-origin"}
        answer = own.client.post("/failures/requeue", json={"exception": "AccessDenied"}, headers=headers)
        assert (answer.status_code, answer.json()) == (200, {"requeued": 8})


def test_failures__jobs_failed_for_two_causes__are_grouped_and_listed(api: Api) -> None:
    result = api.get("/failures", limit=5).json()
    assert result["total"] == 12
    assert [(group["exception"], group["count"]) for group in result["groups"]] == [
        ("AccessDenied", 8),
        ("ObjectGone", 4),
    ]
    assert result["groups"][0]["example"]["message"] == "exifinator.errors.AccessDenied: S3 refuses image 0"
    seen = [item["id"] for item in result["failures"]]
    while result["next"]:
        result = api.get("/failures", limit=5, after=result["next"]).json()
        seen += [item["id"] for item in result["failures"]]
    assert len(seen) == len(set(seen)) == 12
    assert api.get("/failures", exception="ObjectGone", bucket="holiday").json()["total"] == 2


@pytest.mark.parametrize("by", ["ids", "exception", "batch"])
def test_requeue__failed_jobs__are_queued_again(own_library: Config, by: str) -> None:
    with (
        pymongo.MongoClient[dict[str, Any]](own_library.mongodb_uri.get_secret_value()) as client,
        open_api(guarded(own_library)) as api,
    ):
        jobs = client[own_library.mrq_database]["mrq_jobs"]
        some = {
            "ids": [str(job["_id"]) for job in jobs.find().limit(2)],
            "exception": "ObjectGone",
            "batch": "20240101-000000-abcdef",
        }
        answer = api.client.post("/failures/requeue", headers=GOOD, json={by: some[by]})
        expected = {"ids": 2, "exception": 4, "batch": 6}[by]
        assert (answer.status_code, answer.json()) == (200, {"requeued": expected})
        queued = list(jobs.find({"status": "queued"}))
        assert len(queued) == expected
        assert {job["retry_count"] for job in queued} == {0}
        assert jobs.count_documents({"status": "failed", "path": "some.other.Task"}) == 1


@pytest.mark.parametrize(
    "body",
    [{}, {"ids": []}, {"ids": ["x"]}, {"ids": ["0" * 24], "exception": "A"}, {"exception": {"$ne": ""}}, {"exception": None},
     {"ids": [{"$gt": ""}]}, {"ids": ["0" * 24] * 1001}, [], "x", {"query": {}}],
)  # fmt: skip
def test_requeue__invalid_selection__is_400(guarded_api: Api, body: Any) -> None:
    assert guarded_api.client.post("/failures/requeue", headers=GOOD, json=body).status_code == 400


def test_requeue__unknown_batch__is_404(guarded_api: Api) -> None:
    assert guarded_api.client.post("/failures/requeue", headers=GOOD, json={"batch": "none"}).status_code == 404


@pytest.mark.parametrize("chunked", [False, True])
def test_request_body__too_large__is_413(guarded_api: Api, chunked: bool) -> None:
    body = b'{"exception":"' + b"x" * 100_000 + b'"}'
    content: Any = (body[at : at + 1000] for at in range(0, len(body), 1000)) if chunked else body
    headers = {**GOOD, "Content-Type": "application/json"}
    answer = guarded_api.client.post("/failures/requeue", headers=headers, content=content)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"])
def test_requeue__content_type_other_than_json__is_refused(guarded_api: Api, kind: str) -> None:
    """A page of another origin may send text without a preflight request, but not JSON."""
    headers = {**GOOD, "Content-Type": kind}
    answer = guarded_api.client.post("/failures/requeue", headers=headers, content=b'{"exception":"A"}')
    assert (answer.status_code, answer.headers["content-type"]) == (415, "application/problem+json")
    assert answer.json()["code"] == "unsupported_media_type"
    assert "Content-Type: application/json" in answer.json()["detail"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:3001", "127.0.0.1.evil.example", "", "localhost.evil.example"]
)
def test_host_header__another_host__is_refused(api: Api, host: str) -> None:
    answer = api.client.get("/photos", headers={"Host": host})
    assert answer.status_code in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:3001", "LOCALHOST:3001", "[::1]:3001"])
def test_host_header__this_machine__is_accepted(api: Api, host: str) -> None:
    assert api.client.get("/healthz", headers={"Host": host}).status_code == 200


def test_cors__no_origin_is_configured__allows_none(api: Api) -> None:
    answer = api.client.get("/photos", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    assert "access-control-allow-origin" not in api.client.options("/photos", headers=preflight).headers


@pytest.mark.parametrize("path", ["/photos", "/failures/requeue", "/waldo/exif_data/a/b"])
def test_options__known_path__lists_its_methods(api: Api, path: str) -> None:
    answer = api.client.options(path)
    assert answer.status_code == 204
    assert answer.headers["allow"] == ("OPTIONS, POST" if path == "/failures/requeue" else "GET, HEAD, OPTIONS")


def test_options__unknown_path__is_404(api: Api) -> None:
    assert api.client.options("/private/secrets").status_code == 404


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PUT", "PATCH", "DELETE", "FOO"])
def test_method__not_supported__is_405_with_allow(api: Api, method: str) -> None:
    answer = api.client.request(method, "/photos")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_response__gzip_is_accepted__is_compressed(api: Api) -> None:
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
def test_response__accept_encoding__is_gzip_only_if_accepted(api: Api, accepted: str, packed: bool) -> None:
    answer = api.client.get("/photos", headers={"Accept-Encoding": accepted})
    assert ("content-encoding" in answer.headers) == packed
    assert len(answer.json()["photos"]) == 50


def test_response__any_path__has_nosniff_and_a_content_security_policy(api: Api) -> None:
    for path in ("/photos", "/nothing", "/export.csv"):
        headers = api.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_docs__html_page__names_no_other_host(api: Api) -> None:
    page = api.get("/docs")
    assert "//" not in page.text.replace("<!doctype", "")
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png", "start.js"):
        assert api.get(f"/docs/{name}").status_code == 200
    assert api.get("/docs/main.py").status_code in (400, 404)


def test_readyz__mongodb_is_unavailable__is_503_and_healthz_is_200(
    library: Config, caplog: pytest.LogCaptureFixture
) -> None:
    gone = library.model_copy(update={"mongodb_uri": SecretStr("mongodb://someone:hush@127.0.0.1:9/")})
    with caplog.at_level(logging.DEBUG), open_api(gone) as api:
        assert api.get("/healthz").status_code == 200
        for path in ("/readyz", "/photos", "/waldo/exif_data"):
            answer = api.get(path)
            assert (answer.status_code, answer.json()["detail"]) == (503, "MongoDB cannot be reached.")
    assert "127.0.0.1:9" in caplog.text
    assert "hush" not in caplog.text


@pytest.fixture
def failing_api(failing_library: Config) -> Iterator[Api]:
    with open_api(failing_library) as running:
        yield running


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
def test_query__exceeds_its_time_limit__is_503_with_a_hint(failing_api: Api, fail: Fail, path: str) -> None:
    fail("maxTimeAlwaysTimeOut")
    answer = failing_api.get(path)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "INDEXED_TAGS" in answer.json()["hint"]


@pytest.mark.parametrize(
    ("error_code", "status", "code", "message"),
    [
        (13, 503, "mongodb_access_denied", "credentials"),
        (292, 503, "out_of_memory", "memory"),
        (2, 400, "query_rejected", "rejected this query"),
    ],
)  # fmt: skip
def test_query__error_of_mongodb__has_a_code_for_its_cause(
    failing_api: Api, fail: Fail, error_code: int, status: int, code: str, message: str
) -> None:
    fail("failCommand", failCommands=["find"], errorCode=error_code)
    answer = failing_api.get("/photos")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert message in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "code", "parameter", "pointer"),
    [
        ("/photos?query={]", "bad_json", "query", None),
        ('/photos?query={"photo.iso":{"$gt":1,"$where":"x"}}', "bad_parameter", "query", "/photo.iso/$where"),
        ('/photos?query={"a/b":{"$size":-1}}', "bad_parameter", "query", "/a~1b/$size"),
        ('/waldo/exif_data?fields={"a":5}', "bad_parameter", "fields", "/a"),
        ('/waldo/exif_data?hint={"nothing":1}', "bad_hint", "hint", None),
        ("/photos?iso=x", "bad_parameter", "iso", None),
        ("/photos?limit=0", "bad_parameter", "limit", None),
        ("/photos?iso=1&iso=2", "repeated_parameter", "iso", None),
        ("/photos?colour=red", "unknown_parameter", "colour", None),
        ("/photos?cursor=x", "bad_cursor", "cursor", None),
        ("/photos/a%2Fb", "not_found", None, None),
        ("/nothing/here", "not_found", None, None),
        ("/failures/requeue", "method_not_allowed", None, None),
    ],
)
def test_problem__invalid_request__has_a_code_with_parameter_and_pointer(
    api: Api, path: str, code: str, parameter: str | None, pointer: str | None
) -> None:
    answer = api.client.get(path)
    problem = answer.json()
    assert (problem["code"], problem.get("parameter"), problem.get("pointer")) == (code, parameter, pointer)
    assert answer.status_code == problem["status"] == ErrorCode(code).status


def test_problem__body_is_not_json__has_a_code(guarded_api: Api) -> None:
    headers = {**GOOD, "Content-Type": "application/json"}
    answer = guarded_api.client.post("/failures/requeue", headers=headers, content=b"{")
    assert (answer.status_code, answer.json()["code"], answer.json()["parameter"]) == (400, "bad_json", "body")


def test_openapi__problem_codes__are_all_described(api: Api) -> None:
    described = api.get("/openapi.json").json()
    assert described["components"]["schemas"]["ErrorCode"]["enum"] == [code.value for code in ErrorCode]
    missing = [
        code
        for code in ErrorCode
        if f"| `{code}` | {code.status} | {code.meaning} |" not in described["info"]["description"]
    ]
    assert missing == []
