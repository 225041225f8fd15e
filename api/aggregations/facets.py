"""Define the facets, count photos by them in MongoDB, and convert the counts to rows of a response."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.database import Collection
from api.query.local_hour import LOCAL_HOUR
from api.query.mongo_filter import Filter
from api.query.paths import PARTIAL_PATHS

# Keep only this many of a facet's most frequent values: MongoDB limits a response to 16 MB.
MAX_VALUES = 5000
_ISO_EDGES = (50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 102400)
_F_EDGES = (1, 1.4, 2, 2.8, 4, 5.6, 8, 11, 16, 22, 32)
_SHORT_EXPOSURES = (8000, 4000, 2000, 1000, 500, 250, 125, 60, 30, 15, 8, 4)
_EXPOSURE_EDGES = (*(1 / n for n in _SHORT_EXPOSURES), 0.5, 1, 2, 4, 8, 15, 30)
_FOCAL_EDGES = (10, 16, 24, 35, 50, 70, 100, 135, 200, 300, 400, 600)
_DURATION_EDGES = (5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200)
# The edges lie between the usual frame rates: 24 and 25, 30, 50 and 60, 120, 240.
_FRAME_RATE_EDGES = (20, 27, 40, 75, 150)


@dataclass(frozen=True)
class Facet:
    """A field to count by.

    Attributes:
        path: The field.
        indexed: Whether an index starts with the field.
        in_partial_index: Whether the index contains only the photos that have the field.
        edges: The lower bounds of the ranges into which values are grouped.
        whole: Whether values are rounded down to whole numbers before they are grouped, because there would be too many
            different values.
        hidden: Whether the facet is internal and cannot be requested.
    """

    path: str
    indexed: bool = True
    edges: tuple[float, ...] = ()
    hidden: bool = False
    in_partial_index: bool = False
    whole: bool = False


FACETS: dict[str, Facet] = {
    "camera": Facet("photo.camera_model"),
    "lens": Facet("photo.lens_model"),
    "iso": Facet("photo.iso", edges=_ISO_EDGES),
    "f": Facet("photo.f_number", edges=_F_EDGES),
    "exposure": Facet("photo.exposure_seconds", edges=_EXPOSURE_EDGES),
    "focal": Facet("photo.focal_length_mm", edges=_FOCAL_EDGES),
    "taken": Facet("photo.taken_local"),
    "day": Facet("photo.taken_local", indexed=False),
    "hour": Facet("photo.taken_local", indexed=False),
    "bucket": Facet("bucket"),
    "folder": Facet("_id", indexed=False),
    "format": Facet("format"),
    "status": Facet("status"),
    "keyword": Facet("photo.keywords"),
    "rating": Facet("photo.rating"),
    "gps": Facet("photo.location", indexed=False),
    "media_type": Facet("photo.media_type"),
    **{name: Facet(path, in_partial_index=True) for name, path in PARTIAL_PATHS.items()},
    # Nearly every photo has a value of its own, so counting value by value in the index would take too long.
    "fingerprint": Facet("fingerprint", indexed=False, in_partial_index=True),
    "duration": Facet(
        PARTIAL_PATHS["duration"], indexed=False, in_partial_index=True, edges=_DURATION_EDGES, whole=True
    ),
    "frame_rate": Facet(PARTIAL_PATHS["frame_rate"], in_partial_index=True, edges=_FRAME_RATE_EDGES),
    "focal35": Facet(PARTIAL_PATHS["focal35"], in_partial_index=True, edges=_FOCAL_EDGES),
    "folders": Facet("folders", hidden=True),
    "bucket_status": Facet("bucket", indexed=False, hidden=True),
}
# Facets whose field is a list. A photo counts once for each value in its list.
LIST_FACETS = frozenset({"keyword", "person", "country", "state", "city", "place", "kind", "creator", "folders"})
FACET_NAMES = tuple(name for name, facet in FACETS.items() if not facet.hidden)
Counts = dict[Any, int]


@dataclass(frozen=True)
class FacetCounts:
    """Counts of photos by facet and value.

    Attributes:
        total: Number of photos that match, or a lower bound if `total_is_lower_bound`.
        sample_size: Number of photos that were counted.
        counts: Counts by value, for each facet.
        is_sample: Whether only a sample of the photos was counted.
        stale: Whether photos were stored or deleted while the facets were being counted. The counts may then not add up
            to `total`, or contradict each other.
        version: The version of the collection (see read_version) whose photos were counted; None if it is unknown.
    """

    total: int
    sample_size: int
    counts: Mapping[str, Counts]
    is_sample: bool = False
    stale: bool = False
    version: object = None

    @property
    def total_is_lower_bound(self) -> bool:
        """Whether `total` is only a lower bound, because counting every match would have taken too long."""
        return self.is_sample and self.total == self.sample_size

    @property
    def is_truncated(self) -> bool:
        """Whether only the most frequent values of a facet were kept."""
        return any(len(counts) >= MAX_VALUES for counts in self.counts.values())


async def count_photos(
    photos: Collection,
    filter_: Filter,
    names: list[str],
    budget_ms: int,
    *,
    id_prefix: str = "",
    limit: int = 0,
    find: str = "",
) -> FacetCounts:
    """Count all facets in one pass over the photos that match, or over the first `limit` of them if it is not 0.

    Args:
        find: Count only values that contain this text, ignoring case. The values of all facets must be strings.

    Raises:
        PyMongoError: The query failed, or exceeded `budget_ms`.
    """
    # Compute the keys once for each record, before $facet passes it to all branches.
    keys = {name: _group_key(name, id_prefix) for name in names}
    stages: list[dict[str, Any]] = [{"$match": filter_}, {"$project": {"_id": 0, **keys} if keys else {"_id": 1}}]
    if limit:
        stages.insert(1, {"$limit": limit})
    branches: dict[str, Any] = {name: _facet_branch(name, find) for name in names}
    branches["total"] = [{"$count": "n"}]
    # In a large library, the groups of this facet exceed MongoDB's limit on memory.
    needs_disk = "fingerprint" in names
    cursor = await photos.aggregate([*stages, {"$facet": branches}], maxTimeMS=budget_ms, allowDiskUse=needs_disk)
    (result,) = await cursor.to_list()
    total = result["total"][0]["n"] if result["total"] else 0
    counts = {name: {_decode_key(name, row["_id"]): row["n"] for row in result[name]} for name in names}
    return FacetCounts(total, total, counts, is_sample=bool(limit) and total >= limit)


def merge_counts(parts: list[FacetCounts]) -> FacetCounts:
    """Add up the counts of disjoint parts of the photos."""
    if len(parts) == 1:
        return parts[0]
    counts = {name: Counter[Any]() for name in parts[0].counts}
    for part in parts:
        for name, part_counts in part.counts.items():
            counts[name].update(part_counts)
    total = sum(part.total for part in parts)
    return FacetCounts(total, total, counts)


def _group_key(name: str, id_prefix: str) -> Any:
    """Return the MongoDB expression by which a facet is grouped."""
    path = f"${FACETS[name].path}"
    match name:
        case "taken":  # such as 202405
            return _join_digits({"$year": path}, {"$month": path})
        case "day":
            return _join_digits({"$year": path}, {"$month": path}, {"$dayOfMonth": path})
        case "folder":
            in_id, in_key = _path_segment(path, len(id_prefix)), _path_segment("$key", len(id_prefix))
            has_prefix = {"$eq": [{"$indexOfCP": [path, {"$literal": id_prefix}]}, 0]}
            return {"$cond": [has_prefix, in_id, in_key]} if id_prefix else in_id
        case "hour":
            return LOCAL_HOUR
        case "bucket_status":
            return {"bucket": path, "status": "$status"}
        case "gps":
            return {"$eq": [{"$type": path}, "object"]}
    return {"$floor": path} if FACETS[name].whole else path


def _facet_branch(name: str, find: str = "") -> list[dict[str, Any]]:
    key = f"${name}"
    stages: list[dict[str, Any]] = [{"$unwind": key}] if name in LIST_FACETS else []
    if find:
        stages.append({"$match": {name: {"$regex": re.escape(find), "$options": "i"}}})
    most_frequent: list[dict[str, Any]] = [{"$sort": {"n": -1, "_id": 1}}, {"$limit": MAX_VALUES}]
    return [*stages, {"$group": {"_id": key, "n": {"$sum": 1}}}, *most_frequent]


def _join_digits(year: Any, *rest: Any) -> Any:
    """Return a year, month and day as one number, such as 20240503, because grouping by a number is fast."""
    number = year
    for part in rest:
        number = {"$add": [{"$multiply": [number, 100]}, part]}
    return number


def _path_segment(path: str, start: int) -> dict[str, Any]:
    """Return an expression for the characters from `start` through the next slash; null if there is no slash."""
    slash = {"$indexOfCP": [path, "/", start]}
    length = {"$subtract": [{"$add": ["$$slash", 1]}, start]}
    inner = {"$cond": [{"$lt": ["$$slash", 0]}, None, {"$substrCP": [path, start, length]}]}
    return {"$let": {"vars": {"slash": slash}, "in": inner}}


def _decode_key(name: str, key: Any) -> Any:
    if name == "taken":
        return divmod(key, 100) if key is not None else None
    if name == "day":
        return (*divmod(key // 100, 100), key % 100) if key is not None else None
    if name == "bucket_status":
        return (str(key.get("bucket")), str(key.get("status")))
    if isinstance(key, dict | list):  # a record stored by another program
        return str(key)
    return key


def to_rows(name: str, counts: Counts, *, limit: int) -> list[dict[str, Any]]:
    """Convert counts to rows.

    Ranges and times are sorted by value. Other values are sorted by count, and only the first `limit` are returned.
    """
    if name in ("taken", "day"):
        dates = sorted(key for key in counts if key is not None)
        rows: list[dict[str, Any]] = [{"value": _date(key), "count": counts[key]} for key in dates]
    elif name == "hour":
        rows = [{"value": hour, "count": counts[hour]} for hour in sorted(key for key in counts if key is not None)]
    elif edges := FACETS[name].edges:
        rows = _ranges(counts, edges, step=1 if FACETS[name].whole else 0)
    else:
        # Sort equally frequent values by name, so that the order is the same in each response.
        present = ((value, n) for value, n in counts.items() if value is not None)
        ranked = sorted(present, key=lambda pair: (-pair[1], str(pair[0])))
        rows = [{"value": value, "count": n} for value, n in ranked[:limit]]
    if counts.get(None):
        rows.append({"value": None, "count": counts[None]})
    return rows


def _date(parts: tuple[int, ...]) -> str:
    return "-".join([f"{parts[0]:04}", *(f"{part:02}" for part in parts[1:])])


# Durations are stored in microseconds, so the greatest one below a whole second is this much less.
_RESOLUTION = 1e-6


def _ranges(counts: Counts, edges: tuple[float, ...], *, step: int = 0) -> list[dict[str, Any]]:
    """Return counts by range. A range includes its lower edge, but not its upper edge.

    The first range has no lower edge, and the last one has no upper edge.
    `least` and `greatest` are the lowest and highest values that occur in a range, so a filter between them matches
    exactly the photos counted.

    Args:
        counts: The counts by value.
        edges: The lower bounds of the ranges.
        step: 1 if the values are rounded down to whole numbers, else 0.
    """
    by_range: dict[int, list[float]] = {}
    for value in counts:
        if isinstance(value, int | float):
            # Allow a tolerance: rounding may have put a stored 1/60 just below the edge 1/60.
            by_range.setdefault(bisect_right(edges, value * (1 + 1e-6)), []).append(value)
    bounds: list[float | None] = [None, *edges, None]
    return [
        {
            "from": bounds[i],
            "to": bounds[i + 1],
            "least": min(values),
            "greatest": max(values) + (step - _RESOLUTION if step else 0),
            "count": sum(counts[value] for value in values),
        }
        for i, values in sorted(by_range.items())
    ]
