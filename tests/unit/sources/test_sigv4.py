"""Signer makes the same signatures as botocore."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import patch
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from exifinator.sources.s3.sigv4 import Signer
from tests.keys import KEYS
from tests.unit.readers import EXAMPLES

NOW = datetime(2026, 5, 1, 23, 59, 58, tzinfo=UTC)


def sign_with_botocore(origin: str, region: str, credentials: Credentials, path: str, headers: dict[str, str]) -> str:
    request = AWSRequest("GET", origin + path, dict(headers))
    with patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)):
        S3SigV4Auth(credentials.get_frozen_credentials(), "s3", region).add_auth(request)
    return str(request.headers["Authorization"])


def sign(origin: str, region: str, credentials: Credentials, path: str, headers: dict[str, str]) -> str:
    signer = Signer(origin.partition("://")[2], region)
    return signer.sign(credentials.get_frozen_credentials(), path, headers, now=NOW.timestamp())["Authorization"]


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_sign__unusual_key__is_the_signature_of_botocore(key: str) -> None:
    arguments = ("http://127.0.0.1:9000", "us-east-1", Credentials("id", "secret"), "/b/" + quote(key, safe="/~"))
    assert sign(*arguments, {"range": "bytes=0-9"}) == sign_with_botocore(*arguments, {"Range": "bytes=0-9"})


@settings(derandomize=True, deadline=None, max_examples=EXAMPLES)
@given(
    key=st.text(min_size=1),
    token=st.none() | st.text("abc+/=", min_size=1),
    etag=st.text("0123456789abcdef-", max_size=34),
    payer=st.booleans(),
    region=st.sampled_from(["us-east-1", "eu-central-1", "auto"]),
    secure=st.booleans(),
)
def test_sign__any_request__is_the_signature_of_botocore(
    key: str, token: str | None, etag: str, payer: bool, region: str, secure: bool
) -> None:
    path = "/" + quote(key.encode("utf-8", "replace"), safe="/~")
    headers = {"range": "bytes=100-200"}
    if etag:
        headers["if-match"] = f'"{etag}"'
    if payer:
        headers["x-amz-request-payer"] = "requester"
    origin = "https://photos.s3.eu-central-1.amazonaws.com" if secure else "http://localhost:9000"
    arguments = (origin, region, Credentials("id", "secret+/", token), path, headers)
    assert sign(*arguments) == sign_with_botocore(*arguments)


def test_sign__another_day_or_secret__uses_another_signing_key() -> None:
    signer = Signer("host", "us-east-1")
    one, other = (Credentials("id", secret).get_frozen_credentials() for secret in ("a", "b"))
    day_seconds = 86_400
    signatures = {
        signer.sign(credentials, "/b/k", {}, now=now)["Authorization"].rpartition("=")[2]
        for credentials in (one, other)
        for now in (0, day_seconds, 0.9)
    }
    assert len(signatures) == 4
