"""Mutated photos of every format: each ends in time, in a record that MongoDB takes.

EXIFINATOR_FUZZ_FILES=20000 runs the whole; without it a small number, the same ones each time.
"""

from __future__ import annotations

import json
import logging
import random
import time

import pytest
from bson import encode as bson_encode

from exifinator.parse import MAX_RECORD_BYTES
from tests.data import build
from tests.unit.mutations import mutate
from tests.unit.readers import FUZZ_FILES, PHOTOS, record_of

MAX_SAMPLE_BYTES = 400_000
SHARES = 20


def originals() -> dict[str, bytes]:
    """One small photo a format, and the sample photos if they are there."""
    photos = build.every_format()
    for path in sorted(PHOTOS.rglob("*")) if PHOTOS.exists() else ():
        if path.is_file() and path.suffix not in (".md", ".json", ""):
            photos[str(path.relative_to(PHOTOS))] = path.read_bytes()[:MAX_SAMPLE_BYTES]
    return photos


ORIGINALS = originals()


@pytest.mark.parametrize("share", range(SHARES))
def test_build_record__mutated_photo__is_a_record_in_time(share, caplog):
    names = sorted(ORIGINALS)
    for number in range(share, FUZZ_FILES, SHARES):
        chooser = random.Random(f"mutation-{number}")
        name = names[number % len(names)]
        photo = mutate(ORIGINALS[name], chooser)
        started = time.process_time()
        with caplog.at_level(logging.ERROR):
            document = record_of(photo, chooser.choice((512, 4096, 65_536)), deadline_seconds=2.0).document
        case = f"{name}, mutation {number}"
        assert time.process_time() - started < 2.5, case
        assert not caplog.records, case
        assert len(bson_encode(document)) <= MAX_RECORD_BYTES + 64 * 1024, case
        assert json.dumps(document, default=str, allow_nan=False), case
        assert ("problem" in document) >= (document["status"] != "ok"), case
