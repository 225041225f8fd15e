"""Limit the requests and the bytes for one video, whose metadata may be at several places of a large file."""

from __future__ import annotations

from exifinator.metadata.containers.range_buffer import MissingBytes, RangeBuffer

MAX_READS = 3
MAX_BYTES = 256 * 1024


class BoundedReads:
    """Reads from a RangeBuffer, and returns nothing instead of requesting bytes beyond the limits.

    Attributes:
        total_bytes: Size of the file.
    """

    def __init__(self, file: RangeBuffer) -> None:
        self._file = file
        self.total_bytes = file.total_bytes

    def read(self, start: int, length: int, read_ahead: int = 0) -> bytes:
        """Return `length` bytes from offset `start`, fewer at the end of the file, or none beyond the limits.

        Args:
            start: Offset in bytes.
            length: Number of bytes.
            read_ahead: If the bytes have to be fetched, the number of bytes after them to fetch as well.

        Raises:
            MissingBytes: If the bytes have not been fetched yet, and the limits allow fetching them.
        """
        if self.can_read(start, length):
            left = MAX_BYTES - self._file.buffered_bytes - length
            return self._file.read(start, length, max(0, min(read_ahead, left)))
        return b""

    def can_read(self, start: int, length: int) -> bool:
        """Return whether these bytes are in the buffer or may be requested."""
        if self._file.has(start, length):
            return True
        file = self._file
        return not file.is_final and file.n_reads < MAX_READS and file.buffered_bytes + length <= MAX_BYTES

    def has(self, start: int, length: int) -> bool:
        """Return whether these bytes, or those before the end of the file, are in the buffer."""
        return self._file.has(start, length)

    def request(self, ranges: list[tuple[int, int]]) -> None:
        """Request the (start, end) ranges that the limits allow, together in one round.

        Raises:
            MissingBytes: If some of the bytes have not been fetched yet.
        """
        file = self._file
        if file.is_final:
            return
        left_reads, left_bytes = MAX_READS - file.n_reads, MAX_BYTES - file.buffered_bytes
        is_missing = False
        for start, end in ranges:
            end = min(end, file.total_bytes)
            if start < end and not file.has(start, end - start) and left_reads > 0 and left_bytes > 0:
                end = min(end, start + left_bytes)
                file.has_or_request(start, end - start)
                left_reads, left_bytes, is_missing = left_reads - 1, left_bytes - (end - start), True
        if is_missing:
            raise MissingBytes
