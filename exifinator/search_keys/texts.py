"""Collect the texts of a photo in which a text search (`q=`) looks for words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from exifinator.search_keys.place_names import place_names
from exifinator.search_keys.terms import (
    MAX_SEARCH_TEXT_CHARS,
    MAX_WORDS,
    SEPARATOR,
    Terms,
    make_terms,
    name_parts,
)

# Fields of `photo` -> the name by which a query refers to the field (`camera:x-t4`). Most important first, because the
# number of words of a record is limited.
_NAMES = {
    "camera_model": "camera", "camera_make": "camera", "lens_model": "lens", "lens_make": "lens", "title": "title",
    "headline": "headline", "keywords": "keyword", "people": "person", "creators": "creator", "artist": "creator",
    "owner": "owner",
}  # fmt: skip
_LONG = {"description": "description"}
# Fields of place_names() -> the name in a query.
_PLACES = {"countries": "country", "states": "state", "cities": "city", "places": "place"}
# Names by which a query can refer to one kind of text.
TEXT_NAMES = frozenset({"key", *_NAMES.values(), *_LONG.values(), *_PLACES.values()})
# XMP properties in other languages than the default. The language follows the bracket.
_ALTERNATIVES = {"dc:title[": "title", "dc:description[": "description"}


def search_terms(
    key: str, photo: Mapping[str, Any], xmp: Mapping[str, Any] | None = None, ai: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the fields of a record in which a text search looks: `words` and `search_text`.

    Args:
        key: The object's key.
        photo: The field `photo` of a record.
        xmp: The field `xmp`.
        ai: The field `ai`.
    """
    model = photo.get("camera_model")
    # People write XT4 for X-T4.
    joined = [("camera", model.replace("-", ""))] if isinstance(model, str) and "-" in model else []
    parts = [("key", part) for part in name_parts(key)]
    terms: Terms = make_terms(_search_texts(key, photo, xmp, ai), [*parts, *joined])
    return {"words": terms.words, "search_text": terms.text}


def join_terms(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return the search terms that contain those of two sets, as `search_terms` returns them, within its limits."""
    words = dict.fromkeys([*first["words"], *(second["words"] or ())])
    lines = dict.fromkeys(
        line for terms in (first, second) for line in (terms["search_text"] or "").split(SEPARATOR) if line
    )
    text = "".join(f"{SEPARATOR}{line}" for line in lines)
    return {"words": list(words)[:MAX_WORDS], "search_text": text[: 2 * MAX_SEARCH_TEXT_CHARS]}


def _search_texts(
    key: str, photo: Mapping[str, Any], xmp: Mapping[str, Any] | None, ai: Mapping[str, Any] | None
) -> Iterator[tuple[str, str]]:
    """Yield the texts to search, each with its name: key, texts of `photo`, other languages, the AI prompt."""
    yield "key", key
    yield from _texts(photo, _NAMES)
    yield from _texts(place_names(photo), _PLACES)
    yield from _texts(photo, _LONG)
    for property_, value in (xmp or {}).items():
        for start, name in _ALTERNATIVES.items():
            if property_.startswith(start) and isinstance(value, str):
                yield name, value
    if ai and isinstance(prompt := ai.get("prompt"), str):
        yield "description", prompt


def _texts(values: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the texts of these fields. A field may have a text or a list of texts."""
    for field, name in names.items():
        value = values.get(field)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                yield name, item
