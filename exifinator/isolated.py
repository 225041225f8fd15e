"""Images read in a process of their own, which each of them may end without harm to the others.

It is for images that were given out several times without an end: a worker that died had them in its hands. Most of
them are innocent, so nothing is concluded from the deaths alone; only an image with which that process dies is given
up. The child takes an image's parameters as a line of JSON on stdin and answers one BSON document on stdout, and so on.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
from typing import IO, Any, cast

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
_LENGTH_BYTES = 4


def read_image(s3: S3, ref: ImageRef, config: Config) -> tuple[ExifRecord, int, int]:
    """Fetch and parse one image. Returns: its record, the bytes read and the requests made.

    Raises: TransientError, PermanentError.
    """
    header = fetch_header(s3, ref, first_read_bytes=config.first_read_bytes)
    end_process_if_poisoned(ref)
    record = build_record(header, deadline_seconds=config.parse_deadline_seconds, memory_mb=config.parse_memory_mb)
    return record, header.bytes_read, header.requests


class IsolatedReader:
    """Reads images in a child, one at a time: an interpreter takes a second to start, an image some milliseconds.

    The child lives as long as somebody waits for an image, and until one kills it; then the next has another.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._waiting = 0
        self._child: _Child | None = None

    def read(self, ref: ImageRef) -> tuple[ExifRecord, int, int]:
        """read_image in the child. Raises: KilledWorker where it died of it; TransientError, PermanentError."""
        self._waiting += 1
        try:
            with self._turn:
                is_answered = False
                try:
                    self._child = self._child or _Child()
                    answer = self._child.ask(ref)
                    is_answered = True
                finally:
                    # Where whoever asked was stopped meanwhile, what the child may still say is for nobody.
                    if not is_answered or self._waiting == 1:
                        self._end()
        finally:
            self._waiting -= 1
        if "error" in answer:
            kind = getattr(errors, answer["error"], PermanentError)
            raise kind(answer["message"])
        return ExifRecord(answer["document"], answer["thumbnail"]), answer["bytes_read"], answer["requests"]

    def _end(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


class _Child:
    """The process, as who asks it sees it."""

    def __init__(self) -> None:
        # A pipe that nobody empties would stop it.
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by end
        self._process = subprocess.Popen(
            [sys.executable, "-m", "exifinator.isolated"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            cwd=ROOT,
        )
        self._asked, self._answers = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)

    def ask(self, ref: ImageRef) -> dict[str, Any]:
        """Its answer for one image. Raises: KilledWorker."""
        overdue = threading.Event()

        def give_up() -> None:
            overdue.set()
            self._process.kill()

        timer = threading.Timer(DEADLINE_SECONDS, give_up)
        timer.start()
        try:
            answer = self._exchange(json.dumps(ref.to_params()).encode() + b"\n")
        finally:
            timer.cancel()
        if answer is not None:
            return answer
        code = self._process.wait()
        if overdue.is_set():
            raise KilledWorker(f"{ref.id} kept a process of its own busy for {DEADLINE_SECONDS} s")
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        self._said.seek(0)
        last = self._said.read().decode(errors="replace").strip().rpartition("\n")[2]
        raise KilledWorker(f"{ref.id} ended the process that read it with {how}{': ' + last if last else ''}")

    def _exchange(self, question: bytes) -> dict[str, Any] | None:
        """None where the process ends instead of answering."""
        try:
            self._asked.write(question)
            self._asked.flush()
        except BrokenPipeError:
            return None
        length = self._answers.read(_LENGTH_BYTES)
        if len(length) < _LENGTH_BYTES:
            return None
        rest = self._answers.read(int.from_bytes(length, "little") - _LENGTH_BYTES)
        try:
            return bson.decode(length + rest)
        except bson.errors.InvalidBSON:
            return None

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._asked, self._answers, self._said):
            with contextlib.suppress(BrokenPipeError):  # of a question that it did not take
                pipe.close()


def main() -> None:
    """Read the images that stdin names."""
    config = load_config()
    s3 = S3(config)
    for line in sys.stdin:
        try:
            record, bytes_read, requests = read_image(s3, ImageRef.from_params(json.loads(line)), config)
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
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
