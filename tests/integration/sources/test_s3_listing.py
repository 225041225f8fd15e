"""S3Client.list_page: pages, tokens and errors of listings."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from exifinator.config import build_config
from exifinator.errors import (
    AccessDenied,
    BucketGone,
    EXIFinatorError,
    InvalidBucketName,
    SourceUnavailable,
)
from exifinator.sources.s3.client import S3Client
from tests.integration.conftest import Bucket
from tests.integration.sources.s3 import BODY, settings, web_page
from tests.keys import KEYS
from tests.s3_proxy import Answer, Proxy, s3_error


def test_list_page__404_from_a_server_without_s3__raises_bucket_gone_with_the_setting(proxy: Proxy) -> None:
    proxy.answer = lambda method, target, headers, answer: Answer(404, {}, b'{"detail": "Not Found"}')
    with pytest.raises(BucketGone, match=r"maybe not an S3 server.* check S3_ENDPOINT_URL"):
        S3Client(settings(proxy.url)).list_page("any-bucket", "", None)


def test_list_page__bucket_fits_on_one_page__has_no_next_token(bucket: Bucket, proxy: Proxy) -> None:
    for i in range(3):
        bucket.put(f"{i}.jpg", b"x")
    s3 = S3Client(settings(proxy.url))
    asked_at = datetime.now(UTC).replace(microsecond=0)  # the precision of the header Date
    page = s3.list_page(bucket.name, "", None)

    assert [ref.key for ref in page.refs] == ["0.jpg", "1.jpg", "2.jpg"]
    assert page.next_token is None
    assert asked_at <= page.served_at <= datetime.now(UTC)


def test_list_page__any_key__returns_the_same_as_boto3(bucket: Bucket, moto_url: str) -> None:
    for i, key in enumerate(KEYS):
        bucket.put(key, BODY[:i])

    refs = S3Client(settings(moto_url)).list_page(bucket.name, "", None).refs

    plain = bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]
    assert [(r.key, r.size_bytes, r.etag, r.last_modified) for r in refs] == [
        (item["Key"], item["Size"], item["ETag"].strip('"'), item["LastModified"]) for item in plain
    ]
    assert {r.key for r in refs} == set(KEYS)


def test_list_page__several_pages__continue_from_the_token(bucket: Bucket, proxy: Proxy) -> None:
    for i in range(5):
        bucket.put(f"{i}.jpg", b"x")
    proxy.request = lambda target: target + "&max-keys=2" if "list-type" in target else target
    s3 = S3Client(settings(proxy.url))
    keys, token = [], None
    for _ in range(3):
        page = s3.list_page(bucket.name, "", token)
        token = page.next_token
        keys += [ref.key for ref in page.refs]

    assert (keys, token) == ([f"{i}.jpg" for i in range(5)], None)


def test_list_page__error_in_a_200_response__is_retried(bucket: Bucket, proxy: Proxy) -> None:
    bucket.put("a.jpg", b"x")

    def fail_once(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        return s3_error(200, "InternalError") if len(proxy.seen) == 1 else answer

    proxy.answer = fail_once
    page = S3Client(settings(proxy.url)).list_page(bucket.name, "", None)

    assert ([ref.key for ref in page.refs], len(proxy.seen)) == (["a.jpg"], 2)


def test_list_page__error_in_every_200_response__raises_source_unavailable(bucket: Bucket, proxy: Proxy) -> None:
    proxy.answer = lambda *_: s3_error(200, "SlowDown")
    with pytest.raises(SourceUnavailable, match="SlowDown"):
        S3Client(settings(proxy.url)).list_page(bucket.name, "", None)


@pytest.mark.parametrize("name", ["my bucket", "bücket", "a\x1b[2Jb", "x" * 300])
def test_list_page__invalid_bucket_name__raises_an_error_of_one_sentence(name: str) -> None:
    """Botocore's own message contains a long regular expression."""
    with pytest.raises(InvalidBucketName) as caught:
        S3Client(settings("http://127.0.0.1:1")).list_page(name, "2024/", None)
    assert str(caught.value) == (f"Invalid bucket name: {name!r}; use letters, digits, dots, hyphens and underscores")


def test_list_page__response_is_a_web_page__raises_an_error_about_s3(proxy: Proxy) -> None:
    proxy.answer = web_page
    with pytest.raises(EXIFinatorError, match="S3"):
        S3Client(settings(proxy.url)).list_page("b", "", None)


def test_list_page__no_credentials__raises_access_denied_with_the_settings(
    monkeypatch: pytest.MonkeyPatch, moto_url: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with pytest.raises(AccessDenied, match="AWS_ACCESS_KEY and AWS_SECRET_KEY"):
        S3Client(build_config({"S3_ENDPOINT_URL": moto_url}, {})).list_page("b", "", None)
