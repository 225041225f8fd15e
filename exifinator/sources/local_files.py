"""Ranged reads of local files, with the same interface as those from S3."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from exifinator.errors import ObjectChanged
from exifinator.models import ImageRef, RangeRead


class LocalReader:
    """A RangeReader for local files.

    The key of an image is the file's path. Its ETag consists of the file's size and modification time.

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
            ObjectChanged: The file's ETag is not `if_match`.
        """
        with Path(ref.key).open("rb") as file:
            file.seek(0, 2)
            total_bytes = file.tell()
            changed_ns = Path(ref.key).stat().st_mtime_ns
            etag = f"{total_bytes:x}-{changed_ns:x}"
            if if_match and if_match != etag:
                raise ObjectChanged(f"File changed while it was being read: {ref.key}")
            file.seek(start)
            data = file.read(length)
        self.requests += 1
        self.bytes_read += len(data)
        return RangeRead(start, data, total_bytes, etag, datetime.fromtimestamp(changed_ns // 10**9, UTC))


def local_ref(path: Path) -> ImageRef:
    """Return an ImageRef for a local file, with an empty bucket, the path as the key, and an empty ETag.

    Raises:
        OSError: The file cannot be read.
    """
    stat = path.stat()
    return ImageRef("", str(path), "", stat.st_size, datetime.fromtimestamp(int(stat.st_mtime), UTC))
