"""Collect the texts of a photo in which a text search (`q=`) looks for words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Fields of `photo`, most important first, because the number of words of a record is limited.
_ABOUT = ("title", "headline", "keywords", "people", "description", "sublocation", "city", "state", "country")
# Fields of `photo.place`.
_PLACE = ("name", "city", "region", "country")
_MADE_WITH = ("creators", "artist", "camera_model", "lens_model")
# XMP properties in other languages than the default. The language follows the bracket.
_ALTERNATIVES = ("dc:title[", "dc:description[")


def search_texts(
    key: str, photo: Mapping[str, Any], xmp: Mapping[str, Any] | None = None, ai: Mapping[str, Any] | None = None
) -> Iterator[str]:
    """Yield the texts to search: the key, texts of `photo`, titles and descriptions in other languages, the AI prompt.

    Args:
        key: The object's key.
        photo: The field `photo` of a record.
        xmp: The field `xmp`.
        ai: The field `ai`.
    """
    yield key
    yield from _texts(photo, _ABOUT)
    place = photo.get("place")
    if isinstance(place, dict):
        yield from _texts(place, _PLACE)
    yield from _texts(photo, _MADE_WITH)
    for name, value in (xmp or {}).items():
        if name.startswith(_ALTERNATIVES) and isinstance(value, str):
            yield value
    if ai and isinstance(prompt := ai.get("prompt"), str):
        yield prompt


def _texts(values: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    """Yield the texts of these fields. A field may have a text or a list of texts."""
    for name in names:
        value = values.get(name)
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, str))
