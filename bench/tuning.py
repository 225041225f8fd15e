"""Compare GREENLETS = "auto" with fixed numbers, at several latencies and with servers that limit the rate of requests.

`python -m bench.tuning [--images N]` prints two tables and draws the number of greenlets over time into
bench/tuning.svg. The bucket is simulated (object_server.py). Two workers read it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.compare import TWO_WORKERS, Servers, run_exifinator
from bench.tuning_plot import draw
from exifinator.config import build_config
from exifinator.storage.mongodb import connect_mongodb
from tests.servers import reserve_port, run_mongod, run_redis, running

LATENCIES_MS = (0, 1, 30, 150)
FIXED_GREENLETS = (25, 50, 100, 200, 400)
LIMITED_GREENLETS = (10, 25, 100)
# Options of object_server.py, by name.
PROFILES = {
    "400/s": ["--rate", "400", "--burst", "40"],
    "200/s after a burst of 1,000": ["--rate", "200", "--burst", "1000"],
    "in turn 400/s and 150/s, 15 s each": ["--rate", "400", "150", "--seconds", "15", "--burst", "20"],
}
SAMPLE_SECONDS = 1.0


@dataclass
class Run:
    """Measurements of one batch.

    Attributes:
        rate: Images per second.
        rejected_share: The share of the GETs that the server rejected because of their rate.
        samples: Seconds since the start, and the number of greenlets of each worker.
    """

    rate: float
    rejected_share: float
    samples: list[tuple[float, list[int]]] = field(default_factory=list)


def measure(images: int, greenlets: int | str, options: list[str]) -> Run:
    """Run a batch over a simulated bucket with these options of object_server.py."""
    port = reserve_port()
    server_options = [sys.executable, "-m", "bench.object_server", str(port), str(images), *options]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in ("redis", "mongodb"):
            (folder / name).mkdir()
        stack.enter_context(running(server_options, port, folder / "objects.log"))
        servers = Servers(
            f"http://127.0.0.1:{port}",
            stack.enter_context(run_mongod(folder / "mongodb")),
            stack.enter_context(run_redis(folder / "redis")),
        )
        sampler = Sampler(servers.mongodb)
        # Retry after a second, so that a few rejected images do not prolong the batch.
        result = run_exifinator(
            servers, images, workers=TWO_WORKERS, GREENLETS=greenlets, RETRY_DELAY_SECONDS=1, MAX_RETRIES=20
        )
        samples = sampler.stop()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats") as response:
            stats = json.load(response)
    run = Run(result.rate, stats["rejected"] / stats["requests"], samples)
    print(f"{greenlets} {' '.join(options)}: {run.rate:.0f}/s, {run.rejected_share:.2%} rejected", file=sys.stderr)
    return run


class Sampler:
    """Reads the number of greenlets of each worker from the workers' reports, once a second."""

    def __init__(self, mongodb: str) -> None:
        self._client = connect_mongodb(build_config({"MONGODB_URI": mongodb}, {}))
        self._samples: list[tuple[float, list[int]]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        began_at = datetime.now(UTC)
        while not self._ended.wait(SAMPLE_SECONDS):
            names = [name for name in self._client.list_database_names() if name.endswith("-mrq")]
            reports = [report for name in names for report in self._client[name]["mrq_workers"].find().sort("_id")]
            greenlets = [report["config"]["greenlets"] for report in reports if "greenlets" in report["config"]]
            self._samples.append(((datetime.now(UTC) - began_at).total_seconds(), greenlets))

    def stop(self) -> list[tuple[float, list[int]]]:
        """Return the samples: seconds since the start, and the number of greenlets of each worker."""
        self._ended.set()
        self._thread.join()
        self._client.close()
        return self._samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000, help="number of images at each latency")
    parser.add_argument("--limited-images", type=int, default=10_000, help="number of images with each rate limit")
    parser.add_argument("--plot", type=Path, default=Path(__file__).parent / "tuning.svg", help="file of the plot")
    options = parser.parse_args()
    samples_by_title = {}
    print(f"| latency | {' | '.join(map(str, FIXED_GREENLETS))} | auto | auto / best |")
    print(f"|--:{'|--:' * (len(FIXED_GREENLETS) + 2)}|")
    for latency in LATENCIES_MS:
        server_options = ["--latency-ms", str(latency)]
        fixed_rates = [measure(options.images, number, server_options).rate for number in FIXED_GREENLETS]
        auto = measure(options.images, "auto", server_options)
        rates = " | ".join(f"{rate:.0f}" for rate in fixed_rates)
        print(f"| {latency} ms | {rates} | {auto.rate:.0f} | {auto.rate / max(fixed_rates):.2f} |", flush=True)
        samples_by_title[f"{latency} ms"] = auto.samples
    heads = " | ".join(f"{number} | rejected" for number in LIMITED_GREENLETS)
    print(f"\n| limit | {heads} | auto | rejected | auto / best |\n|---{'|--:' * (2 * len(LIMITED_GREENLETS) + 3)}|")
    for name, profile in PROFILES.items():
        server_options = ["--latency-ms", "20", *profile]
        runs = [measure(options.limited_images, number, server_options) for number in LIMITED_GREENLETS]
        auto = measure(options.limited_images, "auto", server_options)
        cells = " | ".join(f"{run.rate:.0f} | {run.rejected_share:.1%}" for run in [*runs, auto])
        print(f"| {name} | {cells} | {auto.rate / max(run.rate for run in runs):.2f} |", flush=True)
        samples_by_title[name] = auto.samples
    options.plot.write_text(draw(samples_by_title))


if __name__ == "__main__":
    main()
