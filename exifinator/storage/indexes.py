"""The indexes that the API's queries need, and the purpose of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from exifinator.config import Config


@dataclass(frozen=True)
class IndexDefinition:
    """One index of the collection of records.

    Attributes:
        purpose: The API parameters or views that use it, and its cost if that is unusual.
    """

    name: str
    keys: tuple[tuple[str, int | str], ...]
    purpose: str
    options: dict[str, Any] = field(default_factory=dict)


# Each page of /photos is read in index order, so that page 10,000 costs the same as page 1. An index starts with the
# field of a filter and continues with the default order: newest first, then by _id for photos taken at the same moment.
_ORDER: tuple[tuple[str, int | str], ...] = (("photo.taken_at", -1), ("_id", -1))


def _by(name: str, path: str, purpose: str) -> IndexDefinition:
    return IndexDefinition(f"{name}_taken", ((path, 1), *_ORDER), purpose)


INDEXES: tuple[IndexDefinition, ...] = (
    IndexDefinition("taken", _ORDER, "the default order, taken=, the timeline"),
    _by("camera", "photo.camera_model", "camera="),
    _by("lens", "photo.lens_model", "lens="),
    _by("iso", "photo.iso", "iso="),
    _by("f", "photo.f_number", "f="),
    _by("exposure", "photo.exposure_seconds", "exposure="),
    _by("focal", "photo.focal_length_mm", "focal="),
    _by("bucket", "bucket", "bucket="),
    _by("format", "format", "format="),
    _by("status", "status", "status="),
    _by("rating", "photo.rating", "rating="),
    _by("keyword", "photo.keywords", "keyword=; one entry for each keyword"),
    _by("words", "words", "q=; one entry for each word"),
    _by("folder", "folders", "prefix=; one entry for each folder that contains the photo"),
    _by("cell", "cells", "near=, bbox=, the map; five entries for each photo with a location"),
    IndexDefinition("etag", (("etag", 1), ("_id", 1)), "every copy of one file"),
    IndexDefinition("extracted", (("extracted_at", -1), ("_id", -1)), "recently indexed photos"),
)

# Indexes of earlier versions. No query uses them, and they slow down writes, so they are dropped.
RETIRED_INDEXES = ("place",)


def index_definitions(config: Config) -> tuple[IndexDefinition, ...]:
    """Return INDEXES, and for each tag in INDEXED_TAGS an index over its printable form."""
    return INDEXES + tuple(
        IndexDefinition(f"tag {tag}", ((f"{tag}.printable", 1),), f"query={{{tag!r}: ...}}", {"sparse": True})
        for tag in config.indexed_tags
    )
