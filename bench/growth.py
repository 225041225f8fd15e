"""Measure whether costs grow linearly with the number of images, and the gain from a second process.

`python -m bench.growth [--images N ...]` prints two tables. The bucket is simulated (object_server.py).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.compare import TWO_WORKERS, Result, Servers, run_exifinator
from tests.servers import reserve_port, run_mongod, run_redis, running


def measure(images: int, workers: list[list[str]], folder: Path) -> Result:
    """Run a batch over a simulated bucket of `images` images."""
    port = reserve_port()
    server = [sys.executable, "-m", "bench.object_server", str(port), str(images)]
    with ExitStack() as stack:
        for name in ("redis", "mongodb"):
            (folder / name).mkdir(parents=True)
        stack.enter_context(running(server, port, folder / "objects.log"))
        servers = Servers(
            f"http://127.0.0.1:{port}",
            stack.enter_context(run_mongod(folder / "mongodb")),
            stack.enter_context(run_redis(folder / "redis")),
        )
        return run_exifinator(servers, images, workers=workers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="*", default=[1_000, 10_000, 100_000], help="numbers of images")
    parser.add_argument(
        "--repeat",
        type=int,
        default=3,
        help="number of runs with the fewest images; each larger number of images gets two runs fewer",
    )
    parser.add_argument(
        "--processes-images",
        type=int,
        default=5_000,
        help="number of images for the comparison of one and two processes",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        show_growth(options.images, options.repeat, folder)
        one = measure(options.processes_images, TWO_WORKERS[:1], folder / "one")
        two = measure(options.processes_images, TWO_WORKERS, folder / "two")
    show_processes(one, two)


def show_growth(sizes: list[int], repeat: int, folder: Path) -> None:
    """Print the medians of runs over growing numbers of images. Short runs vary more, so they are repeated."""
    names = (
        "worker CPU us per image",
        "peak MB per worker",
        "bytes per record on disk",
        "second run, all unchanged, keys/s",
    )
    print(f"| images | runs | images/s (median) | min | max | {' | '.join(names)} |")
    print("|--:" * (5 + len(names)) + "|")
    for number, images in enumerate(sizes):
        results = [measure(images, TWO_WORKERS, folder / f"{images}-{i}") for i in range(max(1, repeat - 2 * number))]
        for result in results:
            result.figures[names[0]] = sum(us for name, us in result.cpu.items() if name.startswith("worker"))
        rates = sorted(result.rate for result in results)
        medians = [statistics.median(result.figures[name] for result in results) for name in names]
        figures = " | ".join(f"{value:,.0f}" for value in (statistics.median(rates), rates[0], rates[-1], *medians))
        print(f"| {images:,} | {len(rates)} | {figures} |")


def show_processes(one: Result, two: Result) -> None:
    """Print the CPU time per image of the busiest process, which limits throughput, with one and with two processes."""
    single_us = max(us for name, us in one.cpu.items() if name.startswith("worker"))
    pair_us = [us for name, us in two.cpu.items() if name.startswith("worker")]
    print("\n| worker processes | CPU us per image, busiest process | other process | throughput with spare cores |")
    print("|--:|--:|--:|--:|")
    print(f"| 1 | {single_us:.0f} | | 1.00 x |")
    print(f"| 2 | {max(pair_us):.0f} | {min(pair_us):.0f} | {single_us / max(pair_us):.2f} x |")


if __name__ == "__main__":
    main()
