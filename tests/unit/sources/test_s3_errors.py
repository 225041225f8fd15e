"""S3's error responses are translated to the errors of errors.py, whose messages quote S3's code and message."""

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


def translate(code: str, status: int, message: str = "", **more: str) -> EXIFinatorError:
    headers = {"x-amz-bucket-region": more.pop("header_region")} if "header_region" in more else {}
    response: Any = {
        "Error": {"Code": code, "Message": message, **more},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
    }
    return translate_client_error(ClientError(response, "GetObject"), "photos/a.jpg")


@pytest.mark.parametrize(
    ("code", "status", "error", "error_code"),
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
def test_translate_client_error__code_of_s3__is_one_error_class(
    code: str, status: int, error: type[EXIFinatorError], error_code: str
) -> None:
    translated = translate(code, status)

    assert type(translated) is error
    assert translated.code == error_code
    assert "photos/a.jpg" in translated.message
    assert code in str(translated) or error is ObjectChanged


def test_translate_client_error__message_of_s3__is_appended() -> None:
    text = str(translate("AccessDenied", 403, "User: arn:aws:iam::1:user/x is not authorized to perform: kms:Decrypt."))

    assert "(S3: AccessDenied, HTTP 403: User: arn:aws:iam::1:user/x is not authorized to perform: kms:Decrypt)" in text


def test_translate_client_error__long_message__is_truncated_and_on_one_line() -> None:
    text = str(translate("AccessDenied", 403, "<html>\n" * 1000))

    assert len(text) < 500
    assert "\n" not in text


@pytest.mark.parametrize("more", [{"Region": "eu-west-3"}, {"header_region": "eu-west-3"}], ids=["body", "header"])
@pytest.mark.parametrize(("code", "status"), [("AuthorizationHeaderMalformed", 400), ("PermanentRedirect", 301)])
def test_translate_client_error__another_region__is_named_in_the_hint(
    code: str, status: int, more: dict[str, str]
) -> None:
    translated = translate(code, status, **more)

    assert type(translated) is WrongRegion
    assert (translated.hint, translated.pointer) == ("set AWS_REGION to eu-west-3", "AWS_REGION")


def test_translate_client_error__object_with_a_customer_key__is_encrypted_object() -> None:
    sentence = (
        "The object was stored using a form of Server Side Encryption. "
        "The correct parameters must be provided to retrieve the object."
    )
    assert type(translate("InvalidRequest", 400, sentence)) is EncryptedObject
