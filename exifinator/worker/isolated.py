"""Read images in a subprocess, so that an image that crashes its reader does not affect other images.

Workers do this for images that were delivered several times without a result, because the worker died each time. Most
of these images did not cause the crash. An image is blamed (KilledWorker) only if it also kills the subprocess, or
keeps the subprocess busy for too long.

For each image, the worker writes a line of JSON with the parameters of the image to the subprocess's stdin, and the
subprocess writes one BSON document to stdout.
"""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import sys
import tempfile
import threading
from typing import IO, Any, cast

import bson

from exifinator import errors
from exifinator.config import ROOT, Config, load_config
from exifinator.errors import EXIFinatorError, KilledWorker, PermanentError
from exifinator.metadata.fetch import fetch_metadata
from exifinator.metadata.fingerprint import add_fingerprint
from exifinator.metadata.parse import build_record
from exifinator.models import ExifRecord, ImageRef, RangeReader
from exifinator.queue.image_queue import ReadCost
from exifinator.sources.client import SourceClient
from exifinator.sources.s3.client import S3Client

# The maximum time for reading one image in the subprocess.
DEADLINE_SECONDS = 120
# Memory of the subprocess besides the memory that decoding may use (PARSE_MEMORY_MB): the interpreter, boto3, and the
# blocks that were read.
BASE_MEMORY_MB = 256
# A BSON document starts with its length in bytes, a little-endian integer of this size.
_LENGTH_BYTES = 4


def read_image(reader: RangeReader, ref: ImageRef, config: Config) -> tuple[ExifRecord, ReadCost]:
    """Fetch and decode one image.

    Returns:
        The record of the image, and what reading it cost.

    Raises:
        TransientError, PermanentError: S3 did not return the image.
    """
    fetched = fetch_metadata(reader, ref, first_read_bytes=config.default_first_read_bytes)
    record = build_record(fetched, deadline_seconds=config.parse_deadline_seconds, memory_mb=config.parse_memory_mb)
    add_fingerprint(record, fetched)
    return record, ReadCost.of(fetched)


class SubprocessReader:
    """Reads images in a subprocess, one at a time.

    Starting an interpreter takes a second, but reading an image takes only milliseconds. A subprocess is therefore kept
    for the next image as long as images are waiting. If an image kills the subprocess, another one is started for the
    next image.
    """

    def __init__(self, *, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._deadline_seconds = deadline_seconds
        self._read_lock = threading.Lock()
        self._waiting = 0
        self._child: _Child | None = None

    def read(self, ref: ImageRef) -> tuple[ExifRecord, ReadCost]:
        """Read one image as read_image does, but in the subprocess.

        Raises:
            KilledWorker: The image killed the subprocess, or was not read within the deadline.
            TransientError, PermanentError: S3 did not return the image.
        """
        self._waiting += 1
        try:
            with self._read_lock:
                has_response = False
                try:
                    self._child = self._child or _Child()
                    response = self._child.read_image(ref, self._deadline_seconds)
                    has_response = True
                finally:
                    # If the caller was interrupted, the subprocess may still respond to this image. The worker would
                    # take that for the response to the next image, so end the subprocess.
                    if not has_response or self._waiting == 1:
                        self._end()
        finally:
            self._waiting -= 1
        if "error" in response:
            error_class = getattr(errors, response.pop("error"), PermanentError)
            raise error_class(**response)
        return ExifRecord(response["document"], response["thumbnail"]), ReadCost(*response["cost"])

    def _end(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


class _Child:
    """The subprocess, as the worker sees it."""

    def __init__(self) -> None:
        # stderr is a file instead of a pipe, because the subprocess would block if it filled the pipe.
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by end
        self._process = subprocess.Popen(
            [sys.executable, "-m", "exifinator.worker.isolated"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            cwd=ROOT,
        )
        self._stdin, self._stdout = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)

    def read_image(self, ref: ImageRef, deadline_seconds: float) -> dict[str, Any]:
        """Return the subprocess's response for one image.

        Raises:
            KilledWorker: The subprocess died, or was killed after `deadline_seconds`.
        """
        is_overdue = threading.Event()

        def kill_overdue() -> None:
            is_overdue.set()
            self._process.kill()

        timer = threading.Timer(deadline_seconds, kill_overdue)
        timer.start()
        try:
            response = self._exchange(json.dumps(ref.to_params()).encode() + b"\n")
        finally:
            timer.cancel()
        if response is not None:
            return response
        exit_code = self._process.wait()
        if is_overdue.is_set():
            raise KilledWorker(f"{ref.id} kept a subprocess busy for {deadline_seconds:g} s")
        cause = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
        self._stderr.seek(0)
        last_line = self._stderr.read().decode(errors="replace").strip().rpartition("\n")[2]
        raise KilledWorker(f"{ref.id} killed the process that read it ({cause}){f': {last_line}' if last_line else ''}")

    def _exchange(self, request: bytes) -> dict[str, Any] | None:
        """Write a request and return the response. Return None if the subprocess exits without a valid response."""
        try:
            self._stdin.write(request)
            self._stdin.flush()
        except BrokenPipeError:
            return None
        length = self._stdout.read(_LENGTH_BYTES)
        if len(length) < _LENGTH_BYTES:
            return None
        rest = self._stdout.read(int.from_bytes(length, "little") - _LENGTH_BYTES)
        try:
            return bson.decode(length + rest)
        except bson.errors.InvalidBSON:
            return None

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._stdin, self._stdout, self._stderr):
            # stdin may still buffer a request, which close() would write to the dead subprocess.
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _limit_memory(limit_mb: int) -> None:
    """Make allocations beyond the limit fail, so that an image can end this process, but not exhaust the machine."""
    limit_bytes = limit_mb * 1024**2
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or limit_bytes < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, hard))


def main() -> None:
    """Read images as requested on stdin, until stdin is closed."""
    config = load_config()
    _limit_memory(config.parse_memory_mb + BASE_MEMORY_MB)
    sources = SourceClient(S3Client(config))
    for line in sys.stdin:
        try:
            record, cost = read_image(sources, ImageRef.from_params(json.loads(line)), config)
        except EXIFinatorError as exc:
            # SubprocessReader raises the error again, with these arguments.
            response: dict[str, object] = {
                "error": type(exc).__name__,
                "message": exc.message,
                "code": exc.code,
                "hint": exc.hint,
                "pointer": exc.pointer,
            }
        else:
            response = {"document": record.document, "thumbnail": record.thumbnail, "cost": list(cost)}
        sys.stdout.buffer.write(bson.encode(response))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
