"""Translate S3's error codes and botocore's exceptions into EXIFinator's errors.

The message of an error ends with the details of S3's response: code, HTTP status, region and message.
Source: Amazon S3 API Reference, "Error responses".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
    TokenRetrievalError,
)

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
    UntrustedServer,
    WrongRegion,
)
from exifinator.sources.source import is_bucket_name

# S3's messages are one sentence. Longer messages are cut off: they are usually HTML pages from servers other than S3.
_MAX_MESSAGE_CHARS = 300

_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "404", "NotFound"})
_DENIED = frozenset(
    {"AccessDenied", "403", "Forbidden", "AllAccessDisabled", "AccountProblem", "UnauthorizedAccess",
     "AuthorizationHeaderMalformed"}
)  # fmt: skip
_WRONG_REGION = frozenset(
    {"PermanentRedirect", "TemporaryRedirect", "301", "307", "IllegalLocationConstraintException",
     "AuthorizationHeaderMalformed"}
)  # fmt: skip
_RENEW_HINT = "renew the credentials"
_CORRECT_HINT = "correct the credentials"
# S3's codes for credentials that it would reject for any request: our error code and hint, by S3's code.
_REJECTED_CREDENTIALS = {
    "InvalidAccessKeyId": (
        "unknown_access_key", "set AWS_ACCESS_KEY to an access key of this server, or correct S3_ENDPOINT_URL",
    ),
    "SignatureDoesNotMatch": ("wrong_secret_key", "set AWS_SECRET_KEY to the secret key of AWS_ACCESS_KEY"),
    "ExpiredToken": ("expired_credentials", _RENEW_HINT),
    "ExpiredTokenException": ("expired_credentials", _RENEW_HINT),
    "TokenRefreshRequired": ("expired_credentials", _RENEW_HINT),
    "InvalidToken": ("credentials_refused", _CORRECT_HINT),
    "InvalidClientTokenId": ("credentials_refused", _CORRECT_HINT),
    "UnrecognizedClientException": ("credentials_refused", _CORRECT_HINT),
    "NotSignedUp": ("credentials_refused", "sign the account up for Amazon S3"),
}  # fmt: skip
_RATE_LIMITED = frozenset(
    {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests", "429"}
)
_SERVER_ERRORS = frozenset({"InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted"})
# Part of S3's message for an object that is encrypted with a customer-provided key (SSE-C). There is no error code for
# this case.
_SSE_C_MESSAGE = "stored using a form of Server Side Encryption"


def translate_client_error(exc: ClientError, place: str) -> EXIFinatorError:
    """Return EXIFinator's error for an error response from S3.

    Args:
        exc: The error response.
        place: The bucket, or bucket/key, that was requested.
    """
    error = exc.response.get("Error", {})
    metadata = exc.response.get("ResponseMetadata", {})
    code = str(error.get("Code", ""))
    status = int(metadata.get("HTTPStatusCode", 0))
    region = error.get("Region") or metadata.get("HTTPHeaders", {}).get("x-amz-bucket-region")
    details = _response_details(code, status, str(error.get("Message", "")), region)

    if code == "NoSuchBucket":
        hint = "check its name and S3_ENDPOINT_URL"
        return BucketGone(f"Bucket not found: {place} ({details})", hint=hint, pointer="S3_ENDPOINT_URL")
    if code in _GONE or status == 404:
        return ObjectGone(f"Object not found: {place} ({details})")
    if status == 412 or code == "PreconditionFailed":
        return ObjectChanged(f"Object replaced while it was being read: {place}")
    if code == "RequestTimeTooSkewed":
        hint = "synchronize the clock of this machine: sudo timedatectl set-ntp true"
        return ClockSkew(f"S3 rejected the time of the request for {place} ({details})", hint=hint)
    if code in _RATE_LIMITED or status == 429:
        return SourceUnavailable(f"S3 limits the rate of requests for {place} ({details})", code="rate_limited")
    if code in _SERVER_ERRORS or status >= 500:
        return SourceUnavailable(f"S3 cannot serve {place} at the moment ({details})", code="server_error")
    return _translate_rejection(code, status, region, place, details)


def _translate_rejection(code: str, status: int, region: str | None, place: str, details: str) -> EXIFinatorError:
    """Return the permanent error for an error response that S3 would send again if the request were repeated."""
    if code == "InvalidObjectState":
        return ObjectArchived(f"Object is archived: {place} ({details})", hint="restore it in S3 first")
    if code in _REJECTED_CREDENTIALS:
        error_code, hint = _REJECTED_CREDENTIALS[code]
        return CredentialsRefused(f"S3 rejected the credentials for {place} ({details})", code=error_code, hint=hint)
    # S3 sends AuthorizationHeaderMalformed for several mistakes. The response contains a region if the region was the
    # mistake.
    if code in _WRONG_REGION and (region or code != "AuthorizationHeaderMalformed"):
        hint = f"set AWS_REGION to {region}" if region else "set AWS_REGION to the bucket's region"
        return WrongRegion(f"Bucket is in another region: {place} ({details})", hint=hint, pointer="AWS_REGION")
    if code in _DENIED or status in (401, 403):
        hint = "check the credentials and the bucket's policy"
        return AccessDenied(f"Access denied to {place} ({details})", hint=hint)
    if code.startswith("KMS.") or _SSE_C_MESSAGE in details:
        hint = (
            "enable its KMS key, and allow these credentials to use it; "
            "objects with a customer-provided key (SSE-C) cannot be read"
        )
        return EncryptedObject(f"S3 cannot decrypt {place} ({details})", hint=hint)
    if code == "InvalidBucketName":
        return InvalidBucketName(f"Invalid bucket name: {place} ({details})")
    return PermanentError(f"S3 rejected the request for {place} ({details})")


def _response_details(code: str, status: int, message: str, region: str | None) -> str:
    """Return the details of S3's response as one line, such as "S3: AccessDenied, HTTP 403: Access Denied"."""
    parts = [f"S3: {code}" if code else "S3", f"HTTP {status}"]
    if region:
        parts.append(f"region {region}")
    text = " ".join(message.split()).rstrip(".")
    if len(text) > _MAX_MESSAGE_CHARS:
        text = f"{text[:_MAX_MESSAGE_CHARS]}..."
    # Do not repeat a message that is the same as the code.
    return ", ".join(parts) + (f": {text}" if text and text != code else "")


def _translate_tls_error(exc: SSLError, place: str) -> EXIFinatorError:
    """Return a permanent error if the certificate cannot be trusted, and a transient error for any other TLS error."""
    # Parse the messages of ssl and urllib3, because botocore keeps only the messages of their errors.
    reason = re.search(r"certificate verify failed: ([^(\n]*)|(hostname \S+ doesn't match [^\n]*)", str(exc))
    if reason is None:
        return SourceUnavailable(f"The TLS connection for {place} failed: {exc}", code="no_response")
    return UntrustedServer(
        f"The server for {place} cannot be trusted: {(reason[1] or reason[2]).strip(' .')}",
        hint="check S3_ENDPOINT_URL, and set S3_CA_FILE to the CA certificate that signed the server's certificate, "
        "unless that certificate has expired",
        pointer="S3_CA_FILE",
    )


def not_s3(place: str) -> SourceUnavailable:
    """Return the error for a response that cannot come from an S3 server."""
    return SourceUnavailable(
        f"The server for {place} is not an S3 server",
        code="not_s3",
        hint="check S3_ENDPOINT_URL",
        pointer="S3_ENDPOINT_URL",
    )


@contextmanager
def s3_errors(place: str) -> Iterator[None]:
    """Translate the exceptions that botocore raises in the body of this context manager.

    Args:
        place: The bucket, or bucket/key, that is requested.

    Raises:
        TransientError, PermanentError: The subclass depends on S3's response: see exifinator/errors.py.
    """
    try:
        yield
    except ClientError as exc:
        raise translate_client_error(exc, place) from exc
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as exc:
        # The other two errors name the missing part or the unknown profile.
        reason = "" if isinstance(exc, NoCredentialsError) else f" ({str(exc).rstrip('.')})"
        raise CredentialsRefused(
            f"There are no credentials for {place}{reason}",
            code="no_credentials",
            hint="set AWS_ACCESS_KEY and AWS_SECRET_KEY, or S3_ANONYMOUS for a public bucket, or provide them to boto3 "
            "(environment, ~/.aws, instance role)",
            pointer="AWS_ACCESS_KEY",
        ) from exc
    except (CredentialRetrievalError, TokenRetrievalError) as exc:
        raise SourceUnavailable(
            f"The credentials for {place} cannot be fetched at the moment: {exc}", code="credentials_unavailable"
        ) from exc
    except SSLError as exc:
        raise _translate_tls_error(exc, place) from exc
    except (ResponseStreamingError, IncompleteReadError) as exc:
        raise SourceUnavailable(f"S3 broke off its response for {place}: {exc}", code="no_response") from exc
    except (ConnectionError, HTTPClientError, ReadTimeoutError) as exc:
        raise SourceUnavailable(f"S3 does not respond for {place}: {exc}", code="no_response") from exc
    except ParamValidationError as exc:
        # For an invalid bucket name, write our own message: botocore's is a regular expression.
        bucket = place.partition("/")[0]
        if not bucket.startswith("arn:") and not is_bucket_name(bucket):
            raise InvalidBucketName(
                f"Invalid bucket name: {bucket!r}", hint="use letters, digits, dots, hyphens and underscores"
            ) from exc
        raise PermanentError(f"Invalid request for {place}: {exc}") from exc
    except BotoCoreError as exc:
        raise PermanentError(f"The request for {place} cannot be sent to S3: {exc}") from exc
