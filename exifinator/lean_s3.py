"""Ranged GETs for a quarter of what boto3's cost in computing; whatever is not plain, boto3 does.

boto3 makes the first request of each bucket, and this reader learns from it: the address, with the bucket's own region
and every redirect, and the region to sign for. Later requests go over a pool of kept connections. Any answer but the
bytes that were asked for (an error, a redirect, a broken connection) is thrown away, and boto3 asks again: so errors,
retries and refreshed addresses are boto3's own, and there is one account of them.
"""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

import gevent
import gevent.ssl
from botocore.awsrequest import AWSPreparedRequest
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies
from gevent.lock import BoundedSemaphore
from geventhttpclient.connectionpool import ConnectionPool, SSLConnectionPool

from exifinator.config import Config
from exifinator.kept_http import Answer, NotPlain, get
from exifinator.metrics import COUNTS
from exifinator.records import ImageRef, RangeRead
from exifinator.s3 import S3, parse_content_range
from exifinator.signing import Signer

log = logging.getLogger(__name__)

# As botocore encodes a key in a path.
KEY_SAFE = "/~"
# What a reader that has gone wrong falls back on boto3 for.
_NOT_PLAIN = (NotPlain, OSError, gevent.Timeout, ssl.SSLError, ValueError)


@dataclass(frozen=True, slots=True)
class Route:
    """How a bucket's objects are reached: connections to its host, that host's name, what stands before the key, and
    what signs.

    credentials: botocore's; None for a bucket that is read without.
    """

    pool: ConnectionPool
    host: str
    path: str
    signer: Signer
    credentials: Any


class LeanS3(S3):
    """An S3 whose ranged GETs are lean; for gevent's workers."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._routes: dict[str, Route | None] = {}
        self._pools: dict[str, ConnectionPool] = {}
        self._learning = BoundedSemaphore()

    def close(self) -> None:
        """Close the connections that are kept."""
        super().close()
        for pool in self._pools.values():
            pool.close()

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        """One ranged GET; see records.RangeReader."""
        if ref.bucket not in self._routes:
            # One learns; the others, who start together with it, wait and go its way.
            with self._learning:
                if ref.bucket not in self._routes:
                    return self._read_and_learn(ref, start, length, if_match)
        route = self._routes[ref.bucket]
        if route is None:
            return super().read_range(ref, start, length, if_match=if_match)
        try:
            read = self._read(route, ref, start, length, if_match)
        except _NOT_PLAIN as exc:
            log.debug("lean read failed bucket=%s key=%s: %s", ref.bucket, ref.key, exc)
            read = None
        if read is None:
            COUNTS.add_retry("asked_again")
            return self._read_and_learn(ref, start, length, if_match)
        return read

    def _read(self, route: Route, ref: ImageRef, start: int, length: int, if_match: str) -> RangeRead | None:
        path = route.path + quote(ref.key, safe=KEY_SAFE)
        headers = {"range": f"bytes={start}-{start + length - 1}"}
        if if_match:
            headers["if-match"] = f'"{if_match}"'
        if self.config.s3_requester_pays:
            headers["x-amz-request-payer"] = "requester"
        if route.credentials is not None:
            # Frozen at each request: the chain refreshes what is about to run out.
            headers = route.signer.sign(route.credentials.get_frozen_credentials(), path, headers)
        answer = get(route.pool, route.host, path, headers, most=start + length)
        modified = answer.headers.get("last-modified")
        found = _body_of(answer, start, length)
        if found is None or not modified:
            return None
        data, total = found
        return RangeRead(start, data, total, answer.headers.get("etag", "").strip('"'), parsedate_to_datetime(modified))

    def _read_and_learn(self, ref: ImageRef, start: int, length: int, if_match: str) -> RangeRead:
        """Read with boto3, and keep the way that its request went in the end."""
        sent: list[AWSPreparedRequest] = []
        client = self.client(ref.bucket)

        def note(request: AWSPreparedRequest, **_: Any) -> None:
            sent.append(request)

        client.meta.events.register("before-send.s3.GetObject", note)
        try:
            read = super().read_range(ref, start, length, if_match=if_match)
        finally:
            client.meta.events.unregister("before-send.s3.GetObject", note)
        key = quote(ref.key, safe=KEY_SAFE)
        # Other greenlets' requests pass by too.
        mine = [request for request in sent if urlsplit(request.url).path.endswith("/" + key)]
        if mine:
            self._routes[ref.bucket] = self._learn(client, mine[-1], key)
        return read

    def _learn(self, client: Any, request: AWSPreparedRequest, key: str) -> Route | None:
        parts = urlsplit(request.url)
        if get_environ_proxies(request.url):
            return None
        origin = f"{parts.scheme}://{parts.netloc}"
        signature = request.headers.get("Authorization", b"")
        text = signature.decode() if isinstance(signature, bytes) else str(signature)
        region, credentials = "", None
        if text:
            scope = text.partition("Credential=")[2].partition(",")[0].split("/")
            # Signed otherwise than by SigV4 for one region: that is boto3's business.
            if len(scope) != 5 or not text.startswith("AWS4-HMAC-SHA256"):
                return None
            region, credentials = scope[2], client._request_signer._credentials
        if origin not in self._pools:
            # True, or the file that S3_CA_FILE, AWS_CA_BUNDLE, the profile or REQUESTS_CA_BUNDLE names.
            trusted = get_cert_path(client._endpoint.http_session._verify)
            self._pools[origin] = self._connect_pool(parts.scheme, parts.hostname or "", parts.port, trusted)
        host = _host_of(parts)
        return Route(self._pools[origin], host, parts.path.removesuffix(key), Signer(host, region), credentials)

    def _connect_pool(self, scheme: str, host: str, port: int | None, trusted: str | None) -> ConnectionPool:
        """trusted: the file of the certificates that boto3 trusts."""
        options: dict[str, Any] = {
            "connection_timeout": min(10.0, self.config.s3_timeout_seconds),
            "network_timeout": self.config.s3_timeout_seconds,
            "size": self.config.greenlets,
        }
        if scheme != "https":
            return ConnectionPool(host, port or 80, host, port or 80, **options)
        # Called with geventhttpclient's own file of certificates, which does not count.
        context = gevent.ssl.create_default_context(cafile=trusted)
        return SSLConnectionPool(
            host, port or 443, host, port or 443, ssl_context_factory=lambda **_: context, **options
        )


def _host_of(parts: SplitResult) -> str:
    """The Host header that clients send: without the port that the scheme has anyway."""
    port = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return parts.netloc.rpartition("@")[2].removesuffix(port)


def _body_of(answer: Answer, start: int, length: int) -> tuple[bytes, int] | None:
    """The bytes that were asked for and the object's size; None where the answer holds something else."""
    if answer.status not in (200, 206):
        return None
    content_range = parse_content_range(answer.headers.get("content-range", ""))
    if content_range is not None:
        # rclone says 200 here too.
        first, last, total = content_range
        is_it = first == start and len(answer.body) == answer.length == last - first + 1 <= length
        return (answer.body, total) if is_it else None
    if answer.status == 200:
        # The whole object, as some servers answer where the range covers it; the rest of a larger one is not read.
        return answer.body[start:], answer.length
    return None
