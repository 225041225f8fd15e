"""Recognize copies of a file without reading the whole file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from exifinator.models import Block, ExifRecord, FetchedMetadata

# Hashing more would cost CPU time, and hardly distinguish more files.
START_BYTES = 16 * 1024
_DIGEST_BYTES = 12


def fingerprint(total_bytes: int, start: bytes, blocks: Iterable[Block]) -> str | None:
    """Return a hash of a file's size, of its first bytes, and of its metadata blocks.

    Copies have the same fingerprint if they were fetched with the same FIRST_READ_BYTES. Different files have the same
    fingerprint only if they agree in size, first bytes and metadata, including the thumbnail and the MakerNote.

    Args:
        start: The beginning of the file.

    Returns:
        The hash in hexadecimal digits; None for an empty file.
    """
    if not total_bytes:
        return None
    digest = hashlib.blake2b(f"{total_bytes} ".encode(), digest_size=_DIGEST_BYTES)
    digest.update(start[:START_BYTES])
    for block in blocks:
        digest.update(f" {block.kind} ".encode())
        for offset, data in block.pieces.items():
            digest.update(f"{offset} ".encode())
            digest.update(data)
    return digest.hexdigest()


def add_fingerprint(record: ExifRecord, fetched: FetchedMetadata) -> None:
    """Add the fingerprint to a record that was built from fetched metadata."""
    if fetched.fingerprint is not None:
        record.document["fingerprint"] = fetched.fingerprint
