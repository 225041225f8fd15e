"""Ranged reads of local files, with the same interface as those from S3."""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path

from exifinator.errors import ObjectChanged
from exifinator.models import ImageRef, RangeRead

# A program may still be writing to a file that was modified less than this many seconds ago.
SETTLE_SECONDS = 2.0
# The kernel's clock for modification times may advance only at this interval. If a file changes twice within it, both
# versions may have the same modification time.
TICK_SECONDS = 0.02
# The range of times that a datetime can represent. File systems also store times outside of it.
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_FILE_ETAG = re.compile(r"file-[0-9a-f]+--?[0-9a-f]+-[0-9a-f]+")


def file_etag(status: os.stat_result) -> str:
    """Return the ETag of a file: `file-`, its size, its modification time in ns and its inode, in hexadecimal."""
    return f"file-{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}"


def is_file_etag(etag: str) -> bool:
    """Return whether an ETag was made by file_etag, and not by an S3 server."""
    return _FILE_ETAG.fullmatch(etag) is not None


def modified_at(status: os.stat_result) -> datetime:
    """Return the modification time of a file, in whole seconds."""
    seconds = status.st_mtime_ns // 10**9
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError):
        return _LAST if seconds > 0 else _FIRST


def read_open_file(
    descriptor: int, name: str, start: int, length: int, *, if_match: str = "", may_settle: bool = False
) -> RangeRead:
    """Read a range of an open file.

    Args:
        descriptor: The file.
        name: The name of the file, for messages.
        start: Offset in bytes.
        length: Number of bytes.
        if_match: The ETag that the file must still have; empty if any ETag is accepted.
        may_settle: Whether to consider that a program may still be writing to the file. If so, a read within
            SETTLE_SECONDS after the modification is marked (`is_settling`), and one within TICK_SECONDS is rejected.

    Raises:
        OSError: The file cannot be read.
        ObjectChanged: The file's ETag is not `if_match`, or the file changed during the read or immediately before it.
    """
    before, now = os.fstat(descriptor), time.time()
    etag = file_etag(before)
    is_unsettled = may_settle and 0 <= now - before.st_mtime < TICK_SECONDS
    if is_unsettled or (if_match and if_match != etag):
        raise ObjectChanged(f"File changed while it was being read: {name}")
    data = _read_fully(descriptor, start, min(length, max(0, before.st_size - start)))
    if file_etag(os.fstat(descriptor)) != etag or len(data) < min(length, before.st_size - start):
        raise ObjectChanged(f"File changed while it was being read: {name}")
    is_settling = may_settle and abs(now - before.st_mtime) < SETTLE_SECONDS
    return RangeRead(start, data, before.st_size, etag, modified_at(before), is_settling=is_settling)


def _read_fully(descriptor: int, start: int, length: int) -> bytes:
    """Read `length` bytes, or fewer at the end of the file. A single read of a network drive may return less."""
    data = os.pread(descriptor, length, start)
    while 0 < len(data) < length and (more := os.pread(descriptor, length - len(data), start + len(data))):
        data += more
    return data


class LocalReader:
    """A RangeReader for files that are given by their path. The key of an image is the file's path.

    Attributes:
        requests: Number of reads so far.
        bytes_read: Number of bytes read so far.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.bytes_read = 0

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        """Read up to `length` bytes from offset `start`. See models.RangeReader for the arguments.

        Raises:
            OSError: The file cannot be read.
            ObjectChanged: The file's ETag is not `if_match`, or the file changed during the read.
        """
        with Path(ref.key).open("rb", buffering=0) as file:
            read = read_open_file(file.fileno(), ref.key, start, length, if_match=if_match)
        self.requests += 1
        self.bytes_read += len(read.data)
        return read


def local_ref(path: Path) -> ImageRef:
    """Return an ImageRef for a local file, with an empty bucket, the path as the key, and an empty ETag.

    Raises:
        OSError: The file cannot be read.
    """
    status = path.stat()
    return ImageRef("", str(path), "", status.st_size, modified_at(status))
