"""read_range returns the right bytes or raises an error of errors.py, whatever botocore raises or the server sends."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import botocore.exceptions
import pytest
from botocore.credentials import RefreshableCredentials
from botocore.parsers import ResponseParserError
from urllib3.exceptions import ProtocolError

from exifinator.errors import (
    AccessDenied,
    ClockSkew,
    CredentialsRefused,
    EncryptedObject,
    EXIFinatorError,
    ObjectChanged,
    PermanentError,
    SourceUnavailable,
    TransientError,
    WrongEndpoint,
    WrongRegion,
)
from exifinator.models import ImageRef
from exifinator.sources.s3.client import S3Client
from exifinator.sources.s3.errors import credential_errors, s3_errors
from tests.stub_s3 import Reply, Request, StubS3, connect_stub, error

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
BODY = bytes(range(256)) * 40
REF = ImageRef("b", "a.jpg", "", len(BODY), NOON)
GetHook = Callable[[Request, Reply], Reply]
REDIRECT_HEADERS = {"Location": "https://s3.example.org:9443/b/a.jpg", "Content-Type": "text/html"}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make boto3 retry without pauses."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))


def client_with(hook: GetHook | None = None, **settings: object) -> tuple[S3Client, StubS3]:
    stub = StubS3({"b": {"a.jpg": BODY}}, on_get={"b": hook} if hook else {})
    return connect_stub(stub, **settings), stub


def botocore_errors() -> list[type[Exception]]:
    return [
        kind
        for _, kind in inspect.getmembers(botocore.exceptions, inspect.isclass)
        if issubclass(kind, Exception) and kind.__module__ == "botocore.exceptions"
    ]


class _AnyField(dict[str, Any]):
    """Returns the name of any field, to fill in the format string of any error message."""

    def __missing__(self, name: str) -> str:
        return name


def make_error(kind: type[Exception]) -> Exception:
    """Return an instance of an exception class of botocore, whatever the arguments of its constructor are."""
    if kind is botocore.exceptions.ClientError or issubclass(kind, botocore.exceptions.ClientError):
        return kind({"Error": {"Code": "Unknown"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "GetObject")
    exc = kind.__new__(kind)
    Exception.__init__(exc, getattr(kind, "fmt", "unknown").format_map(_AnyField()))
    return exc


@pytest.mark.parametrize("kind", botocore_errors())
def test_s3_errors__any_error_of_botocore__is_translated(kind: type[Exception]) -> None:
    with pytest.raises((TransientError, PermanentError)) as caught, s3_errors("b/a.jpg"):
        raise make_error(kind)

    assert "b/a.jpg" in str(caught.value) or kind.__name__ == "ParamValidationError"


@pytest.mark.parametrize("kind", botocore_errors())
def test_credential_errors__any_error_of_botocore__raises_credentials_refused(kind: type[Exception]) -> None:
    with pytest.raises(CredentialsRefused, match=r"b/a\.jpg"), credential_errors("b/a.jpg"):
        raise make_error(kind)


@pytest.mark.parametrize(
    "exc",
    [
        KeyError("ContentLength"),
        ValueError("Invalid timestamp"),
        RecursionError(),
        ResponseParserError("no XML"),
        ProtocolError("broken"),
        ConnectionResetError(),
        UnicodeDecodeError("utf-8", b"", 0, 1, "no"),
        AttributeError("x"),
    ],
)
def test_s3_errors__error_of_another_library__raises_source_unavailable(exc: Exception) -> None:
    with pytest.raises(SourceUnavailable, match=r"b/a\.jpg"), s3_errors("b/a.jpg"):
        raise exc


@pytest.mark.parametrize(
    "name", ["CredentialRetrievalError", "UnauthorizedSSOTokenError", "SSOTokenLoadError", "MetadataRetrievalError",
             "TokenRetrievalError", "NoAuthTokenError", "RefreshWithMFAUnsupportedError", "InvalidConfigError"]
)  # fmt: skip
def test_s3_errors__credentials_that_cannot_be_fetched__raise_credentials_refused(name: str) -> None:
    with pytest.raises(CredentialsRefused, match=r"b/a\.jpg cannot be fetched") as caught, s3_errors("b/a.jpg"):
        raise make_error(getattr(botocore.exceptions, name))

    assert caught.value.code == "credentials_unavailable"


@pytest.mark.parametrize("exc", [OSError("no such program"), ValueError("no JSON"), KeyError("AccessKeyId")])
def test_read_range__expired_credentials__raise_after_two_attempts_to_refresh(exc: Exception) -> None:
    s3, stub = client_with()
    attempts = []

    def refresh() -> dict[str, str]:
        attempts.append(1)
        raise exc

    def expire_credentials(client: Any) -> None:
        expired_at = datetime.now(UTC) - timedelta(minutes=1)
        client._request_signer._credentials = RefreshableCredentials("k", "s", "t", expired_at, refresh, "custom")

    connect = s3._connect

    def connect_with_expired_credentials() -> Any:
        client = connect()
        expire_credentials(client)
        return client

    s3._connect = connect_with_expired_credentials  # type: ignore[method-assign]

    with pytest.raises(CredentialsRefused, match="cannot be fetched"):
        s3.read_range(REF, 0, 10)

    assert (len(attempts), stub.seen) == (2, [])


def remove_header(header: str) -> GetHook:
    def hook(request: Request, reply: Reply) -> Reply:
        reply.headers[header] = None
        return reply

    return hook


def change_header(header: str, value: str) -> GetHook:
    def hook(request: Request, reply: Reply) -> Reply:
        reply.headers[header] = value
        return reply

    return hook


def whole(request: Request, reply: Reply) -> Reply:
    """Ignore the Range header, and respond with the whole object."""
    headers = {name: value for name, value in reply.headers.items() if name != "Content-Range"}
    return Reply(200, BODY, headers)


def chunked(request: Request, reply: Reply) -> Reply:
    return Reply(reply.status, reply.body, reply.headers, is_chunked=True)


def whole_chunked(request: Request, reply: Reply) -> Reply:
    return chunked(request, whole(request, reply))


@pytest.mark.parametrize(
    "hook",
    [
        remove_header("ETag"),
        remove_header("Last-Modified"),
        remove_header("Content-Length"),
        remove_header("Date"),
        change_header("Date", "yesterday"),
        change_header("Content-Range", f"bytes 100-149/{len(BODY)}"),
        change_header("Content-Range", "bytes 100-149/*"),
        whole,
        chunked,
        whole_chunked,
        lambda request, reply: remove_header("Content-Length")(request, whole(request, reply)),
    ],
)
def test_read_range__response_with_missing_or_unusual_headers__has_the_right_bytes(hook: GetHook) -> None:
    s3, _ = client_with(hook)

    read = s3.read_range(REF, 100, 50)

    assert (read.start, read.data, read.total_bytes) == (100, BODY[100:150], len(BODY))
    assert read.last_modified.tzinfo is not None


@pytest.mark.parametrize(
    "hook",
    [
        remove_header("Content-Range"),
        change_header("Content-Range", "bytes 99-148/10240"),
        change_header("Content-Range", "bytes 100-99/10240"),
        change_header("Content-Range", "bytes 100-140/10240"),
        change_header("Content-Range", "bytes 100-160/10240"),
        change_header("Content-Range", "items 1-2/3"),
        change_header("Last-Modified", "yesterday"),
        change_header("Content-Length", "many"),
        lambda request, reply: remove_header("Last-Modified")(request, remove_header("ETag")(request, reply)),
    ],
)
def test_read_range__response_with_other_bytes_or_invalid_headers__raises_source_unavailable(hook: GetHook) -> None:
    s3, _ = client_with(hook)

    with pytest.raises(SourceUnavailable, match=r"a\.jpg"):
        s3.read_range(REF, 100, 50)


@pytest.mark.parametrize(("etag", "is_weak"), [('"x"', False), ('W/"x"', True), ("x", False), (' W/"x" ', True)])
def test_read_range__etag__has_no_quotes_or_weakness_prefix(etag: str, is_weak: bool) -> None:
    s3, _ = client_with(change_header("ETag", etag))

    read = s3.read_range(REF, 0, 10)

    assert (read.etag, read.is_etag_weak) == ("x", is_weak)


@pytest.mark.parametrize(
    ("start", "length", "header"),
    [(0, 49_152, "bytes=0-10239"), (100, 50, "bytes=100-149"), (10_000, 500, "bytes=10000-10239")],
)
def test_read_range__range_beyond_the_object__is_cut_at_its_listed_size(start: int, length: int, header: str) -> None:
    s3, stub = client_with()

    assert s3.read_range(REF, start, length).data == BODY[start : start + length]
    assert stub.seen[-1].headers["range"] == header


@pytest.mark.parametrize(
    ("listed_bytes", "start", "content_range", "expected"),
    [
        (0, 0, None, 0),
        (100, 100, None, 100),
        (100, 4000, None, 100),
        (100, 0, "bytes */0", 0),
        (100, 50, "bytes */20", 20),
        (100, 0, None, ObjectChanged),
        (100, 99, None, ObjectChanged),
        (100, 50, "bytes */100", ObjectChanged),
    ],
)
def test_read_range__status_416__gives_the_size_only_if_it_fits_the_range(
    listed_bytes: int, start: int, content_range: str | None, expected: int | type[Exception]
) -> None:
    """Without Content-Range, a 416 does not mean that the object is empty."""
    headers = {"Content-Range": content_range} if content_range else {}
    refusal = error(416, "InvalidRange")
    s3, _ = client_with(lambda *_: Reply(416, refusal.body, {**refusal.headers, **headers}))
    ref = ImageRef("b", "a.jpg", "", listed_bytes, NOON)

    if isinstance(expected, int):
        read = s3.read_range(ref, start, 10)
        assert (read.data, read.total_bytes) == (b"", expected)
    else:
        with pytest.raises(expected, match="shorter than listed"):
            s3.read_range(ref, start, 10)


@pytest.mark.parametrize("method", ["read", "list"])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect__location_on_another_server__raises_with_its_address(status: int, method: str) -> None:
    reply = Reply(status, b"<html>Moved</html>", dict(REDIRECT_HEADERS))
    stub = StubS3({"b": {"a.jpg": BODY}}, on_get={"b": lambda *_: reply}, on_list={"b": lambda *_: reply})
    s3 = connect_stub(stub)

    with pytest.raises(WrongEndpoint) as caught:
        s3.read_range(REF, 0, 10) if method == "read" else s3.list_page("b", "", None)

    assert str(caught.value).count("https://s3.example.org:9443") == 2
    assert len(stub.seen) < 5


def test_redirect__no_location__raises_without_more_redirects() -> None:
    s3, stub = client_with(lambda *_: Reply(301, b""))

    with pytest.raises(AccessDenied, match="redirects"):
        s3.read_range(REF, 0, 10)
    assert len(stub.seen) < 5


@pytest.mark.parametrize(
    "message",
    [
        "Authorization header malformed, unexpected scope: 20250101/us-east-1/s3/aws4_request, "
        "expected: 20250101/garage/s3/aws4_request",
        "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'garage'",
        "Invalid region: expected region garage",
    ],
)
def test_wrong_region__region_in_the_message__is_in_the_hint(message: str) -> None:
    s3, _ = client_with(lambda *_: error(400, "AuthorizationHeaderMalformed", message))

    with pytest.raises(WrongRegion) as caught:
        s3.read_range(REF, 0, 10)

    assert caught.value.hint == "set AWS_REGION to garage"
    assert message.rstrip(".") in str(caught.value)


def test_wrong_region__no_region_in_the_message__raises_wrong_region() -> None:
    message = "Credential should be scoped to a valid region"
    s3, _ = client_with(lambda *_: error(403, "SignatureDoesNotMatch", message))

    with pytest.raises(WrongRegion, match="set AWS_REGION to the bucket's region"):
        s3.read_range(REF, 0, 10)


@pytest.mark.parametrize("seconds", [-1200, 7200])
@pytest.mark.parametrize(
    ("status", "code"), [(403, "AccessDenied"), (400, "AccessDenied"), (403, "SignatureDoesNotMatch")]
)
def test_clock_skew__date_of_a_refusal_differs_from_the_clock__raises_clock_skew(
    seconds: int, status: int, code: str
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    s3, _ = client_with(lambda *_: error(status, code, Date=date))

    with pytest.raises(ClockSkew, match="synchronize the clock"):
        s3.read_range(REF, 0, 10)


def test_clock_skew__time_of_the_server__is_in_the_message() -> None:
    more = "<ServerTime>2025-09-03T16:21:50Z</ServerTime>"
    s3, _ = client_with(lambda *_: error(403, "RequestTimeTooSkewed", "The difference is too large.", more))

    with pytest.raises(ClockSkew, match=r"ServerTime 2025-09-03T16:21:50Z: The difference is too large\)"):
        s3.read_range(REF, 0, 10)


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (error(403, "AccessDenied", "not authorized to perform: kms:Decrypt"), EncryptedObject, "encrypted_object"),
        (error(400, "KMS.DisabledException"), EncryptedObject, "encrypted_object"),
        (
            error(400, "InvalidRequest", "The object was stored using a form of Server Side Encryption."),
            EncryptedObject,
            "customer_key_required",
        ),
        (error(400, "KMS.ThrottlingException"), SourceUnavailable, "rate_limited"),
        (error(400, "RequestThrottled"), SourceUnavailable, "rate_limited"),
        (error(400, "KMS.KMSInternalException"), SourceUnavailable, "server_error"),
        (error(400, "SomethingNew", "The reason."), PermanentError, "permanent_error"),
    ],
)
def test_read_range__error_response__raises_its_class_with_the_message_of_s3(
    reply: Reply, kind: type[EXIFinatorError], code: str
) -> None:
    s3, _ = client_with(lambda *_: reply)

    with pytest.raises(kind) as caught:
        s3.read_range(REF, 0, 10)

    assert (type(caught.value), caught.value.code) == (kind, code)
    message = reply.body.decode().partition("<Message>")[2].partition("</Message>")[0].rstrip(".")
    assert message in str(caught.value)
