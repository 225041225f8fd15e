"""Measure the CPU time of requests without MongoDB and the HTTP server: `python -m bench.api_layers`.

Calls the application with a collection that returns the same records at once, and prints the smallest CPU time of each
kind of request. It hardly changes with the load of the machine, so it shows what a change of the API costs or saves.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import time
from types import SimpleNamespace
from typing import Any

from starlette.types import Message, Scope

from api.app import create_app
from api.serializers import SUMMARY_FIELDS
from bench.api import table
from bench.api_records import make_records
from exifinator.config import build_config

REQUESTS = {
    "a page of 50 photos": ("/photos", "camera=X-T4"),
    "a page of one photo, two filters": ("/photos", "camera=X-T4&lens=XF23mm&limit=1"),
    "one photo": ("/photos/holiday%2Fa.jpg", ""),
    "its thumbnail": ("/photos/holiday%2Fa.jpg/thumbnail", "v=1"),
    "/healthz": ("/healthz", ""),
}


class _Collection:
    """Returns the same records for each query."""

    name = "records"

    def __init__(self) -> None:
        self._records = list(itertools.islice(make_records(51), 51))
        self._summaries = [
            {name: value for name, value in record.items() if name == "_id" or name in SUMMARY_FIELDS}
            for record in self._records
        ]

    def find(self, *_: Any, **__: Any) -> _Collection:
        return self

    async def to_list(self) -> list[dict[str, Any]]:
        return self._summaries

    async def find_one(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {**self._records[0], "data": bytes(8000)}


async def _send_request(app: Any, path: str, query: str) -> None:
    statuses = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope: Scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", 3001),
        "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    if statuses != [200]:
        raise RuntimeError(f"{path}: status {statuses}")


async def measure(times: int) -> list[list[str]]:
    """Return a row for each kind of request."""
    config = build_config({}, {})
    app = create_app(config)
    collection = _Collection()
    app.state.store = SimpleNamespace(photos=collection, thumbnails=collection, config=config)
    rows = []
    for name, (path, query) in REQUESTS.items():
        seconds = []
        for _ in range(times):
            start = time.process_time()
            await _send_request(app, path, query)
            seconds.append(time.process_time() - start)
        rows.append([name, f"{min(seconds) * 1e6:.0f}"])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=400, help="number of requests of each kind")
    print(table(["request", "CPU time, us"], asyncio.run(measure(parser.parse_args().times))))


if __name__ == "__main__":
    main()
