"""Records as a stream of NDJSON, CSV, GeoJSON or Parquet: a few hundred at a time, whatever their number."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import orjson
from bson import decode_iter

from api.answers import TIMES, encode_json, to_plain
from api.shapes import FILE_FIELDS, plain_photo
from api.sheets import rows_as_csv
from api.store import CODEC, Document

Chunk = list[Document]

_TEXT = ("camera_make", "camera_model", "lens_model", "software", "artist", "copyright", "creator", "description")
_WHOLE = ("iso", "orientation", "width_pixels", "height_pixels", "rating")
_REAL = ("f_number", "exposure_seconds", "focal_length_mm", "focal_length_35mm", "altitude_metres")
PHOTO_COLUMNS = ("taken_at", "taken_offset", *_TEXT, *_WHOLE, *_REAL, "flash_fired", "keywords")
COLUMNS = ("id", *FILE_FIELDS, *PHOTO_COLUMNS, "latitude", "longitude")


def to_row(record: Document) -> list[Any]:
    """A record in the order of COLUMNS."""
    photo = plain_photo(record)
    longitude, latitude = _position(photo)
    file, shot = [record.get(name) for name in FILE_FIELDS], [photo.get(name) for name in PHOTO_COLUMNS]
    return [record["_id"], *file, *shot, latitude, longitude]


def _position(photo: Document) -> tuple[float | None, float | None]:
    location = photo.get("location")
    if isinstance(location, dict):
        match location.get("coordinates"):
            case [float() | int() as longitude, float() | int() as latitude]:
                return longitude, latitude
    return None, None


def to_line(record: Document) -> Document:
    """A record as /photos shows it, without its thumbnail."""
    line = {"id": record["_id"], **{name: record[name] for name in FILE_FIELDS if name in record}}
    line["photo"] = plain_photo(record)
    return line


async def stream_ndjson(chunks: AsyncIterator[Chunk]) -> AsyncIterator[bytes]:
    """One JSON object a line, as /photos shows it."""
    async for chunk in chunks:
        yield b"".join(encode_json(to_line(record)) + b"\n" for record in chunk)


_LINE = TIMES | orjson.OPT_APPEND_NEWLINE


async def stream_whole(batches: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """One JSON object a line, with every tag, as it is stored. batches: records in BSON, one after the other.

    Each record becomes text before the next one becomes objects: hundreds at a time fall out of the processor's
    cache, which costs half as much again.
    """
    async for batch in batches:
        records = decode_iter(batch, CODEC)
        yield b"".join([orjson.dumps(record, default=to_plain, option=_LINE) for record in records])


async def stream_csv(chunks: AsyncIterator[Chunk]) -> AsyncIterator[bytes]:
    """A heading and a row a record (RFC 4180), no cell of which is a formula."""
    yield rows_as_csv([COLUMNS])
    async for chunk in chunks:
        yield rows_as_csv(to_row(record) for record in chunk)


async def stream_geojson(chunks: AsyncIterator[Chunk]) -> AsyncIterator[bytes]:
    """A FeatureCollection (RFC 7946); a photo without a place has no geometry."""
    yield b'{"type":"FeatureCollection","features":['
    comma = b""
    async for chunk in chunks:
        if chunk:
            yield comma + b",".join(encode_json(_feature(record)) for record in chunk)
            comma = b","
    yield b"]}\n"


def _feature(record: Document) -> Document:
    properties = to_line(record)
    photo = dict(properties.pop("photo"))
    location = photo.pop("location", None)
    return {"type": "Feature", "id": record["_id"], "geometry": location, "properties": {**properties, **photo}}


class ParquetMissing(ImportError):
    """arro3 is not installed."""


ROWS_A_GROUP = 20_000
_1970, _MILLISECOND = datetime(1970, 1, 1), timedelta(milliseconds=1)


async def stream_parquet(chunks: AsyncIterator[Chunk]) -> AsyncIterator[bytes]:
    """Parquet with the columns of COLUMNS, compressed with zstd, ROWS_A_GROUP a row group.

    The writer pulls records and pushes bytes in a thread of its own; between it and the event loop there are never
    more than a few chunks. Raises: ParquetMissing, before anything is sent.
    """
    try:
        import arro3.core as arrow
        from arro3.io import write_parquet
    except ImportError as error:
        raise ParquetMissing from error

    loop = asyncio.get_running_loop()
    records: queue.Queue[Chunk | None] = queue.Queue(2)
    pieces: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue()
    stopped = threading.Event()
    schema, to_batch = _arrow_schema(arrow)

    def batches() -> Iterator[Any]:
        while not stopped.is_set():
            try:
                chunk = records.get(timeout=1)
            except queue.Empty:
                continue
            if chunk is None:
                return
            yield to_batch(chunk)

    def write() -> None:
        # What the writer raises, its thread reports; the stream only has to break off.
        end: BaseException | None = RuntimeError("the Parquet writer failed")
        try:
            reader = arrow.RecordBatchReader.from_batches(schema, batches())
            sink: Any = _Sink(lambda data: loop.call_soon_threadsafe(pieces.put_nowait, data))
            write_parquet(reader, sink, compression="zstd(3)", max_row_group_size=ROWS_A_GROUP)
            end = None
        finally:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(pieces.put_nowait, end)

    writer = threading.Thread(target=write, name="parquet", daemon=True)

    async def hand_over(chunk: Chunk | None) -> None:
        while records.full() and writer.is_alive():
            await asyncio.sleep(0.002)
        with suppress(queue.Full):  # the writer has failed, and has said so
            records.put_nowait(chunk)

    writer.start()
    try:
        async for chunk in chunks:
            await hand_over(chunk)
            while not pieces.empty():
                yield _checked(pieces.get_nowait())
        await hand_over(None)
        while (piece := await pieces.get()) is not None:
            yield _checked(piece)
    finally:
        stopped.set()


def _checked(piece: bytes | BaseException | None) -> bytes:
    if isinstance(piece, BaseException):
        raise piece
    return piece or b""


class _Sink:
    """What write_parquet takes for a file; bytes only ever go in, at the end."""

    def __init__(self, push: Callable[[bytes], object]) -> None:
        self._push = push
        self._written = 0

    def write(self, data: bytes) -> int:
        self._push(bytes(data))
        self._written += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def seek(self, _offset: int, _whence: int = 0) -> int:
        return self._written


def _arrow_schema(arrow: Any) -> tuple[Any, Callable[[Chunk], Any]]:
    """The Arrow schema of COLUMNS, and what turns records into a batch of it."""
    kinds = arrow.DataType
    moment = kinds.timestamp("ms", tz="UTC")
    # Where the camera's offset is not known, taken_at is its local time: the column claims no zone.
    local = kinds.timestamp("ms")
    types: dict[str, Any] = dict.fromkeys(COLUMNS, kinds.utf8())
    types |= dict.fromkeys(("size", *_WHOLE), kinds.int64())
    types |= dict.fromkeys((*_REAL, "latitude", "longitude"), kinds.float64())
    types |= {"flash_fired": kinds.bool(), "last_modified": moment, "extracted_at": moment, "taken_at": local}
    schema = arrow.Schema([arrow.Field(name, types[name], nullable=True) for name in COLUMNS])
    fits = {kinds.utf8(): _text, kinds.int64(): _whole, kinds.float64(): _real, kinds.bool(): _flag}

    def to_array(name: str, values: list[Any]) -> Any:
        kind = types[name]
        if kind in (moment, local):
            return arrow.Array([_milliseconds(value) for value in values], type=kinds.int64()).cast(kind)
        try:
            return arrow.Array(values, type=kind)
        except (TypeError, OverflowError):  # some other program's records, or keywords, which are several
            return arrow.Array([fits[kind](value) for value in values], type=kind)

    def to_batch(chunk: Chunk) -> Any:
        photos = [photo if isinstance(photo := record.get("photo"), dict) else {} for record in chunk]
        columns = {"id": [record["_id"] for record in chunk]}
        columns |= {name: [record.get(name) for record in chunk] for name in FILE_FIELDS}
        columns |= {name: [photo.get(name) for photo in photos] for name in PHOTO_COLUMNS}
        columns["longitude"], columns["latitude"] = map(list, zip(*map(_position, photos), strict=True))
        arrays = [to_array(name, columns[name]) for name in COLUMNS]
        return arrow.RecordBatch.from_arrays(arrays, schema=schema)

    return schema, to_batch


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(str(item) for item in value)
    return str(value)


def _whole(value: Any) -> int | None:
    # No more than 64 bits, which no NaN and no infinity has.
    return int(value) if isinstance(value, int | float) and abs(value) < 2**63 else None


def _real(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _milliseconds(value: Any) -> int | None:
    return (value - _1970) // _MILLISECOND if isinstance(value, datetime) else None
