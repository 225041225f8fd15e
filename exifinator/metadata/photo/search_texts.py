"""The texts of a photo that a word search (`q=`) finds it by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from exifinator.metadata.photo.sources import Metadata

# In order of weight: a record has a limited number of words.
FIELDS = (
    "title", "headline", "keywords", "people", "description", "sublocation", "city", "state", "country", "creators",
    "camera_model", "lens_model",
)  # fmt: skip
# Alternatives in other languages have a language after the name.
_ALTERNATIVES = ("dc:title[", "dc:description[")


def search_texts(metadata: Metadata, photo: dict[str, Any]) -> Iterator[str]:
    """Yield the key, the texts of `photo`, and titles and descriptions in other languages."""
    yield metadata.key
    for name in FIELDS:
        value = photo.get(name)
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from value
    for name, value in metadata.xmp.items():
        if name.startswith(_ALTERNATIVES) and isinstance(value, str):
            yield value
