"""Ranged reads of local files, as a replacement for S3."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from exifinator.errors import ObjectChanged
from exifinator.models import ImageRef, RangeRead


class LocalReader:
    """A RangeReader for local files that counts its reads. `ref.key` is the path; the ETag is size and mtime."""

    def __init__(self) -> None:
        self.requests = 0
        self.bytes_read = 0

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        """Read at most `length` bytes from `start`.

        Raises:
            OSError: The file cannot be read.
            ObjectChanged: Its ETag is not `if_match`.
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
    """Return the ImageRef of a local file: an empty bucket, and the path as key.

    Raises:
        OSError: The file cannot be read.
    """
    stat = path.stat()
    return ImageRef("", str(path), "", stat.st_size, datetime.fromtimestamp(int(stat.st_mtime), UTC))
