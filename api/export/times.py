"""Write times in exports: always with the same number of characters, and in UTC except for local times.

Programs such as pandas guess the format of a column from its first value, and if other values differ from it, read them
as text.
"""

from __future__ import annotations

from datetime import datetime

from api.database import FILE_FIELDS, Document


def local_text(value: datetime) -> str:
    """Return a time on the camera's clock: `2024-05-11T18:01:02.000`."""
    return value.isoformat(timespec="milliseconds")


def utc_text(value: datetime) -> str:
    """Return a time in UTC, as all times in MongoDB are: `2024-05-11T16:01:02.000Z`."""
    return f"{local_text(value)}Z"


def with_utc(photo: Document) -> Document:
    """Add `taken_utc` to the field `photo` of a record, unless it is unknown because the camera's offset is unknown."""
    return {**photo, "taken_utc": photo.get("taken_at")} if photo.get("taken_offset") else photo


def times_as_text(record: Document) -> Document:
    """Return the field `photo` of a record for an export, with all times as strings; {} if there is no such field.

    `taken_at` has a Z if it is in UTC, and none if it is a local time.
    """
    photo = record.get("photo")
    if not isinstance(photo, dict):
        return {}
    photo = with_utc(photo)
    is_utc = "taken_utc" in photo
    to_text = {"taken_at": utc_text if is_utc else local_text, "taken_utc": utc_text, "taken_local": local_text}
    times = {name: write(time) for name, write in to_text.items() if isinstance(time := photo.get(name), datetime)}
    return {**photo, **times}


def file_fields(record: Document) -> Document:
    """Return the FILE_FIELDS of a record for an export, with all times as strings."""
    fields = {name: record[name] for name in FILE_FIELDS if name in record}
    return {name: utc_text(value) if isinstance(value, datetime) else value for name, value in fields.items()}
