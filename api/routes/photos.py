"""Find photos by filters. Get one photo, one of its tags, its thumbnail or its copies."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import Path, Query, Request
from pydantic import BaseModel, BeforeValidator, Field
from starlette.responses import Response

from api.auth import READER
from api.database import QUERY_MS, Store, StoreDep, get_record
from api.errors import ErrorCode, RequestRefused
from api.http.parameters import Arguments, PhotoId, decode_path
from api.http.problems import PROBLEM_RESPONSE
from api.http.read_route import ReadRoute
from api.http.responses import PRIVATE_FOREVER, bytes_response, json_response
from api.http.router import PathRouter
from api.query.buckets import set_searched_buckets
from api.query.filters import Filters
from api.query.mongo_filter import combine
from api.query.pagination import read_page, spell_out_ranges
from api.query.ranges import START, read_start
from api.query.sort_order import Order, Position, SortName, fingerprint, read_cursor, write_cursor
from api.serializers import SUMMARY_FIELDS, PhotoRecord, PhotoSummary, describe, summarize

router = PathRouter(prefix="/photos", dependencies=[READER], tags=["photos"], route_class=ReadRoute)

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000
MAX_COPIES = 1000
_A_DAY = "private, max-age=86400"


class PageArguments(Filters):
    """Filter, sorting and paging parameters."""

    sort: SortName = Field(
        "-taken", description="Sort order; prefix with `-` for descending. Photos without a value come last."
    )
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="Maximum number of photos to return.")
    cursor: str | None = Field(
        None,
        min_length=1,
        max_length=4096,
        description="`next` of the previous page. Send it with the same other parameters.",
        examples=["WyI1MmYyYWVhYzY2YjciLG51bGwsImhvbGlkYXkvYmVhY2guanBnIl0"],
    )

    after: str | None = Field(
        None,
        min_length=1,
        max_length=2048,
        description="The id of a photo: the first page starts after it. The photo need not match the filters.",
        examples=["holiday/2024/beach.jpg"],
    )
    before: str | None = Field(
        None,
        min_length=1,
        max_length=2048,
        description=(
            "The id of a photo: return the page that ends just before it. `next` then continues after the returned "
            "page. Overrides `after`."
        ),
        examples=["holiday/2024/beach.jpg"],
    )
    start: str | None = Field(
        None,
        pattern=START,
        description=(
            "A year, month or day: the first page starts with the photos of this period, or with the next ones if "
            "there are none. `none` stands for the photos without a date. Only with `sort=-taken` and `sort=taken`; "
            "ignored with `after` and `before`."
        ),
        examples=["2024-05"],
    )


class Page(BaseModel):
    """A page of photos. `next` is the cursor of the next page; null on the last page."""

    photos: list[PhotoSummary]
    next: str | None


class Copies(BaseModel):
    """Photos with the same ETag, at most 1,000."""

    photos: list[PhotoSummary]


class ThumbnailArguments(Arguments):
    """Caching options."""

    v: str | None = Field(
        None,
        max_length=300,
        description="The image's ETag. With `v`, browsers cache the thumbnail for a year, otherwise for a day.",
        examples=["a1b2"],
    )


# Some client generators treat only the second of these types as binary content.
_JPEG_TYPES = ("image/jpeg", "application/octet-stream")
_PAGE_LINKS = {
    "next": {"operationId": "list_photos", "parameters": {"cursor": "$response.body#/next"}},
    "photo": {"operationId": "get_photo", "parameters": {"id": "$response.body#/photos/0/id"}},
    "thumbnail": {"operationId": "get_thumbnail", "parameters": {"id": "$response.body#/photos/0/id"}},
    "copies": {"operationId": "list_copies", "parameters": {"etag": "$response.body#/photos/0/etag"}},
}


_PAGE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"links": _PAGE_LINKS},
    409: {**PROBLEM_RESPONSE, "description": "`start` cannot be combined with the sort order"},
}


@router.get("", summary="Find photos", response_model=Page, responses=_PAGE_RESPONSES)
async def list_photos(request: Request, store: StoreDep, arguments: Annotated[PageArguments, Query()]) -> Response:
    """Return the photos that match all filters, by default newest first.

    Other files, such as PDF files and sidecars, are left out unless `media_type` includes `other`.

    Use `cursor` for the next page. Deep pages are as fast as the first one.
    """
    await set_searched_buckets(store.photos, arguments)
    restriction, excluded = arguments.restriction()
    filter_ = arguments.to_filter(exclude=excluded)
    order = Order.named(arguments.sort)
    query_fingerprint = fingerprint(arguments.sort, combine(filter_, restriction))
    position = await _read_anchor(store, arguments, order, query_fingerprint)
    filters = await spell_out_ranges(store.photos, filter_, order)
    # In id order, a bucket or prefix is one interval of the index, so read only this interval.
    if order.index == "_id_" and arguments.id_range:
        filters = [{"$and": [arguments.id_range, part]} for part in filters]
    read = partial(
        read_page,
        store.photos,
        filters,
        after=position,
        limit=arguments.limit,
        fields=SUMMARY_FIELDS,
        restriction=restriction,
    )
    if arguments.before and not arguments.cursor:
        records, _ = await read(order.flipped())
        records.reverse()
        last = order.position_of(records[-1]) if records else None
    else:
        records, last = await read(order)
    next_cursor = write_cursor(last, query_fingerprint) if last else None
    headers = {}
    if next_cursor:
        headers["Link"] = f'<{request.url.include_query_params(cursor=next_cursor)}>; rel="next"'
    return json_response(request, {"photos": list(map(summarize, records)), "next": next_cursor}, headers=headers)


@router.get("/by-etag/{etag}", summary="Find copies of a file", response_model=Copies)
async def list_copies(
    request: Request,
    store: StoreDep,
    etag: Annotated[
        str,
        Path(description="The ETag, without quotes.", examples=["9e107d9d"], min_length=1, max_length=300),
        BeforeValidator(decode_path),
    ],
) -> Response:
    """Return all photos with this ETag, at most 1,000.

    For an object uploaded in one part, S3 computes the ETag from the content, so equal ETags mean equal files.
    """
    cursor = store.photos.find(
        {"etag": etag}, SUMMARY_FIELDS, sort=[("_id", 1)], limit=MAX_COPIES, max_time_ms=QUERY_MS
    )
    records = await cursor.to_list()
    if not records:
        raise RequestRefused(ErrorCode.NOT_FOUND, "No photo has this ETag.")
    return json_response(request, {"photos": list(map(summarize, records))})


@router.get(
    "/{id:path}/thumbnail",
    summary="Get the thumbnail of a photo",
    response_class=Response,
    responses={200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _JPEG_TYPES}}},
)
async def get_thumbnail(
    request: Request, store: StoreDep, id: PhotoId, arguments: Annotated[ThumbnailArguments, Query()]
) -> Response:
    """Return the JPEG thumbnail embedded in the image, unchanged.

    The client must rotate it according to `photo.orientation`.
    """
    document = await store.thumbnails.find_one({"_id": id}, {"data": 1}, max_time_ms=QUERY_MS)
    if document is None or not isinstance(document.get("data"), bytes):
        raise RequestRefused(ErrorCode.NOT_FOUND, "This photo has no thumbnail.")
    cache_control = PRIVATE_FOREVER if arguments.v else _A_DAY
    return bytes_response(request, document["data"], "image/jpeg", cache_control=cache_control)


@router.get("/{id:path}/tags/{tag}", summary="Get one tag of a photo", response_model=Any)
async def get_tag(
    request: Request,
    store: StoreDep,
    id: PhotoId,
    tag: Annotated[
        str,
        Path(description="The tag's name.", examples=["Image Make"], min_length=1, max_length=300),
        BeforeValidator(decode_path),
    ],
) -> Response:
    record = await get_record(store, id)
    tags = describe(record)["tags"]
    if tag not in tags:
        raise RequestRefused(ErrorCode.NOT_FOUND, "This photo has no such tag.")
    return json_response(request, tags[tag])


@router.get("/{id:path}", summary="Get one photo with all its tags", response_model=PhotoRecord)
async def get_photo(request: Request, store: StoreDep, id: PhotoId) -> Response:
    """Return one photo.

    If the id ends in /thumbnail, /preview, /original or /content, or contains by-etag/ or /tags/, encode its slashes as
    %2F.
    """
    record = await get_record(store, id)
    return json_response(request, describe(record))


async def _read_anchor(store: Store, arguments: PageArguments, order: Order, query_fingerprint: str) -> Position | None:
    """Return the position that the page starts after or ends before; None for the first page.

    Raises:
        RequestRefused: The cursor is invalid, the photo does not exist (404), or `start` is given for another order.
    """
    if arguments.start and not order.is_by_date:
        detail = "start: only with sort=-taken or sort=taken."
        raise RequestRefused(ErrorCode.CONFLICTING_PARAMETERS, detail, parameter="start")
    if arguments.cursor:
        return read_cursor(arguments.cursor, query_fingerprint, order)
    anchor_id = arguments.before or arguments.after
    if anchor_id:
        return order.position_of(await get_record(store, anchor_id))
    return order.start_of(read_start(arguments.start, "start")) if arguments.start else None
