"""A RangeReader for bytes in memory, and functions that build records from them."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exifinator.errors import ObjectChanged
from exifinator.metadata.fetch import fetch_metadata
from exifinator.metadata.parse import build_record
from exifinator.models import ExifRecord, FetchedMetadata, ImageRef, RangeRead

MODIFIED = datetime(2024, 5, 1, 12, tzinfo=UTC)
REF = ImageRef("photos", "a/photo", "listed", 1, MODIFIED)

PHOTOS = Path(__file__).resolve().parents[2].parent / "shared" / "photos"
CASES = PHOTOS.parent / "cases"
MEDIA = PHOTOS.parent / "media"
# The number of mutated files. A full search has 20,000.
FUZZ_FILES = int(os.environ.get("EXIFINATOR_FUZZ_FILES", "600"))
# The number of examples per property. They are the same each time. EXIFINATOR_TEST_EXAMPLES=2000 searches thoroughly.
EXAMPLES = int(os.environ.get("EXIFINATOR_TEST_EXAMPLES", "100"))


class MemoryReader:
    """Reads one object in memory. Each request returns the next of `etags`; the last one repeats."""

    def __init__(self, data: bytes, etags: tuple[str, ...] = ("now",)) -> None:
        self.data = data
        self.etags = etags
        self.calls: list[tuple[int, int, str]] = []

    @property
    def requests(self) -> int:
        return len(self.calls)

    @property
    def bytes_read(self) -> int:
        return sum(len(self.data[start : start + length]) for start, length, _ in self.calls)

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        assert 0 <= start < max(len(self.data), 1), "S3 refuses a range that begins after the end of the object (416)"
        assert length > 0
        etag = self.etags[min(len(self.calls), len(self.etags) - 1)]
        self.calls.append((start, length, if_match))
        if if_match and if_match != etag:
            raise ObjectChanged("it changed")
        return RangeRead(start, self.data[start : start + length], len(self.data), etag, MODIFIED)


def fetched_from(data: bytes, first_read_bytes: int = 65_536) -> FetchedMetadata:
    return fetch_metadata(MemoryReader(data), REF, first_read_bytes=first_read_bytes)


def record_of(data: bytes, first_read_bytes: int = 65_536, **limits: Any) -> ExifRecord:
    """Return the record that a write worker makes from the message in the write queue."""
    return build_record(FetchedMetadata.from_bytes(fetched_from(data, first_read_bytes).to_bytes()), **limits)


def metadata_of(record: ExifRecord) -> dict[str, Any]:
    """Return the document without the fields that differ between batches and containers."""
    excluded = {"extracted_at", "size", "format"}
    return {name: value for name, value in record.document.items() if name not in excluded}
