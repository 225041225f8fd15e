"""Compute the fields of a family's records that depend on the other records: merged values, sidecars and stacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from exifinator.families.merge import Sidecar, merge
from exifinator.families.names import TAKEOUT, XMP, file_name, original_of
from exifinator.families.sidecars import Record, find_photos, is_photo, own_photo, sidecar_kind
from exifinator.families.stacks import find_stacks
from exifinator.search_keys.geo_cells import cells_of_photo
from exifinator.search_keys.kinds import kinds_of
from exifinator.search_keys.place_names import PLACE_LISTS, place_names
from exifinator.search_keys.search_text import join_terms, search_terms

# The fields of a record that `resolve` reads. Other fields may be large, so they are not fetched.
FIELDS = (
    "key", "status", "format", "etag", "extracted_at", "delivered_at", "family", "links", "series", "photo", "own",
    "words", "search_text", "cells", "kinds", *PLACE_LISTS, "ai.generated", "ai.prompt", "sidecar", "sidecars", "stack",
)  # fmt: skip


@dataclass(slots=True)
class Change:
    """The update that a record needs.

    Attributes:
        set: New values, by field.
        unset: Fields to remove.
    """

    set: dict[str, Any] = field(default_factory=dict)
    unset: list[str] = field(default_factory=list)


def resolve(records: Sequence[Record]) -> dict[str, Change]:
    """Return the changes that the records of a family need, by id. Leave out records that need no change.

    The result depends only on the fields that the records have from their own files, so it is the same whichever record
    was stored first, and repeating it changes nothing.

    Args:
        records: All records that have a key in common, with the fields in FIELDS.
    """
    records = sorted(records, key=lambda record: str(record["_id"]))
    photo_ids_by_sidecar, stacks = find_photos(records), find_stacks(records)
    sidecars_of: dict[str, list[Record]] = {}
    for record in records:
        for photo_id in photo_ids_by_sidecar.get(record["_id"], ()):
            sidecars_of.setdefault(photo_id, []).append(record)
    changes: dict[str, Change] = {}
    for record in records:
        if sidecar_kind(record):
            desired: dict[str, Any] = {"sidecar.of": photo_ids_by_sidecar[record["_id"]] or None}
        elif is_photo(record):
            desired = _merged_fields(record, sidecars_of.get(record["_id"], []))
            desired["stack"] = stacks.get(record["_id"])
        else:
            continue
        if change := _difference(record, desired):
            changes[record["_id"]] = change
    return changes


def _merged_fields(record: Record, sidecar_records: Sequence[Record]) -> dict[str, Any]:
    """Return the fields that a photo must have with these sidecars. None means that the field must be absent."""
    sidecars = [
        Sidecar(sidecar["_id"], sidecar_kind(sidecar), sidecar["sidecar"].get("values") or {})
        for sidecar in sorted(sidecar_records, key=_merge_order)
    ]
    own = own_photo(record)
    photo, fields = merge(own, sidecars)
    is_merged = any(fields)
    sidecar_entries = [
        {"id": sidecar.id, "kind": sidecar.kind, "fields": names_of_fields}
        for sidecar, names_of_fields in zip(sidecars, fields, strict=True)
    ]
    if not is_merged and "own" not in record:
        return {"sidecars": sidecar_entries or None}
    stored = record.get("own") or record
    own_terms = {name: stored.get(name) for name in ("words", "search_text")}
    ai = record.get("ai")
    terms = own_terms
    if is_merged:
        # Keep the words from the file too, because they include titles in other languages.
        terms = join_terms(search_terms(str(record.get("key", "")), photo, None, ai), own_terms)
    names = place_names(photo)
    return {
        "sidecars": sidecar_entries or None,
        "own": {"photo": own, **own_terms} if is_merged else None,
        "photo": photo,
        **terms,
        "cells": cells_of_photo(photo) or None,
        "kinds": kinds_of(record.get("format"), photo, ai) or None,
        **{name: names.get(name) for name in PLACE_LISTS},
    }


def _merge_order(sidecar: Record) -> tuple[int, str]:
    """Return the sort key of a sidecar. Later ones take precedence: Takeout, duplicates, `NAME.xmp`, `NAME.EXT.xmp`."""
    if sidecar_kind(sidecar) == TAKEOUT:
        return 0, sidecar["_id"]
    name = file_name(sidecar["_id"], XMP)
    if original_of(name, str(sidecar["sidecar"].get("original", ""))):
        return 1, sidecar["_id"]
    return (3 if name.extension else 2), sidecar["_id"]


def _difference(record: Record, desired: Mapping[str, Any]) -> Change | None:
    """Return the change to the desired fields; None if the record has them already.

    If one field differs, set all of them: another process may have stored the record again since it was read, and the
    fields must agree with each other.
    """
    if all(_value(record, path) == value for path, value in desired.items()):
        return None
    change = Change()
    for path, value in desired.items():
        if value is None:
            change.unset.append(path)
        else:
            change.set[path] = value
    return change


def _value(record: Record, path: str) -> Any:
    value: Any = record
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
