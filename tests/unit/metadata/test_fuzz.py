"""Mutated photos of every format: each gives a record that can be stored, within the limits of one file.

EXIFINATOR_FUZZ_FILES sets the number of mutated photos. A full search has 20,000. They are the same in each run.
"""

from __future__ import annotations

import json
import logging

import pytest
from bson import encode as bson_encode

from exifinator.metadata.fetch import MAX_FURTHER_READS, fetch_metadata
from exifinator.metadata.parse import MAX_RECORD_BYTES, build_record
from exifinator.models import FetchedMetadata
from tests.unit.metadata.mutations import mutated_photos
from tests.unit.readers import FUZZ_FILES, REF, MemoryReader

# The number of tests among which the photos are divided.
SHARES = 20


@pytest.mark.parametrize("share", range(SHARES))
def test_build_record__mutated_photo__gives_a_record_within_the_limits(share, caplog):
    for case, photo, first_read_bytes in mutated_photos(range(share, FUZZ_FILES, SHARES)):
        reader = MemoryReader(photo)
        with caplog.at_level(logging.ERROR):
            fetched = fetch_metadata(reader, REF, first_read_bytes=first_read_bytes)
            document = build_record(FetchedMetadata.from_bytes(fetched.to_bytes())).document
        assert reader.requests <= 1 + MAX_FURTHER_READS + 1, case
        # Decoding ended before the CPU limit of two seconds.
        assert "of CPU time" not in document.get("problem", ""), case
        assert not caplog.records, case
        assert len(bson_encode(document)) <= MAX_RECORD_BYTES + 64 * 1024, case
        assert json.dumps(document, default=str, allow_nan=False), case
        assert ("problem" in document) >= (document["status"] != "ok"), case
