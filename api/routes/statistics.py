"""What a whole library is made of: when, with what, and how much of it says nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.answers import answer_json
from api.counting import Counted, FacetCounter, to_rows
from api.doors import READER
from api.filters import Filters
from api.routes.facets import FacetRow, Totals
from api.store import QUERY_MS
from exifinator.records import STATUSES

router = APIRouter(dependencies=[READER], tags=["facets"])
_FACETS = ("taken", "hour", "camera", "lens", "focal")


class StatisticsArguments(Filters):
    """Statistics of which photos."""

    top: int = Field(30, ge=1, le=1000, description="At most so many cameras, lenses and buckets.")
    budget_ms: int = Field(1500, ge=50, le=QUERY_MS, description="How long counting may take, in milliseconds.")


class BucketRow(BaseModel):
    """Photos of a bucket, by how reading them ended."""

    bucket: str
    count: int
    ok: int
    no_exif: int
    unsupported: int
    damaged: int


class Statistics(Totals):
    """Counts of everything that passes the filters."""

    facets: dict[str, list[FacetRow]] = Field(description="By month, hour, camera, lens and focal length.")
    buckets: list[BucketRow]
    milliseconds: int


@router.get("/statistics", summary="Statistics of the photos", response_model=Statistics)
async def get_statistics(request: Request, arguments: Annotated[StatisticsArguments, Query()]) -> Response:
    """By month, hour of the day, camera, lens and focal length, and the share without EXIF of each bucket."""
    start = time.perf_counter()
    counter: FacetCounter = request.app.state.counter
    names = [*_FACETS, "bucket_status"]
    counted: Counted = await counter.count(arguments.to_filter(), names, budget_ms=arguments.budget_ms)
    answer = {
        "total": counted.total,
        "more": counted.more,
        "counted": counted.counted,
        "cut_short": counted.cut_short,
        "facets": {name: to_rows(name, counted.counts[name], most=arguments.top) for name in _FACETS},
        "buckets": to_buckets(counted.counts["bucket_status"])[: arguments.top],
        "milliseconds": round((time.perf_counter() - start) * 1000),
    }
    return answer_json(request, answer)


def to_buckets(counts: Mapping[Any, int]) -> list[dict[str, Any]]:
    """Counts by (bucket, status) as a row a bucket, the largest first."""
    buckets: dict[str, dict[str, Any]] = {}
    for (bucket, status), count in counts.items():
        row = buckets.setdefault(bucket, {"bucket": bucket, "count": 0, **dict.fromkeys(STATUSES, 0)})
        row["count"] += count
        if status in STATUSES:
            row[status] += count
    return sorted(buckets.values(), key=lambda row: (-row["count"], row["bucket"]))
