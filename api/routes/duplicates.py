"""List groups of copies."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

from bson import json_util
from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.aggregations.background import BackgroundCounts
from api.aggregations.duplicates import FINGERPRINT, MAX_GROUPS, Duplicates, find_duplicates, read_duplicates
from api.auth import READER
from api.database import QUERY_MS, Document, StoreDep
from api.http.read_route import ReadRoute
from api.http.responses import json_response
from api.http.router import PathRouter
from api.query.buckets import set_searched_buckets
from api.query.filters import Filters
from api.query.mongo_filter import combine
from api.serializers import SUMMARY_FIELDS, PhotoSummary, summarize

router = PathRouter(dependencies=[READER], tags=["facets"], route_class=ReadRoute)

MAX_LIMIT = 50
# Copies to return for each group.
MAX_SHOWN = 10
# Time limit of a background query.
_BACKGROUND_MS = 60_000


class DuplicateArguments(Filters):
    """Filter and paging parameters."""

    limit: int = Field(20, ge=1, le=MAX_LIMIT, description="Maximum number of groups to return.", examples=[20])
    after: str | None = Field(
        None,
        pattern=r"^[0-9]{1,18}-[0-9a-f]{1,64}$",
        description="`next` of the previous page. Send it with the same other parameters.",
        examples=["1048576-0123456789abcdef01234567"],
    )
    budget_ms: int = Field(1500, ge=50, le=QUERY_MS, description="Time limit for each query, in milliseconds.")


class DuplicateGroup(BaseModel):
    """The copies of one file."""

    fingerprint: str = Field(description="The value of the filter `fingerprint` for these copies.")
    count: int = Field(description="Number of copies.")
    size: int = Field(description="Size of the file in bytes.")
    wasted_bytes: int = Field(description="The size of all copies but one, in bytes.")
    photos: list[PhotoSummary] = Field(description=f"The copies by date, at most {MAX_SHOWN}.")


class DuplicateGroups(BaseModel):
    """Groups of copies, the one that wastes the most bytes first."""

    groups: list[DuplicateGroup]
    next: str | None = Field(
        description="The value of `after` for the next page; null on the last page. All pages together contain at most "
        f"{MAX_GROUPS:,} groups."
    )
    total: int = Field(description="Number of groups.")
    extra_copies: int = Field(description="Number of copies in all groups, not counting one copy in each group.")
    wasted_bytes: int = Field(description="The size of the extra copies, in bytes.")
    partial: bool = Field(
        description="Whether only a sample of the photos was read, because reading all exceeded the time limit. In "
        "this case, all photos are being read in the background: repeat the request after a few seconds."
    )


@router.get("/duplicates", summary="List groups of copies", response_model=DuplicateGroups)
async def list_duplicates(
    request: Request, store: StoreDep, arguments: Annotated[DuplicateArguments, Query()]
) -> Response:
    """List the files of which several copies match the filters.

    Copies are recognized by size, first bytes and metadata, without reading the whole file. Compare the files before
    you delete any.
    """
    await set_searched_buckets(store.photos, arguments)
    filter_ = arguments.to_filter()
    background: BackgroundCounts[Duplicates] = request.app.state.background_duplicates
    key = json_util.dumps(filter_, sort_keys=True)
    duplicates = background.get(key)
    if duplicates is None:
        duplicates = await find_duplicates(store.photos, filter_, budget_ms=arguments.budget_ms)
        if duplicates.is_sample:
            background.start(key, duplicates, partial(read_duplicates, store.photos, filter_, budget_ms=_BACKGROUND_MS))
    wasted, fingerprint = _read_position(arguments.after)
    following = [
        group
        for group in duplicates.groups
        if wasted is None or (-group.wasted_bytes, group.fingerprint) > (-wasted, fingerprint)
    ]
    groups = following[: arguments.limit]

    async def read_copies(value: str) -> list[Document]:
        query = combine(filter_, {FINGERPRINT: value})
        order = [("photo.taken_local", -1), ("_id", -1)]
        copies = store.photos.find(query, SUMMARY_FIELDS, sort=order, limit=MAX_SHOWN, max_time_ms=QUERY_MS)
        return [summarize(record) for record in await copies.to_list()]

    photos = await asyncio.gather(*(read_copies(group.fingerprint) for group in groups))
    last = groups[-1] if len(following) > len(groups) else None
    content = {
        "groups": [
            {
                "fingerprint": group.fingerprint,
                "count": group.count,
                "size": group.size,
                "wasted_bytes": group.wasted_bytes,
                "photos": copies,
            }
            for group, copies in zip(groups, photos, strict=True)
        ],
        "next": f"{last.wasted_bytes}-{last.fingerprint}" if last else None,
        "total": duplicates.group_count,
        "extra_copies": duplicates.extra_copies,
        "wasted_bytes": duplicates.wasted_bytes,
        "partial": duplicates.is_sample,
    }
    return json_response(request, content)


def _read_position(after: str | None) -> tuple[int | None, str]:
    """Return the wasted bytes and the fingerprint of the last group of the previous page."""
    if after is None:
        return None, ""
    wasted, _, fingerprint = after.partition("-")
    return int(wasted), fingerprint
