"""What a photo looks like in an answer."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from api.store import Document

# What a record says of its file; everything else that it holds is metadata.
FILE_FIELDS = ("bucket", "key", "etag", "size", "last_modified", "format", "status", "problem", "extracted_at")
SUMMARY_FIELDS = dict.fromkeys((*FILE_FIELDS, "photo", "thumbnail_bytes"), 1)
_NO_TAGS = frozenset(
    {"_id", *FILE_FIELDS, "extractor_version", "photo", "xmp", "iptc", "words", "cells", "folders", "thumbnail_bytes"}
)


class PhotoSummary(BaseModel):
    """One photo in a list. Times are ISO 8601; `photo.taken_at` has no Z where the camera's offset is not known."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(examples=["holiday/2024/beach.jpg"])
    bucket: str | None = None
    key: str | None = None
    etag: str | None = None
    size: int | None = Field(None, description="bytes")
    last_modified: str | None = None
    format: str | None = None
    status: str | None = None
    problem: str | None = None
    extracted_at: str | None = None
    photo: dict[str, Any] = Field({}, description="What people search by: camera_model, iso, taken_at, location, ...")
    thumbnail: str | None = Field(None, description="Where its thumbnail is; null if it has none.")


class PhotoRecord(PhotoSummary):
    """One photo with all its tags."""

    tags: dict[str, Any] = Field({}, description="Every tag under exifread's name.")
    xmp: Any = None
    iptc: Any = None


def photo_address(id_: str) -> str:
    """Where a photo is in this API: its id as one part of the path, so that nothing behind it is ambiguous."""
    return f"/photos/{_as_part(id_)}"


def thumbnail_address(record: Document) -> str:
    """The address of a thumbnail; it changes with the image, so that a browser may keep what it got."""
    return f"{photo_address(record['_id'])}/thumbnail?v={_as_part(str(record.get('etag') or '0'))}"


# What most keys and ETags are made of; slashes have to be encoded, all else here stands as it is.
_PLAIN = re.compile(r"[A-Za-z0-9_.~/-]*")


def _as_part(text: str) -> str:
    """As a part of an address: quote looks at each byte, which for a page of photos takes longer than its JSON."""
    return text.replace("/", "%2F") if _PLAIN.fullmatch(text) else quote(text, safe="")


def summarise(record: Document) -> Document:
    """A record as PhotoSummary."""
    answer: Document = {"id": record["_id"]}
    answer |= {name: record[name] for name in FILE_FIELDS if name in record}
    answer["photo"] = plain_photo(record)
    answer["thumbnail"] = thumbnail_address(record) if record.get("thumbnail_bytes") else None
    return answer


def describe(record: Document) -> Document:
    """A record as PhotoRecord."""
    answer = summarise(record)
    answer["tags"] = {name: value for name, value in record.items() if name not in _NO_TAGS}
    answer |= {name: record[name] for name in ("xmp", "iptc", "extractor_version") if name in record}
    return answer


def plain_photo(record: Document) -> Document:
    """The typed part; a time whose offset the camera did not say is a local time and shows no Z."""
    photo = record.get("photo")
    if not isinstance(photo, dict):
        return {}
    taken = photo.get("taken_at")
    if isinstance(taken, datetime) and not photo.get("taken_offset"):
        photo = {**photo, "taken_at": taken.isoformat()}
    return photo
