"""Conditions on fields of a record, from the parsed values of filters."""

from __future__ import annotations

from datetime import datetime

from api.query.mongo_filter import Filter
from api.query.ranges import Box, Span, box_around
from api.query.sort_order import TAKEN
from api.query.text_range import after_prefix
from exifinator.bucket_names import normalize_bucket, split_bucket
from exifinator.search_keys.folders import folders_of
from exifinator.search_keys.geo_cells import cells_between

EARTH_KM = 6371.0088
_LONGITUDE, _LATITUDE = "photo.location.coordinates.0", "photo.location.coordinates.1"
# Widen ranges by this fraction of their bounds. A value such as 1/60 or 2.8 is stored as the float nearest to a ratio,
# which may differ slightly from the bound in the request.
_TOLERANCE = 1e-6


def between(path: str, span: Span, tolerance: float = _TOLERANCE) -> Filter:
    """Return a filter for values in a range, both ends inclusive."""
    bounds: dict[str, float] = {}
    if span.low is not None:
        bounds["$gte"] = span.low * (1 - tolerance)
    if span.high is not None:
        bounds["$lte"] = span.high * (1 + tolerance)
    return {path: bounds}


def during(start: datetime | None, end: datetime | None) -> Filter:
    """Return a filter for photos taken from `start` to before `end`."""
    bounds: dict[str, datetime] = {}
    if start is not None:
        bounds["$gte"] = start
    if end is not None:
        bounds["$lt"] = end
    return {TAKEN: bounds}


def near_point(latitude: float, longitude: float, kilometres: float) -> Filter:
    """Return a filter for photos in a circle."""
    radians = min(kilometres / EARTH_KM, 3.15)  # pi radians cover the whole Earth
    circle: Filter = {"photo.location": {"$geoWithin": {"$centerSphere": [[longitude, latitude], radians]}}}
    return {"$and": [_in_cells(box_around(latitude, longitude, radians)), circle]}


def within(box: Box) -> Filter:
    """Return a filter for photos in an area. Cells let an index find candidates; coordinates select the matches."""
    if box.west <= box.east:
        exact: Filter = {_LONGITUDE: {"$gte": box.west, "$lte": box.east}}
    else:
        exact = {"$or": [{_LONGITUDE: {"$gte": box.west}}, {_LONGITUDE: {"$lte": box.east}}]}
    return {"$and": [_in_cells(box), {_LATITUDE: {"$gte": box.south, "$lte": box.north}}, exact]}


def _in_cells(box: Box) -> Filter:
    return {"cells": {"$in": cells_between(box.west, box.south, box.east, box.north)}}


def with_prefix(start: str) -> Filter:
    """Return a filter for ids with this prefix: by bucket or folder, plus an id range if `start` ends within a name."""
    bucket, prefix = split_bucket(start)
    if normalize_bucket(start) == bucket:
        return ids_with_prefix(bucket)
    start = f"{bucket}/{prefix}"
    folders = folders_of(start)
    container = {"folders": folders[-1]} if folders else {"bucket": bucket}
    return container if start in (f"{bucket}/", *folders) else {"$and": [container, ids_with_prefix(start)]}


def ids_with_prefix(start: str) -> Filter:
    """Return a filter for the range of ids that have this prefix."""
    return {"_id": range_of(start)}


def range_of(prefix: str) -> dict[str, str]:
    """Return the conditions for strings with this prefix."""
    bounds = {"$gte": prefix}
    if end := after_prefix(prefix):
        bounds["$lt"] = end
    return bounds
