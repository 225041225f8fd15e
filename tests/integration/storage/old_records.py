"""Records of an earlier schema, for the tests of migrations."""

from __future__ import annotations

from collections.abc import Callable

from tests.integration.conftest import Installation

Install = Callable[..., Installation]


RECORDS = 3000


def fill(installation: Installation, count: int = RECORDS) -> None:
    """Store records without a schema version."""
    installation.store.records.collection.insert_many(
        [{"_id": f"bucket/{i:05}.jpg", "photo": {"altitude_metres": float(i)}} for i in range(count)]
    )
