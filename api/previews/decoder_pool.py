"""Run decoder.py in subprocesses, with a time limit for each picture."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, cast

from api.previews import outcomes
from api.previews.outcomes import NoPreview

# The folder of the package `api`, which a subprocess needs in its sys.path.
_ROOT = Path(__file__).parents[2]
_MAX_JPEG_BYTES = 16 * 1024 * 1024


class DecoderPool:
    """Decodes pictures in subprocesses. A subprocess is kept as long as pictures are waiting.

    Args:
        memory_mb: Memory that a picture may take.
        cpu_seconds: CPU time that a picture may take.
        wall_seconds: Time that a picture may take. On a busy machine, it is longer than the CPU time.
    """

    def __init__(self, *, memory_mb: int, cpu_seconds: int, wall_seconds: float) -> None:
        self._arguments = [str(memory_mb), str(cpu_seconds)]
        self._wall_seconds = wall_seconds
        self._lock = threading.Lock()
        self._idle: list[_Decoder] = []
        self._n_calls = 0

    def shrink(self, data: bytes, *, decoder: str, max_side_pixels: int, orientation: int) -> bytes:
        """Return a picture as an upright JPEG whose longer side has at most `max_side_pixels`.

        Raises:
            NoPreview: The picture is damaged, or too large to decode within the limits.
        """
        request = {
            "decoder": decoder,
            "max_side_pixels": max_side_pixels,
            "orientation": orientation,
            "length": len(data),
        }
        with self._lock:
            self._n_calls += 1
            child = self._idle.pop() if self._idle else None
        child = child or _Decoder(self._arguments)
        is_usable = False
        try:
            outcome, jpeg = child.exchange(json.dumps(request).encode() + b"\n", data, self._wall_seconds)
            # After a picture that is too large, the subprocess may have too little memory for the next one.
            is_usable = outcome in (outcomes.DECODED_BYTE, outcomes.DAMAGED_BYTE)
        finally:
            self._release(child, is_usable=is_usable)
        if outcome == outcomes.DECODED_BYTE:
            return jpeg
        raise NoPreview(outcomes.DAMAGED if outcome == outcomes.DAMAGED_BYTE else outcomes.TOO_LARGE)

    def _release(self, child: _Decoder, *, is_usable: bool) -> None:
        """Keep a usable subprocess for the next picture, and end the idle ones that no waiting picture needs."""
        with self._lock:
            self._n_calls -= 1
            if is_usable:
                self._idle.append(child)
            n_superfluous = max(0, len(self._idle) - self._n_calls)
            superfluous = [self._idle.pop() for _ in range(n_superfluous)]
        for decoder in superfluous if is_usable else [*superfluous, child]:
            decoder.end()

    def close(self) -> None:
        """End the idle subprocesses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for decoder in idle:
            decoder.end()


class _Decoder:
    """One subprocess."""

    def __init__(self, arguments: list[str]) -> None:
        # Pass the folder on the command line instead of in PYTHONPATH, which may name that of an installed package.
        code = f"import sys; sys.path.insert(0, {str(_ROOT)!r}); from api.previews.decoder import main; main()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"LC_ALL": "C.UTF-8"},  # no settings and no credentials
        )
        self._stdin, self._stdout = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)

    def exchange(self, head: bytes, data: bytes, seconds: float) -> tuple[bytes, bytes]:
        """Return the outcome (see outcomes.py) and the JPEG for one picture.

        If the subprocess dies, it has exceeded a limit, so the picture is too large.
        """
        timer = threading.Timer(seconds, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            self._stdin.write(head)
            self._stdin.write(data)
            self._stdin.flush()
            answer = self._stdout.read(5)
            length = int.from_bytes(answer[1:], "big")
            jpeg = self._stdout.read(length) if len(answer) == 5 and length <= _MAX_JPEG_BYTES else b""
        except BrokenPipeError:
            return outcomes.TOO_LARGE_BYTE, b""
        finally:
            timer.cancel()
        is_complete = len(answer) == 5 and len(jpeg) == length
        return (answer[:1], jpeg) if is_complete else (outcomes.TOO_LARGE_BYTE, b"")

    def end(self) -> None:
        """Kill the subprocess, and close its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._stdin, self._stdout):
            # stdin may still buffer a part of a picture, which close() would write to the dead subprocess.
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
