"""The fast client against servers that misbehave: it reads what boto3 reads, and fails as boto3 fails."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.credentials import RefreshableCredentials

from exifinator.config import build_config
from exifinator.errors import CredentialsRefused
from exifinator.models import ImageRef
from exifinator.sources.s3.client import S3Client
from exifinator.sources.s3.fast_client import FastS3Client
from tests.stub_s3 import Reply, Request, StubS3, error, run_stub

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
BODY = bytes(range(256)) * 40
REF = ImageRef("b", "a.jpg", "", len(BODY), NOON)
# A directory bucket, and an access point of one.
EXPRESS = ["photos--use1-az4--x-s3", "photos-ap--use1-az4--xa-s3"]
SESSION = (
    b"<CreateSessionResult><Credentials><SessionToken>ST</SessionToken><SecretAccessKey>S2</SecretAccessKey>"
    b"<AccessKeyId>A2</AccessKeyId><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></CreateSessionResult>"
)


@pytest.fixture
def stub() -> Iterator[StubS3]:
    with run_stub(
        StubS3(
            {
                "b": {"a.jpg": BODY, "first.jpg": b"x"},
                **{bucket: {f"{i}.jpg": BODY for i in range(5)} for bucket in EXPRESS},
            }
        )
    ) as stub:
        yield stub


@pytest.fixture
def fast(stub: StubS3) -> Iterator[FastS3Client]:
    """Yield a fast client that has learned the route of the bucket b."""
    config = build_config({"S3_ENDPOINT_URL": stub.url, "AWS_ACCESS_KEY": "k", "AWS_SECRET_KEY": "s"}, {})
    with contextlib.closing(FastS3Client(config)) as client:
        client.read_range(ImageRef("b", "first.jpg", "", 1, NOON), 0, 1)
        stub.seen.clear()
        yield client


def without_range(reply: Reply) -> dict[str, str | None]:
    return {name: value for name, value in reply.headers.items() if name != "Content-Range"}


def with_header(name: str, value: str | None) -> Callable[[Request, Reply], Reply]:
    return lambda request, reply: Reply(206, reply.body, {**reply.headers, name: value})


HOOKS: dict[str, Callable[[Request, Reply], Reply]] = {
    "weak ETag": with_header("ETag", 'W/"x"'),
    "gzip": with_header("Content-Encoding", "gzip,aws-chunked"),
    "unknown size": with_header("Content-Range", "bytes 100-149/*"),
    "chunked": lambda request, reply: Reply(206, reply.body, reply.headers, is_chunked=True),
    "whole chunked": lambda request, reply: Reply(200, BODY, without_range(reply), is_chunked=True),
    "no length": with_header("Content-Length", None),
    "wrong date": with_header("Date", "yesterday"),
    "no time": with_header("Last-Modified", None),
}


@pytest.mark.parametrize("name", HOOKS)
def test_fast_client__odd_response__is_read_as_boto3_reads_it(fast: FastS3Client, stub: StubS3, name: str) -> None:
    stub.on_get["b"] = HOOKS[name]

    read = fast.read_range(REF, 100, 50)

    assert read == S3Client(fast.config).read_range(REF, 100, 50)
    assert read.data == BODY[100:150]


def test_fast_client__range_past_the_end_of_the_object__is_shortened(fast: FastS3Client, stub: StubS3) -> None:
    assert fast.read_range(REF, 0, 49_152).data == BODY
    assert [request.headers["range"] for request in stub.seen] == [f"bytes=0-{len(BODY) - 1}"]


def expire_credentials(client: Any) -> None:
    """Replace a boto3 client's credentials with expired ones that cannot be refreshed."""

    def refresh() -> dict[str, str]:
        raise OSError("The SSO session has expired")

    expired_at = datetime.now(UTC) - timedelta(minutes=1)
    client._request_signer._credentials = RefreshableCredentials("k", "s", "t", expired_at, refresh, "custom")


def test_fast_client__expired_credentials__are_refused_without_a_request(
    fast: FastS3Client, stub: StubS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = fast._connect

    def connect_expired() -> Any:
        client = connect()
        expire_credentials(client)
        return client

    monkeypatch.setattr(fast, "_connect", connect_expired)
    expire_credentials(fast.client("b"))
    route = fast._routes["b"]
    assert route is not None
    fast._routes["b"] = dataclasses.replace(route, credentials=fast.client("b")._request_signer._credentials)

    with pytest.raises(CredentialsRefused, match="The SSO session has expired"):
        fast.read_range(REF, 0, 10)
    assert stub.seen == []


def test_fast_client__renewed_credentials__are_loaded_again(fast: FastS3Client, stub: StubS3) -> None:
    expire_credentials(fast.client("b"))
    route = fast._routes["b"]
    assert route is not None
    fast._routes["b"] = dataclasses.replace(route, credentials=fast.client("b")._request_signer._credentials)

    assert fast.read_range(REF, 0, 10).data == BODY[:10]
    assert len(stub.seen) == 1


@pytest.mark.parametrize("bucket", EXPRESS)
def test_fast_client__directory_bucket__takes_one_get_per_image(fast: FastS3Client, stub: StubS3, bucket: str) -> None:
    def check_session(request: Request, reply: Reply) -> Reply:
        is_signed = "/s3express/" in request.headers.get("authorization", "")
        has_token = request.headers.get("x-amz-s3session-token") == "ST"
        return (
            reply
            if is_signed and has_token and "x-amz-security-token" not in request.headers
            else error(403, "AccessDenied")
        )

    stub.on_list[bucket] = lambda *_: Reply(200, SESSION)
    stub.on_get[bucket] = check_session

    for i in range(5):
        assert fast.read_range(ImageRef(bucket, f"{i}.jpg", "", len(BODY), NOON), 0, 10).data == BODY[:10]

    assert [request.key for request in stub.seen if request.key] == [f"{i}.jpg" for i in range(5)]
    assert sum("session" in request.query for request in stub.seen) <= 2
