"""boto3 against a real S3 server, and against answers that no server gives on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from exifinator.config import Config, build_config
from exifinator.errors import (
    AccessDenied,
    BucketGone,
    EXIFinatorError,
    ObjectChanged,
    ObjectGone,
    PermanentError,
    SourceUnavailable,
)
from exifinator.records import ImageRef
from exifinator.s3 import S3
from tests.integration.conftest import Bucket
from tests.s3_proxy import Answer, Proxy, run_proxy

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
BODY = bytes(range(256)) * 40


def settings(url: str, **more: object) -> Config:
    base = {"S3_ENDPOINT_URL": url, "AWS_ACCESS_KEY": "test", "AWS_SECRET_KEY": "secret", "S3_TIMEOUT_SECONDS": 2}
    return build_config({**base, **more}, {})


@pytest.fixture
def ref(bucket: Bucket) -> ImageRef:
    bucket.put("a.jpg", BODY)
    return ImageRef(bucket.name, "a.jpg", "", len(BODY), NOON)


@pytest.fixture
def proxy(moto_url: str) -> Iterator[Proxy]:
    with run_proxy(moto_url) as proxy:
        yield proxy


@pytest.mark.parametrize(("start", "length"), [(0, 10), (0, 100_000), (100, 50), (len(BODY) - 5, 100)])
def test_read_range__inside__brings_those_bytes(ref: ImageRef, moto_url: str, start: int, length: int) -> None:
    read = S3(settings(moto_url)).read_range(ref, start, length)

    assert read.data == BODY[start : start + length]
    assert (read.start, read.total_bytes) == (start, len(BODY))
    assert read.etag
    assert '"' not in read.etag
    assert read.last_modified.tzinfo is not None


def test_read_range__empty_object__has_no_bytes(bucket: Bucket, moto_url: str) -> None:
    bucket.put("empty", b"")

    read = S3(settings(moto_url)).read_range(ImageRef(bucket.name, "empty", "", 0, NOON), 0, 100)

    assert (read.data, read.total_bytes) == (b"", 0)


def test_read_range__behind_the_end__has_no_bytes(ref: ImageRef, moto_url: str) -> None:
    assert S3(settings(moto_url)).read_range(ref, len(BODY) + 10, 100).data == b""


def test_read_range__etag_of_before__is_object_changed(ref: ImageRef, bucket: Bucket, moto_url: str) -> None:
    s3 = S3(settings(moto_url))
    etag = s3.read_range(ref, 0, 10).etag
    assert s3.read_range(ref, 10, 10, if_match=etag).data == BODY[10:20]
    bucket.put("a.jpg", b"another one")

    with pytest.raises(ObjectChanged):
        s3.read_range(ref, 10, 10, if_match=etag)


@pytest.mark.parametrize(("name", "key", "error"), [("", "none.jpg", ObjectGone), ("no-such-bucket", "a", BucketGone)])
def test_read_range__absent__says_so(
    ref: ImageRef, moto_url: str, name: str, key: str, error: type[EXIFinatorError]
) -> None:
    absent = ImageRef(name or ref.bucket, key, "", 1, NOON)
    with pytest.raises(error, match=key):
        S3(settings(moto_url)).read_range(absent, 0, 10)


def s3_error(code: str, status: int) -> Callable[..., Answer]:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message></Error>".encode()
    return lambda method, target, headers, answer: Answer(status, {"content-type": "application/xml"}, body)


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("SlowDown", 503, SourceUnavailable),
        ("InternalError", 500, SourceUnavailable),
        ("TooManyRequests", 429, SourceUnavailable),
        ("ExpiredToken", 400, SourceUnavailable),
        ("AccessDenied", 403, AccessDenied),
        ("InvalidAccessKeyId", 403, AccessDenied),
        ("SignatureDoesNotMatch", 403, AccessDenied),
        ("InvalidObjectState", 403, PermanentError),
        ("NoSuchKey", 404, ObjectGone),
        ("MethodNotAllowed", 405, PermanentError),
    ],
)
def test_read_range__error_of_s3__is_ours(
    ref: ImageRef, proxy: Proxy, code: str, status: int, error: type[EXIFinatorError]
) -> None:
    proxy.answer = s3_error(code, status)
    with pytest.raises(error) as caught:
        S3(settings(proxy.url)).read_range(ref, 0, 10)
    assert type(caught.value) is error
    assert "a.jpg" in str(caught.value)


def _cut(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
    return Answer(answer.status, {**answer.headers, "Content-Length": str(len(answer.body))}, answer.body[:-3])


def _shift(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
    return Answer(206, {**answer.headers, "Content-Range": f"bytes 5-14/{len(BODY)}"}, answer.body)


def _web_page(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
    return Answer(200, {"Content-Type": "text/html", "Content-Length": "14"}, b"<html>hi</html"[:14])


@pytest.mark.parametrize("fault", [_cut, _shift, _web_page, lambda *args: None], ids=["cut", "shift", "html", "reset"])
def test_read_range__answer_that_is_wrong__is_source_unavailable(
    ref: ImageRef, proxy: Proxy, fault: Callable[..., Answer | None]
) -> None:
    proxy.answer = fault
    with pytest.raises(SourceUnavailable):
        S3(settings(proxy.url)).read_range(ref, 0, 10)


def test_read_range__whole_object_instead_of_a_range__is_cut_to_it(ref: ImageRef, proxy: Proxy) -> None:
    def whole(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        kept = {name: value for name, value in answer.headers.items() if name.lower() != "content-range"}
        return Answer(200, {**kept, "Content-Length": str(len(BODY))}, BODY)

    proxy.answer = whole
    read = S3(settings(proxy.url)).read_range(ref, 100, 50)

    assert (read.data, read.start, read.total_bytes) == (BODY[100:150], 100, len(BODY))


def test_read_range__short_burst_of_slow_down__is_ridden_out(ref: ImageRef, proxy: Proxy) -> None:
    left = [1]

    proxy.answer = lambda m, t, h, a: s3_error("SlowDown", 503)(m, t, h, a) if left and left.pop() else a
    assert S3(settings(proxy.url)).read_range(ref, 0, 10).data == BODY[:10]


def test_read_range__nothing_listens__is_source_unavailable(ref: ImageRef) -> None:
    with pytest.raises(SourceUnavailable):
        S3(settings("http://127.0.0.1:1")).read_range(ref, 0, 10)


def test_read_range__anonymous__is_not_signed(ref: ImageRef, bucket: Bucket, proxy: Proxy) -> None:
    bucket.client.put_object_acl(Bucket=bucket.name, Key="a.jpg", ACL="public-read")
    config = build_config({"S3_ENDPOINT_URL": proxy.url, "S3_ANONYMOUS": True}, {})
    S3(config).read_range(ref, 0, 10)

    assert "authorization" not in {name.lower() for name in proxy.seen[0][2]}


def test_read_range__requester_pays__says_so_in_every_request(ref: ImageRef, proxy: Proxy) -> None:
    s3 = S3(settings(proxy.url, S3_REQUESTER_PAYS=True))
    s3.read_range(ref, 0, 10)
    s3.list_page(ref.bucket, "", None)

    for _, _, headers in proxy.seen:
        assert {name.lower(): value for name, value in headers.items()}["x-amz-request-payer"] == "requester"


@pytest.mark.parametrize(("addressing", "path"), [("auto", True), ("path", True), ("virtual", False)])
def test_read_range__own_endpoint__is_addressed_as_the_settings_say(
    ref: ImageRef, proxy: Proxy, addressing: str, path: bool
) -> None:
    config = settings(proxy.url.replace("127.0.0.1", "localhost"), S3_ADDRESSING=addressing)
    if not path:
        # No name server here knows bucket.localhost's other names; that it is asked for is what counts.
        client = S3(config).client(ref.bucket)
        url = client.generate_presigned_url("get_object", Params={"Bucket": ref.bucket, "Key": "a.jpg"})
        assert url.startswith(f"http://{ref.bucket}.localhost")
        return
    S3(config).read_range(ref, 0, 10)
    assert proxy.seen[0][1].startswith(f"/{ref.bucket}/a.jpg")


def test_list_page__pages__go_on_from_the_token(bucket: Bucket, proxy: Proxy) -> None:
    for i in range(3):
        bucket.put(f"{i}.jpg", b"x")
    s3 = S3(settings(proxy.url))
    page = s3.list_page(bucket.name, "", None)

    assert [ref.key for ref in page.refs] == ["0.jpg", "1.jpg", "2.jpg"]
    assert page.next_token is None
    assert abs((page.served_at - datetime.now(UTC)).total_seconds()) < 60


def test_list_page__not_an_s3_server__says_what_to_check(proxy: Proxy) -> None:
    proxy.answer = _web_page
    with pytest.raises(EXIFinatorError, match="S3"):
        S3(settings(proxy.url)).list_page("b", "", None)


def test_list_page__no_credentials__says_what_to_set(monkeypatch: pytest.MonkeyPatch, moto_url: str) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with pytest.raises(AccessDenied, match="AWS_ACCESS_KEY and AWS_SECRET_KEY"):
        S3(build_config({"S3_ENDPOINT_URL": moto_url}, {})).list_page("b", "", None)
