"""Streams of whole records have the same content as the encoding in one piece, but are sent in small pieces."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from bson import encode
from bson.datetime_ms import DatetimeMS

from api.export.record_stream import encode_csv, encode_json, find_columns, stream_csv, stream_json


async def batches(parts: list[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def collect(pieces: AsyncIterator[bytes]) -> list[bytes]:
    async def run() -> list[bytes]:
        return [piece async for piece in pieces]

    return asyncio.run(run())


LARGE = [b"".join(encode({"_id": 100 * part + at, "blob": "x" * 50_000}) for at in range(100)) for part in range(3)]


def test_stream_json__large_batches__are_sent_in_small_pieces() -> None:
    """A piece is sent once it is full, however large MongoDB's batch is."""
    pieces = collect(stream_json(batches(LARGE)))
    assert b"".join(pieces) == encode_json(LARGE)
    assert sum(map(len, pieces)) > 15_000_000
    assert max(map(len, pieces)) < 64 * 1024 + 51_000


def test_stream_csv__columns_of_later_records__are_in_the_header() -> None:
    parts = [encode({"_id": 1, "b": 2}), encode({"_id": 2, "a": "=1"}) + encode({"_id": 3})]
    columns = asyncio.run(find_columns(batches(parts)))
    assert columns == ["_id", "b", "a"]
    assert b"".join(collect(stream_csv(columns, batches(parts)))) == encode_csv(parts)


@pytest.mark.parametrize("parts", [[], [b""], [encode({"_id": 1})], [encode({"_id": 1}), encode({"_id": 2})]])
def test_stream_json__no_or_few_records__is_a_json_array(parts: list[bytes]) -> None:
    text = b"".join(collect(stream_json(batches(parts))))
    assert text == encode_json(parts)
    assert len(json.loads(text)) == len([part for part in parts if part])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2024, 5, 1, 12), "2024-05-01T12:00:00.000Z"),
        (datetime(2024, 5, 1, 12, 0, 0, 222000), "2024-05-01T12:00:00.222Z"),
        (datetime(1, 1, 1), "0001-01-01T00:00:00.000Z"),
        (DatetimeMS(-(10**15)), -(10**15)),
    ],
)
def test_encode_json__times__have_the_same_length_or_are_numbers(value: Any, text: Any) -> None:
    assert json.loads(encode_json([encode({"_id": 1, "at": [value]})])) == [{"_id": 1, "at": [text]}]
