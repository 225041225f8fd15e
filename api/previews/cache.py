"""A cache of previews on disk, limited in bytes, that several API processes share.

Each entry is a file. Its modification time is the time of its last use, so the order of use survives a restart. The
entries' total length is in the file `total`, which is read and written under a lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

# If the cache is full, remove entries until it is this full.
_KEPT_SHARE = 0.9
_DIGEST_BYTES = 16
# A process that was killed may leave a temporary file behind.
_MAX_TEMPORARY_SECONDS = 3600
_TEMPORARY = "new-"
_ENTRY = re.compile(r"[0-9a-f]{64}")


class PreviewCache:
    """Stores bytes by key.

    Disk errors are logged and not raised: without the cache, previews only take longer.

    Args:
        folder: The folder of the cache. It is created on first use.
        max_bytes: Limit on the total length of the entries. 0: nothing is cached.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._is_counted = False

    def get(self, key: str) -> bytes | None:
        """Return the bytes stored under a key, or None."""
        path = self._path(key)
        try:
            content = path.read_bytes()
            digest, data = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
            if digest != _digest(data):
                # A power cut can leave files without their content.
                path.unlink(missing_ok=True)
                return None
            os.utime(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("cannot read the preview cache: %s", error, extra={"action": "skip"})
            return None
        return data

    def put(self, key: str, data: bytes) -> None:
        """Store bytes under a key. If the cache is full, remove the entries that have not been used for longest."""
        length = len(data) + _DIGEST_BYTES
        if length > self._max_bytes:
            return
        path = self._path(key)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=path.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(_digest(data) + data)
                with self._locked_total() as total:
                    old_length = path.stat().st_size if path.exists() else 0
                    total.add(length - old_length)
                    if total.n_bytes > self._max_bytes:
                        total.n_bytes = self._make_room(length - old_length)
                    Path(temporary).replace(path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            log.warning("cannot write to the preview cache: %s", error, extra={"action": "skip"})

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / name[:2] / name

    @contextlib.contextmanager
    def _locked_total(self) -> Iterator[_Total]:
        """Yield the total length of the entries, and store it afterwards. Other processes wait in the meantime."""
        with (self._folder / "total").open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            text = file.read(20)
            # Count once in each process, because a killed process may not have stored its last change.
            is_known = self._is_counted and text.isdigit()
            total = _Total(int(text) if is_known else sum(length for _, length, _ in self._entries()))
            self._is_counted = True
            yield total
            file.seek(0)
            file.truncate()
            file.write(str(max(0, total.n_bytes)).encode())

    def _make_room(self, added_bytes: int) -> int:
        """Remove entries until there is room for `added_bytes` more. Return the total length with `added_bytes`."""
        entries = sorted(self._entries())
        total = sum(length for _, length, _ in entries) + added_bytes
        for _, length, path in entries:
            if total <= self._max_bytes * _KEPT_SHARE:
                break
            path.unlink(missing_ok=True)
            total -= length
        return total

    def _entries(self) -> Iterator[tuple[int, int, Path]]:
        """Yield each entry as (time of its last use, length in bytes, path). Remove old temporary files."""
        oldest_temporary = time.time() - _MAX_TEMPORARY_SECONDS
        for folder in sorted(self._folder.glob("[0-9a-f][0-9a-f]")):
            for item in os.scandir(folder):
                with contextlib.suppress(FileNotFoundError):  # another process has removed or replaced it
                    status = item.stat(follow_symlinks=False)
                    if _ENTRY.fullmatch(item.name):
                        yield status.st_mtime_ns, status.st_size, Path(item.path)
                    elif item.name.startswith(_TEMPORARY) and status.st_mtime < oldest_temporary:
                        Path(item.path).unlink(missing_ok=True)


class _Total:
    """The total length of the entries, in bytes."""

    def __init__(self, n_bytes: int) -> None:
        self.n_bytes = n_bytes

    def add(self, n_bytes: int) -> None:
        self.n_bytes += n_bytes


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()
