"""Make records of photos and sidecars, as workers store them before families are resolved."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from exifinator.families.names import TAKEOUT, XMP, family_of, file_name, links_of, original_of
from exifinator.families.resolve import Change, resolve
from exifinator.search_keys.geo_cells import cells_of_photo
from exifinator.search_keys.kinds import kinds_of
from exifinator.search_keys.place_names import place_names
from exifinator.search_keys.search_text import search_terms

VIDEOS = frozenset({"mov", "mp4"})
Record = dict[str, Any]


def photo(image_id: str, taken: datetime | None = None, **fields: Any) -> Record:
    """Return the record of a photo or video, whose format follows from its name."""
    extension = image_id.rpartition(".")[2].lower()
    extension = {"jpg": "jpeg"}.get(extension, extension)
    values: dict[str, Any] = {"media_type": "video" if extension in VIDEOS else "image", **fields}
    if taken:
        values |= {
            "taken_at": taken, "taken_local": taken, "taken_precision": "second",
            "taken_source": "EXIF DateTimeOriginal",
        }  # fmt: skip
    key = image_id.partition("/")[2]
    record = {
        "_id": image_id, "key": key, "status": "ok", "format": extension, "family": family_of(image_id),
        "photo": values, **search_terms(key, values), **place_names(values),
    }  # fmt: skip
    if cells := cells_of_photo(values):
        record["cells"] = cells
    if kinds := kinds_of(extension, values):
        record["kinds"] = kinds
    return record


def xmp(image_id: str, extension: str = "", original: str = "", **values: Any) -> Record:
    """Return the record of an XMP sidecar.

    Args:
        extension: The extension of the photo that the sidecar names, if it names one.
        original: The name of the photo whose duplicate the sidecar describes, if it describes one.
    """
    sidecar = {"kind": XMP, "values": values, **({"extension": extension} if extension else {})}
    record = _sidecar(image_id, XMP, sidecar)
    name = file_name(image_id, XMP)
    if original_name := original_of(name, original):
        sidecar["original"] = original_name
        record["links"] = [family_of(name.folder + original_name)]
    return record


def takeout(image_id: str, title: str, /, **values: Any) -> Record:
    """Return the record of a JSON sidecar from Google Takeout."""
    record = _sidecar(image_id, TAKEOUT, {"kind": TAKEOUT, "title": title, "values": values})
    if links := links_of(image_id, title):
        record["links"] = links
    return record


def _sidecar(image_id: str, kind: str, sidecar: Record) -> Record:
    return {
        "_id": image_id, "key": image_id.partition("/")[2], "status": "unsupported", "format": kind,
        "family": family_of(image_id, kind), "photo": {"media_type": "other"}, "sidecar": sidecar,
    }  # fmt: skip


def resolve_all(records: Iterable[Mapping[str, Any]]) -> dict[str, Record]:
    """Return copies of the records, by id, after the changes that `resolve` returns for them."""
    by_id = {record["_id"]: copy.deepcopy(dict(record)) for record in records}
    for image_id, change in resolve(list(by_id.values())).items():
        apply(by_id[image_id], change)
    return by_id


def apply(record: Record, change: Change) -> None:
    """Apply a change to a record in place, as MongoDB does."""
    for path, value in change.set.items():
        target, name = _target(record, path)
        target[name] = copy.deepcopy(value)
    for path in change.unset:
        target, name = _target(record, path)
        target.pop(name, None)


def _target(record: Record, path: str) -> tuple[Record, str]:
    *parents, name = path.split(".")
    for parent in parents:
        record = record[parent]
    return record, name


def owners(records: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the ids of each sidecar's photos after `resolve`, by the id of the sidecar."""
    return {
        image_id: record["sidecar"].get("of", [])
        for image_id, record in resolve_all(records).items()
        if record.get("sidecar")
    }
