"""Test data of the browser tests: the demo's photos in a reduced size, and records with hostile texts."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from exifinator.config import Config
from exifinator.demo import render
from exifinator.demo.shots import Shot, plan_shots
from exifinator.metadata.fetch import fetch_metadata
from exifinator.metadata.parse import build_record
from exifinator.models import ExifRecord
from exifinator.search_keys.folders import folders_of
from exifinator.search_keys.geo_cells import cells_of
from exifinator.sources.local_files import LocalReader, local_ref
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from tests.data.movie import APPLE, SOUND, TURNED, movie, track
from tests.servers import SHARED_PHOTOS

# Photos from real cameras, which have more tags than generated ones.
REAL_PHOTOS = (
    "jpg/Canon_40D.jpg", "jpg/gps/DSCN0010.jpg", "jpg/long_description.jpg", "jpg/corrupted.jpg", "heic/IMG_5195.HEIC",
    "formats/Nikon.nef", "formats/CanonRaw.cr3", "formats/DNG.dng", "formats/GIF.gif", "jpg/orientation/portrait_6.jpg",
)  # fmt: skip


def store_demo(config: Config) -> int:
    """Index the demo's photos and REAL_PHOTOS into the configured database. Return the number of records."""
    with tempfile.TemporaryDirectory() as folder:
        records = [*_read_demo(Path(folder)), *_read_real()]
    with connect_mongodb(config) as client:
        store = Store(client, config)
        store.ensure_indexes()
        outcomes = store.records.upsert(records)
    assert not any(outcomes), outcomes
    return len(records)


def _read_demo(folder: Path) -> Iterator[ExifRecord]:
    for shot in plan_shots():
        path = folder / shot.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(render(_shrink(shot)))
        yield _read(path, "demo", shot.path)
    clip = movie(track(matrix=TURNED), SOUND, APPLE)
    files = {"Unsorted/IMG_0000.JPG": b"", "Unsorted/notes.jpg": b"Shot list for Lofoten\n", "Unsorted/clip.MOV": clip}
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        yield _read(path, "demo", name)


def _shrink(shot: Shot) -> Shot:
    """Return the shot with a quarter of its width and height.

    Rendering it takes a sixth of the time, and its thumbnail looks the same.
    """
    width, height = shot.camera.size
    return dataclasses.replace(shot, camera=dataclasses.replace(shot.camera, size=(width // 4, height // 4)))


def _read_real() -> Iterator[ExifRecord]:
    for name in REAL_PHOTOS:
        if (SHARED_PHOTOS / name).exists():
            yield _read(SHARED_PHOTOS / name, "cameras", name)


def _read(path: Path, bucket: str, key: str) -> ExifRecord:
    fetched = fetch_metadata(LocalReader(), local_ref(path))
    ref = dataclasses.replace(fetched.ref, bucket=bucket, key=key)
    return build_record(dataclasses.replace(fetched, ref=ref))


MARKUP = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'
LINK = "javascript:document.title='owned'"
# The right-to-left override makes the name look like that of a JPEG. The control characters set a terminal's colour and
# ring its bell. The zero-width space and the isolate are invisible.
HIDDEN = "evil\u202egpj.exe\x1b[31m\x07\u200b\u2066x"
QUOTES = "\"'`&lt;&amp;{{settings}}${1+1}"
LONG = "A" * 1_000_000
HOSTILE_TEXTS = {"markup": MARKUP, "link": LINK, "hidden": HIDDEN, "quotes": QUOTES}


def store_hostile(config: Config) -> None:
    """Store records with each of the hostile texts, and a record with a tag of a megabyte."""
    documents = [_hostile(name, text, index) for index, (name, text) in enumerate(HOSTILE_TEXTS.items())]
    long = _hostile("long", "long", len(documents))
    long["EXIF UserComment"] = {"printable": LONG, "tag": 37510, "field_type": 7, "values": LONG}
    long["photo"]["description"] = LONG[:60_000]
    with connect_mongodb(config) as client:
        store = Store(client, config)
        store.ensure_indexes()
        # The database may have the records already, if an earlier attempt to start the API took too long.
        store.records.collection.delete_many({})
        store.records.collection.insert_many([*documents, long])


def store_stacks(config: Config) -> None:
    """Store a RAW file with its JPEG, a burst of three photos, and a photo that is in no stack."""
    burst = {"id": "b/burst0.jpg", "role": "burst", "count": 3}
    pair = {"id": "b/pair.jpg", "count": 2}
    members: list[tuple[str, dict[str, Any] | None]] = [
        ("pair.jpg", {**pair, "role": "photo", "primary": True}),
        ("pair.cr2", {**pair, "role": "raw", "primary": False}),
        *((f"burst{number}.jpg", {**burst, "primary": number == 0}) for number in range(3)),
        ("alone.jpg", None),
    ]
    documents = []
    for index, (key, stack) in enumerate(members):
        taken = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=index)
        photo = {"media_type": "image", "taken_at": taken, "taken_local": taken, "camera_model": "R5"}
        base = {"_id": f"b/{key}", "bucket": "b", "key": key, "etag": key, "size": 1, "format": key[-3:]}
        documents.append({**base, "status": "ok", "photo": photo, **({"stack": stack} if stack else {})})
    with connect_mongodb(config) as client:
        store = Store(client, config)
        store.ensure_indexes()
        store.records.collection.delete_many({})
        store.records.collection.insert_many(documents)


def _hostile(name: str, text: str, index: int) -> dict[str, Any]:
    key = f"{text}/{name} {text}.jpg"[:900]
    return {
        "_id": f"hostile/{key}",
        "bucket": "hostile",
        "key": key,
        "etag": text[:200],
        "size": 1000 + index,
        "last_modified": datetime(2025, 1, 1, tzinfo=UTC),
        "format": "jpeg",
        "status": "ok",
        "problem": text[:300],
        "extracted_at": datetime(2026, 1, 1, tzinfo=UTC),
        "extractor_version": 1,
        "photo": {
            "taken_at": datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=index),
            "taken_local": datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=index),
            "camera_make": text,
            "camera_model": text,
            "lens_model": text,
            "iso": 100,
            "width_pixels": 4000,
            "height_pixels": 3000,
            "keywords": [text, "plain"],
            "description": text,
            "artist": text,
            "copyright": text,
            "software": text,
            "location": {"type": "Point", "coordinates": [10.0 + index, 50.0]},
        },
        f"Image {text[:100].replace('.', '_').replace('$', '_')}": {
            "printable": text,
            "tag": 1,
            "values": [text, text],
        },
        "Image ImageDescription": {"printable": text, "tag": 270, "field_type": 2, "values": text},
        "xmp": {"dc:title": {"x-default": text}, text.replace(".", "_").replace("$", "_"): [text, {"a": text}]},
        "iptc": {"Headline": text},
        "words": ["hostile", name],
        "folders": folders_of(f"hostile/{key}"),
        "cells": cells_of(10.0 + index, 50.0),
    }
