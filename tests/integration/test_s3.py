"""Both readers against a real S3 server, and against answers that no server gives on demand.

Each test of a read runs with boto3 and with the lean reader, which has learned its way before: they must not differ.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exifinator.config import Config, build_config
from exifinator.errors import (
    AccessDenied,
    BucketGone,
    CredentialsRefused,
    EXIFinatorError,
    ObjectChanged,
    ObjectGone,
    PermanentError,
    SourceUnavailable,
)
from exifinator.lean_s3 import LeanS3
from exifinator.records import ImageRef
from exifinator.s3 import S3
from tests.integration.conftest import Bucket
from tests.keys import KEYS
from tests.s3_proxy import Answer, Proxy, run_proxy, s3_error

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
BODY = bytes(range(256)) * 40


def settings(url: str, **more: object) -> Config:
    base = {"S3_ENDPOINT_URL": url, "AWS_ACCESS_KEY": "test", "AWS_SECRET_KEY": "secret", "S3_TIMEOUT_SECONDS": 2}
    return build_config({**base, **more}, {})


Reader = Callable[[Config, ImageRef], S3]


@pytest.fixture(params=[S3, LeanS3], ids=["boto3", "lean"])
def reader(request: pytest.FixtureRequest, moto_url: str) -> Iterator[Reader]:
    """Makes a reader; a lean one has read from the bucket before, so that it goes its own way."""

    readers: list[S3] = []

    def make(config: Config, ref: ImageRef) -> S3:
        made: S3 = request.param(config)
        readers.append(made)
        if isinstance(made, LeanS3):
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
def lean(request: pytest.FixtureRequest, moto_url: str) -> Iterator[LeanS3]:
    url = request.getfixturevalue("proxy").url if "proxy" in request.fixturenames else moto_url
    with contextlib.closing(LeanS3(settings(url))) as lean:
        yield lean


@pytest.fixture
def ref(bucket: Bucket) -> ImageRef:
    bucket.put("a.jpg", BODY)
    return ImageRef(bucket.name, "a.jpg", "", len(BODY), NOON)


@pytest.fixture
def proxy(moto_url: str) -> Iterator[Proxy]:
    with run_proxy(moto_url) as proxy:
        yield proxy


@pytest.mark.parametrize(("start", "length"), [(0, 10), (0, 100_000), (100, 50), (len(BODY) - 5, 100)])
def test_read_range__inside__brings_those_bytes(
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


def test_read_range__empty_object__has_no_bytes(reader: Reader, bucket: Bucket, moto_url: str) -> None:
    bucket.put("empty", b"")

    empty = ImageRef(bucket.name, "empty", "", 0, NOON)
    read = reader(settings(moto_url), empty).read_range(empty, 0, 100)

    assert (read.data, read.total_bytes) == (b"", 0)


def test_read_range__behind_the_end__has_no_bytes(reader: Reader, ref: ImageRef, moto_url: str) -> None:
    assert reader(settings(moto_url), ref).read_range(ref, len(BODY) + 10, 100).data == b""


def test_read_range__etag_of_before__is_object_changed(
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
def test_read_range__absent__says_so(
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
        ("InvalidObjectState", 403, PermanentError),
        ("NoSuchKey", 404, ObjectGone),
        ("MethodNotAllowed", 405, PermanentError),
    ],
)
def test_read_range__error_of_s3__is_ours(
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
    return Answer(answer.status, {**answer.headers, "Content-Length": str(len(answer.body))}, answer.body[:-3])


def _shift(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
    return Answer(206, {**answer.headers, "Content-Range": f"bytes 5-14/{len(BODY)}"}, answer.body)


def _web_page(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
    return Answer(200, {"Content-Type": "text/html", "Content-Length": "14"}, b"<html>hi</html"[:14])


@pytest.mark.parametrize("fault", [_cut, _shift, _web_page, lambda *args: None], ids=["cut", "shift", "html", "reset"])
def test_read_range__answer_that_is_wrong__is_source_unavailable(
    reader: Reader,
    ref: ImageRef,
    proxy: Proxy,
    fault: Callable[..., Answer | None],
) -> None:
    proxy.answer = fault
    with pytest.raises(SourceUnavailable):
        reader(settings(proxy.url), ref).read_range(ref, 0, 10)


def test_read_range__whole_object_instead_of_a_range__is_cut_to_it(
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


def test_read_range__short_burst_of_slow_down__is_ridden_out(reader: Reader, ref: ImageRef, proxy: Proxy) -> None:
    left = [1]

    proxy.answer = lambda m, t, h, a: s3_error(503, "SlowDown") if left and left.pop() else a
    assert reader(settings(proxy.url), ref).read_range(ref, 0, 10).data == BODY[:10]


def test_read_range__nothing_listens__is_source_unavailable(ref: ImageRef) -> None:
    with pytest.raises(SourceUnavailable):
        S3(settings("http://127.0.0.1:1")).read_range(ref, 0, 10)


def test_read_range__anonymous__is_not_signed(reader: Reader, ref: ImageRef, bucket: Bucket, proxy: Proxy) -> None:
    bucket.client.put_object_acl(Bucket=bucket.name, Key="a.jpg", ACL="public-read")
    bucket.client.put_bucket_acl(Bucket=bucket.name, ACL="public-read")
    config = build_config({"S3_ENDPOINT_URL": proxy.url, "S3_ANONYMOUS": True}, {})
    reader(config, ref).read_range(ref, 0, 10)

    assert "authorization" not in {name.lower() for name in proxy.seen[0][2]}


def test_read_range__requester_pays__says_so_in_every_request(reader: Reader, ref: ImageRef, proxy: Proxy) -> None:
    s3 = reader(settings(proxy.url, S3_REQUESTER_PAYS=True), ref)
    s3.read_range(ref, 0, 10)
    s3.list_page(ref.bucket, "", None)

    for _, _, headers in proxy.seen:
        assert {name.lower(): value for name, value in headers.items()}["x-amz-request-payer"] == "requester"


@pytest.mark.parametrize(("addressing", "path"), [("auto", True), ("path", True), ("virtual", False)])
def test_read_range__own_endpoint__is_addressed_as_the_settings_say(
    ref: ImageRef,
    proxy: Proxy,
    addressing: str,
    path: bool,
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


def test_list_page__server_that_is_no_s3_knows_no_such_address__names_the_setting(proxy: Proxy) -> None:
    proxy.answer = lambda method, target, headers, answer: Answer(404, {}, b'{"detail": "Not Found"}')
    with pytest.raises(BucketGone, match=r"says it otherwise than S3 does .* check S3_ENDPOINT_URL"):
        S3(settings(proxy.url)).list_page("any-bucket", "", None)


def test_list_page__pages__go_on_from_the_token(bucket: Bucket, proxy: Proxy) -> None:
    for i in range(3):
        bucket.put(f"{i}.jpg", b"x")
    s3 = S3(settings(proxy.url))
    page = s3.list_page(bucket.name, "", None)

    assert [ref.key for ref in page.refs] == ["0.jpg", "1.jpg", "2.jpg"]
    assert page.next_token is None
    assert abs((page.served_at - datetime.now(UTC)).total_seconds()) < 60


def test_list_page__every_key__is_what_boto3_itself_makes_of_it(bucket: Bucket, moto_url: str) -> None:
    for i, key in enumerate(KEYS):
        bucket.put(key, BODY[:i])

    refs = S3(settings(moto_url)).list_page(bucket.name, "", None).refs

    plain = bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]
    assert [(r.key, r.size_bytes, r.etag, r.last_modified) for r in refs] == [
        (item["Key"], item["Size"], item["ETag"].strip('"'), item["LastModified"]) for item in plain
    ]
    assert {r.key for r in refs} == set(KEYS)


def test_list_page__several_pages__are_all_brought(bucket: Bucket, proxy: Proxy) -> None:
    for i in range(5):
        bucket.put(f"{i}.jpg", b"x")
    proxy.request = lambda target: target + "&max-keys=2" if "list-type" in target else target
    s3 = S3(settings(proxy.url))
    keys, token = [], None
    for _ in range(3):
        page = s3.list_page(bucket.name, "", token)
        token = page.next_token
        keys += [ref.key for ref in page.refs]

    assert (keys, token) == ([f"{i}.jpg" for i in range(5)], None)


def test_list_page__error_in_an_answer_of_200__is_tried_again(bucket: Bucket, proxy: Proxy) -> None:
    bucket.put("a.jpg", b"x")

    def fail_once(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        return s3_error(200, "InternalError") if len(proxy.seen) == 1 else answer

    proxy.answer = fail_once
    page = S3(settings(proxy.url)).list_page(bucket.name, "", None)

    assert ([ref.key for ref in page.refs], len(proxy.seen)) == (["a.jpg"], 2)


def test_list_page__error_in_every_answer_of_200__is_source_unavailable(bucket: Bucket, proxy: Proxy) -> None:
    proxy.answer = lambda *_: s3_error(200, "SlowDown")
    with pytest.raises(SourceUnavailable, match="SlowDown"):
        S3(settings(proxy.url)).list_page(bucket.name, "", None)


@pytest.mark.parametrize("name", ["my bucket", "bücket", "a\x1b[2Jb", "x" * 300])
def test_list_page__name_that_no_bucket_can_have__is_one_sentence(name: str) -> None:
    """botocore answers with the pattern that it holds a name against."""
    with pytest.raises(BucketGone) as caught:
        S3(settings("http://127.0.0.1:1")).list_page(name, "2024/", None)
    assert str(caught.value) == (
        f"{name!r} is no bucket's name, which has letters, digits, dots, hyphens and underscores"
    )


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


def test_lean__every_key__is_read_as_boto3_reads_it(lean: LeanS3, bucket: Bucket, moto_url: str) -> None:
    boto = S3(settings(moto_url))
    for i, key in enumerate(KEYS):
        bucket.put(key, BODY[i:])
        ref = ImageRef(bucket.name, key, "", len(BODY), NOON)
        for start, length in ((0, 100), (7, 50), (0, 2 * len(BODY))):
            assert lean.read_range(ref, start, length) == boto.read_range(ref, start, length), key


def test_lean__rclone__is_read_as_boto3_reads_it(rclone_folder: Path, rclone_url: str) -> None:
    """It says 200 with a Content-Range where others say 206, and gives no ETags."""
    (rclone_folder / "ranges").mkdir()
    (rclone_folder / "ranges" / "a.jpg").write_bytes(BODY)
    ref = ImageRef("ranges", "a.jpg", "", len(BODY), NOON)
    boto = S3(settings(rclone_url))
    with contextlib.closing(LeanS3(settings(rclone_url))) as lean:
        for start, length in ((0, 10), (0, 100), (7, 50), (0, 2 * len(BODY)), (len(BODY) - 3, 9)):
            assert lean.read_range(ref, start, length) == boto.read_range(ref, start, length)


def test_lean__plain_reads__do_without_boto3(lean: LeanS3, bucket: Bucket, proxy: Proxy) -> None:
    for i in range(5):
        bucket.put(f"{i}.jpg", BODY)
        lean.read_range(ImageRef(bucket.name, f"{i}.jpg", "", len(BODY), NOON), 0, 10)

    agents = [headers.get("User-Agent", headers.get("user-agent", "")) for _, _, headers in proxy.seen]
    assert [agent.startswith("Boto3") for agent in agents] == [True, False, False, False, False]


def test_lean__bucket_in_another_region__follows_boto3_there(lean: LeanS3, bucket: Bucket, proxy: Proxy) -> None:
    """S3 answers a request that is signed for the wrong region with the right one."""

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
    assert lean.read_range(ref, 0, 10).data == BODY[:10]
    proxy.seen.clear()
    assert lean.read_range(ref, 10, 10).data == BODY[10:20]
    assert len(proxy.seen) == 1
