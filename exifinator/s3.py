"""Ranged GETs and listings: addressing, credentials, and S3's errors in our words. boto3 does the talking."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import boto3
from botocore import UNSIGNED
from botocore.config import Config as BotoConfig
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

from exifinator import listing_xml, local_s3
from exifinator.config import Config
from exifinator.errors import (
    AccessDenied,
    BucketGone,
    CredentialsRefused,
    EXIFinatorError,
    ObjectChanged,
    ObjectGone,
    PermanentError,
    SourceUnavailable,
    UntrustedServer,
)
from exifinator.metrics import COUNTS, retry_cause
from exifinator.records import ImageRef, ListedPage, RangeRead

# boto3 renews what it knows to run out. What S3 finds to have run out is looked up anew, but no more often than so.
RENEW_SECONDS = 15.0
# Tries of one request inside boto3, with jittered, growing pauses; what is still failing then is a transient error.
TRIES_A_REQUEST = 3

Answer = TypeVar("Answer")

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)$")


def parse_content_range(text: str) -> tuple[int, int, int] | None:
    """First byte, last byte and size of the object of a Content-Range; None where it is none (RFC 9110, 14.4)."""
    match = _CONTENT_RANGE.match(text)
    if match is None:
        return None
    first, last, total = map(int, match.groups())
    return first, last, total


_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "404", "NotFound"})
_DENIED = frozenset(
    {
        "AccessDenied", "403", "Forbidden", "AllAccessDisabled", "AccountProblem", "UnauthorizedAccess",
        "AuthorizationHeaderMalformed",
    }
)  # fmt: skip
# The credentials are meant, not what they are used for.
_CREDENTIALS = frozenset(
    {
        "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "ExpiredTokenException",
        "TokenRefreshRequired", "InvalidClientTokenId", "UnrecognizedClientException", "NotSignedUp",
    }
)  # fmt: skip
_PASSING = frozenset(
    {
        "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests",
        "InternalError", "ServiceUnavailable", "RequestTimeout", "RequestTimeTooSkewed",
        "OperationAborted",
    }
)  # fmt: skip


def explain_client_error(exc: ClientError, place: str) -> EXIFinatorError:
    """What an answer of S3 with an error means for `place` (a bucket, or bucket/key)."""
    error = exc.response.get("Error", {})
    code = str(error.get("Code", ""))
    status = int(exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = f"{code} (HTTP {status})"
    if code == "NoSuchBucket":
        return BucketGone(f"there is no bucket for {place}: S3 says {said}")
    if code in _GONE or status == 404:
        return ObjectGone(f"{place} is not in the bucket any more: S3 says {said}")
    if status == 412 or code == "PreconditionFailed":
        return ObjectChanged(f"{place} was replaced while it was being read")
    if code in _PASSING or status >= 500 or status == 429:
        return SourceUnavailable(f"S3 cannot give {place} now: {said}")
    if code == "InvalidObjectState":
        return PermanentError(f"{place} is archived: restore it in S3 first ({said})")
    if code in _CREDENTIALS:
        return CredentialsRefused(f"S3 does not take the credentials for {place}: {said}; renew or correct them")
    if code in _DENIED or status in (401, 403):
        return AccessDenied(f"S3 refuses {place}: {said}; check the credentials and the bucket's policy")
    return PermanentError(f"S3 cannot give {place}: {said}: {error.get('Message', '')}")


def _explain_tls_error(exc: SSLError, place: str) -> EXIFinatorError:
    """A certificate that is not trusted will not be at the next try either; a broken connection may."""
    reason = re.search(r"certificate verify failed: ([^(\n]*)|(hostname \S+ doesn't match [^\n]*)", str(exc))
    if reason is None:
        return SourceUnavailable(f"S3 does not answer for {place}: {exc}")
    return UntrustedServer(
        f"the server that answers for {place} cannot be trusted: {(reason[1] or reason[2]).strip(' .')}; check "
        "S3_ENDPOINT_URL, and set S3_CA_FILE to the certificate of the authority that signed the server's"
    )


@contextmanager
def translated(place: str) -> Iterator[None]:
    """botocore's errors become ours."""
    try:
        yield
    except ClientError as exc:
        raise explain_client_error(exc, place) from exc
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as exc:
        raise CredentialsRefused(
            f"no credentials for {place}: set AWS_ACCESS_KEY and AWS_SECRET_KEY, or S3_ANONYMOUS for a public bucket, "
            "or give boto3 some (environment, ~/.aws, instance role)"
        ) from exc
    except (CredentialRetrievalError, TokenRetrievalError) as exc:
        raise SourceUnavailable(f"the credentials for {place} cannot be fetched now: {exc}") from exc
    except SSLError as exc:
        raise _explain_tls_error(exc, place) from exc
    except (
        ConnectionError,
        HTTPClientError,
        ReadTimeoutError,
        ResponseStreamingError,
        IncompleteReadError,
    ) as exc:
        raise SourceUnavailable(f"S3 does not answer for {place}: {exc}") from exc
    except ParamValidationError as exc:
        # botocore shows the pattern of its own that the name does not match.
        if "Invalid bucket name" in str(exc):
            name = place.partition("/")[0]
            raise BucketGone(
                f"{name!r} is no bucket's name, which has letters, digits, dots, hyphens and underscores"
            ) from exc
        raise PermanentError(f"{place} cannot be asked for: {exc}") from exc
    except BotoCoreError as exc:
        raise PermanentError(f"{place} cannot be asked for: {exc}") from exc


class S3:
    """The buckets that the settings reach, and the folders of this machine that are served as buckets.

    One boto3 client an endpoint, shared by all greenlets; its pool has a connection for each.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._clients: dict[tuple[str | None, str | None], Any] = {}
        # Making a client takes a quarter of a second of computing: greenlets must not each make one.
        self._making = threading.Lock()
        self._renewed_at: dict[tuple[str | None, str | None], float] = {}

    def endpoint(self, bucket: str) -> str:
        """Where a bucket is, in a word: two buckets of one name are the same only there."""
        local = local_s3.lookup(bucket)
        return f"the folder {local.folder}" if local else self.config.s3_endpoint_url or "Amazon S3"

    def client(self, bucket: str) -> Any:
        """The boto3 client that reaches a bucket."""
        local = local_s3.lookup(bucket)
        if local:
            return self._cached((local.endpoint_url, local.access_key), lambda: self._connect_local(local))
        return self._cached((self.config.s3_endpoint_url, None), self._connect)

    def _cached(self, key: tuple[str | None, str | None], connect: Callable[[], Any]) -> Any:
        if key not in self._clients:
            with self._making:
                if key not in self._clients:
                    client = connect()
                    listing_xml.take_over_parsing(client)
                    client.meta.events.register("needs-retry.s3", _count_retry)
                    self._clients[key] = client
        return self._clients[key]

    def renew(self, bucket: str, used: Any = None) -> bool:
        """Look up anew the credentials by which a bucket is reached: a file may hold others by now.

        used: the client that was refused; None: the present one. Returns: whether there is another one than that.
        """
        if local_s3.lookup(bucket):
            return False
        key = (self.config.s3_endpoint_url, None)
        with self._making:
            if used is not None and self._clients.get(key) is not used:
                return True
            if time.monotonic() < self._renewed_at.get(key, -RENEW_SECONDS) + RENEW_SECONDS:
                return False
            self._renewed_at[key] = time.monotonic()
            # The old one is not closed: others may be in the middle of a request of it.
            self._clients.pop(key, None)
        return True

    def _renewing(self, bucket: str, ask: Callable[[Any], Answer]) -> Answer:
        """What `ask` makes of a client; where S3 does not take its credentials, of one that has looked them up anew."""
        client = self.client(bucket)
        try:
            return ask(client)
        except CredentialsRefused:
            if not self.renew(bucket, client):
                raise
        return ask(self.client(bucket))

    def prepare(self) -> None:
        """Make the client of S3_ENDPOINT_URL now, not when the first images wait for it."""
        self._cached((self.config.s3_endpoint_url, None), self._connect)

    def close(self) -> None:
        """Close the connections that are kept."""
        for client in self._clients.values():
            client.close()

    def _boto_config(self, **options: Any) -> BotoConfig:
        return BotoConfig(
            connect_timeout=min(10.0, self.config.s3_timeout_seconds),
            read_timeout=self.config.s3_timeout_seconds,
            max_pool_connections=self.config.greenlets,
            retries={"mode": "standard", "total_max_attempts": TRIES_A_REQUEST},
            # A checksum of the whole object says nothing about a part of it.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            user_agent_extra="exifinator",
            **options,
        )

    def _connect(self) -> Any:
        config = self.config
        addressing = config.s3_addressing
        if addressing == "auto" and config.s3_endpoint_url:
            addressing = "path"
        options: dict[str, Any] = {"s3": {"addressing_style": addressing}}
        if config.s3_anonymous:
            options["signature_version"] = UNSIGNED
        secret = config.aws_secret_key.get_secret_value() if config.aws_secret_key else None
        with translated("S3"):
            session = boto3.session.Session(
                aws_access_key_id=config.aws_access_key, aws_secret_access_key=secret, region_name=config.aws_region
            )
            return session.client(
                "s3",
                endpoint_url=config.s3_endpoint_url,
                region_name=session.region_name or "us-east-1",
                config=self._boto_config(**options),
                verify=config.s3_ca_file,
            )

    def _connect_local(self, local: local_s3.LocalBucket) -> Any:
        session = boto3.session.Session(
            aws_access_key_id=local.access_key, aws_secret_access_key=local.secret_key, region_name="us-east-1"
        )
        options = self._boto_config(s3={"addressing_style": "path"}, proxies={})
        return session.client("s3", endpoint_url=local.endpoint_url, config=options)

    def _payer(self) -> dict[str, str]:
        return {"RequestPayer": "requester"} if self.config.s3_requester_pays else {}

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        """One ranged GET; see records.RangeReader.

        A server may answer 200 with the whole object: then only the part that was asked for is read of it.
        """
        return self._renewing(ref.bucket, lambda client: self._get_range(client, ref, start, length, if_match))

    def _get_range(self, client: Any, ref: ImageRef, start: int, length: int, if_match: str) -> RangeRead:
        wanted: dict[str, Any] = {"Range": f"bytes={start}-{start + length - 1}", **self._payer()}
        if if_match:
            wanted["IfMatch"] = f'"{if_match}"'
        try:
            with translated(ref.id):
                answer = client.get_object(Bucket=ref.bucket, Key=ref.key, **wanted)
                return _read_body(answer, ref, start, length)
        except PermanentError as exc:
            answer = exc.__cause__.response["ResponseMetadata"] if isinstance(exc.__cause__, ClientError) else {}
            if answer.get("HTTPStatusCode") == 416:
                # There is no byte at `start`; at 0 the object is empty.
                size = answer.get("HTTPHeaders", {}).get("content-range", "").rpartition("/")[2]
                return RangeRead(start, b"", int(size) if size.isdigit() else 0, ref.etag, ref.last_modified)
            raise

    def list_page(
        self, bucket: str, prefix: str, token: str | None, *, start_after: str = "", max_keys: int = 1000
    ) -> ListedPage:
        """One page of a listing: at most `max_keys` objects, in key order; without a token, those after a key."""
        more: dict[str, Any] = {"ContinuationToken": token} if token else {}
        if start_after:
            more["StartAfter"] = start_after
        if max_keys < 1000:
            more["MaxKeys"] = max_keys

        def ask(client: Any) -> dict[str, Any]:
            COUNTS.requests["list"] += 1
            asked = {"Bucket": bucket, "Prefix": prefix, **self._payer(), **more}
            try:
                with translated(f"{bucket}/{prefix}" if prefix else bucket):
                    found: dict[str, Any] = client.list_objects_v2(**asked)
            except ObjectGone as exc:
                # S3 itself says NoSuchBucket.
                raise BucketGone(
                    f"what answers for {bucket} knows no such bucket, and says it otherwise than S3 does (HTTP 404): "
                    "check S3_ENDPOINT_URL"
                ) from exc
            return found

        answer = self._renewing(bucket, ask)
        if "IsTruncated" not in answer and "Contents" not in answer and "KeyCount" not in answer:
            raise SourceUnavailable(f"what answers for {bucket} is not an S3 server: check S3_ENDPOINT_URL")
        refs = [
            ImageRef(bucket, item["Key"], item.get("ETag", "").strip('"'), item["Size"], item["LastModified"])
            for item in answer.get("Contents", ())
        ]
        date = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
        served_at = parsedate_to_datetime(date).astimezone(UTC) if date else datetime.now(UTC)
        return ListedPage(refs, answer.get("NextContinuationToken") if answer.get("IsTruncated") else None, served_at)


def _count_retry(response: tuple[Any, Any] | None, caught_exception: Exception | None, attempts: int, **_: Any) -> None:
    """Note a try that boto3 will repeat by itself; it asks after every request."""
    if attempts >= TRIES_A_REQUEST:
        return
    if caught_exception is not None:
        COUNTS.add_retry(retry_cause(caught_exception))
    elif response is not None and (response[0].status_code >= 500 or response[0].status_code == 429):
        COUNTS.add_retry(retry_cause(ClientError(response[1], "")))


def _read_body(answer: dict[str, Any], ref: ImageRef, start: int, length: int) -> RangeRead:
    body = answer["Body"]
    etag = answer.get("ETag", "").strip('"')
    modified = answer.get("LastModified")
    if not isinstance(modified, datetime):
        body.close()
        raise SourceUnavailable(f"what answers for {ref.id} is not an S3 server: check S3_ENDPOINT_URL")
    content_range = parse_content_range(answer.get("ContentRange", ""))
    if content_range:
        first, last, total = content_range
        data = body.read()
        if first != start or len(data) != last - first + 1 or last - first >= length:
            raise SourceUnavailable(f"S3 sent other bytes of {ref.id} than were asked for")
        return RangeRead(start, data, total, etag, modified.astimezone(UTC))
    # 200: the server does not know ranges, or does not use one for a small object.
    total = int(answer["ContentLength"])
    data = body.read(min(total, start + length))
    body.close()
    if len(data) < min(total, start + length):
        raise SourceUnavailable(f"S3 sent {len(data)} bytes of {ref.id} where it said {total}")
    return RangeRead(start, data[start:], total, etag, modified.astimezone(UTC))
