"""An image read in a process of its own, which it may end without harm to the others.

It is for images that were given out several times without an end: a worker that died had them in its hands. Most of
them are innocent, so nothing is concluded from the deaths alone; only an image whose own process dies is given up.
The child takes the image's parameters as JSON on stdin and answers one BSON document on stdout.
"""

from __future__ import annotations

import json
import subprocess
import sys

import bson

from exifinator import errors
from exifinator.config import ROOT, Config, load_config
from exifinator.errors import EXIFinatorError, KilledWorker, PermanentError
from exifinator.fetch import fetch_header
from exifinator.parse import build_record
from exifinator.records import ExifRecord, ImageRef
from exifinator.s3 import S3
from exifinator.testing_hooks import end_process_if_poisoned

DEADLINE_SECONDS = 120


def read_image(s3: S3, ref: ImageRef, config: Config) -> tuple[ExifRecord, int, int]:
    """Fetch and parse one image. Returns: its record, the bytes read and the requests made.

    Raises: TransientError, PermanentError.
    """
    header = fetch_header(s3, ref, first_read_bytes=config.first_read_bytes)
    end_process_if_poisoned(ref)
    record = build_record(header, deadline_seconds=config.parse_deadline_seconds, memory_mb=config.parse_memory_mb)
    return record, header.bytes_read, header.requests


def read_image_isolated(ref: ImageRef) -> tuple[ExifRecord, int, int]:
    """read_image in a child process.

    Raises: KilledWorker where the child died of it; TransientError, PermanentError as read_image.
    """
    try:
        child = subprocess.run(
            [sys.executable, "-m", "exifinator.isolated"],
            input=json.dumps(ref.to_params()).encode(),
            capture_output=True,
            timeout=DEADLINE_SECONDS,
            cwd=ROOT,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise KilledWorker(f"{ref.id} kept a process of its own busy for {DEADLINE_SECONDS} s") from exc
    if child.returncode != 0:
        how = f"signal {-child.returncode}" if child.returncode < 0 else f"exit code {child.returncode}"
        last = child.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise KilledWorker(f"{ref.id} ended the process that read it with {how}{': ' + last if last else ''}")
    answer = bson.decode(child.stdout)
    if "error" in answer:
        kind = getattr(errors, answer["error"], PermanentError)
        raise kind(answer["message"])
    return ExifRecord(answer["document"], answer["thumbnail"]), answer["bytes_read"], answer["requests"]


def main() -> None:
    """Read the one image that stdin names."""
    ref = ImageRef.from_params(json.load(sys.stdin))
    config = load_config()
    try:
        record, bytes_read, requests = read_image(S3(config), ref, config)
    except EXIFinatorError as exc:
        answer: dict[str, object] = {"error": type(exc).__name__, "message": str(exc)}
    else:
        answer = {
            "document": record.document,
            "thumbnail": record.thumbnail,
            "bytes_read": bytes_read,
            "requests": requests,
        }
    sys.stdout.buffer.write(bson.encode(answer))


if __name__ == "__main__":
    main()
