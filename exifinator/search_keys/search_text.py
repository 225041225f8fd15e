"""Build the fields `words` and `search_text` of a record, which a text search (`q=`) matches."""

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
_QUERY_NAMES = {
    "camera_model": "camera", "camera_make": "camera", "lens_model": "lens", "lens_make": "lens", "title": "title",
    "headline": "headline", "keywords": "keyword", "people": "person", "creators": "creator", "artist": "creator",
    "owner": "owner",
}  # fmt: skip
_LONG_FIELDS = {"description": "description"}
# Fields of place_names() -> the name in a query.
_PLACE_FIELDS = {"countries": "country", "states": "state", "cities": "city", "places": "place"}
# Names by which a query can refer to one field.
TEXT_NAMES = frozenset({"key", *_QUERY_NAMES.values(), *_LONG_FIELDS.values(), *_PLACE_FIELDS.values()})
# Start of an XMP property in another language than the default -> the name in a query. The language follows the
# bracket.
_TRANSLATED_PROPERTIES = {"dc:title[": "title", "dc:description[": "description"}


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
    model_without_hyphens = [("camera", model.replace("-", ""))] if isinstance(model, str) and "-" in model else []
    parts = [("key", part) for part in name_parts(key)]
    terms: Terms = make_terms(_searched_values(key, photo, xmp, ai), [*parts, *model_without_hyphens])
    return {"words": terms.words, "search_text": terms.text}


def join_terms(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two results of `search_terms`. The words of `first` take precedence if a limit is reached."""
    words = dict.fromkeys([*first["words"], *(second["words"] or ())])
    lines = dict.fromkeys(
        line for terms in (first, second) for line in (terms["search_text"] or "").split(SEPARATOR) if line
    )
    text = "".join(f"{SEPARATOR}{line}" for line in lines)
    return {"words": list(words)[:MAX_WORDS], "search_text": text[: 2 * MAX_SEARCH_TEXT_CHARS]}


def _searched_values(
    key: str, photo: Mapping[str, Any], xmp: Mapping[str, Any] | None, ai: Mapping[str, Any] | None
) -> Iterator[tuple[str, str]]:
    """Yield (name in a query, value) for each value to search: key, `photo`, other languages, and the AI prompt."""
    yield "key", key
    yield from _named_strings(photo, _QUERY_NAMES)
    yield from _named_strings(place_names(photo), _PLACE_FIELDS)
    yield from _named_strings(photo, _LONG_FIELDS)
    for property_, value in (xmp or {}).items():
        for start, name in _TRANSLATED_PROPERTIES.items():
            if property_.startswith(start) and isinstance(value, str):
                yield name, value
    if ai and isinstance(prompt := ai.get("prompt"), str):
        yield "description", prompt


def _named_strings(values: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (name in a query, value) for the strings of these fields. A field may have a string or a list."""
    for field, name in names.items():
        value = values.get(field)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                yield name, item
