"""The S3 client for ranged GETs and listings, based on boto3."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from botocore import UNSIGNED
from botocore.config import Config as BotoConfig
from botocore.exceptions import ClientError
from lxml.etree import XMLSyntaxError

from exifinator.bucket_names import is_access_point, is_directory_bucket
from exifinator.config import Config
from exifinator.errors import (
    BucketGone,
    CredentialsRefused,
    ObjectChanged,
    ObjectGone,
    PermanentError,
    WrongEndpoint,
)
from exifinator.metrics import COUNTS, retry_cause
from exifinator.models import ImageRef, ListedPage, RangeRead
from exifinator.sources.s3 import list_parser
from exifinator.sources.s3.endpoint import AMAZON_S3, endpoint_name
from exifinator.sources.s3.errors import credential_errors, is_about_customer_key, s3_errors
from exifinator.sources.s3.responses import MAX_KEYS, malformed_listing, to_listed_page, to_range_read
from exifinator.sources.s3.session import create_session

# Minimum time between two reloads of credentials that S3 rejected. boto3 itself refreshes credentials before they
# expire.
MIN_RELOAD_SECONDS = 15.0
# The number of times that boto3 tries a request, with growing, jittered pauses. If the last attempt fails too, a
# transient error is raised.
ATTEMPTS_PER_REQUEST = 3

Result = TypeVar("Result")


class S3Client:
    """Reads buckets at the configured endpoint.

    There is one boto3 client per endpoint. All greenlets share it, and its pool has a connection for each greenlet.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._clients: dict[tuple[str | None, str | None], Any] = {}
        # Creating a client takes 0.25 s of CPU time, so greenlets that start together must not each create one.
        self._connect_lock = threading.Lock()
        self._attempts = 0
        self._failure: CredentialsRefused | None = None
        self._reloaded_at: dict[tuple[str | None, str | None], float] = {}
        # The buckets whose last read object was encrypted with S3_SSE_C_KEY.
        self._sse_c_buckets: set[str] = set()
        # The regions that the server has named, by bucket.
        self._regions: dict[str, str] = {}

    def endpoint(self, bucket: str) -> str:
        """Return a name for the server of a bucket, to tell apart buckets that have the same name on two servers."""
        # Ask the client, because the endpoint may also come from the environment or from a profile of AWS.
        meta = self.client(bucket).meta
        return endpoint_name(meta.endpoint_url, meta.partition)

    def region(self, bucket: str) -> str:
        """Return the region of a bucket as the server named it in a listing; before that, the configured region."""
        return self._regions.get(bucket) or str(self.client(bucket).meta.region_name or "")

    def can_list_ranges(self, bucket: str) -> bool:
        """Return whether ranges of keys can be listed in parallel: if the bucket lists its keys in order."""
        return not is_directory_bucket(bucket)

    def client(self, bucket: str) -> Any:  # noqa: ARG002
        """Return the boto3 client for a bucket."""
        return self._cached_client((self.config.s3_endpoint_url, None), self._connect)

    def _cached_client(self, key: tuple[str | None, str | None], connect: Callable[[], Any]) -> Any:
        if key not in self._clients:
            attempts = self._attempts
            with self._connect_lock:
                if key not in self._clients:
                    client = self._try_connect(connect, attempts)
                    list_parser.install_list_parser(client)
                    client.meta.events.register("before-parse.s3.HeadBucket", _end_redirects)
                    client.meta.events.register("needs-retry.s3", _count_retry)
                    self._clients[key] = client
        return self._clients[key]

    def _try_connect(self, connect: Callable[[], Any], attempts: int) -> Any:
        """Create a client. If another greenlet has tried since this one was called, fail as that attempt did.

        While credentials cannot be fetched, each attempt fails after it has read all of boto3's sources of credentials.

        Args:
            connect: Creates a client.
            attempts: The number of attempts when the caller began to wait for its turn.
        """
        if self._failure is not None and self._attempts > attempts:
            raise self._failure
        self._failure = None
        try:
            return connect()
        except CredentialsRefused as exc:
            self._failure = exc
            raise
        finally:
            self._attempts += 1

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
        """Call `request` with the bucket's client. If the credentials do not work, reload them and call it once more.

        Credentials do not work if S3 rejects them, or if they cannot be fetched.
        """
        client = self.client(bucket)
        try:
            self.fetch_credentials(client, bucket)
            return request(client)
        except CredentialsRefused:
            if not self.reload_credentials(bucket, client):
                raise
        client = self.client(bucket)
        self.fetch_credentials(client, bucket)
        return request(client)

    def fetch_credentials(self, client: Any, place: str) -> Any:
        """Return the current credentials of a boto3 client; None if it does not sign requests.

        The client refreshes the credentials before they expire. boto3 also fetches the credentials when it signs a
        request, but there, the errors cannot be distinguished from errors of the request.

        Args:
            client: The boto3 client.
            place: The bucket, or bucket/key, that the credentials are for.

        Raises:
            CredentialsRefused: The credentials cannot be fetched.
        """
        credentials = client._request_signer._credentials
        with credential_errors(place):
            return credentials.get_frozen_credentials() if credentials is not None else None

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
            max_pool_connections=self.config.max_greenlets,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS_PER_REQUEST},
            # Do not ask for checksums. S3's checksums cover whole objects, so they cannot verify a range of bytes.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            user_agent_extra="exifinator",
            **options,
        )

    def _connect(self) -> Any:
        config = self.config
        secret = config.aws_secret_key.get_secret_value() if config.aws_secret_key else None
        with credential_errors("S3"):
            session = create_session(
                aws_access_key_id=config.aws_access_key, aws_secret_access_key=secret, region_name=config.aws_region
            )

            def connect(addressing: str) -> Any:
                options: dict[str, Any] = {"signature_version": UNSIGNED} if config.s3_anonymous else {}
                return session.client(
                    "s3",
                    endpoint_url=config.s3_endpoint_url,
                    region_name=session.region_name or "us-east-1",
                    config=self._boto_config(s3={"addressing_style": addressing}, **options),
                    verify=config.s3_ca_file,
                )

            client = connect(config.s3_addressing)
            if config.s3_addressing == "auto" and not endpoint_name(client.meta.endpoint_url).startswith(AMAZON_S3):
                client = connect("path")
        return client

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
        options: dict[str, Any] = {"Range": range_header(ref, start, length), **self._requester_pays()}
        if if_match:
            options["IfMatch"] = f'"{if_match}"'
        try:
            return self._get_object(client, ref, start, length, options)
        except PermanentError as exc:
            metadata = exc.__cause__.response["ResponseMetadata"] if isinstance(exc.__cause__, ClientError) else {}
            if metadata.get("HTTPStatusCode") == 416:
                # Status 416: the object is not longer than `start`. If `start` is 0, the object is empty.
                size = metadata.get("HTTPHeaders", {}).get("content-range", "").rpartition("/")[2]
                total_bytes = int(size) if size.isdigit() else ref.size_bytes
                if total_bytes > start:
                    # Without Content-Range, the size comes from the listing, and is out of date.
                    raise ObjectChanged(
                        f"{ref.id} is shorter than listed: S3 returns no byte after byte {start}"
                    ) from exc
                return RangeRead(start, b"", total_bytes, ref.etag, ref.last_modified)
            raise

    def _get_object(self, client: Any, ref: ImageRef, start: int, length: int, options: dict[str, Any]) -> RangeRead:
        """Get an object. Send S3_SSE_C_KEY if the object that was last read from the bucket needed the key.

        S3 rejects a request without a key that the object needs, and a request with a key that it does not need. In
        both cases, repeat the request the other way.
        """
        key = self.config.s3_sse_c_key
        sends_key = ref.bucket in self._sse_c_buckets
        for is_last_try in (key is None, True):
            extra = (
                {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": base64.b64decode(key.get_secret_value())}
                if (key and sends_key)
                else {}
            )
            try:
                with s3_errors(ref.id):
                    response = client.get_object(Bucket=ref.bucket, Key=ref.key, **options, **extra)
                    read = to_range_read(response, ref, start, length)
            except PermanentError as exc:
                if is_last_try or not is_about_customer_key(exc):
                    raise
                sends_key = not sends_key
            else:
                break
        if sends_key:
            self._sse_c_buckets.add(ref.bucket)
        else:
            self._sse_c_buckets.discard(ref.bucket)
        return read

    def list_page(
        self,
        bucket: str,
        prefix: str,
        token: str | None,
        *,
        start_after: str = "",
        max_keys: int = MAX_KEYS,
        version: Literal[1, 2] = 2,
    ) -> ListedPage:
        """Fetch one page of a listing: at most `max_keys` objects, in key order.

        Args:
            bucket: The bucket.
            prefix: Only objects whose keys start with this prefix are listed; "" for all.
            token: `next_token` of the page before; None for the first page.
            start_after: The first page starts after this key; "" for the start of the bucket.
            max_keys: The maximum number of objects, at most 1,000.
            version: 1 for ListObjects, 2 for ListObjectsV2. Their tokens differ.

        Raises:
            AccessDenied, BucketGone, IncompleteListing, SourceUnavailable, PermanentError: See exifinator/errors.py.
        """
        options: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix, **self._requester_pays()}
        if version == 1:
            if marker := token or start_after:
                options["Marker"] = marker
        else:
            if token:
                options["ContinuationToken"] = token
            if start_after:
                options["StartAfter"] = start_after
        if max_keys < MAX_KEYS:
            options["MaxKeys"] = max_keys
        endpoint = self.endpoint(bucket)
        if is_access_point(bucket) and not endpoint.startswith(AMAZON_S3):
            # boto3 would prepend the name of the access point to the name of the server's host.
            raise WrongEndpoint(
                f"{bucket} is an access point of Amazon S3, but the server is {endpoint}",
                hint="unset S3_ENDPOINT_URL and AWS_ENDPOINT_URL, or name a bucket of that server",
                pointer="S3_ENDPOINT_URL",
            )
        if endpoint.startswith(AMAZON_S3) and not is_directory_bucket(bucket):
            # Without this, restored objects look like archived ones. Other servers and directory buckets may reject it.
            options["OptionalObjectAttributes"] = ["RestoreStatus"]

        def request(client: Any) -> ListedPage:
            COUNTS.requests["list"] += 1
            try:
                with s3_errors(f"{bucket}/{prefix}" if prefix else bucket):
                    page = client.list_objects(**options) if version == 1 else client.list_objects_v2(**options)
                    headers = page["ResponseMetadata"].get("HTTPHeaders", {})
                    if region := headers.get("x-amz-bucket-region", ""):
                        self._regions[bucket] = region
                    return to_listed_page(page, bucket, prefix, max_keys=max_keys, is_v1=version == 1)
            except ObjectGone as exc:
                # An S3 server would have responded with NoSuchBucket if the bucket did not exist.
                raise BucketGone(
                    f"Bucket not found: {bucket} (HTTP 404 without S3's NoSuchBucket: maybe not an S3 server)",
                    code="not_s3",
                    hint="check S3_ENDPOINT_URL",
                    pointer="S3_ENDPOINT_URL",
                ) from exc
            except XMLSyntaxError as exc:
                raise malformed_listing(bucket, f"its XML is invalid ({exc.msg})") from exc

        return self._with_fresh_credentials(bucket, request)


def range_header(ref: ImageRef, start: int, length: int) -> str:
    """Return the Range header for a range of an object.

    The range ends with the object's listed size at the latest, because some servers reject a range that ends beyond the
    object. If the object has grown since it was listed, the added bytes are not read.
    """
    end = start + length
    if start < ref.size_bytes:
        end = min(end, ref.size_bytes)
    return f"bytes={start}-{end - 1}"


def _end_redirects(response_dict: dict[str, Any], **_: Any) -> None:
    """Turn a redirect of HeadBucket that does not name a region into an error.

    boto3 sends HeadBucket to ask for a bucket's region whenever a request is redirected. If HeadBucket is redirected
    too, boto3 asks again and again.
    """
    if 300 <= response_dict["status_code"] < 400 and "x-amz-bucket-region" not in response_dict["headers"]:
        response_dict["status_code"] = 400


def _count_retry(response: tuple[Any, Any] | None, caught_exception: Exception | None, attempts: int, **_: Any) -> None:
    """Count a retry if boto3 is about to repeat a request. boto3 calls this function after every attempt."""
    if attempts >= ATTEMPTS_PER_REQUEST:
        return
    if caught_exception is not None:
        COUNTS.add_retry(retry_cause(caught_exception))
    elif response is not None and (response[0].status_code >= 500 or response[0].status_code == 429):
        COUNTS.add_retry(retry_cause(ClientError(response[1], "")))
