"""Translate S3's error codes and botocore's exceptions into EXIFinator's errors.

The message of an error ends with the details of S3's response: code, HTTP status, region and message.
Source: Amazon S3 API Reference, "Error responses".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    InfiniteLoopConfigError,
    InvalidConfigError,
    MetadataRetrievalError,
    MissingDependencyException,
    NoAuthTokenError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    RefreshWithMFAUnsupportedError,
    ResponseStreamingError,
    SSLError,
    SSOError,
    TokenRetrievalError,
    UnknownCredentialError,
    UnsupportedS3AccesspointConfigurationError,
)
from lxml.etree import XMLSyntaxError
from urllib3.exceptions import HTTPError as TransportError

from exifinator.bucket_names import is_bucket_name, split_bucket
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
    WrongEndpoint,
    WrongRegion,
)
from exifinator.sources.s3.headers import parse_http_date

_CREDENTIAL_ERRORS = (
    ConfigNotFound, ConfigParseError, CredentialRetrievalError, InfiniteLoopConfigError, InvalidConfigError,
    MetadataRetrievalError, NoAuthTokenError, NoCredentialsError, PartialCredentialsError, ProfileNotFound,
    RefreshWithMFAUnsupportedError, SSOError, TokenRetrievalError, UnknownCredentialError,
)  # fmt: skip
# S3's messages are one sentence. Longer messages are cut off: they are usually HTML pages from servers other than S3.
_MAX_MESSAGE_CHARS = 300
_MAX_DETAIL_CHARS = 60

_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "404", "NotFound"})
_DENIED = frozenset(
    {"AccessDenied", "403", "Forbidden", "AllAccessDisabled", "AccountProblem", "UnauthorizedAccess",
     "AuthorizationHeaderMalformed"}
)  # fmt: skip
_WRONG_REGION_CODES = frozenset({"PermanentRedirect", "TemporaryRedirect", "IllegalLocationConstraintException"})
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
# S3's own codes, those of KMS (such as KMS.ThrottlingException), and those of other servers.
_RATE_LIMITED = re.compile(
    r"slow_?down|throttl|toomanyrequests|(request|rate|bandwidth)limitexceeded|priorrequestnotcomplete", re.IGNORECASE
)
_SERVER_ERRORS = frozenset(
    {"InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted", "KMSInternalException",
     "DependencyTimeoutException"}
)  # fmt: skip
_WRONG_TIME = frozenset({"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"})
# S3 rejects a request whose time is further from its own than this. Other servers then send another code, such as
# AccessDenied.
_MAX_SKEW_SECONDS = 15 * 60
# What servers write about a wrong region, and where they name the right one: MinIO and S3, Garage, and others.
_REGION_MESSAGES = (
    re.compile(r"region.* is wrong; expecting '([^']+)'"),
    re.compile(r"expected: \d{8}/([^/\s]+)/s3/aws4_request"),
    re.compile(r"expected (?:the )?region:? ['\"]?([A-Za-z0-9-]+)", re.IGNORECASE),
    re.compile(
        r"(?:wrong|invalid|unexpected|incorrect|valid) (?:signing )?region()|region\b.* is wrong()", re.IGNORECASE
    ),
)
# Part of S3's message for an object that is encrypted with a customer-provided key (SSE-C). There is no error code for
# this case.
_SSE_C_MESSAGE = re.compile(r"stored using a form of Server Side Encryption|SSE-C|customer-provided", re.IGNORECASE)
# Part of S3's message if a key is sent for an object that needs none.
_NO_SSE_C_MESSAGE = re.compile(r"encryption parameters are not applicable", re.IGNORECASE)
_KMS_MESSAGE = re.compile(r"\bkms:", re.IGNORECASE)
# Further elements of S3's error responses that name the cause.
_DETAILS = ("StorageClass", "ServerTime", "RequestTime")


def translate_client_error(exc: ClientError, place: str) -> EXIFinatorError:
    """Return EXIFinator's error for an error response from S3.

    Args:
        exc: The error response.
        place: The bucket, or bucket/key, that was requested.
    """
    error = exc.response.get("Error", {})
    metadata = exc.response.get("ResponseMetadata", {})
    headers = metadata.get("HTTPHeaders", {})
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    status = int(metadata.get("HTTPStatusCode", 0))
    is_region_wrong, region = _find_region(code, message, error.get("Region") or headers.get("x-amz-bucket-region"))
    details = _response_details(code, status, message, region, error)

    if code == "NoSuchBucket":
        hint = "check its name and S3_ENDPOINT_URL"
        return BucketGone(f"Bucket not found: {place} ({details})", hint=hint, pointer="S3_ENDPOINT_URL")
    if code in _GONE or status == 404:
        return ObjectGone(f"Object not found: {place} ({details})")
    if status == 412 or code == "PreconditionFailed":
        return ObjectChanged(f"Object replaced while it was being read: {place}")
    if code in _WRONG_TIME or (400 <= status < 404 and _is_clock_wrong(headers)):
        hint = "synchronize the clock of this machine: sudo timedatectl set-ntp true"
        return ClockSkew(f"S3 rejected the time of the request for {place} ({details})", hint=hint)
    if _RATE_LIMITED.search(code) or status == 429:
        return SourceUnavailable(f"S3 limits the rate of requests for {place} ({details})", code="rate_limited")
    if code.removeprefix("KMS.") in _SERVER_ERRORS or (status >= 500 and status != 501):
        return SourceUnavailable(f"S3 cannot serve {place} at the moment ({details})", code="server_error")
    if is_region_wrong or (region and 300 <= status < 400):
        hint = f"set AWS_REGION to {region}" if region else "set AWS_REGION to the bucket's region"
        return WrongRegion(f"Bucket is in another region: {place} ({details})", hint=hint, pointer="AWS_REGION")
    if 300 <= status < 400:
        return _translate_redirect(headers.get("location", ""), place, details)
    return _translate_rejection(code, status, message, place, details)


def _find_region(code: str, message: str, region: str | None) -> tuple[bool, str | None]:
    """Return whether S3 rejects the region of a request, and the bucket's region if S3 names it."""
    if code in _WRONG_REGION_CODES or (code == "AuthorizationHeaderMalformed" and region):
        return True, region
    for pattern in _REGION_MESSAGES:
        if match := pattern.search(message):
            return True, region or match[1] or None
    return False, region


def _is_clock_wrong(headers: dict[str, str]) -> bool:
    """Return whether the server's time is so far from this machine's that S3 rejects any signed request."""
    served_at = parse_http_date(headers.get("date"))
    return served_at is not None and abs((served_at - datetime.now(UTC)).total_seconds()) > _MAX_SKEW_SECONDS


def _translate_redirect(location: str, place: str, details: str) -> EXIFinatorError:
    parts = urlsplit(location)
    target = f" to {parts.scheme}://{parts.netloc}" if parts.netloc else ""
    hint = f"set S3_ENDPOINT_URL to {parts.scheme}://{parts.netloc}" if parts.netloc else "check S3_ENDPOINT_URL"
    return WrongEndpoint(f"The server for {place} redirects{target} ({details})", hint=hint, pointer="S3_ENDPOINT_URL")


def _translate_rejection(code: str, status: int, message: str, place: str, details: str) -> EXIFinatorError:
    """Return the permanent error for an error response that S3 would send again if the request were repeated."""
    if code == "InvalidObjectState":
        return ObjectArchived(f"Object is archived: {place} ({details})", hint="restore it in S3 first")
    if code in _REJECTED_CREDENTIALS:
        error_code, hint = _REJECTED_CREDENTIALS[code]
        return CredentialsRefused(f"S3 rejected the credentials for {place} ({details})", code=error_code, hint=hint)
    if code.startswith("KMS.") or _KMS_MESSAGE.search(message):
        return EncryptedObject(
            f"S3 cannot decrypt {place} ({details})",
            hint="enable its KMS key, and allow these credentials kms:Decrypt with it",
        )
    if _SSE_C_MESSAGE.search(message):
        return EncryptedObject(
            f"S3 cannot decrypt {place} ({details})",
            code="customer_key_required",
            hint="set S3_SSE_C_KEY to the key that the object was stored with",
            pointer="S3_SSE_C_KEY",
        )
    if code in _DENIED or status in (401, 403):
        hint = "check the credentials and the bucket's policy"
        return AccessDenied(f"Access denied to {place} ({details})", hint=hint)
    if code == "InvalidBucketName":
        return InvalidBucketName(f"Invalid bucket name: {place} ({details})")
    return PermanentError(f"S3 rejected the request for {place} ({details})")


def is_about_customer_key(error: EXIFinatorError) -> bool:
    """Return whether S3 rejected a request because a customer-provided key (SSE-C) was missing, or was not needed."""
    cause = error.__cause__
    message = str(cause.response.get("Error", {}).get("Message", "")) if isinstance(cause, ClientError) else ""
    return error.code == "customer_key_required" or _NO_SSE_C_MESSAGE.search(message) is not None


def _response_details(code: str, status: int, message: str, region: str | None, error: dict[str, Any]) -> str:
    """Return the details of S3's response as one line, such as "S3: AccessDenied, HTTP 403: Access Denied"."""
    parts = [f"S3: {code}" if code else "S3", f"HTTP {status}"]
    if region:
        parts.append(f"region {region}")
    parts += [f"{name} {error[name]}"[:_MAX_DETAIL_CHARS] for name in _DETAILS if error.get(name)]
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
    """Translate the exceptions that are raised in the body of this context manager, which sends a request to S3.

    Args:
        place: The bucket, or bucket/key, that is requested.

    Raises:
        TransientError, PermanentError: The subclass depends on S3's response: see exifinator/errors.py.
    """
    try:
        yield
    except (EXIFinatorError, XMLSyntaxError):
        raise
    except ClientError as exc:
        raise translate_client_error(exc, place) from exc
    except _CREDENTIAL_ERRORS as exc:
        raise _translate_credential_error(exc, place) from exc
    except SSLError as exc:
        raise _translate_tls_error(exc, place) from exc
    except (ResponseStreamingError, IncompleteReadError) as exc:
        raise SourceUnavailable(
            f"The connection to S3 failed during the response for {place}: {exc}", code="no_response"
        ) from exc
    except (ConnectionError, HTTPClientError, OSError, TransportError) as exc:
        raise SourceUnavailable(f"S3 does not respond for {place}: {exc}", code="no_response") from exc
    except ParamValidationError as exc:
        # For an invalid bucket name, write our own message: botocore's is a regular expression.
        bucket, _ = split_bucket(place)
        if not is_bucket_name(bucket):
            raise InvalidBucketName(
                f"Invalid bucket name: {bucket!r}", hint="use letters, digits, dots, hyphens and underscores"
            ) from exc
        raise PermanentError(f"Invalid request for {place}: {exc}") from exc
    except MissingDependencyException as exc:
        raise PermanentError(
            f"Requests to {place} must be signed for several regions (SigV4A), as for a multi-region access point",
            hint="name an access point or the bucket of one region, or install awscrt for EXIFinator's Python",
        ) from exc
    except UnsupportedS3AccesspointConfigurationError as exc:
        reason = str(exc).partition(": ")[2]
        raise PermanentError(
            f"The access point {place} cannot be used: {reason}", hint="set AWS_REGION to the region in its ARN"
        ) from exc
    except BotoCoreError as exc:
        raise PermanentError(f"The request for {place} cannot be sent to S3: {exc}") from exc
    except Exception as exc:
        # A response that botocore or EXIFinator cannot parse, such as an invalid date in a header.
        raise SourceUnavailable(
            f"S3's response for {place} cannot be used: {type(exc).__name__}: {str(exc)[:_MAX_MESSAGE_CHARS]}",
            code="bad_response",
        ) from exc


@contextmanager
def credential_errors(place: str) -> Iterator[None]:
    """Translate all exceptions that are raised in the body of this context manager, which fetches credentials.

    Credentials may come from a program, an identity provider or the cloud's metadata service, so that anything can
    fail. Each failure counts as refused credentials, because no image can be read without them.

    Args:
        place: The bucket, or bucket/key, that the credentials are for.

    Raises:
        CredentialsRefused: The credentials cannot be fetched.
    """
    try:
        yield
    except EXIFinatorError:
        raise
    except Exception as exc:
        raise _translate_credential_error(exc, place) from exc


def _translate_credential_error(exc: Exception, place: str) -> CredentialsRefused:
    if isinstance(exc, (NoCredentialsError, PartialCredentialsError, ProfileNotFound)):
        # The other two errors name the missing part or the unknown profile.
        reason = "" if isinstance(exc, NoCredentialsError) else f" ({str(exc).rstrip('.')})"
        return CredentialsRefused(
            f"There are no credentials for {place}{reason}",
            code="no_credentials",
            hint="set AWS_ACCESS_KEY and AWS_SECRET_KEY, or S3_ANONYMOUS for a public bucket, or provide them to boto3 "
            "(environment, ~/.aws, instance role)",
            pointer="AWS_ACCESS_KEY",
        )
    reason = " ".join(str(exc).split())[:_MAX_MESSAGE_CHARS].rstrip(".") or type(exc).__name__
    return CredentialsRefused(
        f"The credentials for {place} cannot be fetched: {reason}",
        code="credentials_unavailable",
        hint="sign in again, or correct the source of the credentials (profile, credential_process, role)",
    )
