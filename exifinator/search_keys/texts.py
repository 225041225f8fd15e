"""The texts of a photo that a word search (`q=`) finds it by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# In order of weight: a record has a limited number of words.
_ABOUT = ("title", "headline", "keywords", "people", "description", "sublocation", "city", "state", "country")
_PLACE = ("name", "city", "region", "country")
_MADE_WITH = ("creators", "artist", "camera_model", "lens_model")
# Alternatives in other languages have a language after the name.
_ALTERNATIVES = ("dc:title[", "dc:description[")


def search_texts(
    key: str, photo: Mapping[str, Any], xmp: Mapping[str, Any] | None = None, ai: Mapping[str, Any] | None = None
) -> Iterator[str]:
    """Yield the key, the texts of `photo`, titles and descriptions in other languages, and the prompt of an image."""
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
    for name in names:
        value = values.get(name)
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, str))
