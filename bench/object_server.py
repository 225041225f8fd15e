"""A server that simulates a bucket with any number of photos: its listing (listing_server.py) and its objects.

According to its headers, every photo is 2.4 MB long. It begins like one of VARIETIES generated photos, and the rest is
zeros. The server takes a fraction of the CPU time of a real one. Its CPU time per photo does not depend on the number
of photos.
"""

from __future__ import annotations

import asyncio
import re
import sys
from bisect import bisect_right
from urllib.parse import parse_qs, urlsplit

from bench.data import PHOTO_BYTES, make_head
from bench.listing_server import ETAG, PAGE, make_key, make_page

VARIETIES = 200
_REQUEST = re.compile(rb"GET (\S+) HTTP/1\.1\r\n")
_RANGE = re.compile(rb"(?i)\r\nrange: *bytes=(\d+)-(\d+)")
_NUMBER = re.compile(rb"IMG_(\d+)")


class Responder(asyncio.Protocol):
    """Protocol that responds to the GETs of one connection in turn."""

    def __init__(self, total: int, heads: list[bytes]) -> None:
        self._total = total
        self._heads = heads
        self._unprocessed = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._unprocessed += data
        while (end := self._unprocessed.find(b"\r\n\r\n")) >= 0:
            request, self._unprocessed = self._unprocessed[: end + 2], self._unprocessed[end + 4 :]
            self._transport.write(self._respond(request))

    def _respond(self, request: bytes) -> bytes:
        match = _REQUEST.match(request)
        assert match, request
        parts = urlsplit(match[1].decode())
        query = parse_qs(parts.query)
        if "list-type" in query:
            start = int(query.get("continuation-token", ["0"])[0])
            if "start-after" in query:
                start = bisect_right(range(self._total), query["start-after"][0], key=make_key)
            body = make_page(start, self._total, int(query.get("max-keys", [PAGE])[0]))
            return _head("200 OK", len(body), "Content-Type: application/xml") + body
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


async def serve(port: int, total: int, host: str = "127.0.0.1") -> None:
    heads = [make_head(number) for number in range(VARIETIES)]
    server = await asyncio.get_running_loop().create_server(lambda: Responder(total, heads), host, port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:4]))
