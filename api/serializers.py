"""Convert records to the photos that responses contain."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from api.database import FAMILY_FIELDS, FILE_FIELDS, METADATA_FIELDS, SEARCH_FIELDS, Document

SUMMARY_FIELDS = dict.fromkeys((*FILE_FIELDS, "photo", "kinds", "stack", "fingerprint", "thumbnail_bytes"), 1)
# Fields of a record that are not tags of the file.
_NON_TAG_FIELDS = frozenset(
    {"_id", "delivered_at", *FILE_FIELDS, *METADATA_FIELDS, *SEARCH_FIELDS, *FAMILY_FIELDS, "photo"}
)


class PhotoStack(BaseModel):
    """The stack that a photo is part of."""

    id: str = Field(description="The id of the primary photo.")
    role: str = Field(description="`photo`, `edited`, `raw`, `video`, `burst`, `bracket` or `panorama`.")
    primary: bool = Field(description="Whether this is the primary photo, which a gallery shows.")
    count: int = Field(description="The number of files in the stack.")


class PhotoSummary(BaseModel):
    """One photo in a list. Times are ISO 8601; `photo.taken_at` has no Z if the camera's UTC offset is unknown."""

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
    kinds: list[str] = Field([], description="What is special about the image: raw, panorama, ...")
    fingerprint: str | None = Field(None, description="Equal for copies of a file.")
    stack: PhotoStack | None = Field(None, description="The stack that the photo is part of; null if there is none.")
    thumbnail: str | None = Field(None, description="URL of the thumbnail; null if there is none.")


class PhotoSidecar(BaseModel):
    """A sidecar of a photo."""

    id: str
    kind: str = Field(description="`xmp`, or `takeout` for the JSON of Google Takeout.")
    fields: list[str] = Field(description="The fields of `photo` whose values come from this sidecar.")


class PhotoRecord(PhotoSummary):
    """One photo with all its tags."""

    sidecars: list[PhotoSidecar] = Field([], description="The sidecars that are merged into `photo`.")
    own_photo: dict[str, Any] | None = Field(
        None, description="`photo` without the values from sidecars. Absent if no value comes from a sidecar."
    )
    sidecar: dict[str, Any] | None = Field(
        None,
        description="Sidecars only: the `kind` of the sidecar, its `values` by field of `photo`, and in `of` the ids "
        "of the photos that it belongs to.",
    )
    tags: dict[str, Any] = Field({}, description="All tags, under the names that exifread gives them.")
    xmp: Any = None
    iptc: Any = None
    text: Any = Field(None, description="Text in the container: comments, and the text chunks of a PNG.")
    icc: Any = Field(None, description="Name and colour space of the ICC profile.")
    ai: Any = Field(None, description="How the image was generated: prompt, model, software.")


def photo_path(id_: str) -> str:
    """Return the API's path of a photo. The id is encoded as one segment, so that subpaths are unambiguous."""
    return f"/photos/{_as_segment(id_)}"


def thumbnail_url(record: Document) -> str:
    """Return the URL of a thumbnail. The URL contains the ETag, so browsers may cache the thumbnail forever."""
    return f"{photo_path(record['_id'])}/thumbnail?v={_as_segment(str(record.get('etag') or '0'))}"


# Most keys and ETags have only these characters, of which only slashes need encoding.
_PLAIN = re.compile(r"[A-Za-z0-9_.~/-]*")


def _as_segment(text: str) -> str:
    """Percent-encode a string as one segment of a URL path.

    Call `quote` only if necessary: for a page of photos, it would take longer than encoding the page as JSON.
    """
    return text.replace("/", "%2F") if _PLAIN.fullmatch(text) else quote(text, safe="")


def summarize(record: Document) -> Document:
    """Convert a record to the form of PhotoSummary."""
    summary: Document = {"id": record["_id"]}
    summary |= {name: record[name] for name in FILE_FIELDS if name in record}
    summary["photo"] = plain_photo(record)
    if kinds := record.get("kinds"):
        summary["kinds"] = kinds
    if fingerprint := record.get("fingerprint"):
        summary["fingerprint"] = fingerprint
    if stack := record.get("stack"):
        summary["stack"] = stack
    summary["thumbnail"] = thumbnail_url(record) if record.get("thumbnail_bytes") else None
    return summary


def describe(record: Document) -> Document:
    """Convert a record to the form of PhotoRecord."""
    photo = summarize(record)
    photo["tags"] = {name: value for name, value in record.items() if name not in _NON_TAG_FIELDS}
    photo |= {name: record[name] for name in METADATA_FIELDS if name in record}
    if sidecars := record.get("sidecars"):
        photo["sidecars"] = sidecars
    if isinstance(own := record.get("own"), dict):
        photo["own_photo"] = plain_photo(own)
    if isinstance(sidecar := record.get("sidecar"), dict):
        photo["sidecar"] = {**sidecar, "values": plain_photo({"photo": sidecar.get("values")})}
    return photo


def plain_photo(record: Document) -> Document:
    """Return the typed metadata of a record. Local times have no Z: `taken_local`, and `taken_at` without an offset."""
    photo = record.get("photo")
    if not isinstance(photo, dict):
        return {}
    photo = photo.copy()
    taken_at = photo.get("taken_at")
    if isinstance(taken_at, datetime) and not photo.get("taken_offset"):
        photo["taken_at"] = taken_at.isoformat()
    taken_local = photo.get("taken_local")
    if isinstance(taken_local, datetime):
        photo["taken_local"] = taken_local.isoformat()
    return photo
