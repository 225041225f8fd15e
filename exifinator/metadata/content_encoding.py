"""Decompress objects that are stored with a Content-Encoding, as far as their metadata requires.

Some programs upload photos compressed, and name the compression in the object's Content-Encoding. S3 returns the stored
bytes, and leaves decompressing them to the client. An object can only be decompressed from its start, so its ranges are
read one after another.
Sources: RFC 9110, 8.4.1; RFC 1952 (gzip); RFC 7932 (Brotli).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Protocol

import brotli  # type: ignore[import-untyped]

# Limits for one object. A few kilobytes can decompress to gigabytes, and many megabytes to nothing.
MAX_DECODED_BYTES = 16 * 1024 * 1024
MAX_ENCODED_BYTES = 32 * 1024 * 1024
# Length of the first further read of the compressed object. Each read is twice as long as the one before, up to
# LAST_READ_BYTES.
FIRST_READ_BYTES = 64 * 1024
LAST_READ_BYTES = 4 * 1024 * 1024

GZIP_SIGNATURE = b"\x1f\x8b"


class DamagedEncoding(Exception):
    """The bytes are not valid data in the compression that the Content-Encoding names."""


class Decoder(Protocol):
    """Decompresses a stream."""

    @property
    def is_finished(self) -> bool:
        """Whether the stream has ended."""
        ...

    def decode(self, data: bytes, limit_bytes: int) -> bytes:
        """Return at most `limit_bytes` of decompressed data.

        Call again with b"" until no output is returned, before passing further data.

        Raises:
            DamagedEncoding: The data is invalid.
        """
        ...


class GzipDecoder:
    """Decompresses gzip, with one or several members, and zlib (Content-Encoding `deflate`)."""

    def __init__(self) -> None:
        self.is_finished = False
        self._waiting = b""
        self._start_member()

    def _start_member(self) -> None:
        # 32 makes zlib detect whether the data has a gzip or a zlib header.
        self._stream = zlib.decompressobj(32 + zlib.MAX_WBITS)

    def decode(self, data: bytes, limit_bytes: int) -> bytes:
        data = self._waiting + data
        try:
            output = self._stream.decompress(data, limit_bytes)
        except zlib.error as error:
            raise DamagedEncoding(str(error)) from error
        self._waiting = self._stream.unconsumed_tail
        if self._stream.eof:
            self._waiting = self._stream.unused_data
            if self._waiting.startswith(GZIP_SIGNATURE):
                self._start_member()
            else:
                self.is_finished = True
        return output


class BrotliDecoder:
    """Decompresses Brotli."""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    @property
    def is_finished(self) -> bool:
        finished: bool = self._stream.is_finished()
        return finished

    def decode(self, data: bytes, limit_bytes: int) -> bytes:
        try:
            output: bytes = self._stream.process(data, output_buffer_limit=limit_bytes)
        except brotli.error as error:
            raise DamagedEncoding(str(error)) from error
        return output


DECODERS: dict[str, Callable[[], Decoder]] = {
    "gzip": GzipDecoder,
    "x-gzip": GzipDecoder,
    "deflate": GzipDecoder,
    "br": BrotliDecoder,
}


class DecodedObject:
    """The start of an object's decompressed bytes.

    Args:
        decoder: Decompresses the object.
        first: The first bytes of the compressed object.
        encoded_bytes: The size of the compressed object.
        read: Reads a range of the compressed object, from `start` to `end` in bytes.

    Attributes:
        data: The bytes that have been decompressed so far.
        is_complete: Whether `data` is the whole decompressed file.
    """

    def __init__(self, decoder: Decoder, first: bytes, encoded_bytes: int, read: Callable[[int, int], bytes]) -> None:
        self.data = b""
        self.is_complete = False
        self._decoder = decoder
        self._next = first
        self._offset = len(first)
        self._encoded_bytes = min(encoded_bytes, MAX_ENCODED_BYTES)
        self._is_cut = encoded_bytes > MAX_ENCODED_BYTES
        self._read = read
        self._read_bytes = FIRST_READ_BYTES

    def decode_to(self, end: int, *, may_read: bool = True) -> bool:
        """Decompress up to the offset `end`, the end of the file, or one of the limits, whichever comes first.

        Args:
            end: Offset in the decompressed file, in bytes.
            may_read: Whether to read further ranges of the compressed object.

        Returns:
            Whether `end` or the end of the file was reached.

        Raises:
            DamagedEncoding: The data is invalid.
        """
        parts, size, limit = [self.data], len(self.data), min(end, MAX_DECODED_BYTES)
        try:
            while size < limit and not self._decoder.is_finished:
                data, self._next = self._next, b""
                output = self._decoder.decode(data, limit - size)
                parts.append(output)
                size += len(output)
                if not output and not (may_read and self._read_next()):
                    break
        finally:
            self.data = b"".join(parts)
        is_read = not self._next and self._offset >= self._encoded_bytes and not self._is_cut
        self.is_complete = self._decoder.is_finished or (is_read and size < limit)
        return self.is_complete or len(self.data) >= end

    def _read_next(self) -> bool:
        """Read the next range of the compressed object. Return False if there is none, or it is past the limit."""
        end = min(self._offset + self._read_bytes, self._encoded_bytes)
        if self._offset >= end:
            return False
        self._next = self._read(self._offset, end)
        self._offset = end
        self._read_bytes = min(2 * self._read_bytes, LAST_READ_BYTES)
        return bool(self._next)
