"""Presigned URLs of S3 and signed paths of the API. Signing needs no S3 server."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from api.errors import ErrorCode, RequestRefused
from api.presigned_urls import PathSigner, S3UrlSigner
from exifinator.config import Config


@pytest.mark.parametrize(("variable", "value"), [("AWS_PROFILE", "no-such-profile"), ("AWS_CONFIG_FILE", "{broken}")])
def test_sign__unusable_aws_settings__raises_cannot_sign(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str
) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    broken = tmp_path / "config"
    broken.write_text("[default\nregion")
    monkeypatch.setenv(variable, value.replace("{broken}", str(broken)))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(RequestRefused) as caught:
        S3UrlSigner(Config()).sign("bucket", "key", "image/jpeg")
    assert caught.value.code is ErrorCode.CANNOT_SIGN


def make_signer(**settings: object) -> S3UrlSigner:
    keys = {"aws_access_key": "test", "aws_secret_key": "secret"}
    return S3UrlSigner(Config().model_copy(update={**keys, "aws_secret_key": SecretStr("secret"), **settings}))


def test_sign__media_type_and_attachment__are_fixed_by_the_signature() -> None:
    url = make_signer(s3_endpoint_url="http://127.0.0.1:9").sign("bucket", "a b.jpg", "image/jpeg")
    assert "response-content-type=image%2Fjpeg" in url
    assert "response-content-disposition=attachment" in url
    assert "X-Amz-Expires=600" in url


def test_sign__anonymous_access__is_a_url_without_parameters() -> None:
    url = make_signer(s3_endpoint_url="http://127.0.0.1:9", s3_anonymous=True).sign("bucket", "a.jpg", "image/jpeg")
    assert url == "http://127.0.0.1:9/bucket/a.jpg"


@pytest.mark.parametrize(
    ("endpoint", "origins"),
    [
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("https://minio.example.org:9000", "https://minio.example.org:9000 https://*.minio.example.org:9000"),
        ("https://s3.eu-west-1.amazonaws.com", "https://*.amazonaws.com"),
        ("https://s3.cn-north-1.amazonaws.com.cn", "https://*.amazonaws.com.cn"),
        ("https://a;script-src *", ""),
    ],
)
def test_origins__endpoint__are_sources_for_the_content_security_policy(endpoint: str, origins: str) -> None:
    assert make_signer(s3_endpoint_url=endpoint).origins() == origins


def test_path_signer__signed_path__is_valid_for_this_path_until_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(api_token="token")  # type: ignore[arg-type]
    url = PathSigner(config).sign("/photos/a/content")
    path, _, query = url.partition("?")
    expires, signature = (part.partition("=")[2] for part in query.split("&"))
    other_process = PathSigner(config)
    assert other_process.is_valid(path, int(expires), signature)
    assert not other_process.is_valid("/photos/b/content", int(expires), signature)
    assert not other_process.is_valid(path, int(expires) + 1, signature)
    assert not PathSigner(Config(api_token="other")).is_valid(path, int(expires), signature)  # type: ignore[arg-type]
    monkeypatch.setattr("time.time", lambda: float(expires) + 1)
    assert not other_process.is_valid(path, int(expires), signature)


def test_path_signer__server_without_a_token__adds_no_signature() -> None:
    assert PathSigner(Config()).sign("/photos/a/content") == "/photos/a/content"
