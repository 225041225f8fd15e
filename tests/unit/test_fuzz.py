"""Mutated photos of every format: each ends in time, in a record of a size and of values that can be stored.

EXIFINATOR_FUZZ_FILES=20000 runs the whole; without it a small number, the same ones each time.
"""

from __future__ import annotations

import json
import logging
import time

import pytest
from bson import encode as bson_encode

from exifinator.parse import MAX_RECORD_BYTES
from tests.unit.mutations import mutated_photos
from tests.unit.readers import FUZZ_FILES, record_of

SHARES = 20


@pytest.mark.parametrize("share", range(SHARES))
def test_build_record__mutated_photo__is_a_record_in_time(share, caplog):
    for case, photo, first_read_bytes in mutated_photos(range(share, FUZZ_FILES, SHARES)):
        started = time.process_time()
        with caplog.at_level(logging.ERROR):
            document = record_of(photo, first_read_bytes, deadline_seconds=2.0).document
        assert time.process_time() - started < 2.5, case
        assert not caplog.records, case
        assert len(bson_encode(document)) <= MAX_RECORD_BYTES + 64 * 1024, case
        assert json.dumps(document, default=str, allow_nan=False), case
        assert ("problem" in document) >= (document["status"] != "ok"), case
