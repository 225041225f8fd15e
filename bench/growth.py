"""Whether costs grow with the number of images and no faster, and what a second process brings.

`python -m bench.growth [--images N ...]` prints two tables. The bucket is made up (object_server.py).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.compare import TWO_WORKERS, Result, Servers, run_ours
from tests.servers import free_port, run_mongod, run_redis, running


def measure(images: int, workers: list[list[str]], folder: Path) -> Result:
    """A run over a made-up bucket of so many images."""
    port = free_port()
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
        return run_ours(servers, images, workers=workers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--processes-images", type=int, default=5_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        print("| images | images/s | worker CPU us an image | peak MB of a worker | bytes a record on disk |")
        print("|--:|--:|--:|--:|--:|")
        for images in options.images:
            result = measure(images, TWO_WORKERS, folder / str(images))
            cpu = sum(us for name, us in result.cpu.items() if name.startswith("worker"))
            peak, disk = result.notes["peak MB of a worker"], result.notes["bytes a record on disk"]
            print(f"| {images:,} | {result.rate:.0f} | {cpu:.0f} | {peak:.0f} | {disk:,.0f} |")
        one = measure(options.processes_images, TWO_WORKERS[:1], folder / "one")
        two = measure(options.processes_images, TWO_WORKERS, folder / "two")
    show_processes(one, two)


def show_processes(one: Result, two: Result) -> None:
    """Print what the busiest process of one and of two spends an image: it bounds what they can do, cores given."""
    alone = max(us for name, us in one.cpu.items() if name.startswith("worker"))
    shared = [us for name, us in two.cpu.items() if name.startswith("worker")]
    print("\n| worker processes | CPU us an image of the busiest | of the other | work with cores to spare |")
    print("|--:|--:|--:|--:|")
    print(f"| 1 | {alone:.0f} | | 1.00 x |")
    print(f"| 2 | {max(shared):.0f} | {min(shared):.0f} | {alone / max(shared):.2f} x |")


if __name__ == "__main__":
    main()
