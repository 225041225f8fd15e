"""A server that simulates a bucket with any number of photos: its listing (listing_server.py) and its objects.

`python -m bench.object_server PORT PHOTOS [--latency-ms N] [--rate N ... --seconds N --burst N]`. With --rate, GETs of
objects beyond the rate are answered with SlowDown; with several rates, each applies for --seconds in turn. GET /stats
returns the number of GETs of objects, and how many of them were answered with SlowDown.

According to its headers, every photo is 2.4 MB long. It begins like one of VARIETIES generated photos, and the rest is
zeros. The server takes a fraction of the CPU time of a real one. Its CPU time per photo does not depend on the number
of photos.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from bench.data import PHOTO_BYTES, make_head
from bench.listing_server import ETAG, PAGE_KEYS, make_key, make_page

VARIETIES = 200
_REQUEST = re.compile(rb"GET (\S+) HTTP/1\.1\r\n")
_RANGE = re.compile(rb"(?i)\r\nrange: *bytes=(\d+)-(\d+)")
_NUMBER = re.compile(rb"IMG_(\d+)")
_SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


@dataclass
class RateLimit:
    """A token bucket.

    Attributes:
        rates: The permitted rates, in requests per second. Each applies for `seconds` in turn. No limit if empty.
        seconds: How long each rate applies.
        burst: Number of requests that are permitted at once after a pause.
        requests, rejected: Number of requests, and number of requests that exceeded the limit.
    """

    rates: list[float] = field(default_factory=list)
    seconds: float = 10.0
    burst: float = 10.0
    requests: int = 0
    rejected: int = 0

    def __post_init__(self) -> None:
        self._began_at = self._filled_at = time.monotonic()
        self._tokens = self.burst

    def permits(self) -> bool:
        """Count a request. Return whether it is within the limit."""
        self.requests += 1
        if not self.rates:
            return True
        now = time.monotonic()
        rate = self.rates[int((now - self._began_at) / self.seconds) % len(self.rates)]
        self._tokens = min(self.burst, self._tokens + (now - self._filled_at) * rate)
        self._filled_at = now
        is_permitted = self._tokens >= 1
        self._tokens -= is_permitted
        self.rejected += not is_permitted
        return is_permitted


class Responder(asyncio.Protocol):
    """Protocol that responds to the GETs of one connection in turn."""

    def __init__(self, total: int, heads: list[bytes], latency_seconds: float, limit: RateLimit) -> None:
        self._total = total
        self._heads = heads
        self._latency_seconds = latency_seconds
        self._limit = limit
        self._unprocessed = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._unprocessed += data
        while (end := self._unprocessed.find(b"\r\n\r\n")) >= 0:
            request, self._unprocessed = self._unprocessed[: end + 2], self._unprocessed[end + 4 :]
            response = self._respond(request)
            if self._latency_seconds:
                asyncio.get_running_loop().call_later(self._latency_seconds, self._transport.write, response)
            else:
                self._transport.write(response)

    def _respond(self, request: bytes) -> bytes:
        match = _REQUEST.match(request)
        assert match, request
        parts = urlsplit(match[1].decode())
        query = parse_qs(parts.query)
        if "list-type" in query:
            start = int(query.get("continuation-token", ["0"])[0])
            if "start-after" in query:
                start = bisect_right(range(self._total), query["start-after"][0], key=make_key)
            body = make_page(start, self._total, int(query.get("max-keys", [PAGE_KEYS])[0]))
            return _head("200 OK", len(body), "Content-Type: application/xml") + body
        if parts.path == "/stats":
            body = json.dumps({"requests": self._limit.requests, "rejected": self._limit.rejected}).encode()
            return _head("200 OK", len(body), "Content-Type: application/json") + body
        if not self._limit.permits():
            return _head("503 Slow Down", len(_SLOW_DOWN), "Content-Type: application/xml") + _SLOW_DOWN
        range_match = _RANGE.search(request)
        number = _NUMBER.search(match[1])
        assert range_match is not None, request
        assert number is not None, request
        start, last = int(range_match[1]), min(int(range_match[2]), PHOTO_BYTES - 1)
        body = self._heads[int(number[1]) % VARIETIES][start : last + 1].ljust(last + 1 - start, b"\0")
        fields = (
            f"Content-Range: bytes {start}-{last}/{PHOTO_BYTES}\r\nContent-Type: image/jpeg\r\n"
            f'ETag: "{ETAG}"\r\nLast-Modified: Fri, 17 May 2024 12:00:00 GMT'
        )
        return _head("206 Partial Content", len(body), fields) + body


def _head(status: str, length: int, fields: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{fields}\r\n\r\n".encode()


async def serve(port: int, host: str, make_responder: Callable[[], asyncio.Protocol]) -> None:
    server = await asyncio.get_running_loop().create_server(make_responder, host, port)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("photos", type=int)
    parser.add_argument("host", nargs="?", default="127.0.0.1")
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--rate", type=float, nargs="*", default=[], help="permitted GETs per second")
    parser.add_argument("--seconds", type=float, default=10, help="how long each rate applies")
    parser.add_argument("--burst", type=float, default=10, help="how many GETs are permitted at once")
    options = parser.parse_args()
    heads = [make_head(number) for number in range(VARIETIES)]
    limit = RateLimit(options.rate, options.seconds, options.burst)
    latency_seconds = options.latency_ms / 1000
    asyncio.run(serve(options.port, options.host, lambda: Responder(options.photos, heads, latency_seconds, limit)))


if __name__ == "__main__":
    main()
