"""Measure how many requests and bytes an image needs, by the size of the first read.

python -m bench.first_read [FOLDER]           prints the first table in bench/FIRST_READ.md
python -m bench.first_read --learned [FOLDER] prints the second one
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.fidelity_tags import PHOTOS, sample_paths
from exifinator.config import DEFAULT_FIRST_READ_BYTES as DEFAULT_BYTES
from exifinator.metadata.fetch import fetch_metadata
from exifinator.metadata.first_read import FirstReads
from exifinator.models import FetchedMetadata, ImageRef, RangeRead
from exifinator.sources.local_files import LocalReader, local_ref
from tests.data.mixes import bodies

SIZES_KIB = (4, 8, 16, 24, 32, 40, 48, 64, 96, 128, 256)
LARGE_BYTES = 2_000_000
NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
# A bucket of the second table has this many images.
DAYS, CAMERAS_A_DAY, IMAGES_A_DAY = 100, 5, 40


def measure(paths: list[Path], first_read_bytes: int) -> dict[str, float]:
    """Return the columns of the table by name: requests, KiB read per file, and the share read of large photos."""
    jpeg_requests: list[int] = []
    other_requests: list[int] = []
    files = read_bytes = large_read_bytes = large_bytes = 0
    for path in paths:
        fetched = fetch_metadata(LocalReader(), local_ref(path), first_read_bytes=first_read_bytes)
        (jpeg_requests if fetched.format == "jpeg" else other_requests).append(fetched.requests)
        read_bytes += fetched.bytes_read
        files += 1
        if fetched.ref.size_bytes >= LARGE_BYTES:
            large_read_bytes += fetched.bytes_read
            large_bytes += fetched.ref.size_bytes
    return {
        "jpeg_requests": sum(jpeg_requests) / len(jpeg_requests),
        "jpeg_max": max(jpeg_requests),
        "other_requests": sum(other_requests) / len(other_requests),
        "other_max": max(other_requests),
        "kib_per_file": read_bytes / files / 1024,
        "large_share": large_read_bytes / large_bytes,
    }


@dataclass
class Totals:
    """What reading a workload has taken."""

    jpegs: int = 0
    jpeg_requests: int = 0
    others: int = 0
    other_requests: int = 0
    bytes_read: int = 0
    large_bytes: int = 0
    large_read: int = 0

    def add(self, fetched: FetchedMetadata) -> None:
        """Add an image that was read."""
        if fetched.format == "jpeg":
            self.jpegs += 1
            self.jpeg_requests += fetched.requests
        else:
            self.others += 1
            self.other_requests += fetched.requests
        self.bytes_read += fetched.bytes_read
        if fetched.ref.size_bytes >= LARGE_BYTES:
            self.large_bytes += fetched.ref.size_bytes
            self.large_read += fetched.bytes_read


class Copies:
    """Reads copies of files from memory. A copy's key ends with the number and the name of its file."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:  # noqa: ARG002
        """Read a range. See models.RangeReader."""
        body = self._files[ref.key.partition("#")[2]]
        return RangeRead(start, body[start : start + length], len(body), "e", NOON)


def camera_bucket(files: Mapping[str, bytes], chance: random.Random) -> list[tuple[str, str]]:
    """Return the folder and the file of each image: each folder has the images of one camera, in runs of a day."""
    names = list(files)
    return [
        (f"{camera}/day-{day}", names[camera])
        for day in range(DAYS)
        for camera in chance.sample(range(len(names)), CAMERAS_A_DAY)
        for _ in range(IMAGES_A_DAY)
    ]


def shared_bucket(files: Mapping[str, bytes], chance: random.Random) -> list[tuple[str, str]]:
    """Return the folder and the file of each image: all cameras in one folder, in random order."""
    return [("all", name) for name in chance.choices(list(files), k=DAYS * CAMERAS_A_DAY * IMAGES_A_DAY)]


def read_bucket(files: Mapping[str, bytes], images: list[tuple[str, str]], first_reads: FirstReads | None) -> Totals:
    """Read a bucket as one worker process does."""
    totals, reader = Totals(), Copies(files)
    for number, (folder, name) in enumerate(images):
        ref = ImageRef("b", f"{folder}/{number}#{name}", "e", len(files[name]), NOON)
        size = first_reads.choose(ref) if first_reads else DEFAULT_BYTES
        totals.add(fetch_metadata(reader, ref, first_read_bytes=size, first_reads=first_reads))
    return totals


def print_learned(paths: list[Path]) -> None:
    """Print a table that compares learned sizes with the fixed default."""
    samples = {path.name: path.read_bytes() for path in paths}
    workloads = {
        "a folder for each camera": (samples, camera_bucket),
        "all cameras in one folder": (samples, shared_bucket),
        "generated files, one folder": (dict(bodies()), shared_bucket),
        "generated files, a folder for each kind": (
            dict(bodies()),
            lambda files, chance: [
                (name, name) for name in chance.choices(list(files), k=DAYS * CAMERAS_A_DAY * IMAGES_A_DAY)
            ],
        ),
    }
    print(
        "| bucket | first read | requests per JPEG | requests per file of other formats | read per file | bytes "
        "| share read of photos of 2 MB+ |"
    )
    print("|---|---|--:|--:|--:|--:|--:|")
    for title, (files, make) in workloads.items():
        images = make(files, random.Random(1))
        fixed = None
        for name, first_reads in (("48 KiB", None), ("learned", FirstReads(DEFAULT_BYTES))):
            totals = read_bucket(files, images, first_reads)
            fixed = fixed or totals
            share = f"{totals.large_read / totals.large_bytes:.2%}" if totals.large_bytes else ""
            print(
                f"| {title} | {name} | {totals.jpeg_requests / totals.jpegs:.3f} "
                f"| {totals.other_requests / totals.others:.3f} | {totals.bytes_read / len(images) / 1024:.1f} KiB "
                f"| {totals.bytes_read / fixed.bytes_read - 1:+.0%} | {share} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=PHOTOS)
    parser.add_argument("--learned", action="store_true", help="compare learned sizes with the fixed default")
    arguments = parser.parse_args()
    paths = sample_paths(arguments.folder)
    if arguments.learned:
        print_learned(paths)
        return
    print(
        "| first read | requests per JPEG | max | requests per file of other formats | max | read per file "
        "| share read of photos of 2 MB+ |"
    )
    print("|--:|--:|--:|--:|--:|--:|--:|")
    for kib in SIZES_KIB:
        row = measure(paths, kib * 1024)
        print(
            f"| {kib} KiB | {row['jpeg_requests']:.3f} | {row['jpeg_max']} | {row['other_requests']:.3f} "
            f"| {row['other_max']} | {row['kib_per_file']:.1f} KiB | {row['large_share']:.2%} |"
        )


if __name__ == "__main__":
    main()
