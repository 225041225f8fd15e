"""Both S3 clients against a real S3 server, and against responses that no server gives on demand.

Each test of a read runs with boto3's client and with the fast one, because their results must not differ. The fast
client has read from the bucket before, so that it no longer uses boto3.
"""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exifinator.config import Config, build_config
from exifinator.errors import (
    AccessDenied,
    BucketGone,
    ClockSkew,
    CredentialsRefused,
    EncryptedObject,
    EXIFinatorError,
    ObjectArchived,
    ObjectChanged,
    ObjectGone,
    PermanentError,
    SourceUnavailable,
)
from exifinator.models import ImageRef
from exifinator.sources.s3.client import S3Client
from exifinator.sources.s3.fast_client import FastS3Client
from tests.integration.conftest import Bucket
from tests.integration.sources.s3 import BODY, NOON, settings, web_page
from tests.keys import KEYS
from tests.s3_proxy import Answer, Proxy, s3_error

Reader = Callable[[Config, ImageRef], S3Client]


@pytest.fixture(params=[S3Client, FastS3Client], ids=["boto3", "fast"])
def reader(request: pytest.FixtureRequest, moto_url: str) -> Iterator[Reader]:
    """Yield a function that makes a client of the class under test.

    A fast client has read from the bucket before, so that it has learned how to send requests without boto3.
    """

    readers: list[S3Client] = []

    def make(config: Config, ref: ImageRef) -> S3Client:
        made: S3Client = request.param(config)
        readers.append(made)
        if isinstance(made, FastS3Client):
            Bucket.of(moto_url, ref.bucket).put("seen before", b"x")
            proxy = request.getfixturevalue("proxy") if "proxy" in request.fixturenames else Proxy()
            proxy.answer, fault = None, proxy.answer
            made.read_range(ImageRef(ref.bucket, "seen before", "", 1, NOON), 0, 1)
            assert made._routes[ref.bucket] is not None
            proxy.answer = fault
            proxy.seen.clear()
        return made

    yield make
    for made in readers:
        made.close()


@pytest.fixture
def fast(request: pytest.FixtureRequest, moto_url: str) -> Iterator[FastS3Client]:
    url = request.getfixturevalue("proxy").url if "proxy" in request.fixturenames else moto_url
    with contextlib.closing(FastS3Client(settings(url))) as fast:
        yield fast


@pytest.mark.parametrize(("start", "length"), [(0, 10), (0, 100_000), (100, 50), (len(BODY) - 5, 100)])
def test_read_range__range_in_the_object__returns_its_bytes(
    reader: Reader,
    ref: ImageRef,
    moto_url: str,
    start: int,
    length: int,
) -> None:
    read = reader(settings(moto_url), ref).read_range(ref, start, length)

    assert read.data == BODY[start : start + length]
    assert (read.start, read.total_bytes) == (start, len(BODY))
    assert read.etag
    assert '"' not in read.etag
    assert read.last_modified.tzinfo is not None


def test_read_range__object_is_empty__returns_no_bytes(reader: Reader, bucket: Bucket, moto_url: str) -> None:
    bucket.put("empty", b"")

    empty = ImageRef(bucket.name, "empty", "", 0, NOON)
    read = reader(settings(moto_url), empty).read_range(empty, 0, 100)

    assert (read.data, read.total_bytes) == (b"", 0)


def test_read_range__range_after_the_end__returns_no_bytes(reader: Reader, ref: ImageRef, moto_url: str) -> None:
    assert reader(settings(moto_url), ref).read_range(ref, len(BODY) + 10, 100).data == b""


def test_read_range__etag_is_outdated__raises_object_changed(
    reader: Reader,
    ref: ImageRef,
    bucket: Bucket,
    moto_url: str,
) -> None:
    s3 = reader(settings(moto_url), ref)
    etag = s3.read_range(ref, 0, 10).etag
    assert s3.read_range(ref, 10, 10, if_match=etag).data == BODY[10:20]
    bucket.put("a.jpg", b"another one")

    with pytest.raises(ObjectChanged):
        s3.read_range(ref, 10, 10, if_match=etag)


@pytest.mark.parametrize(("name", "key", "error"), [("", "none.jpg", ObjectGone), ("no-such-bucket", "a", BucketGone)])
def test_read_range__object_or_bucket_is_missing__raises_an_error_with_the_key(
    reader: Reader,
    ref: ImageRef,
    moto_url: str,
    name: str,
    key: str,
    error: type[EXIFinatorError],
) -> None:
    absent = ImageRef(name or ref.bucket, key, "", 1, NOON)
    with pytest.raises(error, match=key):
        reader(settings(moto_url), ref).read_range(absent, 0, 10)


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("SlowDown", 503, SourceUnavailable),
        ("InternalError", 500, SourceUnavailable),
        ("TooManyRequests", 429, SourceUnavailable),
        ("ExpiredToken", 400, CredentialsRefused),
        ("AccessDenied", 403, AccessDenied),
        ("InvalidAccessKeyId", 403, CredentialsRefused),
        ("SignatureDoesNotMatch", 403, CredentialsRefused),
        ("InvalidObjectState", 403, ObjectArchived),
        ("RequestTimeTooSkewed", 403, ClockSkew),
        ("KMS.DisabledException", 400, EncryptedObject),
        ("NoSuchKey", 404, ObjectGone),
        ("MethodNotAllowed", 405, PermanentError),
    ],
)
def test_read_range__s3_returns_an_error__raises_its_translation(
    reader: Reader,
    ref: ImageRef,
    proxy: Proxy,
    code: str,
    status: int,
    error: type[EXIFinatorError],
) -> None:
    proxy.answer = lambda *_: s3_error(status, code)
    with pytest.raises(error) as caught:
        reader(settings(proxy.url), ref).read_range(ref, 0, 10)
    assert type(caught.value) is error
    assert "a.jpg" in str(caught.value)


def _cut(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
    return dataclasses.replace(answer, sent_bytes=len(answer.body) - 3)


def _shift(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
    return Answer(206, {**answer.headers, "Content-Range": f"bytes 5-14/{len(BODY)}"}, answer.body)


@pytest.mark.parametrize("fault", [_cut, _shift, web_page, lambda *args: None], ids=["cut", "shift", "html", "reset"])
def test_read_range__response_is_cut_or_wrong__raises_source_unavailable(
    reader: Reader,
    ref: ImageRef,
    proxy: Proxy,
    fault: Callable[..., Answer | None],
) -> None:
    proxy.answer = fault
    with pytest.raises(SourceUnavailable):
        reader(settings(proxy.url), ref).read_range(ref, 0, 10)


def test_read_range__s3_returns_the_whole_object__returns_only_the_range(
    reader: Reader,
    ref: ImageRef,
    proxy: Proxy,
) -> None:
    def whole(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        kept = {name: value for name, value in answer.headers.items() if name.lower() != "content-range"}
        return Answer(200, {**kept, "Content-Length": str(len(BODY))}, BODY)

    proxy.answer = whole
    read = reader(settings(proxy.url), ref).read_range(ref, 100, 50)

    assert (read.data, read.start, read.total_bytes) == (BODY[100:150], 100, len(BODY))


def test_read_range__s3_returns_slow_down_once__is_retried(reader: Reader, ref: ImageRef, proxy: Proxy) -> None:
    left = [1]

    proxy.answer = lambda m, t, h, a: s3_error(503, "SlowDown") if left and left.pop() else a
    assert reader(settings(proxy.url), ref).read_range(ref, 0, 10).data == BODY[:10]


def test_read_range__nothing_listens__raises_source_unavailable(ref: ImageRef) -> None:
    with pytest.raises(SourceUnavailable):
        S3Client(settings("http://127.0.0.1:1")).read_range(ref, 0, 10)


def test_read_range__anonymous_access__is_not_signed(
    reader: Reader, ref: ImageRef, bucket: Bucket, proxy: Proxy
) -> None:
    bucket.client.put_object_acl(Bucket=bucket.name, Key="a.jpg", ACL="public-read")
    bucket.client.put_bucket_acl(Bucket=bucket.name, ACL="public-read")
    config = build_config({"S3_ENDPOINT_URL": proxy.url, "S3_ANONYMOUS": True}, {})
    reader(config, ref).read_range(ref, 0, 10)

    assert "authorization" not in {name.lower() for name in proxy.seen[0][2]}


def test_read_range__requester_pays__sends_the_header_in_every_request(
    reader: Reader, ref: ImageRef, proxy: Proxy
) -> None:
    s3 = reader(settings(proxy.url, S3_REQUESTER_PAYS=True), ref)
    s3.read_range(ref, 0, 10)
    s3.list_page(ref.bucket, "", None)

    for _, _, headers in proxy.seen:
        assert {name.lower(): value for name, value in headers.items()}["x-amz-request-payer"] == "requester"


@pytest.mark.parametrize(("addressing", "path"), [("auto", True), ("path", True), ("virtual", False)])
def test_read_range__configured_endpoint__uses_the_configured_addressing(
    ref: ImageRef,
    proxy: Proxy,
    addressing: str,
    path: bool,
) -> None:
    config = settings(proxy.url.replace("127.0.0.1", "localhost"), S3_ADDRESSING=addressing)
    if not path:
        # BUCKET.localhost may not be resolvable, so only the URL is checked.
        client = S3Client(config).client(ref.bucket)
        url = client.generate_presigned_url("get_object", Params={"Bucket": ref.bucket, "Key": "a.jpg"})
        assert url.startswith(f"http://{ref.bucket}.localhost")
        return
    S3Client(config).read_range(ref, 0, 10)
    assert proxy.seen[0][1].startswith(f"/{ref.bucket}/a.jpg")


def test_fast_client__any_key__returns_the_same_as_boto3(fast: FastS3Client, bucket: Bucket, moto_url: str) -> None:
    boto = S3Client(settings(moto_url))
    for i, key in enumerate(KEYS):
        bucket.put(key, BODY[i:])
        ref = ImageRef(bucket.name, key, "", len(BODY), NOON)
        for start, length in ((0, 100), (7, 50), (0, 2 * len(BODY))):
            assert fast.read_range(ref, start, length) == boto.read_range(ref, start, length), key


def test_fast_client__server_is_rclone__returns_the_same_as_boto3(rclone_folder: Path, rclone_url: str) -> None:
    """Rclone responds to ranges with 200 and a Content-Range instead of 206, and sends no ETags."""
    name = f"ranges-{secrets.token_hex(4)}"
    (rclone_folder / name).mkdir()
    (rclone_folder / name / "a.jpg").write_bytes(BODY)
    ref = ImageRef(name, "a.jpg", "", len(BODY), NOON)
    boto = S3Client(settings(rclone_url))
    with contextlib.closing(FastS3Client(settings(rclone_url))) as fast:
        for start, length in ((0, 10), (0, 100), (7, 50), (0, 2 * len(BODY)), (len(BODY) - 3, 9)):
            assert fast.read_range(ref, start, length) == boto.read_range(ref, start, length)


def test_fast_client__later_reads__bypass_boto3(fast: FastS3Client, bucket: Bucket, proxy: Proxy) -> None:
    for i in range(5):
        bucket.put(f"{i}.jpg", BODY)
        fast.read_range(ImageRef(bucket.name, f"{i}.jpg", "", len(BODY), NOON), 0, 10)

    agents = [headers.get("User-Agent", headers.get("user-agent", "")) for _, _, headers in proxy.seen]
    assert [agent.startswith("Boto3") for agent in agents] == [True, False, False, False, False]


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (429, "TooManyRequests")])
def test_fast_client__server_limits_the_rate__slows_down_and_succeeds(
    bucket: Bucket, proxy: Proxy, status: int, code: str
) -> None:
    """The server rejects requests of the fast client, but not those of boto3, until the fast client slows down."""
    slowed_down: list[int] = []
    with contextlib.closing(FastS3Client(settings(proxy.url), lambda: slowed_down.append(len(proxy.seen)))) as fast:
        bucket.put("a.jpg", BODY)
        ref = ImageRef(bucket.name, "a.jpg", "", len(BODY), NOON)
        fast.read_range(ref, 0, 10)

        def reject_some(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
            is_rejected = not slowed_down and "EXIFinator" in headers.get("User-Agent", "")
            return s3_error(status, code) if is_rejected else answer

        proxy.answer = reject_some
        for start in range(0, 60, 10):
            assert fast.read_range(ref, start, 10).data == BODY[start : start + 10]
    assert len(slowed_down) == 1


def test_fast_client__bucket_in_another_region__learns_the_region_from_boto3(
    fast: FastS3Client, bucket: Bucket, proxy: Proxy
) -> None:
    """S3 names the right region when it refuses a request that is signed for another region."""

    def elsewhere(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        signed_for = headers.get("Authorization", "").partition("Credential=")[2].split("/")[2:3]
        if signed_for == ["eu-west-3"]:
            return answer
        refusal = s3_error(400, "AuthorizationHeaderMalformed", more="<Region>eu-west-3</Region>")
        refusal.headers["x-amz-bucket-region"] = "eu-west-3"
        return refusal

    bucket.put("a.jpg", BODY)
    ref = ImageRef(bucket.name, "a.jpg", "", len(BODY), NOON)
    proxy.answer = elsewhere
    assert fast.read_range(ref, 0, 10).data == BODY[:10]
    proxy.seen.clear()
    assert fast.read_range(ref, 10, 10).data == BODY[10:20]
    assert len(proxy.seen) == 1
