"""Encode streams of records as NDJSON, CSV, GeoJSON or Parquet, a few hundred records at a time."""

from __future__ import annotations

import asyncio
import codecs
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Literal

import orjson
from bson import decode_iter

from api.database import CODEC, FILE_FIELDS, Document
from api.export.csv_rows import CsvWriter
from api.export.times import file_fields, times_as_text, with_utc
from api.http.responses import TIME_OPTIONS, encode_json, to_plain

Chunk = list[Document]

ColumnType = Literal["text", "list", "integer", "float", "flag", "local_time", "utc_time"]
# The columns with typed metadata, in order, and the type of each.
_PHOTO_COLUMN_TYPES: dict[str, ColumnType] = {
    "taken_at": "local_time",  # UTC only if the camera's UTC offset is known
    "taken_offset": "text",
    "taken_local": "local_time",
    "taken_utc": "utc_time",
    **dict.fromkeys(
        ("camera_make", "camera_model", "lens_model", "software", "artist", "copyright", "creator", "description"),
        "text",
    ),
    **dict.fromkeys(
        (
            "iso", "orientation", "width_pixels", "height_pixels", "rating", "shutter_count", "bits_per_sample",
            "bit_rate",
        ),
        "integer",
    ),
    **dict.fromkeys(
        ("f_number", "exposure_seconds", "focal_length_mm", "focal_length_35mm", "altitude_metres"), "float"
    ),
    **dict.fromkeys(
        ("flash_fired", "is_hdr", "is_panorama", "is_burst", "is_motion_photo", "taken_offset_inferred"), "flag"
    ),
    **dict.fromkeys(("keywords", "people", "creators"), "list"),
    **dict.fromkeys(
        (
            "title", "headline", "camera_serial", "owner", "lens_make", "lens_serial", "label", "country", "state",
            "city", "sublocation", "white_balance", "metering", "exposure_mode", "color_space", "taken_precision",
            "taken_source", "date_suspect", "media_type", "video_codec", "audio_codec",
        ),
        "text",
    ),
    **dict.fromkeys(
        (
            "exposure_bias", "subject_distance_metres", "direction_degrees", "speed", "megapixels",
            "duration_seconds", "frame_rate",
        ),
        "float",
    ),
    "time_zone": "text",
}  # fmt: skip
PHOTO_COLUMNS = tuple(_PHOTO_COLUMN_TYPES)
# Maps columns to fields of `photo.place`.
_PLACE_COLUMNS = {
    "place": "name", "place_city": "city", "place_region": "region", "place_country": "country",
    "place_country_code": "country_code", "place_distance_km": "distance_km",
}  # fmt: skip
COLUMNS = ("id", *FILE_FIELDS, *PHOTO_COLUMNS, *_PLACE_COLUMNS, "kinds", "latitude", "longitude")


def to_row(record: Document) -> list[Any]:
    """Return a record as values in the order of COLUMNS."""
    photo, file = times_as_text(record), file_fields(record)
    longitude, latitude = _position(photo)
    file_values = [file.get(name) for name in FILE_FIELDS]
    photo_values = [photo.get(name) for name in PHOTO_COLUMNS]
    return [record["_id"], *file_values, *photo_values, *_place_values(photo), record.get("kinds"), latitude, longitude]


def picker(columns: Sequence[str]) -> Callable[[Document], list[Any]]:
    """Return a function that converts a record to its values in the order of `columns`, which are some of COLUMNS."""
    if tuple(columns) == COLUMNS:
        return to_row
    positions = [COLUMNS.index(name) for name in columns]

    def pick(record: Document) -> list[Any]:
        row = to_row(record)
        return [row[position] for position in positions]

    return pick


def _place_values(photo: Document) -> list[Any]:
    """Return the values of _PLACE_COLUMNS."""
    place = photo.get("place")
    return [place.get(name) if isinstance(place, dict) else None for name in _PLACE_COLUMNS.values()]


def _position(photo: Document) -> tuple[float | None, float | None]:
    location = photo.get("location")
    if isinstance(location, dict):
        match location.get("coordinates"):
            case [float() | int() as longitude, float() | int() as latitude]:
                return longitude, latitude
    return None, None


def to_photo(record: Document) -> Document:
    """Convert a record to a photo as in /photos, but with `taken_utc`, and without `thumbnail`."""
    photo = {"id": record["_id"], **file_fields(record), "photo": times_as_text(record)}
    if kinds := record.get("kinds"):
        photo["kinds"] = kinds
    return photo


async def stream_ndjson(chunks: AsyncIterator[Chunk], *, columns: Sequence[str] | None = None) -> AsyncIterator[bytes]:
    """Yield one photo per line in JSON, as in /photos, but without `thumbnail`.

    Args:
        chunks: The records.
        columns: Names of columns; each line then has only these fields, as in CSV.
    """
    encode = to_photo
    if columns:
        pick = picker(columns)

        def encode(record: Document) -> Document:
            return dict(zip(columns, pick(record), strict=True))

    async for chunk in chunks:
        yield b"".join(encode_json(encode(record)) + b"\n" for record in chunk)


_LINE_OPTIONS = TIME_OPTIONS | orjson.OPT_APPEND_NEWLINE


async def stream_records(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield one whole record per line in JSON, with every tag.

    Encode each record before decoding the next one: hundreds of decoded records exceed the CPU cache, which makes
    encoding 50% slower.

    Args:
        chunks: Each is a concatenation of records in BSON.
    """
    async for chunk in chunks:
        records = decode_iter(chunk, CODEC)
        yield b"".join([orjson.dumps(record, default=to_plain, option=_LINE_OPTIONS) for record in records])


async def stream_csv(
    chunks: AsyncIterator[Chunk], *, columns: Sequence[str] = COLUMNS, raw: bool = False, bom: bool = False
) -> AsyncIterator[bytes]:
    """Yield CSV (RFC 4180) with a header row.

    Args:
        chunks: The records.
        columns: Names of columns, in the order in which to write them.
        raw: Whether to leave formulas unescaped.
        bom: Whether to begin with a byte order mark.
    """
    writer = CsvWriter(columns, raw=raw)
    pick = picker(columns)
    yield (codecs.BOM_UTF8 if bom else b"") + writer.header()
    async for chunk in chunks:
        yield writer.rows(pick(record) for record in chunk)


async def stream_geojson(chunks: AsyncIterator[Chunk]) -> AsyncIterator[bytes]:
    """Yield a FeatureCollection (RFC 7946). Photos without a location have no geometry."""
    yield b'{"type":"FeatureCollection","features":['
    separator = b""
    async for chunk in chunks:
        if chunk:
            yield separator + b",".join(encode_json(_feature(record)) for record in chunk)
            separator = b","
    yield b"]}\n"


def _feature(record: Document) -> Document:
    properties = to_photo(record)
    photo = dict(properties.pop("photo"))
    location = photo.pop("location", None)
    return {"type": "Feature", "id": record["_id"], "geometry": location, "properties": {**properties, **photo}}


class ParquetMissing(ImportError):
    """Raised if arro3, the package that writes Parquet, is not installed."""


ROWS_PER_GROUP = 20_000
_EPOCH, _MILLISECOND = datetime(1970, 1, 1), timedelta(milliseconds=1)


async def stream_parquet(chunks: AsyncIterator[Chunk]) -> AsyncIterator[bytes]:
    """Yield Parquet with the columns COLUMNS, compressed with zstd, in row groups of ROWS_PER_GROUP.

    Raises:
        ParquetMissing: arro3 is not installed. Raised before the first chunk.
    """
    writer = _ParquetWriter(asyncio.get_running_loop())
    try:
        async for chunk in chunks:
            await writer.put(chunk)
            while not writer.pieces.empty():
                yield _unwrap(writer.pieces.get_nowait())
        await writer.put(None)
        while (piece := await writer.pieces.get()) is not None:
            yield _unwrap(piece)
    finally:
        writer.stop()


def _unwrap(piece: bytes | BaseException | None) -> bytes:
    if isinstance(piece, BaseException):
        raise piece
    return piece or b""


class _ParquetWriter:
    """Writes a Parquet file in a thread. At most two chunks of records wait for the thread.

    Attributes:
        pieces: The file, in pieces. The last one is None, or an error if the thread failed.

    Raises:
        ParquetMissing: arro3 is not installed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            import arro3.core as arrow
            from arro3.io import write_parquet
        except ImportError as error:
            raise ParquetMissing from error
        self.pieces: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue()
        self._arrow = arrow
        self._write_parquet = write_parquet
        self._loop = loop
        self._chunks: queue.Queue[Chunk | None] = queue.Queue(2)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="parquet", daemon=True)
        self._thread.start()

    async def put(self, chunk: Chunk | None) -> None:
        """Pass a chunk to the thread. None ends the file."""
        while self._chunks.full() and self._thread.is_alive():
            await asyncio.sleep(0.002)
        with suppress(queue.Full):  # the thread has failed, and has put an error into `pieces`
            self._chunks.put_nowait(chunk)

    def stop(self) -> None:
        """Stop the thread, even in the middle of a file."""
        self._stopped.set()

    def _run(self) -> None:
        # If write_parquet raises, Python prints its error when the thread ends. The error below only aborts the stream.
        last_piece: BaseException | None = RuntimeError("the Parquet writer failed")
        try:
            schema, to_record_batch = _arrow_schema(self._arrow)
            reader = self._arrow.RecordBatchReader.from_batches(schema, self._record_batches(to_record_batch))
            sink: Any = _Sink(self._push)
            self._write_parquet(reader, sink, compression="zstd(3)", max_row_group_size=ROWS_PER_GROUP)
            last_piece = None
        finally:
            with suppress(RuntimeError):  # raised if the event loop is closed
                self._push(last_piece)

    def _push(self, piece: bytes | BaseException | None) -> None:
        self._loop.call_soon_threadsafe(self.pieces.put_nowait, piece)

    def _record_batches(self, to_record_batch: Callable[[Chunk], Any]) -> Iterator[Any]:
        while not self._stopped.is_set():
            try:
                chunk = self._chunks.get(timeout=1)
            except queue.Empty:
                continue
            if chunk is None:
                return
            if chunk:
                yield to_record_batch(chunk)


class _Sink:
    """A write-only file object for write_parquet."""

    def __init__(self, push: Callable[[bytes], object]) -> None:
        self._push = push
        self._written = 0

    def write(self, data: bytes) -> int:
        self._push(bytes(data))
        self._written += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: there is no buffer."""

    def seek(self, _offset: int, _whence: int = 0) -> int:
        return self._written


def _arrow_schema(arrow: Any) -> tuple[Any, Callable[[Chunk], Any]]:
    """Return the Arrow schema of COLUMNS, and a function that converts records to a record batch."""
    data_type = arrow.DataType
    utc_time, local_time = data_type.timestamp("ms", tz="UTC"), data_type.timestamp("ms")
    by_column_type: dict[ColumnType, Any] = {
        "text": data_type.utf8(), "list": data_type.utf8(), "integer": data_type.int64(),
        "float": data_type.float64(), "flag": data_type.bool(), "local_time": local_time, "utc_time": utc_time,
    }  # fmt: skip
    types: dict[str, Any] = dict.fromkeys(COLUMNS, data_type.utf8())
    types |= {name: by_column_type[type_] for name, type_ in _PHOTO_COLUMN_TYPES.items()}
    types |= dict.fromkeys(("place_distance_km", "latitude", "longitude"), data_type.float64())
    types |= {"size": data_type.int64(), "last_modified": utc_time, "extracted_at": utc_time}
    schema = arrow.Schema([arrow.Field(name, types[name], nullable=True) for name in COLUMNS])
    converters = {
        data_type.utf8(): _to_text,
        data_type.int64(): _to_integer,
        data_type.float64(): _to_float,
        data_type.bool(): _to_boolean,
    }

    def to_array(name: str, values: list[Any]) -> Any:
        type_ = types[name]
        if type_ in (utc_time, local_time):
            return arrow.Array([_milliseconds(value) for value in values], type=data_type.int64()).cast(type_)
        try:
            return arrow.Array(values, type=type_)
        except (TypeError, OverflowError):  # for keywords, which are lists, and values stored by other programs
            return arrow.Array([converters[type_](value) for value in values], type=type_)

    def to_record_batch(chunk: Chunk) -> Any:
        photos = [with_utc(photo) if isinstance(photo := record.get("photo"), dict) else {} for record in chunk]
        columns = {"id": [record["_id"] for record in chunk]}
        columns |= {name: [record.get(name) for record in chunk] for name in FILE_FIELDS}
        columns |= {name: [photo.get(name) for photo in photos] for name in PHOTO_COLUMNS}
        columns |= dict(zip(_PLACE_COLUMNS, map(list, zip(*map(_place_values, photos), strict=True)), strict=True))
        columns["kinds"] = [record.get("kinds") for record in chunk]
        columns["longitude"], columns["latitude"] = map(list, zip(*map(_position, photos), strict=True))
        arrays = [to_array(name, columns[name]) for name in COLUMNS]
        return arrow.RecordBatch.from_arrays(arrays, schema=schema)

    return schema, to_record_batch


def _to_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(str(item) for item in value)
    return str(value)


def _to_integer(value: Any) -> int | None:
    # Parquet's integers have 64 bits. The comparison is also false for NaN and infinity.
    return int(value) if isinstance(value, int | float) and abs(value) < 2**63 else None


def _to_float(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _to_boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _milliseconds(value: Any) -> int | None:
    return (value - _EPOCH) // _MILLISECOND if isinstance(value, datetime) else None
