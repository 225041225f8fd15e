"""Statistics of photos by date, camera, lens, focal length and bucket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.aggregations.camera_makes import CameraMakes
from api.aggregations.facet_counter import FacetCounter
from api.aggregations.facets import to_rows
from api.auth import READER
from api.database import QUERY_MS, StoreDep, read_version
from api.http.read_route import ReadRoute
from api.http.responses import json_response
from api.http.router import PathRouter
from api.query.buckets import set_searched_buckets
from api.query.filters import Filters
from api.routes.facets import FacetRow, Totals, count_left_out, is_stale
from exifinator.models import STATUSES

router = PathRouter(dependencies=[READER], tags=["facets"], route_class=ReadRoute)
_FACETS = ("taken", "hour", "camera", "lens", "focal", "focal35")


class StatisticsArguments(Filters):
    """Filter parameters, and limits on the response."""

    top: int = Field(30, ge=1, le=1000, description="Maximum number of cameras, of lenses and of buckets to return.")
    budget_ms: int = Field(1500, ge=50, le=QUERY_MS, description="Time limit for counting, in milliseconds.")


class BucketRow(BaseModel):
    """The number of photos in a bucket, in total and by status."""

    bucket: str
    count: int
    ok: int
    no_exif: int
    unsupported: int
    damaged: int


class Statistics(Totals):
    """Counts of the photos that match the filters."""

    facets: dict[str, list[FacetRow]] = Field(
        description="Counts by month, hour of the day, camera, lens, focal length and 35 mm equivalent."
    )
    buckets: list[BucketRow]
    milliseconds: int


@router.get("/statistics", summary="Get statistics of photos", response_model=Statistics)
async def get_statistics(
    request: Request, store: StoreDep, arguments: Annotated[StatisticsArguments, Query()]
) -> Response:
    """Count photos by month, hour of the day, camera, lens, focal length, 35 mm equivalent, bucket and status."""
    start = time.perf_counter()
    counter: FacetCounter = request.app.state.counter
    await set_searched_buckets(store.photos, arguments)
    names = [*_FACETS, "bucket_status"]
    version = await read_version(store.photos)
    result, left_out = await asyncio.gather(
        counter.count(arguments.to_filter(), names, budget_ms=arguments.budget_ms),
        count_left_out(counter, arguments, arguments.budget_ms),
    )
    rows = {name: to_rows(name, result.counts[name], limit=arguments.top) for name in _FACETS}
    makes: CameraMakes = request.app.state.makes
    await makes.add_to(rows["camera"])
    content = {
        "total": result.total,
        **left_out,
        "more": result.total_is_lower_bound,
        "counted": result.sample_size,
        "partial": result.is_sample,
        "stale": await is_stale(store.photos, [result], version),
        "facets": rows,
        "buckets": to_buckets(result.counts["bucket_status"])[: arguments.top],
        "milliseconds": round((time.perf_counter() - start) * 1000),
    }
    return json_response(request, content)


def to_buckets(counts: Mapping[Any, int]) -> list[dict[str, Any]]:
    """Convert counts by (bucket, status) to one row per bucket, the largest first."""
    buckets: dict[str, dict[str, Any]] = {}
    for (bucket, status), count in counts.items():
        row = buckets.setdefault(bucket, {"bucket": bucket, "count": 0, **dict.fromkeys(STATUSES, 0)})
        row["count"] += count
        if status in STATUSES:
            row[status] += count
    return sorted(buckets.values(), key=lambda row: (-row["count"], row["bucket"]))
