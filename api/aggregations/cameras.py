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

# Maximum number of lenses, and of owners, to return for each body.
MAX_VALUES = 10
# Maximum number of lenses, and of owners, to read for all bodies together.
MAX_ROWS = 5000
_SERIAL = "photo.camera_serial"
# Values of `date_suspect` that mean a wrong year. Such dates say nothing about when a body was used.
_WRONG_YEARS = ["future", "before_digital", "camera_default"]
_TAKEN = {"$cond": [{"$in": ["$photo.date_suspect", _WRONG_YEARS]}, None, "$photo.taken_local"]}
_BODY = {"serial": f"${_SERIAL}", "model": "$photo.camera_model"}
# The serial number and the model of a body.
_Key = tuple[str | None, str | None]


@dataclass(frozen=True)
class Cameras:
    """The bodies with the most photos.

    Attributes:
        rows: The bodies, the one with the most photos first.
        total: The number of all bodies, including those that are not in `rows`.
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
    matches = _match_stages(combine(filter_, {_SERIAL: {"$exists": True}}), sample_size)
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
    body_matches = _match_stages(combine(filter_, {_SERIAL: {"$in": serials}}), sample_size)
    lenses, owners = await asyncio.gather(
        _most_frequent(photos, body_matches, "photo.lens_model", budget_ms),
        _most_frequent(photos, body_matches, "photo.owner", budget_ms),
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
    totals = result["count"][0] if result["count"] else {"bodies": 0, "photos": 0}
    # If fewer photos match than `sample_size`, all of them were read.
    return Cameras(rows, totals["bodies"], is_sample=0 < sample_size <= totals["photos"])


def _match_stages(filter_: Filter, sample_size: int) -> list[dict[str, Any]]:
    return [{"$match": filter_}, *([{"$limit": sample_size}] if sample_size else [])]


async def _most_frequent(
    photos: Collection, matches: list[dict[str, Any]], path: str, budget_ms: int
) -> dict[_Key, list[dict[str, Any]]]:
    """Return the most frequent values of a field for each body, at most MAX_VALUES, as `value` and `count`."""
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
        body_values = values[_key(row["_id"])]
        if len(body_values) < MAX_VALUES:
            body_values.append({"value": str(row["_id"]["value"]), "count": row["n"]})
    return values


def _key(group: dict[str, Any]) -> _Key:
    """Return serial number and model. MongoDB omits a field of the group's key that the photos lack."""
    return _text(group.get("serial")), _text(group.get("model"))


def _text(value: Any) -> str | None:
    """Return a value as a string. Records stored by other programs may have lists or documents in any field."""
    return None if value is None else str(value)


def _local_text(taken_local: Any) -> str | None:
    """Return a time on the camera's clock in ISO 8601, without a time zone."""
    return taken_local.isoformat() if isinstance(taken_local, datetime) else None
