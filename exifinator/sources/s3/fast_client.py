"""Ranged GETs at a quarter of boto3's CPU time, with boto3 as the fallback.

boto3 sends the first request to each bucket. From that request, this client learns the bucket's route: the URL after
all redirects, and the region to sign for. Later requests use a pool of keep-alive connections. If such a request does
not return the requested bytes (because of an error, a redirect or a broken connection), boto3 sends it again. So
errors, retries and changed URLs are all handled in one place, by boto3.
"""

from __future__ import annotations

import logging
import ssl
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

import gevent
import gevent.ssl
from botocore.awsrequest import AWSPreparedRequest
from botocore.credentials import RefreshableCredentials
from botocore.httpsession import get_cert_path
from botocore.utils import S3ExpressIdentityCache, get_environ_proxies
from gevent.lock import BoundedSemaphore
from geventhttpclient.connectionpool import ConnectionPool, SSLConnectionPool

from exifinator.config import Config
from exifinator.errors import CredentialsRefused
from exifinator.metrics import COUNTS
from exifinator.models import ImageRef, RangeRead
from exifinator.sources.s3.client import S3Client, range_header
from exifinator.sources.s3.errors import credential_errors
from exifinator.sources.s3.headers import parse_content_encoding, parse_content_range, parse_etag, parse_http_date
from exifinator.sources.s3.keepalive import Response, UnsupportedResponse, get
from exifinator.sources.s3.pacing import THROTTLED_STATUSES, Pacer
from exifinator.sources.s3.sigv4 import EXPRESS_SERVICE, Signer

log = logging.getLogger(__name__)

# Characters that botocore leaves unencoded in a key.
KEY_SAFE = "/~"
# If a fast read raises one of these errors, S3Client repeats the read with boto3. It also reloads refused credentials.
_FALLBACK_ERRORS = (UnsupportedResponse, OSError, gevent.Timeout, ssl.SSLError, ValueError, CredentialsRefused)


@dataclass(frozen=True, slots=True)
class BucketRoute:
    """How to request a bucket's objects.

    Attributes:
        pool: The connections to the bucket's server.
        host: The Host header.
        path_prefix: The part of the URL's path before the key.
        signer: Signs requests for the bucket's host, region and service.
        credentials: botocore's credentials; None if requests to the bucket are not signed.
    """

    pool: ConnectionPool
    host: str
    path_prefix: str
    signer: Signer
    credentials: Any


class FastS3Client(S3Client):
    """An S3Client with fast ranged GETs, for workers under gevent.

    If a bucket's server limits the rate of requests, the requests to this bucket are paced.

    Args:
        config: The settings.
        on_slow_down: Called when a server's limit reduces the rate of requests.
    """

    def __init__(self, config: Config, on_slow_down: Callable[[], None] | None = None) -> None:
        super().__init__(config)
        self._on_slow_down = on_slow_down
        self._pacers: defaultdict[str, Pacer] = defaultdict(Pacer)
        # By bucket; None if only boto3 can send requests to the bucket.
        self._routes: dict[str, BucketRoute | None] = {}
        # By scheme, host and port, such as "https://minio.example.org:9000".
        self._pools: dict[str, ConnectionPool] = {}
        self._route_lock = BoundedSemaphore()

    def close(self) -> None:
        """Close all connections."""
        super().close()
        for pool in self._pools.values():
            pool.close()

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        """Read a range with one GET. See models.RangeReader."""
        if ref.bucket not in self._routes:
            # One greenlet learns the route. Others that read from the bucket at the same time wait for that, and then
            # use the route.
            with self._route_lock:
                if ref.bucket not in self._routes:
                    return self._read_via_boto3(ref, start, length, if_match)
        route = self._routes[ref.bucket]
        if route is None:
            return super().read_range(ref, start, length, if_match=if_match)
        try:
            result = self._read(route, ref, start, length, if_match)
        except _FALLBACK_ERRORS as exc:
            log.debug(
                "retry: fast read of %s failed, boto3 repeats it: %s",
                ref.id,
                exc,
                extra={"action": "retry", "bucket": ref.bucket, "key": ref.key},
            )
            result = None
        if result is None:
            COUNTS.add_retry("boto3_fallback")
            self._pacers[ref.bucket].wait()
            return self._read_via_boto3(ref, start, length, if_match)
        return result

    def _read(self, route: BucketRoute, ref: ImageRef, start: int, length: int, if_match: str) -> RangeRead | None:
        path = route.path_prefix + quote(ref.key, safe=KEY_SAFE)
        headers = {"range": range_header(ref, start, length)}
        if if_match:
            headers["if-match"] = f'"{if_match}"'
        if self.config.s3_requester_pays:
            headers["x-amz-request-payer"] = "requester"
        if route.credentials is not None:
            # Get the credentials for each request, because boto3 refreshes them before they expire.
            with credential_errors(ref.id):
                credentials = route.credentials.get_frozen_credentials()
            headers = route.signer.sign(credentials, path, headers)
        pacer = self._pacers[ref.bucket]
        begun_at = pacer.wait()
        response = get(route.pool, route.host, path, headers, max_bytes=start + length)
        if pacer.note_response(begun_at, is_throttled=response.status in THROTTLED_STATUSES) and self._on_slow_down:
            self._on_slow_down()
        modified = parse_http_date(response.headers.get("last-modified"))
        body_and_size = _requested_bytes(response, ref, start, length)
        if body_and_size is None or modified is None:
            return None
        data, total_bytes = body_and_size
        etag, is_weak = parse_etag(response.headers.get("etag", ""))
        encoding = parse_content_encoding(response.headers.get("content-encoding", ""))
        return RangeRead(start, data, total_bytes, etag, modified, encoding, is_weak)

    def _read_via_boto3(self, ref: ImageRef, start: int, length: int, if_match: str) -> RangeRead:
        """Read with boto3, and learn the bucket's route from the last request that boto3 sends for the object."""
        sent: list[AWSPreparedRequest] = []
        client = self.client(ref.bucket)

        def record_request(request: AWSPreparedRequest, **_: Any) -> None:
            sent.append(request)

        client.meta.events.register("before-send.s3.GetObject", record_request)
        try:
            result = super().read_range(ref, start, length, if_match=if_match)
        finally:
            client.meta.events.unregister("before-send.s3.GetObject", record_request)
        key = quote(ref.key, safe=KEY_SAFE)
        # The event also reports the requests of other greenlets, so keep only those for this key.
        own_requests = [request for request in sent if urlsplit(request.url).path.endswith("/" + key)]
        if own_requests:
            self._routes[ref.bucket] = self._learn_route(client, ref.bucket, own_requests[-1], key)
        return result

    def _learn_route(self, client: Any, bucket: str, request: AWSPreparedRequest, key: str) -> BucketRoute | None:
        """Return the route of a request that boto3 sent; None if only boto3 can send such requests."""
        parts = urlsplit(request.url)
        if get_environ_proxies(request.url):
            return None
        origin = f"{parts.scheme}://{parts.netloc}"
        signature = request.headers.get("Authorization", b"")
        authorization = signature.decode() if isinstance(signature, bytes) else str(signature)
        region, service, credentials = "", "", None
        if authorization:
            scope = authorization.partition("Credential=")[2].partition(",")[0].split("/")
            # Signer supports only SigV4 for a single region.
            if len(scope) != 5 or not authorization.startswith("AWS4-HMAC-SHA256"):
                return None
            region, service, credentials = scope[2], scope[3], client._request_signer._credentials
            if service == EXPRESS_SERVICE:
                # Requests to a directory bucket are signed with the credentials of a session for the bucket.
                credentials = S3ExpressIdentityCache(client, RefreshableCredentials).get_credentials(bucket)
        if origin not in self._pools:
            # Trust the same certificates as boto3. `_verify` is True, or a file from S3_CA_FILE, AWS_CA_BUNDLE, the
            # profile or REQUESTS_CA_BUNDLE.
            ca_file = get_cert_path(client._endpoint.http_session._verify)
            self._pools[origin] = self._connect_pool(parts.scheme, parts.hostname or "", parts.port, ca_file)
        host = _host_header(parts)
        return BucketRoute(
            self._pools[origin], host, parts.path.removesuffix(key), Signer(host, region, service), credentials
        )

    def _connect_pool(self, scheme: str, host: str, port: int | None, ca_file: str | None) -> ConnectionPool:
        options: dict[str, Any] = {
            "connection_timeout": min(10.0, self.config.s3_timeout_seconds),
            "network_timeout": self.config.s3_timeout_seconds,
            "size": self.config.max_greenlets,
        }
        if scheme != "https":
            return ConnectionPool(host, port or 80, host, port or 80, **options)
        # The factory ignores the CA file that geventhttpclient passes to it, and uses boto3's.
        context = gevent.ssl.create_default_context(cafile=ca_file)
        return SSLConnectionPool(
            host, port or 443, host, port or 443, ssl_context_factory=lambda **_: context, **options
        )


def _host_header(parts: SplitResult) -> str:
    """Return the Host header, without the scheme's default port."""
    port = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return parts.netloc.rpartition("@")[2].removesuffix(port)


def _requested_bytes(response: Response, ref: ImageRef, start: int, length: int) -> tuple[bytes, int] | None:
    """Return the requested bytes and the object's size in bytes; None if the response contains something else."""
    if response.status not in (200, 206):
        return None
    content_range = parse_content_range(response.headers.get("content-range", ""), ref.size_bytes)
    if content_range is not None:
        # Do not check for status 206: rclone also sends Content-Range with status 200.
        first, last, total_bytes = content_range
        is_requested = first == start and len(response.body) == response.length == last - first + 1 <= length
        return (response.body, total_bytes) if is_requested else None
    if response.status == 200:
        # The body is the whole object, which some servers send if the range covers it. Of a larger object, `get` has
        # read only the bytes up to the end of the range.
        return response.body[start:], response.length
    return None
