"""A RangeReader over the files of this machine, which counts what it reads."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from exifinator.errors import ObjectChanged
from exifinator.records import ImageRef, RangeRead


class LocalReader:
    """Reads ranges of local files; `ref.key` is the path. An ETag is made of size and time of change.

    Raises: OSError where a file cannot be read.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.bytes_read = 0

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        """Read at most `length` bytes from `start`.

        Raises: OSError; ObjectChanged where the file is not the one that `if_match` names.
        """
        with Path(ref.key).open("rb") as file:
            file.seek(0, 2)
            total_bytes = file.tell()
            changed_ns = Path(ref.key).stat().st_mtime_ns
            etag = f"{total_bytes:x}-{changed_ns:x}"
            if if_match and if_match != etag:
                raise ObjectChanged(f"{ref.key} changed while it was read")
            file.seek(start)
            data = file.read(length)
        self.requests += 1
        self.bytes_read += len(data)
        return RangeRead(start, data, total_bytes, etag, datetime.fromtimestamp(changed_ns // 10**9, UTC))


def local_ref(path: Path) -> ImageRef:
    """The ImageRef of a file of this machine: its bucket is empty, its key the path.

    Raises: OSError.
    """
    stat = path.stat()
    return ImageRef("", str(path), "", stat.st_size, datetime.fromtimestamp(int(stat.st_mtime), UTC))
