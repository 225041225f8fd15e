"""Photos by typed filters, page by page; one photo, one tag of it, its thumbnail, and every copy of one file."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, BeforeValidator, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.answers import answer_bytes, answer_json
from api.doors import READER
from api.errors import DESCRIBED, Refused
from api.filters import Filters
from api.orders import Order, Place, SortName, fingerprint, read_cursor, write_cursor
from api.originals import LINK_SECONDS
from api.paging import read_page, spell_out_ranges
from api.params import Arguments, PhotoId, decode_path
from api.shapes import SUMMARY_FIELDS, PhotoRecord, PhotoSummary, describe, summarise
from api.store import QUERY_MS, Document, ReadStore, Store

router = APIRouter(prefix="/photos", dependencies=[READER], tags=["photos"])

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000
MAX_COPIES = 1000
# A thumbnail whose address names the image's ETag never changes.
_FOREVER = "private, max-age=31536000, immutable"
_A_DAY = "private, max-age=86400"


class PageArguments(Filters):
    """Which page of which photos."""

    sort: SortName = Field(
        "-taken", description="The order; - for downwards. Photos that have no value of it come last."
    )
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="Photos a page.")
    cursor: str | None = Field(
        None,
        min_length=1,
        max_length=4096,
        description="`next` of the page before; the other parameters as there.",
        examples=["WyI1MmYyYWVhYzY2YjciLG51bGwsImhvbGlkYXkvYmVhY2guanBnIl0"],
    )

    after: str | None = Field(
        None,
        min_length=1,
        max_length=2048,
        description="The id of a photo, whether it passes the filters or not: the first page begins behind it.",
        examples=["holiday/2024/beach.jpg"],
    )
    before: str | None = Field(
        None,
        min_length=1,
        max_length=2048,
        description="Instead of `after`: the page ends before this photo. `next` goes on from there.",
        examples=["holiday/2024/beach.jpg"],
    )


class Original(BaseModel):
    """Where the original can be had, and for how long."""

    url: str
    seconds: int


class OriginalArguments(Arguments):
    """How to answer."""

    redirect: bool = Field(False, description="Go there (303) instead of saying where it is.")


class Page(BaseModel):
    """Photos, and the cursor of the next page if there is one."""

    photos: list[PhotoSummary]
    next: str | None


class Copies(BaseModel):
    """Every record with one ETag, at most 1,000."""

    photos: list[PhotoSummary]


class ThumbnailArguments(Arguments):
    """`v` makes the address change with the image."""

    v: str | None = Field(
        None, max_length=300, description="The image's ETag; with it a browser keeps the thumbnail.", examples=["a1b2"]
    )


_PAGE_LINKS = {
    "next": {"operationId": "list_photos", "parameters": {"cursor": "$response.body#/next"}},
    "photo": {"operationId": "get_photo", "parameters": {"id": "$response.body#/photos/0/id"}},
    "thumbnail": {"operationId": "get_thumbnail", "parameters": {"id": "$response.body#/photos/0/id"}},
    "copies": {"operationId": "list_copies", "parameters": {"etag": "$response.body#/photos/0/etag"}},
}


@router.get("", summary="Find photos", response_model=Page, responses={200: {"links": _PAGE_LINKS}})
async def list_photos(request: Request, store: ReadStore, arguments: Annotated[PageArguments, Query()]) -> Response:
    """Photos that pass every filter, newest first. Take the next page with `cursor`: it costs what the first does."""
    filter_ = arguments.to_filter()
    order = Order.named(arguments.sort)
    mark = fingerprint(arguments.sort, filter_)
    place = await _start(store, arguments, order, mark)
    spelled = await spell_out_ranges(store.photos, filter_, order)
    if order.index == "_id_" and arguments.ids:
        spelled = [{"$and": [arguments.ids, part]} for part in spelled]
    read = partial(read_page, store.photos, spelled, after=place, limit=arguments.limit, fields=SUMMARY_FIELDS)
    if arguments.before and not arguments.cursor:
        records, _ = await read(order.reversed())
        records.reverse()
        last = order.place_of(records[-1]) if records else None
    else:
        records, last = await read(order)
    following = write_cursor(last, mark) if last else None
    headers = {}
    if following:
        headers["Link"] = f'<{request.url.include_query_params(cursor=following)}>; rel="next"'
    return answer_json(request, {"photos": list(map(summarise, records)), "next": following}, headers=headers)


@router.get("/by-etag/{etag}", summary="Every copy of one file", response_model=Copies)
async def list_copies(
    request: Request,
    store: ReadStore,
    etag: Annotated[
        str,
        Path(description="The ETag, without quotes.", examples=["9e107d9d"], min_length=1, max_length=300),
        BeforeValidator(decode_path),
    ],
) -> Response:
    """Equal ETags mean equal bytes where S3 makes them from the content, as it does for objects put in one part."""
    cursor = store.photos.find(
        {"etag": etag}, SUMMARY_FIELDS, sort=[("_id", 1)], limit=MAX_COPIES, max_time_ms=QUERY_MS
    )
    records = await cursor.to_list()
    if not records:
        raise Refused(404, "There is no photo with this ETag.")
    return answer_json(request, {"photos": list(map(summarise, records))})


@router.get(
    "/{id:path}/thumbnail",
    summary="The thumbnail of a photo",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def get_thumbnail(
    request: Request, store: ReadStore, id: PhotoId, arguments: Annotated[ThumbnailArguments, Query()]
) -> Response:
    """The JPEG that the camera put into the image, as it is: `photo.orientation` says how to turn it."""
    found = await store.thumbnails.find_one({"_id": id}, {"data": 1}, max_time_ms=QUERY_MS)
    if found is None or not isinstance(found.get("data"), bytes):
        raise Refused(404, "This photo has no thumbnail.")
    cache = _FOREVER if arguments.v else _A_DAY
    return answer_bytes(request, found["data"], "image/jpeg", cache_control=cache)


@router.get(
    "/{id:path}/original",
    summary="A link to the original",
    response_model=Original,
    responses={
        303: {"description": "The link, with `redirect`"},
        403: {**DESCRIBED, "description": "The settings do not allow it"},
    },
)
async def get_original(
    request: Request, store: ReadStore, id: PhotoId, arguments: Annotated[OriginalArguments, Query()]
) -> Response:
    """A signed address in S3 for ten minutes, if API_SIGN_ORIGINALS allows it: whoever has it can fetch the photo."""
    if not store.config.api_sign_originals:
        raise Refused(403, "The API signs no links to originals; API_SIGN_ORIGINALS in settings.py lets it.")
    record = await _get_record(store, id)
    url = await run_in_threadpool(request.app.state.signer.sign, str(record["bucket"]), str(record["key"]))
    if arguments.redirect:
        return Response(status_code=303, headers={"Location": url, "Cache-Control": "no-store"})
    answer = {"url": url, "seconds": LINK_SECONDS}
    return answer_json(request, answer, headers={"Cache-Control": "no-store"})


@router.get("/{id:path}/tags/{tag}", summary="One tag of a photo", response_model=Any)
async def get_tag(
    request: Request,
    store: ReadStore,
    id: PhotoId,
    tag: Annotated[
        str,
        Path(description="The tag's name.", examples=["Image Make"], min_length=1, max_length=300),
        BeforeValidator(decode_path),
    ],
) -> Response:
    record = await _get_record(store, id)
    tags = describe(record)["tags"]
    if tag not in tags:
        raise Refused(404, "This photo has no tag of that name.")
    return answer_json(request, tags[tag])


@router.get("/{id:path}", summary="One photo with all its tags", response_model=PhotoRecord)
async def get_photo(request: Request, store: ReadStore, id: PhotoId) -> Response:
    """Write the slashes of the id as %2F where it ends in /thumbnail or /original, or has by-etag/ or /tags/ in it."""
    record = await _get_record(store, id)
    return answer_json(request, describe(record))


async def _start(store: Store, arguments: PageArguments, order: Order, mark: str) -> Place | None:
    """Behind which place the page begins, or before which it ends; None: at the first photo. Raises: Refused."""
    if arguments.cursor:
        return read_cursor(arguments.cursor, mark, order)
    beside = arguments.before or arguments.after
    return order.place_of(await _get_record(store, beside)) if beside else None


async def _get_record(store: Store, id_: str) -> Document:
    record = await store.photos.find_one({"_id": id_}, max_time_ms=QUERY_MS)
    if record is None:
        raise Refused(404, "There is no photo with this id.")
    return record
