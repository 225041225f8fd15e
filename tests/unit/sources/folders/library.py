"""A local folder with files, and a client that lists and reads it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exifinator.models import ImageRef, ListedPage
from exifinator.sources.folders.client import FolderClient
from exifinator.sources.folders.registry import register

# A modification time that is so long ago that the file counts as complete.
SETTLED_NS = 1_700_000_000_123_456_789


def write(path: Path, content: bytes = b"0123456789", modified_ns: int = SETTLED_NS) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(modified_ns, modified_ns))


class Library:
    """A registered folder, and a client for it."""

    def __init__(self, base: Path) -> None:
        self.root = base / "root"
        self.root.mkdir()
        self.folder = base / "photos"
        self.folder.mkdir()
        self.bucket = register(self.folder, root=self.root)
        self.client = FolderClient(root=self.root)

    def write(self, name: str, content: bytes = b"0123456789", modified_ns: int = SETTLED_NS) -> None:
        write(self.folder / name, content, modified_ns)

    def pages(self, prefix: str = "", after: str = "", size: int = 1000) -> Iterator[ListedPage]:
        token = None
        while True:
            page = self.client.list_page(self.bucket, prefix, token, start_after="" if token else after, max_keys=size)
            yield page
            token = page.next_token
            if token is None:
                return

    def keys(self, prefix: str = "", after: str = "", size: int = 1000) -> list[str]:
        return [ref.key for page in self.pages(prefix, after, size) for ref in page.refs]

    def ref(self, key: str) -> ImageRef:
        [ref] = [ref for page in self.pages(key) for ref in page.refs if ref.key == key]
        return ref

    def read(self, key: str, start: int = 0, length: int = 1000) -> bytes:
        ref = ImageRef(self.bucket, key, "", 10, datetime.now(UTC))
        return self.client.read_range(ref, start, length).data


def deny(monkeypatch: pytest.MonkeyPatch, denied: bytes, error: type[OSError] | OSError = PermissionError) -> None:
    """Make `os.open` fail for the name `denied`. File permissions would not be enough: root may run the tests."""
    real_open = os.open

    def open_(path: object, *args: int, **options: int) -> int:
        if path == denied:
            raise error(13, "Permission denied") if isinstance(error, type) else error
        return real_open(path, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", open_)
