"""Decode mutations of the photos and videos in some folders, and save each mutation that breaks a limit.

    python -m tests.mutate COUNT FINDINGS FOLDER [FOLDER ...]

The mutations are the same in each run. A finding is an exception, a record that cannot be encoded, a record that is
too large, too many reads, or a file that takes SLOW_SECONDS of CPU time or SLOW_MEGABYTES of memory. Each is saved in
the folder FINDINGS; add a test case for it to tests/unit/metadata/test_fuzzing_findings.py.
"""

from __future__ import annotations

import hashlib
import json
import logging
import random
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bson import encode as bson_encode

from exifinator.metadata.fetch import MAX_FURTHER_READS, fetch_metadata
from exifinator.metadata.parse import MAX_RECORD_BYTES, build_record
from exifinator.models import FetchedMetadata
from tests.unit.metadata.mutations import MAX_SAMPLE_BYTES, mutate
from tests.unit.readers import REF, MemoryReader

SLOW_SECONDS = 1.0
SLOW_MEGABYTES = 64
FIRST_READS = (512, 4096, 65_536)


class RaisingHandler(logging.Handler):
    """Raises the exceptions that the outermost `except` of the parser would only log: each of them is a bug."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1]:
            raise record.exc_info[1]


def find_files(folders: list[Path]) -> list[Path]:
    """Return the files in the folders in a stable order, without files of the same content."""
    files: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix.lower() not in (".md", ".json", ".xmp", ".txt", ""):
                with path.open("rb") as stream:
                    files.setdefault(hashlib.sha256(stream.read(MAX_SAMPLE_BYTES)).hexdigest(), path)
    return list(files.values())


def mutations(files: list[Path], count: int) -> Iterator[tuple[Path, bytes, int]]:
    """Yield `count` mutations: the path of the original, the mutated bytes, and the size of the first read in bytes."""
    for number in range(count):
        path = files[number % len(files)]
        chooser = random.Random(f"{path.name} {number}")
        with path.open("rb") as stream:
            data = stream.read(MAX_SAMPLE_BYTES)
        yield path, mutate(data, chooser), chooser.choice(FIRST_READS)


def find_fault(data: bytes, first_read_bytes: int) -> str:
    """Decode a file, and return which limit it breaks; "" if it breaks none."""
    reader = MemoryReader(data)
    seconds, kilobytes = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        fetched = fetch_metadata(reader, REF, first_read_bytes=first_read_bytes)
        document = build_record(FetchedMetadata.from_bytes(fetched.to_bytes())).document
        encoded = bson_encode(document)
        json.dumps(document, default=str, allow_nan=False)
    except Exception as error:  # noqa: BLE001 -- every exception is a finding
        return f"{type(error).__name__}: {error}"
    seconds = time.process_time() - seconds
    megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - kilobytes) / 1024
    if reader.requests > 1 + MAX_FURTHER_READS + 1:
        return f"{reader.requests} reads"
    if len(encoded) > MAX_RECORD_BYTES + 64 * 1024:
        return f"a record of {len(encoded)} bytes"
    if seconds > SLOW_SECONDS:
        return f"{seconds:.1f} s of CPU time"
    return f"{megabytes:.0f} MB of memory" if megabytes > SLOW_MEGABYTES else ""


def main(arguments: list[str]) -> None:
    """Decode the mutations, and save those that break a limit."""
    if len(arguments) < 3:
        sys.exit(__doc__)
    count, findings, folders = int(arguments[0]), Path(arguments[1]), [Path(folder) for folder in arguments[2:]]
    findings.mkdir(parents=True, exist_ok=True)
    logging.getLogger().handlers = [RaisingHandler()]
    files = find_files(folders)
    faults = 0
    for number, (path, data, first_read_bytes) in enumerate(mutations(files, count)):
        fault = find_fault(data, first_read_bytes)
        if fault:
            faults += 1
            (findings / f"{number}{path.suffix}").write_bytes(data)
            print(f"{number} {path.name}, first read {first_read_bytes}: {fault}", flush=True)
        if number % 1000 == 999:
            print(f"{number + 1} mutations, {faults} findings", flush=True)
    print(f"{count} mutations of {len(files)} files, {faults} findings")


if __name__ == "__main__":
    main(sys.argv[1:])
