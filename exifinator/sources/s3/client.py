"""Ranged GETs and listings through boto3: addressing, credentials, and translated errors."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import boto3
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
from exifinator.sources import local_buckets
from exifinator.sources.s3 import list_parser
from exifinator.sources.s3.errors import not_s3, s3_errors

# Minimum time between two reloads of rejected credentials. Expiring credentials are refreshed by boto3 itself.
MIN_RELOAD_SECONDS = 15.0
# Attempts at one request inside boto3, with growing, jittered pauses. If the last one fails, the error is transient.
ATTEMPTS_PER_REQUEST = 3

Result = TypeVar("Result")

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)$")


def parse_content_range(text: str) -> tuple[int, int, int] | None:
    """Return first byte, last byte and object size from a Content-Range header, or None (RFC 9110, 14.4)."""
    match = _CONTENT_RANGE.match(text)
    if match is None:
        return None
    first, last, total = map(int, match.groups())
    return first, last, total


class S3Client:
    """Reads the buckets of the configured endpoint, and local folders that are served as buckets.

    There is one boto3 client per endpoint. All greenlets share it; its pool has a connection for each of them.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._clients: dict[tuple[str | None, str | None], Any] = {}
        # Creating a client takes 0.25 s of CPU time, so greenlets that start together must share one.
        self._connect_lock = threading.Lock()
        self._reloaded_at: dict[tuple[str | None, str | None], float] = {}

    def endpoint(self, bucket: str) -> str:
        """Return the name of a bucket's server. Buckets of the same name on two servers are different buckets."""
        local = local_buckets.lookup(bucket)
        return f"the folder {local.folder}" if local else self.config.s3_endpoint_url or "Amazon S3"

    def client(self, bucket: str) -> Any:
        """Return the boto3 client for a bucket."""
        local = local_buckets.lookup(bucket)
        if local:
            return self._cached((local.endpoint_url, local.access_key), lambda: self._connect_local(local))
        return self._cached((self.config.s3_endpoint_url, None), self._connect)

    def _cached(self, key: tuple[str | None, str | None], connect: Callable[[], Any]) -> Any:
        if key not in self._clients:
            with self._connect_lock:
                if key not in self._clients:
                    client = connect()
                    list_parser.install_list_parser(client)
                    client.meta.events.register("needs-retry.s3", _count_retry)
                    self._clients[key] = client
        return self._clients[key]

    def reload_credentials(self, bucket: str, rejected: Any = None) -> bool:
        """Load a bucket's credentials again, because their file may have been updated.

        Args:
            bucket: The bucket.
            rejected: The client whose credentials S3 rejected; None for the current one.

        Returns:
            Whether the bucket now has a client with other credentials.
        """
        if local_buckets.lookup(bucket):
            return False
        key = (self.config.s3_endpoint_url, None)
        with self._connect_lock:
            if rejected is not None and self._clients.get(key) is not rejected:
                return True
            if time.monotonic() < self._reloaded_at.get(key, -MIN_RELOAD_SECONDS) + MIN_RELOAD_SECONDS:
                return False
            self._reloaded_at[key] = time.monotonic()
            # The old client stays open, because other greenlets may be in the middle of a request.
            self._clients.pop(key, None)
        return True

    def _with_fresh_credentials(self, bucket: str, request: Callable[[Any], Result]) -> Result:
        """Call `request(client)`; if the credentials are rejected, reload them and call it once more."""
        client = self.client(bucket)
        try:
            return request(client)
        except CredentialsRefused:
            if not self.reload_credentials(bucket, client):
                raise
        return request(self.client(bucket))

    def prepare(self) -> None:
        """Create the client for S3_ENDPOINT_URL in advance, so that the first images need not wait for it."""
        self._cached((self.config.s3_endpoint_url, None), self._connect)

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
            # S3's checksums cover whole objects, so they cannot verify a part of one.
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

    def _connect_local(self, local: local_buckets.LocalBucket) -> Any:
        session = boto3.session.Session(
            aws_access_key_id=local.access_key, aws_secret_access_key=local.secret_key, region_name="us-east-1"
        )
        options = self._boto_config(s3={"addressing_style": "path"}, proxies={})
        return session.client("s3", endpoint_url=local.endpoint_url, config=options)

    def _requester_pays(self) -> dict[str, str]:
        return {"RequestPayer": "requester"} if self.config.s3_requester_pays else {}

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        """Read a range with one GET; see models.RangeReader.

        If the server responds with 200 and the whole object, only the requested part is read.
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
                # The object ends before `start`. If `start` is 0, it is empty.
                size = metadata.get("HTTPHeaders", {}).get("content-range", "").rpartition("/")[2]
                return RangeRead(start, b"", int(size) if size.isdigit() else 0, ref.etag, ref.last_modified)
            raise

    def list_page(
        self, bucket: str, prefix: str, token: str | None, *, start_after: str = "", max_keys: int = 1000
    ) -> ListedPage:
        """List one page: at most `max_keys` objects in key order, from the token or after the key `start_after`.

        Raises:
            AccessDenied, BucketGone, SourceUnavailable, PermanentError: See errors.py.
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
                # Amazon S3 would have responded with NoSuchBucket.
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
    """Count a request that boto3 is about to retry. boto3 calls this after every attempt."""
    if attempts >= ATTEMPTS_PER_REQUEST:
        return
    if caught_exception is not None:
        COUNTS.add_retry(retry_cause(caught_exception))
    elif response is not None and (response[0].status_code >= 500 or response[0].status_code == 429):
        COUNTS.add_retry(retry_cause(ClientError(response[1], "")))


def _read_body(response: dict[str, Any], ref: ImageRef, start: int, length: int) -> RangeRead:
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
    # Status 200: the server does not support ranges, or ignores them for a small object.
    total = int(response["ContentLength"])
    data = body.read(min(total, start + length))
    body.close()
    if len(data) < min(total, start + length):
        raise SourceUnavailable(f"S3 sent {len(data)} of {total} bytes of {ref.id}", code="bad_response")
    return RangeRead(start, data[start:], total, etag, modified.astimezone(UTC))
