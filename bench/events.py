"""Measure the time from a put until `GET /photos` returns the photo: SQS, `exifinator watch`, one worker and the API.

`python -m bench.events [--puts N] [--rate N]` prints percentiles, and adds a row to bench/EVENTS.md. S3 and SQS are
moto's. Moto does not send notifications, so this program sends one after each put.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import threading
import time
import urllib.parse
from contextlib import ExitStack, closing
from pathlib import Path

from bench.event_stream import Stream, add_row
from tests.photos import make_jpeg
from tests.servers import NO_PROXY, end, reserve_port, run_mongod, run_moto, run_redis, start
from tests.waiting import ReadySocket, eventually

PAGE = Path(__file__).parent / "EVENTS.md"
POLL_SECONDS = 0.02
LIMIT_SECONDS = 120.0
PERCENTS = (50, 90, 99, 100)


class Poller:
    """Polls the API for the latest photos, and records when it first saw each photo.

    Attributes:
        seen_at: Key of a photo -> the monotonic time at which the API first returned it.
    """

    def __init__(self, url: str, photos: int) -> None:
        self.seen_at: dict[str, float] = {}
        self._page = {"sort": "-extracted", "limit": str(min(photos, 100))}
        self._url = url
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._thread.start()

    def _poll(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            cursor: str | None = ""
            # Go back to the last photo that was seen before.
            while cursor is not None:
                query = urllib.parse.urlencode(self._page | ({"cursor": cursor} if cursor else {}))
                with NO_PROXY.open(f"{self._url}/photos?{query}") as response:
                    page = json.load(response)
                now = time.monotonic()
                keys = [photo["key"] for photo in page["photos"]]
                is_known = any(key in self.seen_at for key in keys)
                for key in keys:
                    self.seen_at.setdefault(key, now)
                cursor = None if is_known else page["next"]

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


def measure(puts: int, puts_per_second: float, folder: Path) -> list[float]:
    """Return the time from each put until the API returned its photo, in seconds. Missing photos are omitted."""
    with ExitStack() as stack:
        for name in ("redis", "mongodb", "moto"):
            (folder / name).mkdir(parents=True)
        stream = Stream(stack.enter_context(run_moto(folder / "moto")))
        port = reserve_port()
        environment = stream.environment(
            mongodb=stack.enter_context(run_mongod(folder / "mongodb")),
            redis=stack.enter_context(run_redis(folder / "redis")),
            API_PORT=port,
        )
        for name in ("worker", "watch", "api"):
            ready = stack.enter_context(closing(ReadySocket()))
            command = [sys.executable, "-m", "exifinator", name]
            program = start(command, folder / f"{name}.log", {**environment, **ready.environment})
            stack.callback(end, program, signal.SIGKILL)
            eventually(ready.is_ready, watching=[program])
        poller = Poller(f"http://127.0.0.1:{port}", puts)
        stack.callback(poller.end)
        put_at: dict[str, float] = {}
        began_at, body = time.monotonic(), make_jpeg()
        for i in range(puts):
            time.sleep(max(0.0, began_at + i / puts_per_second - time.monotonic()))
            key = f"{i:06}.jpg"
            notification = stream.put(key, body)
            put_at[key] = time.monotonic()
            stream.send([notification])
        seconds = time.monotonic() - began_at
        if seconds > 1.1 * puts / puts_per_second:
            print(f"This machine put only {puts / seconds:.0f} objects/s", file=sys.stderr)
        deadline = time.monotonic() + LIMIT_SECONDS
        while len(poller.seen_at) < puts and poller.is_running and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        return sorted(poller.seen_at[key] - put_at[key] for key in put_at if key in poller.seen_at)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--puts", type=int, default=1000, help="number of objects to put")
    parser.add_argument("--rate", type=float, default=50, help="puts per second")
    parser.add_argument("--no-row", action="store_true", help="do not add a row to bench/EVENTS.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(options.puts, options.rate, Path(folder))
    row = {"Date": time.strftime("%Y-%m-%d"), "Puts": options.puts, "Puts/s": f"{options.rate:g}"}
    row["Seen"] = len(seconds)
    for percent in PERCENTS:
        index = max(0, -(-percent * len(seconds) // 100) - 1)
        row["longest (s)" if percent == 100 else f"p{percent} (s)"] = f"{seconds[index]:.2f}" if seconds else "-"
    print(*(f"{name}: {value}" for name, value in row.items()), sep="\n")
    if not options.no_row:
        add_row(PAGE, row)
    sys.exit(len(seconds) < options.puts)


if __name__ == "__main__":
    main()
