"""Measure how many requests and bytes an image needs, by the size of the first read.

python -m bench.first_read [FOLDER]     prints the table in bench/FIRST_READ.md
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench.fidelity_tags import PHOTOS, sample_paths
from exifinator.metadata.fetch import fetch_metadata
from exifinator.sources.local_files import LocalReader, local_ref

SIZES_KIB = (4, 8, 16, 24, 32, 40, 48, 64, 96, 128, 256)
LARGE_BYTES = 2_000_000


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


def main() -> None:
    paths = sample_paths(Path(sys.argv[1]) if len(sys.argv) > 1 else PHOTOS)
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
