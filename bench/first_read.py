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
    jpegs: list[int] = []
    others: list[int] = [0]
    total = read = large_read = large_total = 0
    for path in paths:
        fetched = fetch_metadata(LocalReader(), local_ref(path), first_read_bytes=first_read_bytes)
        (jpegs if fetched.format == "jpeg" else others).append(fetched.requests)
        read += fetched.bytes_read
        total += 1
        if fetched.ref.size_bytes >= LARGE_BYTES:
            large_read += fetched.bytes_read
            large_total += fetched.ref.size_bytes
    return {
        "jpeg_requests": sum(jpegs) / len(jpegs),
        "jpeg_max": max(jpegs),
        "other_requests": sum(others[1:]) / len(others[1:]),
        "other_max": max(others),
        "kib_per_file": read / total / 1024,
        "large_share": large_read / large_total,
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
