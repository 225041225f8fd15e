"""Generate records for the benchmark of the explorer.

Python generates only a tenth of the records. MongoDB then makes ten copies of each, which is faster.
"""

from __future__ import annotations

import io
import itertools
import random
from collections.abc import Iterator
from typing import Any

from PIL import Image, ImageDraw
from pymongo import IndexModel, UpdateOne
from pymongo.database import Database

from bench.api_records import make_records
from exifinator.config import Config
from exifinator.search_keys.geo_cells import LEVELS, cell_degrees
from exifinator.storage.indexes import index_definitions

COPIES = 10
# Only some photos get thumbnails: the newest ones, with which the gallery begins, and a sample of all photos.
NEWEST_COUNT, SAMPLE_COUNT = 5000, 5000
DISTINCT_THUMBNAILS = 60


def load(database: Database[dict[str, Any]], config: Config, count: int) -> None:
    """Fill the collection with `count` records, create its indexes, and store thumbnails for some of the records."""
    seeds, records = database["seeds"], database[config.mongodb_collection]
    for collection in (seeds, records, database["thumbnails"]):
        collection.drop()
    seed_records = make_records(count // COPIES)
    while chunk := list(itertools.islice(seed_records, 2000)):
        seeds.insert_many(chunk, ordered=False)
    seeds.aggregate(
        [
            {"$set": {"copy": list(range(COPIES))}},
            {"$unwind": "$copy"},
            {"$set": _copy_fields()},
            {"$set": {"_id": {"$concat": ["$bucket", "/", "$key"]}}},
            {"$set": {"cells": _cells_expression()}},
            {"$unset": ["copy", "thumbnail_bytes"]},
            {"$out": records.name},
        ]
    )
    seeds.drop()
    names = [(index.name, list(index.keys), index.options) for index in index_definitions(config)]
    records.create_indexes([IndexModel(keys, name=name, **options) for name, keys, options in names])
    _store_thumbnails(database, records.name)


def _copy_fields() -> dict[str, Any]:
    """Return the fields that differ between copies: key, ETag, date (by days) and location (by some hundred metres)."""

    def if_present(path: str, value: Any) -> dict[str, Any]:
        return {"$cond": [{"$eq": [{"$type": path}, "missing"]}, "$$REMOVE", value]}

    place = "$photo.location.coordinates"
    shifted_place = [{"$add": [{"$arrayElemAt": [place, axis]}, {"$multiply": ["$copy", 0.0037]}]} for axis in (0, 1)]
    stem = {"$substrCP": ["$key", 0, {"$subtract": [{"$strLenCP": "$key"}, 4]}]}
    return {
        "key": {"$concat": [stem, "-", {"$toString": "$copy"}, ".jpg"]},
        "etag": {"$concat": [{"$substrCP": ["$etag", 0, 31]}, {"$toString": "$copy"}]},
        **{
            path: if_present(f"${path}", {"$add": [f"${path}", {"$multiply": ["$copy", 86_477_000]}]})
            for path in ("photo.taken_at", "photo.taken_local")
        },
        "photo.location": if_present("$photo.location", {"type": "Point", "coordinates": shifted_place}),
    }


def _cells_expression() -> dict[str, Any]:
    """Return a MongoDB expression that computes the same as exifinator.search_keys.geo_cells.cells_of."""

    def number(axis: int, start: int, level: int) -> dict[str, Any]:
        degrees = {"$add": [{"$arrayElemAt": ["$photo.location.coordinates", axis]}, start]}
        return {"$toLong": {"$floor": {"$divide": [degrees, cell_degrees(level)]}}}

    cells = [
        {
            "$add": [
                level << 40,
                {"$multiply": [{"$mod": [number(0, 180, level), 2**level]}, 1 << 20]},
                number(1, 90, level),
            ]
        }
        for level in LEVELS
    ]
    return {"$cond": [{"$eq": [{"$type": "$photo.location"}, "missing"]}, "$$REMOVE", cells]}


def _store_thumbnails(database: Database[dict[str, Any]], name: str) -> None:
    newest = database[name].find({}, {"etag": 1}, sort=[("photo.taken_local", -1), ("_id", -1)], limit=NEWEST_COUNT)
    sample = database[name].aggregate([{"$sample": {"size": SAMPLE_COUNT}}, {"$project": {"etag": 1}}])
    etags = {record["_id"]: record["etag"] for record in itertools.chain(newest, sample)}
    pictures = itertools.cycle(list(_draw_thumbnails(DISTINCT_THUMBNAILS)))
    rows = (
        {"_id": id_, "etag": etag, "data": data} for (id_, etag), data in zip(etags.items(), pictures, strict=False)
    )
    while chunk := list(itertools.islice(rows, 1000)):
        database["thumbnails"].insert_many(chunk, ordered=False)
        updates = [UpdateOne({"_id": row["_id"]}, {"$set": {"thumbnail_bytes": len(row["data"])}}) for row in chunk]
        database[name].bulk_write(updates, ordered=False)


def _draw_thumbnails(count: int) -> Iterator[bytes]:
    """Yield thumbnails like a camera's: 160 x 120 pixels, about 5 kB."""
    rng = random.Random(5)
    for _ in range(count):
        picture = Image.new("RGB", (160, 120), tuple(rng.randrange(256) for _ in range(3)))
        drawing = ImageDraw.Draw(picture)
        for _ in range(120):
            x, y, size = rng.randrange(160), rng.randrange(120), rng.randrange(4, 40)
            drawing.ellipse((x, y, x + size, y + size), fill=tuple(rng.randrange(256) for _ in range(3)))
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=80)
        yield out.getvalue()
