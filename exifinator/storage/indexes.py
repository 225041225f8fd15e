"""The MongoDB indexes that the API's queries need, and the purpose of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from exifinator.config import Config


@dataclass(frozen=True)
class IndexDefinition:
    """One index of the collection of records.

    Attributes:
        keys: The indexed fields, each with its direction (1 or -1).
        purpose: The API parameters or views that use the index. If a record may have several entries in the index, also
            their number.
        options: Further options of the index, as pymongo takes them.
    """

    name: str
    keys: tuple[tuple[str, int | str], ...]
    purpose: str
    options: dict[str, Any] = field(default_factory=dict)


# The default order of photos: newest first by the camera's clock, then by _id for photos that were taken at the same
# moment. The index for a filter starts with the field of the filter and continues with this order. MongoDB can then
# read each page of /photos in index order, so that page 10,000 costs the same as page 1.
_NEWEST_FIRST: tuple[tuple[str, int | str], ...] = (("photo.taken_local", -1), ("_id", -1))


def _filter_index(name: str, path: str, purpose: str) -> IndexDefinition:
    return IndexDefinition(f"{name}_taken_local", ((path, 1), *_NEWEST_FIRST), purpose)


def _partial_index(name: str, path: str, purpose: str = "") -> IndexDefinition:
    """Return the index for a filter on a field that many photos lack.

    The index contains only the photos with the field. So it costs almost nothing for other photos, but cannot be used
    to sort all photos.
    """
    options = {"partialFilterExpression": {path: {"$exists": True}}}
    return IndexDefinition(f"{name}_taken_local", ((path, 1), *_NEWEST_FIRST), purpose or f"{name}=", options)


# The indexes that workers use to find the other files of a photo.
FAMILY_INDEXES = (
    IndexDefinition("family", (("family", 1), ("_id", 1)), "the files of one photo"),
    IndexDefinition(
        "links",
        (("links", 1), ("_id", 1)),
        "the files of one photo whose names differ",
        {"partialFilterExpression": {"links": {"$exists": True}}},
    ),
    IndexDefinition(
        "sidecar",
        (("sidecar.kind", 1), ("sidecar.of", 1)),
        "sidecar=, sidecars without a photo",
        {"partialFilterExpression": {"sidecar.kind": {"$exists": True}}},
    ),
    IndexDefinition(
        "stack",
        (("stack.id", 1), ("_id", 1)),
        "stack=",
        {"partialFilterExpression": {"stack.id": {"$exists": True}}},
    ),
    IndexDefinition(
        "stack_members",
        (("stack.primary", 1), *_NEWEST_FIRST),
        "the files that primary=true leaves out",
        {"partialFilterExpression": {"stack.primary": False}},
    ),
)

INDEXES: tuple[IndexDefinition, ...] = (
    IndexDefinition("taken_local", _NEWEST_FIRST, "the default order, taken=, the timeline"),
    _filter_index("camera", "photo.camera_model", "camera="),
    _filter_index("lens", "photo.lens_model", "lens="),
    _filter_index("iso", "photo.iso", "iso="),
    _filter_index("f", "photo.f_number", "f="),
    _filter_index("exposure", "photo.exposure_seconds", "exposure="),
    _filter_index("focal", "photo.focal_length_mm", "focal="),
    _filter_index("bucket", "bucket", "bucket="),
    _filter_index("format", "format", "format="),
    _filter_index("status", "status", "status="),
    _filter_index("media_type", "photo.media_type", "media_type="),
    _filter_index("rating", "photo.rating", "rating="),
    _filter_index("keyword", "photo.keywords", "keyword=; one entry for each keyword"),
    _partial_index("person", "photo.people", "person=; one entry for each person"),
    _partial_index("country", "countries"),
    _partial_index("state", "states"),
    _partial_index("city", "cities"),
    _partial_index("place", "places"),
    _partial_index("kind", "kinds", "kind=; one entry for each kind"),
    _partial_index("label", "photo.label"),
    _partial_index("creator", "photo.creators", "creator=; one entry for each creator"),
    _partial_index("copyright", "photo.copyright"),
    _partial_index("owner", "photo.owner"),
    _partial_index("software", "photo.software"),
    _partial_index("camera_serial", "photo.camera_serial"),
    _partial_index("lens_serial", "photo.lens_serial"),
    _partial_index("white_balance", "photo.white_balance"),
    _partial_index("flash", "photo.flash_fired"),
    _partial_index("color_space", "photo.color_space"),
    _partial_index("date_suspect", "photo.date_suspect"),
    # Size and media type are in the index so that copies can be grouped without reading the records.
    IndexDefinition(
        "copies_taken_local",
        (("fingerprint", 1), *_NEWEST_FIRST, ("size", 1), ("photo.media_type", 1)),
        "fingerprint=, copies of a file",
        {"partialFilterExpression": {"fingerprint": {"$exists": True}}},
    ),
    _partial_index("duration", "photo.duration_seconds"),
    _partial_index("frame_rate", "photo.frame_rate"),
    _partial_index("video_codec", "photo.video_codec"),
    _partial_index("audio_codec", "photo.audio_codec"),
    _partial_index("make", "photo.camera_make"),
    _partial_index("focal35", "photo.focal_length_35mm"),
    _filter_index("words", "words", "q=; one entry for each word"),
    _filter_index("folder", "folders", "prefix=; one entry for each folder that contains the photo"),
    _filter_index("cell", "cells", "near=, bbox=, the map; five entries for each photo with a location"),
    *FAMILY_INDEXES,
    IndexDefinition("etag", (("etag", 1), ("_id", 1)), "every copy of one file"),
    IndexDefinition("extracted", (("extracted_at", -1), ("_id", -1)), "recently indexed photos"),
)

# Names of indexes that earlier versions created. No query uses them anymore, and they slow down writes, so they are
# dropped.
RETIRED_INDEXES = (
    "place", "taken", "camera_taken", "lens_taken", "iso_taken", "f_taken", "exposure_taken", "focal_taken",
    "bucket_taken", "format_taken", "status_taken", "rating_taken", "keyword_taken", "words_taken", "folder_taken",
    "cell_taken", "fingerprint_taken_local",
)  # fmt: skip


def index_definitions(config: Config) -> tuple[IndexDefinition, ...]:
    """Return INDEXES, plus an index for each tag in the setting INDEXED_TAGS, over the tag's printable form."""
    return INDEXES + tuple(
        IndexDefinition(f"tag {tag}", ((f"{tag}.printable", 1),), f"query={{{tag!r}: ...}}", {"sparse": True})
        for tag in config.indexed_tags
    )
