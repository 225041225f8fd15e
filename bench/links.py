"""Compare programs over simulated links to S3: with 30 ms of latency, and at 100 Mbit/s.

Also measures rates with different numbers of greenlets. `python -m bench.links [--images N]` prints tables.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from bench.compare import (
    BUCKET,
    TWO_WORKERS,
    Servers,
    missing_tools,
    run_design_2017,
    run_exifinator,
    run_s5cmd_exiftool,
    start_servers,
)
from bench.data import make_photos
from tests.servers import reserve_port, running

GREENLETS = (50, 100, 200, 400)
LATENCY_MS, MBIT = 30, 100


@contextmanager
def over_link(servers: Servers, folder: Path, *options: str) -> Iterator[Servers]:
    """Simulate a link in front of S3. Yield the servers, with the address of the link as the address of S3."""
    port = reserve_port()
    command = [sys.executable, "-m", "bench.link", str(port), str(urlsplit(servers.s3).port), *options]
    with running(command, port, folder / "link.log"):
        yield replace(servers, s3=f"http://127.0.0.1:{port}")


def compare(servers: Servers, images: int, title: str) -> None:
    """Print the rates of EXIFinator and of the yardsticks that read complete files."""
    exifinator = run_exifinator(servers, images, workers=TWO_WORKERS)
    print(f"\n| {title} | images/s | speedup of EXIFinator |\n|---|--:|--:|")
    print(f"| EXIFinator | {exifinator.rate:.0f} | 1.00 x |")
    print(f"design of 2017 {title} ...", file=sys.stderr)
    others = {"design of 2017": run_design_2017(servers, images).rate}
    if "s5cmd + ExifTool" not in missing_tools():
        others["s5cmd + ExifTool"] = run_s5cmd_exiftool(servers, images).rate
    for name, rate in others.items():
        print(f"| {name} | {rate:.1f} | {exifinator.rate / rate:.1f} x |")


def show_greenlets(servers: Servers, distant_servers: Servers, images: int) -> None:
    """Print the rates with different numbers of greenlets, without and with latency."""
    heads = f"greenlets per process | images/s without latency | images/s with {LATENCY_MS} ms of latency"
    print(f"\n| {heads} |\n|--:|--:|--:|")
    for number in GREENLETS:
        rates = [
            run_exifinator(s, images, workers=TWO_WORKERS, GREENLETS=number).rate for s in (servers, distant_servers)
        ]
        print(f"| {number} | {rates[0]:.0f} | {rates[1]:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1500, help="number of images over the link with latency")
    parser.add_argument("--slow-images", type=int, default=150, help="number of images over the slow link")
    parser.add_argument("--folder", type=Path, help="folder in which the photos are created and kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        make_photos(folder / "buckets" / BUCKET, options.images)
        with (
            start_servers(folder) as servers,
            over_link(servers, folder, "--latency-ms", str(LATENCY_MS)) as distant_servers,
        ):
            show_greenlets(servers, distant_servers, options.images)
            compare(distant_servers, options.images, f"with {LATENCY_MS} ms of latency")
        slow_link_folder = folder / "few"
        slow_link_folder.mkdir(exist_ok=True)
        make_photos(slow_link_folder / "buckets" / BUCKET, options.slow_images)
        with (
            start_servers(slow_link_folder) as servers,
            over_link(servers, slow_link_folder, "--mbit", str(MBIT)) as slow_servers,
        ):
            compare(slow_servers, options.slow_images, f"over {MBIT} Mbit/s")


if __name__ == "__main__":
    main()
