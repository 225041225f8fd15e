"""Write whole records as mongodb-rest does, one batch of MongoDB at a time.

Records differ in size by a factor of a thousand, so the memory of a response is bounded in bytes, not in records: it
holds one batch in BSON, which MongoDB limits to 16 MB, and one decoded record.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from datetime import datetime
from typing import Any

import orjson
from bson import decode_iter

from api.database import CODEC, Document
from api.export.csv_rows import CsvWriter
from api.export.times import utc_text
from api.http.responses import to_plain

# Send the response in pieces of about this size, and let other requests run in between.
_PIECE_BYTES = 64 * 1024
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS


def encode_record(record: Document) -> bytes:
    """Encode a record as JSON, with times as JavaScript writes them: 2024-05-01T12:00:00.000Z, all of one length."""
    return orjson.dumps(record, default=_to_plain, option=_OPTIONS)


def _to_plain(value: Any) -> Any:
    plain = value if isinstance(value, datetime) else to_plain(value)
    if isinstance(plain, datetime):
        return utc_text(plain.replace(tzinfo=None))
    return plain


def encode_json(batches: Iterable[bytes]) -> bytes:
    """Return records as one JSON array.

    Args:
        batches: Each is a concatenation of records in BSON.
    """
    return b"[" + b",".join(map(encode_record, _decode(batches))) + b"]"


def encode_csv(batches: Iterable[bytes]) -> bytes:
    """Return records in CSV, with a column for each top-level field that occurs in any of them."""
    columns = list(dict.fromkeys(name for record in _decode(batches) for name in record))
    writer = CsvWriter(columns)
    return writer.header() + writer.rows([record.get(name) for name in columns] for record in _decode(batches))


def _decode(batches: Iterable[bytes]) -> Iterator[Document]:
    for batch in batches:
        yield from decode_iter(batch, CODEC)


async def stream_json(batches: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Yield what `encode_json` returns, in pieces."""
    piece, separator = bytearray(b"["), b""
    async for batch in batches:
        for record in decode_iter(batch, CODEC):
            piece += separator + encode_record(record)
            separator = b","
            if len(piece) >= _PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
                await asyncio.sleep(0)
    yield bytes(piece + b"]")


async def find_columns(batches: AsyncIterable[bytes]) -> list[str]:
    """Return the names of all top-level fields of the records, in the order in which they first occur."""
    names: dict[str, None] = {}
    async for batch in batches:
        for record in decode_iter(batch, CODEC):
            names |= dict.fromkeys(record)
            await asyncio.sleep(0)
    return list(names)


async def stream_csv(columns: list[str], batches: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Yield what `encode_csv` returns, in pieces."""
    writer = CsvWriter(columns)
    piece = bytearray(writer.header())
    async for batch in batches:
        for record in decode_iter(batch, CODEC):
            piece += writer.rows([[record.get(name) for name in columns]])
            if len(piece) >= _PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
                await asyncio.sleep(0)
    yield bytes(piece)
