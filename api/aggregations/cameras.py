"""Summarize camera bodies. A body is identified by its model and serial number."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from pymongo.errors import ExecutionTimeout

from api.aggregations.sampling import read_sample
from api.database import Collection
from api.query.mongo_filter import Filter, combine

# Maximum number of lenses, and of owners, to return for a body, and to read for all bodies together.
MAX_VALUES = 10
MAX_ROWS = 5000
_SERIAL = "photo.camera_serial"
# Values of `date_suspect` that mean a wrong year. Such dates say nothing about when a body was used.
_WRONG_YEARS = ["future", "before_digital", "camera_default"]
_TAKEN = {"$cond": [{"$in": ["$photo.date_suspect", _WRONG_YEARS]}, None, "$photo.taken_local"]}
_BODY = {"serial": f"${_SERIAL}", "model": "$photo.camera_model"}
_Key = tuple[str | None, str | None]


@dataclass(frozen=True)
class Cameras:
    """The bodies with the most photos.

    Attributes:
        rows: The bodies, the one with the most photos first.
        total: The number of bodies.
        is_sample: Whether only a sample of the photos was read.
    """

    rows: list[dict[str, Any]]
    total: int
    is_sample: bool = False


async def summarize_cameras(photos: Collection, filter_: Filter, *, limit: int, budget_ms: int) -> Cameras:
    """Summarize all photos that match or, if that takes too long, a sample of them.

    Args:
        limit: Maximum number of bodies to return.
        budget_ms: Time limit of each query.

    Raises:
        PyMongoError: A query failed, or exceeded the time limit even for the smallest sample.
    """
    read = partial(read_cameras, photos, filter_, limit=limit, budget_ms=budget_ms)
    with suppress(ExecutionTimeout):
        return await read()
    return await read_sample(lambda size: read(sample_size=size))


async def read_cameras(
    photos: Collection, filter_: Filter, *, limit: int, budget_ms: int, sample_size: int = 0
) -> Cameras:
    """Summarize the first `sample_size` photos that match, or all if it is 0.

    Raises:
        PyMongoError: A query failed, or exceeded the time limit.
    """
    matches = _matches(combine(filter_, {_SERIAL: {"$exists": True}}), sample_size)
    group = {
        "_id": _BODY,
        "make": {"$max": "$photo.camera_make"},
        "first": {"$min": _TAKEN},
        "last": {"$max": _TAKEN},
        "photos": {"$sum": 1},
        "shutter_count": {"$max": "$photo.shutter_count"},
    }
    order = {"photos": -1, "_id.serial": 1, "_id.model": 1}
    count = {"_id": None, "bodies": {"$sum": 1}, "photos": {"$sum": "$photos"}}
    branches = {"rows": [{"$sort": order}, {"$limit": limit}], "count": [{"$group": count}]}
    stages = [*matches, {"$group": group}, {"$facet": branches}]
    (result,) = await (await photos.aggregate(stages, maxTimeMS=budget_ms, allowDiskUse=True)).to_list()
    bodies = result["rows"]
    serials = [body["_id"]["serial"] for body in bodies]
    of_bodies = _matches(combine(filter_, {_SERIAL: {"$in": serials}}), sample_size)
    lenses, owners = await asyncio.gather(
        _most_frequent(photos, of_bodies, "photo.lens_model", budget_ms),
        _most_frequent(photos, of_bodies, "photo.owner", budget_ms),
    )
    rows = []
    for body in bodies:
        key = _key(body["_id"])
        rows.append(
            {
                "make": _text(body["make"]),
                "model": key[1],
                "serial": key[0],
                "photos": body["photos"],
                "first": _local_text(body["first"]),
                "last": _local_text(body["last"]),
                "shutter_count": body["shutter_count"],
                "owners": owners[key],
                "lenses": lenses[key],
            }
        )
    counted = result["count"][0] if result["count"] else {"bodies": 0, "photos": 0}
    # A sample that is not full contains all photos.
    return Cameras(rows, counted["bodies"], is_sample=0 < sample_size <= counted["photos"])


def _matches(filter_: Filter, sample_size: int) -> list[dict[str, Any]]:
    return [{"$match": filter_}, *([{"$limit": sample_size}] if sample_size else [])]


async def _most_frequent(
    photos: Collection, matches: list[dict[str, Any]], path: str, budget_ms: int
) -> dict[_Key, list[dict[str, Any]]]:
    """Return the most frequent values of a field for each body."""
    group = {"_id": {**_BODY, "value": f"${path}"}, "n": {"$sum": 1}}
    stages = [
        *matches,
        {"$match": {path: {"$exists": True}}},
        {"$group": group},
        {"$sort": {"n": -1, "_id.value": 1}},
        {"$limit": MAX_ROWS},
    ]
    values: dict[_Key, list[dict[str, Any]]] = defaultdict(list)
    async for row in await photos.aggregate(stages, maxTimeMS=budget_ms, allowDiskUse=True):
        of_body = values[_key(row["_id"])]
        if len(of_body) < MAX_VALUES:
            of_body.append({"value": str(row["_id"]["value"]), "count": row["n"]})
    return values


def _key(group: dict[str, Any]) -> _Key:
    """Return serial number and model. MongoDB leaves out a field of a group that the photos lack."""
    return _text(group.get("serial")), _text(group.get("model"))


def _text(value: Any) -> str | None:
    """Return a value as text. Records of other programs may have lists or documents in any field."""
    return None if value is None else str(value)


def _local_text(taken: Any) -> str | None:
    """Return a time on the camera's clock, without a time zone."""
    return taken.isoformat() if isinstance(taken, datetime) else None
