"""MongoDB, with all its indexes, accepts the records of mutated photos of every format.

By default, a few mutations run, always the same ones. EXIFINATOR_FUZZ_FILES=20000 runs all of them.
"""

from __future__ import annotations

from tests.integration.conftest import Installation
from tests.unit.metadata.mutations import mutated_photos
from tests.unit.readers import FUZZ_FILES, record_of

RECORDS_PER_BULK = 100


def test_upsert_records__of_mutated_photos__are_all_stored(installation: Installation) -> None:
    store = installation.store
    store.ensure_indexes()
    for start in range(0, FUZZ_FILES, RECORDS_PER_BULK):
        records, cases = [], []
        for case, photo, first_read_bytes in mutated_photos(range(start, min(start + RECORDS_PER_BULK, FUZZ_FILES))):
            record = record_of(photo, first_read_bytes, deadline_seconds=2.0)
            record.document["_id"] = case
            records.append(record)
            cases.append(case)
        refused = {case: error for case, error in zip(cases, store.records.upsert(records), strict=True) if error}
        assert not refused
    assert store.records.count() == FUZZ_FILES
