"""The S3 client for ranged GETs and listings, based on boto3."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from botocore import UNSIGNED
from botocore.config import Config as BotoConfig
from botocore.exceptions import ClientError

from exifinator.config import Config
from exifinator.errors import (
    BucketGone,
    CredentialsRefused,
    ObjectGone,
    PermanentError,
    SourceUnavailable,
)
from exifinator.metrics import COUNTS, retry_cause
from exifinator.models import ImageRef, ListedPage, RangeRead
from exifinator.sources.s3 import list_parser
from exifinator.sources.s3.errors import not_s3, s3_errors
from exifinator.sources.s3.session import create_session

# Minimum time between two reloads of credentials that S3 rejected. boto3 itself refreshes credentials before they
# expire.
MIN_RELOAD_SECONDS = 15.0
# The number of times that boto3 tries a request, with growing, jittered pauses. If the last attempt fails too, a
# transient error is raised.
ATTEMPTS_PER_REQUEST = 3

Result = TypeVar("Result")

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)$")


def parse_content_range(text: str) -> tuple[int, int, int] | None:
    """Return the first byte, the last byte and the object size from a Content-Range header (RFC 9110, 14.4).

    Return None if the header does not contain all three.
    """
    match = _CONTENT_RANGE.match(text)
    if match is None:
        return None
    first, last, total = map(int, match.groups())
    return first, last, total


class S3Client:
    """Reads buckets at the configured endpoint.

    There is one boto3 client per endpoint. All greenlets share it, and its pool has a connection for each greenlet.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._clients: dict[tuple[str | None, str | None], Any] = {}
        # Creating a client takes 0.25 s of CPU time, so greenlets that start together must not each create one.
        self._connect_lock = threading.Lock()
        self._reloaded_at: dict[tuple[str | None, str | None], float] = {}

    def endpoint(self, bucket: str) -> str:  # noqa: ARG002
        """Return a name for the server of a bucket, to tell apart buckets that have the same name on two servers."""
        return self.config.s3_endpoint_url or "Amazon S3"

    def client(self, bucket: str) -> Any:  # noqa: ARG002
        """Return the boto3 client for a bucket."""
        return self._cached_client((self.config.s3_endpoint_url, None), self._connect)

    def _cached_client(self, key: tuple[str | None, str | None], connect: Callable[[], Any]) -> Any:
        if key not in self._clients:
            with self._connect_lock:
                if key not in self._clients:
                    client = connect()
                    list_parser.install_list_parser(client)
                    client.meta.events.register("needs-retry.s3", _count_retry)
                    self._clients[key] = client
        return self._clients[key]

    def reload_credentials(self, bucket: str, rejected: Any = None) -> bool:  # noqa: ARG002
        """Discard the bucket's client, so that the next one loads the credentials again.

        The credentials file may have been updated in the meantime. Credentials are reloaded at most once every
        MIN_RELOAD_SECONDS.

        Args:
            bucket: The bucket.
            rejected: The client whose credentials S3 rejected. If it has been replaced already, nothing is discarded.
                None means the current client.

        Returns:
            Whether `client` now returns a client other than the rejected one.
        """
        key = (self.config.s3_endpoint_url, None)
        with self._connect_lock:
            if rejected is not None and self._clients.get(key) is not rejected:
                return True
            if time.monotonic() < self._reloaded_at.get(key, -MIN_RELOAD_SECONDS) + MIN_RELOAD_SECONDS:
                return False
            self._reloaded_at[key] = time.monotonic()
            # Do not close the old client, because other greenlets may be in the middle of a request.
            self._clients.pop(key, None)
        return True

    def _with_fresh_credentials(self, bucket: str, request: Callable[[Any], Result]) -> Result:
        """Call `request` with the bucket's client. If S3 rejects the credentials, reload them and call it once more."""
        client = self.client(bucket)
        try:
            return request(client)
        except CredentialsRefused:
            if not self.reload_credentials(bucket, client):
                raise
        return request(self.client(bucket))

    def prepare(self) -> None:
        """Create the client for S3_ENDPOINT_URL in advance, so that the first request need not wait for it."""
        self._cached_client((self.config.s3_endpoint_url, None), self._connect)

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()

    def _boto_config(self, **options: Any) -> BotoConfig:
        return BotoConfig(
            connect_timeout=min(10.0, self.config.s3_timeout_seconds),
            read_timeout=self.config.s3_timeout_seconds,
            max_pool_connections=self.config.greenlets,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS_PER_REQUEST},
            # Do not ask for checksums. S3's checksums cover whole objects, so they cannot verify a range of bytes.
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
        with s3_errors("S3"):
            session = create_session(
                aws_access_key_id=config.aws_access_key, aws_secret_access_key=secret, region_name=config.aws_region
            )
            return session.client(
                "s3",
                endpoint_url=config.s3_endpoint_url,
                region_name=session.region_name or "us-east-1",
                config=self._boto_config(**options),
                verify=config.s3_ca_file,
            )

    def _requester_pays(self) -> dict[str, str]:
        return {"RequestPayer": "requester"} if self.config.s3_requester_pays else {}

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        """Read a range with one GET. See models.RangeReader.

        If the server ignores the range and sends the whole object (status 200), only the bytes up to the end of the
        range are read.
        """
        return self._with_fresh_credentials(
            ref.bucket, lambda client: self._get_range(client, ref, start, length, if_match)
        )

    def _get_range(self, client: Any, ref: ImageRef, start: int, length: int, if_match: str) -> RangeRead:
        options: dict[str, Any] = {"Range": f"bytes={start}-{start + length - 1}", **self._requester_pays()}
        if if_match:
            options["IfMatch"] = f'"{if_match}"'
        try:
            with s3_errors(ref.id):
                response = client.get_object(Bucket=ref.bucket, Key=ref.key, **options)
                return _read_body(response, ref, start, length)
        except PermanentError as exc:
            metadata = exc.__cause__.response["ResponseMetadata"] if isinstance(exc.__cause__, ClientError) else {}
            if metadata.get("HTTPStatusCode") == 416:
                # Status 416: the object is not longer than `start`. If `start` is 0, the object is empty.
                size = metadata.get("HTTPHeaders", {}).get("content-range", "").rpartition("/")[2]
                return RangeRead(start, b"", int(size) if size.isdigit() else 0, ref.etag, ref.last_modified)
            raise

    def list_page(
        self, bucket: str, prefix: str, token: str | None, *, start_after: str = "", max_keys: int = 1000
    ) -> ListedPage:
        """Fetch one page of a listing: at most `max_keys` objects, in key order.

        Args:
            bucket: The bucket.
            prefix: Only objects whose keys start with this prefix are listed; "" for all.
            token: `next_token` of the page before; None for the first page.
            start_after: The first page starts after this key; "" for the start of the bucket.
            max_keys: The maximum number of objects, at most 1,000.

        Raises:
            AccessDenied, BucketGone, SourceUnavailable, PermanentError: See exifinator/errors.py.
        """
        options: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix, **self._requester_pays()}
        if token:
            options["ContinuationToken"] = token
        if start_after:
            options["StartAfter"] = start_after
        if max_keys < 1000:
            options["MaxKeys"] = max_keys

        def request(client: Any) -> dict[str, Any]:
            COUNTS.requests["list"] += 1
            try:
                with s3_errors(f"{bucket}/{prefix}" if prefix else bucket):
                    page: dict[str, Any] = client.list_objects_v2(**options)
            except ObjectGone as exc:
                # An S3 server would have responded with NoSuchBucket if the bucket did not exist.
                raise BucketGone(
                    f"Bucket not found: {bucket} (HTTP 404 without S3's NoSuchBucket: maybe not an S3 server)",
                    code="not_s3",
                    hint="check S3_ENDPOINT_URL",
                    pointer="S3_ENDPOINT_URL",
                ) from exc
            return page

        page = self._with_fresh_credentials(bucket, request)
        if "IsTruncated" not in page and "Contents" not in page and "KeyCount" not in page:
            raise not_s3(bucket)
        refs = [
            ImageRef(bucket, item["Key"], item.get("ETag", "").strip('"'), item["Size"], item["LastModified"])
            for item in page.get("Contents", ())
        ]
        date = page["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
        served_at = parsedate_to_datetime(date).astimezone(UTC) if date else datetime.now(UTC)
        return ListedPage(refs, page.get("NextContinuationToken") if page.get("IsTruncated") else None, served_at)


def _count_retry(response: tuple[Any, Any] | None, caught_exception: Exception | None, attempts: int, **_: Any) -> None:
    """Count a retry if boto3 is about to repeat a request. boto3 calls this function after every attempt."""
    if attempts >= ATTEMPTS_PER_REQUEST:
        return
    if caught_exception is not None:
        COUNTS.add_retry(retry_cause(caught_exception))
    elif response is not None and (response[0].status_code >= 500 or response[0].status_code == 429):
        COUNTS.add_retry(retry_cause(ClientError(response[1], "")))


def _read_body(response: dict[str, Any], ref: ImageRef, start: int, length: int) -> RangeRead:
    """Read the requested bytes from a response with status 206 or 200.

    Raises:
        SourceUnavailable: The response does not contain the requested bytes, or does not come from an S3 server.
    """
    body = response["Body"]
    etag = response.get("ETag", "").strip('"')
    modified = response.get("LastModified")
    if not isinstance(modified, datetime):
        body.close()
        raise not_s3(ref.id)
    content_range = parse_content_range(response.get("ContentRange", ""))
    if content_range:
        first, last, total = content_range
        data = body.read()
        if first != start or len(data) != last - first + 1 or last - first >= length:
            raise SourceUnavailable(f"S3 sent the wrong bytes of {ref.id}", code="bad_response")
        return RangeRead(start, data, total, etag, modified.astimezone(UTC))
    # Status 200: the server does not support ranges, or ignores the range of a small object.
    total = int(response["ContentLength"])
    data = body.read(min(total, start + length))
    body.close()
    if len(data) < min(total, start + length):
        raise SourceUnavailable(f"S3 sent {len(data)} of {total} bytes of {ref.id}", code="bad_response")
    return RangeRead(start, data[start:], total, etag, modified.astimezone(UTC))
