"""Convert records to the photos of a response."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from api.database import FILE_FIELDS, Document

SUMMARY_FIELDS = dict.fromkeys((*FILE_FIELDS, "photo", "thumbnail_bytes"), 1)
_NO_TAGS = frozenset(
    {"_id", *FILE_FIELDS, "extractor_version", "photo", "xmp", "iptc", "words", "cells", "folders", "thumbnail_bytes"}
)


class PhotoSummary(BaseModel):
    """One photo in a list. Times are ISO 8601; `photo.taken_at` has no Z if the camera's offset is unknown."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(examples=["holiday/2024/beach.jpg"])
    bucket: str | None = None
    key: str | None = None
    etag: str | None = None
    size: int | None = Field(None, description="Size in bytes.")
    last_modified: str | None = None
    format: str | None = None
    status: str | None = None
    problem: str | None = None
    extracted_at: str | None = None
    photo: dict[str, Any] = Field({}, description="Typed metadata: camera_model, iso, taken_at, location, ...")
    thumbnail: str | None = Field(None, description="URL of the thumbnail; null if there is none.")


class PhotoRecord(PhotoSummary):
    """One photo with all its tags."""

    tags: dict[str, Any] = Field({}, description="All tags, by their name in exifread.")
    xmp: Any = None
    iptc: Any = None


def photo_path(id_: str) -> str:
    """Return the path of a photo in this API. The id is one segment, so that subpaths are unambiguous."""
    return f"/photos/{_as_segment(id_)}"


def thumbnail_url(record: Document) -> str:
    """Return the URL of a thumbnail. It changes with the image, so browsers may cache the thumbnail forever."""
    return f"{photo_path(record['_id'])}/thumbnail?v={_as_segment(str(record.get('etag') or '0'))}"


# The characters of most keys and ETags. Only slashes among them need encoding.
_PLAIN = re.compile(r"[A-Za-z0-9_.~/-]*")


def _as_segment(text: str) -> str:
    """Return text as a segment of a URL. `quote` alone takes longer than the JSON of a page of photos."""
    return text.replace("/", "%2F") if _PLAIN.fullmatch(text) else quote(text, safe="")


def summarise(record: Document) -> Document:
    """Return a record as PhotoSummary."""
    summary: Document = {"id": record["_id"]}
    summary |= {name: record[name] for name in FILE_FIELDS if name in record}
    summary["photo"] = plain_photo(record)
    summary["thumbnail"] = thumbnail_url(record) if record.get("thumbnail_bytes") else None
    return summary


def describe(record: Document) -> Document:
    """Return a record as PhotoRecord."""
    content = summarise(record)
    content["tags"] = {name: value for name, value in record.items() if name not in _NO_TAGS}
    content |= {name: record[name] for name in ("xmp", "iptc", "extractor_version") if name in record}
    return content


def plain_photo(record: Document) -> Document:
    """Return the typed metadata of a record. A time with unknown offset is local time, written without Z."""
    photo = record.get("photo")
    if not isinstance(photo, dict):
        return {}
    taken = photo.get("taken_at")
    if isinstance(taken, datetime) and not photo.get("taken_offset"):
        photo = {**photo, "taken_at": taken.isoformat()}
    return photo
