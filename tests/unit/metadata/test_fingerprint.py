"""Copies of a file have the same fingerprint. Other files have different fingerprints."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from exifinator.metadata.fetch import fetch_metadata
from exifinator.metadata.fingerprint import add_fingerprint
from exifinator.metadata.parse import build_record
from exifinator.models import FetchedMetadata
from exifinator.sources.local_files import LocalReader, local_ref
from tests.data import build
from tests.photos import make_jpeg

PHOTO = make_jpeg(seed=1)


def fetch(folder: Path, name: str, content: bytes) -> FetchedMetadata:
    path = folder / name
    path.write_bytes(content)
    return fetch_metadata(LocalReader(), local_ref(path))


def test_fingerprint__copies_of_a_file__have_the_same_one(tmp_path: Path) -> None:
    first, second = fetch(tmp_path, "a.jpg", PHOTO), fetch(tmp_path, "b.jpg", PHOTO)
    assert first.fingerprint == second.fingerprint
    assert first.ref.etag != second.ref.etag or first.ref.key != second.ref.key


def test_fingerprint__different_files__have_different_ones(tmp_path: Path) -> None:
    large_photo = build.jpeg(build.exif_segment(build.photo_tiff()), picture_bytes=100_000)
    contents = {
        "photo": PHOTO,
        "another photo": make_jpeg(seed=2),
        "one byte more": PHOTO + b"x",
        "larger": large_photo,
        "same size, other picture": large_photo[:9_000] + b"\x01" + large_photo[9_001:],
        "text": b"notes",
        "other text": b"nodes",
    }
    fingerprints = {
        fetch(tmp_path, str(number), content).fingerprint for number, content in enumerate(contents.values())
    }
    assert len(fingerprints) == len(contents)


def test_fingerprint__empty_file__is_absent(tmp_path: Path) -> None:
    fetched = fetch(tmp_path, "empty.jpg", b"")
    assert fetched.fingerprint is None
    record = build_record(fetched)
    add_fingerprint(record, fetched)
    assert "fingerprint" not in record.document


def test_fingerprint__message_of_the_write_queue__contains_it(tmp_path: Path) -> None:
    fetched = fetch(tmp_path, "a.jpg", PHOTO)
    received = FetchedMetadata.from_bytes(fetched.to_bytes())
    assert received.fingerprint == fetched.fingerprint
    record = build_record(received)
    add_fingerprint(record, received)
    assert record.document["fingerprint"] == fetched.fingerprint
    assert FetchedMetadata.from_bytes(dataclasses.replace(fetched, fingerprint=None).to_bytes()).fingerprint is None
