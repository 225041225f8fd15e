"""Batches over local folders: detecting changed files, and pruning."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exifinator.batches.prune import find_orphans, remove_orphans
from exifinator.errors import SourceUnavailable
from exifinator.metadata.parse import empty_record
from exifinator.sources.client import SourceClient
from exifinator.sources.folders.client import FolderClient
from exifinator.sources.folders.registry import register
from exifinator.sources.source import Source
from tests.integration.conftest import Installation
from tests.photos import make_jpeg

# Modification time of all files, as a Unix time.
SECOND = 1_700_000_000


class Library:
    """A local folder registered as a bucket of an installation. Its images are indexed in this process."""

    def __init__(self, installation: Installation, base: Path) -> None:
        self.installation = installation
        self.folder = base / "photos"
        self.folder.mkdir()
        (base / "root").mkdir()
        self.bucket = register(self.folder, root=base / "root")
        self.client = SourceClient(installation.s3, FolderClient(root=base / "root"))
        installation.s3 = self.client  # type: ignore[assignment]

    def write(self, name: str, make: str, *, nanoseconds: int = 0) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        (self.folder / "new").write_bytes(make_jpeg(make))
        os.utime(self.folder / "new", ns=(0, SECOND * 10**9 + nanoseconds))
        (self.folder / "new").replace(path)

    def run(self) -> dict[str, int]:
        """Run a batch, and return its counts of listed, stored and unchanged images."""
        counts = self.installation.finish_here(self.installation.queue_batch(self.bucket)).as_dict()
        return {name: counts[name] for name in ("listed", "stored", "unchanged")}

    def makes(self) -> dict[str, str]:
        """Return the camera make of each record, by key. Tests rewrite a file with another make."""
        records = self.installation.records(self.bucket)
        return {key: record["photo"]["camera_make"] for key, record in records.items()}

    def prune(self) -> tuple[int, int]:
        store, queue = self.installation.store, self.installation.queue
        with find_orphans([Source(self.bucket)], self.client, store, queue, on_progress=lambda listed: None) as orphans:
            return remove_orphans(orphans, store)


@pytest.fixture
def library(installation: Installation, tmp_path: Path) -> Library:
    return Library(installation, tmp_path)


def test_batch__file_replaced_by_one_of_equal_size_and_second__indexes_it_again(library: Library) -> None:
    for name in ("a.jpg", os.fsdecode(b"caf\xe9.jpg"), "sub/c.jpg"):
        library.write(name, "SONY")
    assert library.run() == {"listed": 3, "stored": 3, "unchanged": 0}
    assert library.run() == {"listed": 3, "stored": 0, "unchanged": 3}

    library.write("a.jpg", "FUJI", nanoseconds=1)
    library.write(os.fsdecode(b"caf\xe9.jpg"), "NIKO")

    assert library.run() == {"listed": 3, "stored": 2, "unchanged": 1}
    assert library.makes() == {"a.jpg": "FUJI", "caf\\xE9.jpg": "NIKO", "sub/c.jpg": "SONY"}


def test_batch__record_without_an_etag__counts_as_unchanged(library: Library) -> None:
    """Records that were read through rclone have no ETag."""
    library.write("a.jpg", "SONY")
    library.run()
    library.installation.store.records.collection.update_many({"bucket": library.bucket}, {"$set": {"etag": ""}})
    assert library.run() == {"listed": 1, "stored": 0, "unchanged": 1}


def test_prune__subfolder_cannot_be_read__keeps_its_records(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.jpg", "closed/b.jpg", "closed-not/c.jpg", "z/last.jpg", "z.jpg"):
        library.write(name, "SONY")
    library.run()
    for name in ("closed-not/c.jpg", "closed/b.jpg", "z.jpg"):
        (library.folder / name).unlink()
    opened = os.open

    def deny(path: object, *args: int, **options: int) -> int:
        if path in (b"closed", b"z"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", deny)
    assert library.prune() == (2, 0)
    assert set(library.makes()) == {"a.jpg", "closed/b.jpg", "z/last.jpg"}


def test_prune__folder_is_unmounted_during_the_listing__removes_nothing(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        library.write(name, "SONY")
    library.run()
    list_page = library.client.list_page

    def list_one(bucket: str, prefix: str, token: str | None, **options: object) -> object:
        page = list_page(bucket, prefix, token, start_after=str(options.get("start_after", "")), max_keys=1)
        if token is None:
            library.folder.rename(library.folder.with_name("unmounted"))
            library.folder.mkdir()
        return page

    monkeypatch.setattr(library.client, "list_page", list_one)
    monkeypatch.setattr("exifinator.sources.page_fetcher.ATTEMPTS_PER_PAGE", 1)
    with pytest.raises(SourceUnavailable, match="replaced or unmounted"):
        library.prune()
    assert len(library.makes()) == 3


def test_prune__file_has_a_future_time__keeps_its_record(library: Library) -> None:
    library.write("a.jpg", "SONY")
    library.write("future.jpg", "SONY")
    os.utime(library.folder / "future.jpg", (0, 32_503_680_000))
    assert library.run() == {"listed": 2, "stored": 2, "unchanged": 0}
    gone = replace(library.client.list_page(library.bucket, "", None).refs[0], key="gone.jpg", size_bytes=0)
    record = empty_record(gone)
    record.document["extracted_at"] = datetime(2024, 1, 1, tzinfo=UTC)
    assert library.installation.store.records.upsert([record]) == [None]
    assert library.prune() == (1, 0)
    assert set(library.makes()) == {"a.jpg", "future.jpg"}
