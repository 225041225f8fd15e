"""mongodb_errors translates errors of pymongo and bson to StoreUnavailable or RecordRefused."""

from __future__ import annotations

import pymongo.errors
import pytest
from bson.errors import InvalidBSON, InvalidDocument

from exifinator.errors import EXIFinatorError, RecordRefused, StoreUnavailable
from exifinator.storage.mongodb import mongodb_errors


def surrogate() -> UnicodeEncodeError:
    return UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (pymongo.errors.OperationFailure("not primary", 10107), StoreUnavailable, "store_unavailable"),
        (pymongo.errors.OperationFailure("auth failed", 18), StoreUnavailable, "mongodb_unauthorized"),
        (pymongo.errors.OperationFailure("not authorized", 13), StoreUnavailable, "mongodb_unauthorized"),
        (pymongo.errors.OperationFailure("bad auth", 8000), StoreUnavailable, "mongodb_unauthorized"),
        (pymongo.errors.OperationFailure("bad value", 2), RecordRefused, "record_refused"),
        (pymongo.errors.DocumentTooLarge("too large"), RecordRefused, "record_refused"),
        (InvalidDocument("no BSON type"), RecordRefused, "record_refused"),
        (InvalidBSON("bad length"), RecordRefused, "record_refused"),
        (OverflowError("8-byte ints"), RecordRefused, "record_refused"),
        (surrogate(), RecordRefused, "record_refused"),
        (pymongo.errors.ServerSelectionTimeoutError("refused, Timeout: 2s, Topology: <x>"), StoreUnavailable, None),
        (pymongo.errors.InvalidOperation("closed"), StoreUnavailable, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_mongodb_errors__error_of_the_driver__is_translated(
    error: Exception, kind: type[EXIFinatorError], code: str | None
) -> None:
    with pytest.raises(kind) as caught, mongodb_errors("count jobs"):
        raise error
    assert type(caught.value) is kind
    assert caught.value.code == (code or "store_unavailable")
    assert caught.value.__cause__ is error
    assert str(caught.value).startswith("MongoDB ")
    assert "count jobs" in str(caught.value)
    assert "Topology" not in str(caught.value)


def test_mongodb_errors__other_error__is_not_translated() -> None:
    with pytest.raises(KeyError), mongodb_errors("count jobs"):
        raise KeyError("x")
