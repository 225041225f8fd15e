"""S3's error responses become the errors of errors.py, with S3's own text as data."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from exifinator.errors import (
    AccessDenied,
    BucketGone,
    ClockSkew,
    CredentialsRefused,
    EncryptedObject,
    EXIFinatorError,
    InvalidBucketName,
    ObjectArchived,
    ObjectChanged,
    ObjectGone,
    PermanentError,
    SourceUnavailable,
    WrongRegion,
)
from exifinator.sources.s3.errors import translate_client_error


def explain(code: str, status: int, message: str = "", **more: str) -> EXIFinatorError:
    headers = {"x-amz-bucket-region": more.pop("header_region")} if "header_region" in more else {}
    response: Any = {
        "Error": {"Code": code, "Message": message, **more},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
    }
    return translate_client_error(ClientError(response, "GetObject"), "photos/a.jpg")


@pytest.mark.parametrize(
    ("code", "status", "error", "word"),
    [
        ("NoSuchBucket", 404, BucketGone, "bucket_gone"),
        ("NoSuchKey", 404, ObjectGone, "object_gone"),
        ("404", 404, ObjectGone, "object_gone"),
        ("PreconditionFailed", 412, ObjectChanged, "object_changed"),
        ("SlowDown", 503, SourceUnavailable, "rate_limited"),
        ("TooManyRequests", 429, SourceUnavailable, "rate_limited"),
        ("InternalError", 500, SourceUnavailable, "server_error"),
        ("RequestTimeout", 400, SourceUnavailable, "server_error"),
        ("AnythingElse", 502, SourceUnavailable, "server_error"),
        ("RequestTimeTooSkewed", 403, ClockSkew, "clock_skew"),
        ("InvalidObjectState", 403, ObjectArchived, "object_archived"),
        ("InvalidAccessKeyId", 403, CredentialsRefused, "unknown_access_key"),
        ("SignatureDoesNotMatch", 403, CredentialsRefused, "wrong_secret_key"),
        ("ExpiredToken", 400, CredentialsRefused, "expired_credentials"),
        ("InvalidToken", 400, CredentialsRefused, "credentials_refused"),
        ("AccessDenied", 403, AccessDenied, "access_denied"),
        ("AllAccessDisabled", 403, AccessDenied, "access_denied"),
        ("AuthorizationHeaderMalformed", 400, AccessDenied, "access_denied"),
        ("", 401, AccessDenied, "access_denied"),
        ("PermanentRedirect", 301, WrongRegion, "wrong_region"),
        ("KMS.DisabledException", 400, EncryptedObject, "encrypted_object"),
        ("InvalidBucketName", 400, InvalidBucketName, "invalid_bucket_name"),
        ("InvalidRequest", 400, PermanentError, "permanent_error"),
    ],
)
def test_explain__code_of_s3__has_one_error(code: str, status: int, error: type[EXIFinatorError], word: str) -> None:
    explained = explain(code, status)

    assert type(explained) is error
    assert explained.code == word
    assert "photos/a.jpg" in explained.message
    assert code in str(explained) or error is ObjectChanged


def test_explain__own_message_of_s3__is_appended() -> None:
    text = str(explain("AccessDenied", 403, "User: arn:aws:iam::1:user/x is not authorized to perform: kms:Decrypt."))

    assert "(S3: AccessDenied, HTTP 403: User: arn:aws:iam::1:user/x is not authorized to perform: kms:Decrypt)" in text


def test_explain__long_message_of_another_server__is_cut_and_on_one_line() -> None:
    text = str(explain("AccessDenied", 403, "<html>\n" * 1000))

    assert len(text) < 500
    assert "\n" not in text


@pytest.mark.parametrize("more", [{"Region": "eu-west-3"}, {"header_region": "eu-west-3"}], ids=["body", "header"])
@pytest.mark.parametrize(("code", "status"), [("AuthorizationHeaderMalformed", 400), ("PermanentRedirect", 301)])
def test_explain__another_region__is_named(code: str, status: int, more: dict[str, str]) -> None:
    explained = explain(code, status, **more)

    assert type(explained) is WrongRegion
    assert (explained.hint, explained.pointer) == ("set AWS_REGION to eu-west-3", "AWS_REGION")


def test_explain__object_with_a_key_of_the_customer__is_encrypted() -> None:
    sentence = (
        "The object was stored using a form of Server Side Encryption. "
        "The correct parameters must be provided to retrieve the object."
    )
    assert type(explain("InvalidRequest", 400, sentence)) is EncryptedObject
