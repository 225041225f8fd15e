"""A bucket of any number of keys, as far as a listing goes: ListObjectsV2 and nothing else, in a process of its own.

`python -m bench.listing_server PORT KEYS [LATENCY_MS]`; each answer waits for the latency first.
"""

from __future__ import annotations

import sys
import time
from bisect import bisect_right
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = 1000
ETAG = "9b2cf535f27731c974343645a3985328"


def make_key(number: int) -> str:
    return f"2024/{number // 1000:06}/IMG_{number:09}.jpg"


def make_page(start: int, total: int, most: int = PAGE) -> bytes:
    """The answer that begins with object `start` of `total`."""
    end = min(start + most, total)
    rows = "".join(
        f"<Contents><Key>{make_key(number)}</Key><LastModified>2024-05-17T12:00:00.000Z</LastModified>"
        f"<ETag>&quot;{ETAG}&quot;</ETag><Size>2400000</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for number in range(start, end)
    )
    more = end < total
    token = f"<NextContinuationToken>{end}</NextContinuationToken>" if more else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>photos</Name><Prefix></Prefix><KeyCount>{end - start}</KeyCount><MaxKeys>{most}</MaxKeys>"
        f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>{token}{rows}</ListBucketResult>"
    ).encode()


def serve(port: int, total: int, latency_seconds: float = 0.0) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            start = int(query.get("continuation-token", ["0"])[0])
            if "start-after" in query:
                start = bisect_right(range(total), query["start-after"][0], key=make_key)
            body = make_page(start, total, int(query.get("max-keys", [PAGE])[0]))
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
