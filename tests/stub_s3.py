"""An S3 server in memory. Each of its buckets may misbehave in one way that was reported of a real server.

Tests pass hooks that replace responses. `connect_stub` needs no socket, so unit tests use it. `run_stub` serves the
stub over HTTP, for the fast client.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from urllib3 import HTTPResponse

from exifinator.config import build_config
from exifinator.sources.s3.client import S3Client
from tests.servers import serving

MODIFIED = "Wed, 01 Jan 2025 00:00:00 GMT"
ERROR = "<?xml version='1.0'?><Error><Code>{}</Code><Message>{}</Message>{}</Error>"


@dataclass(slots=True)
class Request:
    """A request. The names of its headers are in lower case."""

    bucket: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(slots=True)
class Reply:
    """A response. A header that is None is left out; `is_chunked` replaces the Content-Length."""

    status: int
    body: bytes = b""
    headers: dict[str, str | None] = field(default_factory=dict)
    is_chunked: bool = False


def error(status: int, code: str, message: str = "m", more: str = "", **headers: str) -> Reply:
    return Reply(status, ERROR.format(code, escape(message), more).encode(), dict(headers))


@dataclass(slots=True)
class StubS3:
    """The server: its objects, and hooks that replace its responses.

    Attributes:
        objects: The content of each object, by bucket and key.
        on_list: Returns the response to a listing, by bucket.
        on_get: Returns the response to a GET of an object, given the correct response, by bucket.
        page_size: The maximum number of keys on a page of a listing.
        url: The address of the server while run_stub serves it.
        seen: All requests.
    """

    objects: dict[str, dict[str, bytes]] = field(default_factory=dict)
    on_list: dict[str, Callable[[StubS3, Request], Reply]] = field(default_factory=dict)
    on_get: dict[str, Callable[[Request, Reply], Reply]] = field(default_factory=dict)
    page_size: int = 1000
    url: str = ""
    seen: list[Request] = field(default_factory=list)

    def reply(self, request: Request) -> Reply:
        if request.bucket not in self.objects:
            return error(404, "NoSuchBucket")
        if not request.key:
            return self.on_list.get(request.bucket, StubS3.list_objects)(self, request)
        reply = self.get_object(request)
        hook = self.on_get.get(request.bucket)
        return hook(request, reply) if hook else reply

    def list_objects(self, request: Request) -> Reply:
        """List as S3 does, with ListObjectsV2."""
        query = request.query
        keys, is_truncated = self.keys_after(request, query.get("continuation-token") or query.get("start-after", ""))
        token = f"<NextContinuationToken>{escape(keys[-1])}</NextContinuationToken>" if is_truncated else ""
        return self.page(request, keys, f"<IsTruncated>{str(is_truncated).lower()}</IsTruncated>{token}")

    def keys_after(self, request: Request, after: str) -> tuple[list[str], bool]:
        """Return a page of the keys after the key `after`, and whether more keys follow."""
        prefix = request.query.get("prefix", "")
        keys = sorted(key for key in self.objects[request.bucket] if key.startswith(prefix) and key > after)
        limit = min(self.page_size, int(request.query.get("max-keys", self.page_size)))
        return keys[:limit], len(keys) > limit

    def page(self, request: Request, keys: list[str], more: str, write_key: Callable[[str], str] = escape) -> Reply:
        """Return a page of a listing. `more` is XML that says whether and where the listing continues."""
        objects = self.objects[request.bucket]
        contents = "".join(
            f"<Contents><Key>{write_key(key)}</Key><LastModified>2025-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>&quot;{hashlib.md5(objects[key], usedforsecurity=False).hexdigest()}&quot;</ETag>"
            f"<Size>{len(objects[key])}</Size></Contents>"
            for key in keys
        )
        namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
        return Reply(200, f'<ListBucketResult xmlns="{namespace}">{more}{contents}</ListBucketResult>'.encode())

    def get_object(self, request: Request) -> Reply:
        body = self.objects[request.bucket].get(request.key)
        if body is None:
            return error(404, "NoSuchKey")
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        headers: dict[str, str | None] = {"ETag": f'"{etag}"', "Last-Modified": MODIFIED}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        if wanted is None:
            return Reply(200, body, headers)
        first, last = int(wanted[1]), min(int(wanted[2]), len(body) - 1)
        if first >= len(body):
            return error(416, "InvalidRange")
        return Reply(206, body[first : last + 1], {**headers, "Content-Range": f"bytes {first}-{last}/{len(body)}"})


@contextlib.contextmanager
def run_stub(stub: StubS3) -> Iterator[StubS3]:
    """Serve a stub on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            bucket, _, key = parts.path[1:].partition("/")
            query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(unquote(bucket), unquote(key), query, headers)
            stub.seen.append(request)
            reply = stub.reply(request)
            body = b"" if self.command == "HEAD" else reply.body
            headers_out: dict[str, str | None] = {"Date": self.date_time_string(), **reply.headers}
            if reply.is_chunked:
                headers_out["Transfer-Encoding"] = "chunked"
                pieces = [body[i : i + 5000] for i in range(0, len(body), 5000)]
                body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
            else:
                headers_out = {"Content-Length": str(len(body)), **headers_out}
            head = "".join(f"{name}: {value}\r\n" for name, value in headers_out.items() if value is not None)
            if not reply.is_chunked and headers_out["Content-Length"] is None:
                head += "Connection: close\r\n"
                self.close_connection = True
            self.wfile.write(f"HTTP/1.1 {reply.status} X\r\n{head}\r\n".encode("latin-1") + body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass

    with serving(Server(("127.0.0.1", 0), Handler)) as stub.url:
        yield stub


def connect_stub(stub: StubS3, **settings: object) -> S3Client:
    """Return an S3Client whose boto3 client gets its responses from the stub, without a socket."""
    base = {"S3_ENDPOINT_URL": "http://stub.test", "AWS_ACCESS_KEY": "test", "AWS_SECRET_KEY": "secret"}
    s3 = S3Client(build_config({**base, **settings}, {}))
    connect = s3._connect

    def connect_to_stub() -> Any:
        client = connect()
        client.meta.events.register_first("before-send.s3", lambda request, **_: _respond(stub, request))
        return client

    s3._connect = connect_to_stub  # type: ignore[method-assign]
    return s3


def _respond(stub: StubS3, sent: AWSPreparedRequest) -> AWSResponse:
    parts = urlsplit(sent.url)
    bucket, _, key = parts.path[1:].partition("/")
    query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else str(value) for name, value in sent.headers.items()
    }
    request = Request(unquote(bucket), unquote(key), query, headers)
    stub.seen.append(request)
    reply = stub.reply(request)
    body = b"" if sent.method == "HEAD" else reply.body
    given: dict[str, str | None] = {"Date": format_datetime(datetime.now(UTC), usegmt=True), **reply.headers}
    if not reply.is_chunked:
        given = {"Content-Length": str(len(body)), **given}
    shown = {name: value for name, value in given.items() if value is not None}
    raw = HTTPResponse(BytesIO(body), shown, reply.status, preload_content=False, decode_content=False)
    return AWSResponse(sent.url, reply.status, HeadersDict(shown), raw)
