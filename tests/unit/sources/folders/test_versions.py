"""Versions of local files, and errors of the operating system while files are read."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from exifinator.errors import AccessDenied, FolderUnavailable, ObjectChanged, ObjectGone, SourceUnavailable
from exifinator.metadata.fetch import fetch_metadata
from exifinator.models import ImageRef, RangeRead
from exifinator.sources import local_files
from exifinator.sources.client import SourceClient
from exifinator.sources.folders.client import FolderClient
from exifinator.sources.s3.client import S3Client
from tests.data import build
from tests.unit.sources.folders.library import SETTLED_NS, Library, deny


def test_etag__changed_content_time_or_inode__differs(library: Library) -> None:
    library.write("a.jpg")
    etags = [library.ref("a.jpg").etag]
    library.write("a.jpg", b"longer than before")
    etags.append(library.ref("a.jpg").etag)
    library.write("a.jpg", b"longer than before", SETTLED_NS + 1)
    etags.append(library.ref("a.jpg").etag)
    library.write("new", b"longer than before", SETTLED_NS + 1)
    (library.folder / "new").replace(library.folder / "a.jpg")
    etags.append(library.ref("a.jpg").etag)
    assert len(set(etags)) == 4
    assert all(local_files.is_file_etag(etag) for etag in etags)
    assert library.client.read_range(library.ref("a.jpg"), 0, 1).etag == etags[-1]


def test_read_range__another_version__raises_object_changed(library: Library) -> None:
    library.write("a.jpg")
    etag = library.ref("a.jpg").etag
    library.write("new", modified_ns=SETTLED_NS)
    (library.folder / "new").replace(library.folder / "a.jpg")
    with pytest.raises(ObjectChanged):
        library.client.read_range(library.ref("a.jpg"), 0, 1, if_match=etag)


@pytest.mark.parametrize("change", [b"0123456789+", b"9876543210", b"0"], ids=["grown", "rewritten", "truncated"])
def test_read_range__file_written_during_the_read__raises_object_changed(
    library: Library, monkeypatch: pytest.MonkeyPatch, change: bytes
) -> None:
    library.write("a.jpg")
    ref = library.ref("a.jpg")
    pread = os.pread

    def write_during(*arguments: int) -> bytes:
        (library.folder / "a.jpg").write_bytes(change)
        return pread(*arguments)

    monkeypatch.setattr(os, "pread", write_during)
    with pytest.raises(ObjectChanged):
        library.client.read_range(ref, 0, 10)


class ReplacingReader:
    """Reads through the library's client. Replaces the file with `content` before the second read."""

    def __init__(self, library: Library, content: bytes) -> None:
        self.library = library
        self.content = content
        self.reads = 0

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        self.reads += 1
        if self.reads == 2:
            self.library.write("new", self.content)
            (self.library.folder / "new").replace(self.library.folder / ref.key)
        return self.library.client.read_range(ref, start, length, if_match=if_match)


@pytest.mark.parametrize("size", [40, 4000], ids=["shorter", "longer"])
def test_fetch__file_replaced_between_two_reads__is_read_again(library: Library, size: int) -> None:
    library.write("a.jpg", build.jpeg(build.exif_segment(build.photo_tiff()), picture_bytes=500))
    new = build.jpeg(build.exif_segment(build.photo_tiff()), picture_bytes=size)
    reader = ReplacingReader(library, new)
    fetched = fetch_metadata(reader, library.ref("a.jpg"), first_read_bytes=64)
    assert reader.reads > 2
    assert (fetched.status, fetched.ref.size_bytes) == ("ok", len(new))
    assert fetched.ref.etag == library.ref("a.jpg").etag


@pytest.mark.parametrize(("age_seconds", "is_settled"), [(1, False), (-1, False), (10, True), (-10, True)])
def test_fetch__damaged_file_modified_recently__raises_object_changed(
    library: Library, monkeypatch: pytest.MonkeyPatch, age_seconds: int, is_settled: bool
) -> None:
    photo = build.jpeg(build.exif_segment(build.photo_tiff()))
    library.write("half.jpg", photo[:60])
    library.write("whole.jpg", photo)
    monkeypatch.setattr(time, "time", lambda: SETTLED_NS / 1e9 + age_seconds)
    assert fetch_metadata(library.client, library.ref("whole.jpg")).status == "ok"
    if is_settled:
        assert fetch_metadata(library.client, library.ref("half.jpg")).status == "damaged"
    else:
        with pytest.raises(ObjectChanged, match="still be incomplete"):
            fetch_metadata(library.client, library.ref("half.jpg"))


def test_read_range__file_modified_in_this_clock_tick__raises_object_changed(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within one tick of the clock, the file could change again without a new modification time."""
    library.write("a.jpg")
    monkeypatch.setattr(time, "time", lambda: SETTLED_NS / 1e9 + local_files.TICK_SECONDS / 2)
    with pytest.raises(ObjectChanged):
        library.read("a.jpg")
    monkeypatch.setattr(time, "time", lambda: SETTLED_NS / 1e9 + 2 * local_files.TICK_SECONDS)
    assert library.read("a.jpg") == b"0123456789"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (PermissionError(13, "Permission denied"), AccessDenied),
        (OSError(5, "Input/output error"), SourceUnavailable),
        (OSError(116, "Stale file handle"), SourceUnavailable),
        (OSError(24, "Too many open files"), SourceUnavailable),
        (OSError(40, "Too many levels of symbolic links"), ObjectGone),
        (FileNotFoundError(2, "No such file or directory"), ObjectGone),
    ],
    ids=lambda value: getattr(value, "strerror", ""),
)
def test_read_range__error_of_the_operating_system__is_translated(
    library: Library, monkeypatch: pytest.MonkeyPatch, error: OSError, expected: type[Exception]
) -> None:
    library.write("a.jpg")
    deny(monkeypatch, b"a.jpg", error)
    with pytest.raises(expected, match=str(error.strerror)) as raised:
        library.read("a.jpg")
    assert type(raised.value) is expected


def test_read_range__folder_of_another_host__raises_with_the_name_of_this_host(
    library: Library, tmp_path: Path
) -> None:
    """A worker on another host has no entry for the folder, but recognizes by the ETag that the image is a file."""
    library.write("a.jpg")
    (tmp_path / "elsewhere").mkdir()

    class NoS3(S3Client):
        def __init__(self) -> None: ...

    other_host = SourceClient(NoS3(), FolderClient(root=tmp_path / "elsewhere"))
    with pytest.raises(FolderUnavailable, match=f"{socket.gethostname()} does not have the folder"):
        other_host.read_range(library.ref("a.jpg"), 0, 1)


def test_source_client__folder_or_bucket__uses_the_matching_client(library: Library) -> None:
    class FakeS3(S3Client):
        def __init__(self) -> None: ...

        def endpoint(self, bucket: str) -> str:
            return f"S3 for {bucket}"

        def can_list_ranges(self, bucket: str) -> bool:
            return False

        def reload_credentials(self, bucket: str, rejected: object = None) -> bool:
            return True

    library.write("a.jpg")
    source_client = SourceClient(FakeS3(), library.client)
    assert source_client.endpoint("holiday") == "S3 for holiday"
    assert source_client.endpoint(library.bucket) == f"the folder {library.folder}"
    assert [ref.key for ref in source_client.list_page(library.bucket, "", None).refs] == ["a.jpg"]
    assert source_client.reload_credentials("holiday")
    assert not source_client.reload_credentials(library.bucket)


def test_read_range__unmounted_folder__is_distinguished_from_a_missing_file(library: Library) -> None:
    library.write("a.jpg")
    ref = library.ref("a.jpg")
    (library.folder / "a.jpg").unlink()
    with pytest.raises(ObjectGone):
        library.client.read_range(ref, 0, 1)
    library.folder.rmdir()
    with pytest.raises(FolderUnavailable):
        library.client.read_range(ref, 0, 1)
