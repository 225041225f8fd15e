"""The indexes that the API's queries need: what for, and what each costs a write."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from exifinator.config import Config


@dataclass(frozen=True)
class IndexDefinition:
    """One index of the collection of records."""

    name: str
    keys: tuple[tuple[str, int | str], ...]
    why: str
    options: dict[str, Any] = field(default_factory=dict)


# Every page of /photos is read in the order of an index, so that page 10,000 costs what page 1 does: what is filtered
# by stands first, then the default order (newest first, _id where two were taken at the same moment).
_ORDER: tuple[tuple[str, int | str], ...] = (("photo.taken_at", -1), ("_id", -1))


def _by(name: str, path: str, why: str) -> IndexDefinition:
    return IndexDefinition(f"{name}_taken", ((path, 1), *_ORDER), why)


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
    _by("keyword", "photo.keywords", "keyword=; one entry a keyword"),
    _by("words", "words", "q=; one entry a word"),
    _by("folder", "folders", "prefix=; one entry a folder around the photo"),
    _by("cell", "cells", "near=, bbox=, the map; five entries a place"),
    IndexDefinition("etag", (("etag", 1), ("_id", 1)), "every copy of one file"),
    IndexDefinition("extracted", (("extracted_at", -1), ("_id", -1)), "what was stored last"),
)

# Those of earlier versions, which only cost writes now.
RETIRED = ("place",)


def index_definitions(config: Config) -> tuple[IndexDefinition, ...]:
    """INDEXES, and one for each tag of INDEXED_TAGS, by its printable form."""
    return INDEXES + tuple(
        IndexDefinition(f"tag {tag}", ((f"{tag}.printable", 1),), f"query={{{tag!r}: ...}}", {"sparse": True})
        for tag in config.indexed_tags
    )
