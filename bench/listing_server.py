"""A server that simulates the listing of a bucket with any number of keys. It supports ListObjectsV2 and nothing else.

`python -m bench.listing_server PORT KEYS [LATENCY_MS]`. Each response is delayed by the latency.
"""

from __future__ import annotations

import sys
import time
from bisect import bisect_right
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE_KEYS = 1000
ETAG = "9b2cf535f27731c974343645a3985328"


def make_key(number: int) -> str:
    return f"2024/{number // PAGE_KEYS:06}/IMG_{number:09}.jpg"


def _make_row(key: str) -> bytes:
    return (
        f"<Contents><Key>{key}</Key><LastModified>2024-05-17T12:00:00.000Z</LastModified>"
        f"<ETag>&quot;{ETAG}&quot;</ETag><Size>2400000</Size><StorageClass>STANDARD</StorageClass></Contents>"
    ).encode()


# Each folder has as many objects as a page, each key contains the folder's number twice, and all rows have the same
# length. So a page is a slice of the rows of two folders. Formatting each row separately would take longer than the
# client takes to process the row.
_ROWS = b"".join(_make_row(f"2024/@@@@@@/IMG_@@@@@@{i:03}.jpg") for i in range(PAGE_KEYS))
_ROW_BYTES = len(_ROWS) // PAGE_KEYS


def _make_rows(start: int, end: int) -> bytes:
    """Return the rows of the objects from `start` up to but not including `end`: at most a page."""
    folder, first = divmod(start, PAGE_KEYS)
    rows = b"".join(_ROWS.replace(b"@@@@@@", b"%06d" % number) for number in range(folder, (end - 1) // PAGE_KEYS + 1))
    return rows[first * _ROW_BYTES : (first + end - start) * _ROW_BYTES]


def make_page(start: int, total: int, max_keys: int = PAGE_KEYS) -> bytes:
    """Return the response with up to `max_keys` (at most PAGE) objects, beginning with number `start` of `total`."""
    end = min(start + max_keys, total)
    is_truncated = end < total
    token = f"<NextContinuationToken>{end}</NextContinuationToken>" if is_truncated else ""
    head = (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>photos</Name><Prefix></Prefix><KeyCount>{end - start}</KeyCount><MaxKeys>{max_keys}</MaxKeys>"
        f"<EncodingType>url</EncodingType><IsTruncated>{str(is_truncated).lower()}</IsTruncated>{token}"
    )
    return head.encode() + _make_rows(start, end) + b"</ListBucketResult>"


def serve(port: int, total: int, latency_seconds: float = 0.0) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            start = int(query.get("continuation-token", ["0"])[0])
            if "start-after" in query:
                start = bisect_right(range(total), query["start-after"][0], key=make_key)
            body = make_page(start, total, int(query.get("max-keys", [PAGE_KEYS])[0]))
            time.sleep(latency_seconds)
            self.send_response(200)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000 if len(sys.argv) > 3 else 0.0)
