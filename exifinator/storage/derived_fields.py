"""Derive the fields of schemas 5 and 6 from older records: local dates, places, kinds, and search terms."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from pymongo import UpdateOne

from exifinator.places.locate import locate
from exifinator.search_keys.kinds import kinds_of
from exifinator.search_keys.place_names import place_names
from exifinator.search_keys.search_text import search_terms
from exifinator.storage.mongodb import Document

_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})")


def add_derived_fields(_store: object, records: Sequence[Document]) -> Sequence[UpdateOne]:
    """Return the writes that add the fields of schema 5. Repeating the writes changes nothing."""
    return [
        UpdateOne({"_id": record["_id"]}, {"$set": fields})
        for record in records
        # Records without `photo` were stored by another program.
        if isinstance(record.get("photo"), dict) and (fields := _derived_fields(record))
    ]


def _derived_fields(record: Document) -> dict[str, Any]:
    """Return the fields to set, by path such as `photo.taken_local`."""
    photo = dict(record["photo"])
    added: dict[str, Any] = {}
    if "taken_local" not in photo and (local := local_date(photo)):
        added["taken_local"] = local
    added |= locate(photo)
    photo |= added
    fields = {f"photo.{name}": value for name, value in added.items()}
    fields |= place_names(photo)
    if kinds := kinds_of(record.get("format"), photo, record.get("ai")):
        fields["kinds"] = kinds
    return {name: value for name, value in fields.items() if record.get(name) != value}


def renew_search_terms(_store: object, records: Sequence[Document]) -> Sequence[UpdateOne]:
    """Return the writes that add the search terms of schema 6. Repeating the writes changes nothing."""
    return [
        UpdateOne({"_id": record["_id"]}, {"$set": _search_terms(record)})
        for record in records
        if isinstance(record.get("photo"), dict) and isinstance(record.get("key"), str)
    ]


def _search_terms(record: Document) -> dict[str, Any]:
    xmp, ai = (value if isinstance(value := record.get(name), dict) else {} for name in ("xmp", "ai"))
    return search_terms(record["key"], record["photo"], xmp, ai)


def local_date(photo: dict[str, Any]) -> datetime | None:
    """Return the date on the camera's clock, from `taken_at` and `taken_offset`; None if there is no date."""
    taken = photo.get("taken_at")
    if not isinstance(taken, datetime):
        return None
    taken = taken.replace(tzinfo=None)
    offset = photo.get("taken_offset")
    match = _OFFSET.fullmatch(offset) if isinstance(offset, str) else None
    if not match:
        return taken
    delta = timedelta(hours=int(match[2]), minutes=int(match[3]))
    with suppress(OverflowError):
        return taken - delta if match[1] == "-" else taken + delta
    return taken
