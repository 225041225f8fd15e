"""Find the photos of each sidecar by the rules of the programs that write sidecars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from exifinator.families.names import TAKEOUT, XMP, FileName, file_name, matches_takeout, original_of, photo_names
from exifinator.models import TAKEN_FROM_FILE_NAME
from exifinator.search_keys.kinds import RAW_FORMATS

Record = Mapping[str, Any]

# Two files of one exposure have the same time, but one file may contain it rounded.
SAME_EXPOSURE = timedelta(seconds=1)


def sidecar_kind(record: Record) -> str:
    """Return XMP or TAKEOUT; an empty string if the record is not a sidecar."""
    sidecar = record.get("sidecar")
    kind = sidecar.get("kind") if isinstance(sidecar, Mapping) else None
    return kind if kind in (XMP, TAKEOUT) else ""


def is_photo(record: Record) -> bool:
    """Return whether a record is a photo or video, to which sidecars can belong."""
    return not sidecar_kind(record) and record.get("status") != "unsupported"


def is_raw(record: Record) -> bool:
    return record.get("format") in RAW_FORMATS


def is_picture(record: Record) -> bool:
    """Return whether a photo is neither a RAW file nor a video."""
    return not is_raw(record) and not is_video(record)


def is_video(record: Record) -> bool:
    return own_photo(record).get("media_type") == "video"


def find_photos(records: Sequence[Record]) -> dict[str, list[str]]:
    """Match the sidecars among the records with their photos.

    Args:
        records: All records of one family or of several families.

    Returns:
        Id of a sidecar -> the sorted ids of the photos that it belongs to.
    """
    photos = [(record, file_name(record["_id"])) for record in records if is_photo(record)]
    photo_ids_by_sidecar: dict[str, list[str]] = {}
    described: set[str] = set()
    takeout: list[tuple[Record, FileName]] = []
    for record in records:
        kind = sidecar_kind(record)
        if kind == XMP:
            photo_ids_by_sidecar[record["_id"]] = _photos_of_xmp(record, file_name(record["_id"], XMP), photos)
        elif kind == TAKEOUT:
            name = file_name(record["_id"], TAKEOUT)
            takeout.append((record, name))
            ids = _photos_of_takeout(record, name, photos)
            photo_ids_by_sidecar[record["_id"]] = ids
            described.update(ids)
    # An edited copy has the sidecar of its original, unless it has its own sidecar.
    for record, name in photos:
        if name.is_edit and record["_id"] not in described:
            for sidecar in _sidecars_of_original(name, takeout):
                photo_ids_by_sidecar[sidecar].append(record["_id"])
    return {sidecar: sorted(ids) for sidecar, ids in photo_ids_by_sidecar.items()}


def _photos_of_xmp(record: Record, name: FileName, photos: Sequence[tuple[Record, FileName]]) -> list[str]:
    """Return the photos of `NAME.EXT.xmp`, of `NAME_01.EXT.xmp` (a duplicate in darktable), or of `NAME.xmp`.

    `NAME.xmp` belongs to the file whose extension it names, else to the RAW file of its name, else to all pictures of
    its name, else to the videos. A picture of the same exposure as the RAW file is the same photo.
    """
    if name.extension:
        names = (name.name, original_of(name, str(record["sidecar"].get("original", ""))))
        by_name, by_original = (
            [photo["_id"] for photo, other in photos if _share_folder(other, name) and other.name == photo_name]
            for photo_name in names
        )
        return by_name or by_original
    same_name = [(photo, other) for photo, other in photos if _share_folder(other, name) and _base(other) == name.name]
    extension = record["sidecar"].get("extension")
    if extension:
        chosen = [photo for photo, other in same_name if other.extension == extension]
    else:
        candidates = [photo for photo, _ in same_name]
        chosen = [*filter(is_raw, candidates)] or [*filter(is_picture, candidates)] or candidates
    raws = [photo for photo in chosen if is_raw(photo)]
    companions = [
        photo
        for photo, _ in same_name
        if photo not in chosen and is_picture(photo) and any(is_same_exposure(photo, raw) for raw in raws)
    ]
    return [photo["_id"] for photo in (*chosen, *companions)]


def _photos_of_takeout(record: Record, name: FileName, photos: Sequence[tuple[Record, FileName]]) -> list[str]:
    """Return the photos of a sidecar of Takeout: usually one, or none if it is not certain which one."""
    title = str(record["sidecar"].get("title", ""))
    near = [(photo, other) for photo, other in photos if _share_folder(other, name)]
    matching = [(photo, other) for photo, other in near if matches_takeout(other, name, title)]
    if not matching and not name.extension and not name.truncated:
        # If the title has no extension, only the name of the photo's file has one.
        matching = [(photo, other) for photo, other in near if _base(other) == _with_number(name.name, name)]
    return [photo["_id"] for photo, _ in matching] if len(matching) == 1 else []


def _sidecars_of_original(edit: FileName, takeout: Sequence[tuple[Record, FileName]]) -> list[str]:
    """Return the ids of the sidecars that describe the original of an edited copy."""
    originals = [
        (record["_id"], name)
        for record, name in takeout
        if _share_folder(edit, name)
        and not name.is_edit
        and edit.stem in {stem for stem, number in _stems(record, name) if number == edit.number}
    ]
    same_format = [sidecar for sidecar, name in originals if name.extension == edit.extension]
    return same_format or ([originals[0][0]] if len(originals) == 1 else [])


def _stems(record: Record, name: FileName) -> list[tuple[str, int]]:
    """Return the stems and numbers that the photo of a sidecar may have."""
    titles = photo_names(str(record["sidecar"].get("title", "")), name) if name.truncated else []
    names = [file_name(name.folder + title) for title in titles]
    return [(name.stem, name.number), *((other.stem, other.number) for other in names)]


def _share_folder(photo: FileName, sidecar: FileName) -> bool:
    return photo.folder == sidecar.folder


def _base(name: FileName) -> str:
    """Return the name without its extension."""
    return name.name.removesuffix(f".{name.extension}") if name.extension else name.name


def _with_number(text: str, name: FileName) -> str:
    return f"{text}({name.truncated_number})" if name.truncated_number else text


def own_photo(record: Record) -> dict[str, Any]:
    """Return the field `photo` of the file itself, without values from sidecars."""
    own = record.get("own")
    photo = own.get("photo") if isinstance(own, Mapping) else record.get("photo")
    return dict(photo) if isinstance(photo, Mapping) else {}


def is_same_exposure(a: Record, b: Record) -> bool:
    """Return whether two files of one name were taken at the same time. Without exact dates, assume it."""
    first, second = exact_time(a), exact_time(b)
    return first is None or second is None or abs(first - second) <= SAME_EXPOSURE


def exact_time(record: Record) -> datetime | None:
    """Return the time on the camera's clock; None if the file itself has no time with seconds."""
    photo = own_photo(record)
    local = photo.get("taken_local")
    is_exact = photo.get("taken_precision", "second") == "second" and photo.get("taken_source") != TAKEN_FROM_FILE_NAME
    return local.replace(tzinfo=None) if isinstance(local, datetime) and is_exact else None
