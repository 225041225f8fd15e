"""Local folders, listed and read."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exifinator.errors import AccessDenied, FolderUnavailable, ObjectChanged, ObjectGone, SourceUnavailable
from exifinator.metadata.fetch import fetch_metadata
from exifinator.models import ImageRef, ListedPage, RangeRead
from exifinator.sources import local_files
from exifinator.sources.client import SourceClient
from exifinator.sources.folders import client as folder_client
from exifinator.sources.folders import walk
from exifinator.sources.folders.client import FolderClient
from exifinator.sources.folders.registry import register
from exifinator.sources.listing import PartitionedListing
from exifinator.sources.s3.client import S3Client
from exifinator.sources.source import Source
from tests.data import build

# Names of files, as bytes, and their keys.
FILES = {
    **{name.encode(): name for name in [
        "b.jpg", "a/b.jpg", "a.jpg", "a-b.jpg", "a0.jpg", "a/é/deep.jpg", "a/é/z", "é.jpg", ".hidden", "trailing ",
        "tab\there.jpg", "new\nline.jpg", "del\x7f.jpg", "\u201bquote.jpg", "full／width.jpg", "␀nul.jpg", "%FF.jpg",
        "a\ufffd.jpg", "x" * 255, "sub/..x/sub./p.jpg", "a😀", "a\uffff", "cr\r.jpg",
    ]},
    b"bad\xff.jpg": "bad\\xFF.jpg",
    b"bad\xfe.jpg": "bad\\xFE.jpg",
    b"caf\xe9/1.jpg": "caf\\xE9/1.jpg",
}  # fmt: skip
SETTLED_NS = 1_700_000_000_123_456_789


def write(path: Path, content: bytes = b"0123456789", modified_ns: int = SETTLED_NS) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(modified_ns, modified_ns))


class Library:
    """A folder and a client for it."""

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


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    library = Library(tmp_path)
    yield library
    library.client.close()


@pytest.fixture
def filled(library: Library) -> Library:
    for name in FILES:
        library.write(os.fsdecode(name), name)
    return library


# --- Listing ----------------------------------------------------------------------------------------------------------


def test_list_page__any_names__are_listed_in_key_order_and_read(filled: Library) -> None:
    assert filled.keys() == sorted(FILES.values())
    for name, key in FILES.items():
        assert filled.read(key) == name, key


@pytest.mark.parametrize("size", [1, 2, 7])
def test_list_page__small_pages__are_the_whole_listing(filled: Library, size: int) -> None:
    assert filled.keys(size=size) == sorted(FILES.values())


def test_list_page__any_start_and_prefix__are_part_of_the_listing(filled: Library) -> None:
    keys = sorted(FILES.values())
    chance = random.Random(1)
    texts = ["", "a", "a/", "a0", "z", "\U0010ffff", *keys, *(key[: chance.randrange(len(key))] for key in keys)]
    for text in texts:
        assert filled.keys(after=text) == [key for key in keys if key > text]
        assert filled.keys(prefix=text) == [key for key in keys if key.startswith(text)]
        other = chance.choice(texts)
        expected = [key for key in keys if key.startswith(text) and key > other]
        assert filled.keys(prefix=text, after=other, size=2) == expected


def test_list_page__more_names_than_a_run__are_merged(filled: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "_RUN_LENGTH", 3)
    assert filled.keys(size=4) == sorted(FILES.values())


def test_list_page__next_page__does_not_read_the_folder_again(filled: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    scans: list[int] = []
    scandir = os.scandir

    def count(descriptor: int) -> object:
        scans.append(descriptor)
        return scandir(descriptor)

    monkeypatch.setattr(os, "scandir", count)
    assert filled.keys(size=1) == sorted(FILES.values())
    assert len(scans) == 1 + len({key.rpartition("/")[0] for key in FILES.values() if "/" in key} | {"sub", "sub/..x"})


def test_listing__interrupted__is_resumed_in_another_process(filled: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    page_of_three = FolderClient.list_page
    monkeypatch.setattr(
        FolderClient,
        "list_page",
        lambda *args, max_keys=3, **options: page_of_three(*args, max_keys=3, **options),
    )
    listing = PartitionedListing(filled.client, Source(filled.bucket), threads=1)
    pages = listing.pages()
    first = next(pages)
    second = next(pages)
    remaining = listing.remaining()
    pages.close()

    resumed = PartitionedListing(FolderClient(root=filled.root), Source(filled.bucket), ranges=remaining, threads=1)
    rest = [ref.key for page in resumed.pages() for ref in page.refs]

    assert [ref.key for ref in first.refs] + rest == sorted(FILES.values())
    assert [ref.key for ref in second.refs] == rest[:3]


def test_list_page__links_and_special_files__are_left_out(library: Library, tmp_path: Path) -> None:
    write(tmp_path / "outside" / "secret.jpg")
    library.write("a.jpg")
    (library.folder / "link.jpg").symlink_to("a.jpg")
    (library.folder / "out.jpg").symlink_to(tmp_path / "outside" / "secret.jpg")
    (library.folder / "out").symlink_to(tmp_path / "outside")
    (library.folder / "loop").symlink_to(".")
    os.mkfifo(library.folder / "fifo.jpg")
    assert library.keys() == ["a.jpg"]
    for key in ("link.jpg", "out.jpg", "out/secret.jpg", "loop/a.jpg", "fifo.jpg", "missing.jpg", "a.jpg/b"):
        with pytest.raises(ObjectGone):
            library.read(key)


@pytest.mark.parametrize("key", ["../outside.jpg", "/etc/passwd", "sub/../a.jpg", "./a.jpg", "a.jpg/", "", "\0", "..",
                                 "\\xC3\\xA9", "x" * 300])  # fmt: skip
def test_read_range__key_that_no_file_has__is_gone(library: Library, tmp_path: Path, key: str) -> None:
    write(tmp_path / "outside.jpg")
    library.write("a.jpg")
    library.write("é")
    (library.folder / "sub").mkdir()
    with pytest.raises(ObjectGone):
        library.read(key)


def test_list_page__unreadable_subfolder__is_skipped_and_named(
    library: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.jpg", "lost+found/b.jpg", "z/c.jpg"):
        library.write(name)
    deny(monkeypatch, b"lost+found")
    [page] = library.pages()
    assert [ref.key for ref in page.refs] == ["a.jpg", "z/c.jpg"]
    assert page.unlisted == ("lost+found/",)
    assert "lost+found" in caplog.text


def deny(monkeypatch: pytest.MonkeyPatch, denied: bytes, error: type[OSError] | OSError = PermissionError) -> None:
    """Make opening a name fail. Permissions would not: the tests may run as root."""
    opened = os.open

    def open_(path: object, *args: int, **options: int) -> int:
        if path == denied:
            raise error(13, "Permission denied") if isinstance(error, type) else error
        return opened(path, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", open_)


def test_list_page__missing_folder__says_where(library: Library) -> None:
    library.folder.rmdir()
    with pytest.raises(FolderUnavailable, match=f"{library.folder} does not exist on {socket.gethostname()}"):
        library.keys()
    library.folder.touch()
    with pytest.raises(FolderUnavailable):
        library.keys()


def test_list_page__folder_unmounted_between_pages__does_not_look_empty(library: Library, tmp_path: Path) -> None:
    for number in range(4):
        library.write(f"{number}.jpg")
    pages = library.pages(size=2)
    next(pages)
    library.folder.rename(tmp_path / "moved")
    library.folder.mkdir()
    with pytest.raises(FolderUnavailable, match="replaced or unmounted"):
        next(pages)


def test_list_page__deleted_and_new_files__do_not_disturb(library: Library) -> None:
    for number in range(6):
        library.write(f"{number}.jpg")
    pages = library.pages(size=2)
    first = next(pages)
    (library.folder / "3.jpg").unlink()
    (library.folder / "4.jpg").unlink()
    (library.folder / "4.jpg").mkdir()
    assert [ref.key for page in [first, *pages] for ref in page.refs] == ["0.jpg", "1.jpg", "2.jpg", "5.jpg"]


@pytest.mark.parametrize("seconds", [-86_400, 0, 32_503_680_000, 1 << 40, -(1 << 40)])
def test_list_page__any_date__is_not_later_than_the_listing(library: Library, seconds: int) -> None:
    try:
        library.write("a.jpg", modified_ns=seconds * 10**9)
    except (OSError, OverflowError):
        pytest.skip("the file system does not store this time")
    [page] = library.pages()
    assert page.refs[0].last_modified <= page.served_at
    member = page.refs[0].to_member()
    assert ImageRef.from_member(member) == page.refs[0]


def test_close__listing_that_is_not_at_its_end__closes_its_folders(filled: Library) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for prefix in ("", "a", "b", "c", "é", "s", "t"):
        filled.client.list_page(filled.bucket, prefix, None, max_keys=1)
    assert len(filled.client._walks) <= folder_client.MAX_OPEN_WALKS
    filled.client.close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


# --- Versions ---------------------------------------------------------------------------------------------------------


def test_etag__content_time_or_file__makes_another_version(library: Library) -> None:
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


def test_read_range__another_version__is_changed(library: Library) -> None:
    library.write("a.jpg")
    etag = library.ref("a.jpg").etag
    library.write("new", modified_ns=SETTLED_NS)
    (library.folder / "new").replace(library.folder / "a.jpg")
    with pytest.raises(ObjectChanged):
        library.client.read_range(library.ref("a.jpg"), 0, 1, if_match=etag)


@pytest.mark.parametrize("change", [b"0123456789+", b"9876543210", b"0"], ids=["grown", "rewritten", "cut"])
def test_read_range__written_during_the_read__is_changed(
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
    """Replaces the file once, before the second read."""

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


@pytest.mark.parametrize(("age_seconds", "settles"), [(1, False), (-1, False), (10, True), (-10, True)])
def test_fetch__damaged_file_that_may_still_be_written__is_read_later(
    library: Library, monkeypatch: pytest.MonkeyPatch, age_seconds: int, settles: bool
) -> None:
    photo = build.jpeg(build.exif_segment(build.photo_tiff()))
    library.write("half.jpg", photo[:60])
    library.write("whole.jpg", photo)
    monkeypatch.setattr(time, "time", lambda: SETTLED_NS / 1e9 + age_seconds)
    assert fetch_metadata(library.client, library.ref("whole.jpg")).status == "ok"
    if settles:
        assert fetch_metadata(library.client, library.ref("half.jpg")).status == "damaged"
    else:
        with pytest.raises(ObjectChanged, match="still be incomplete"):
            fetch_metadata(library.client, library.ref("half.jpg"))


def test_read_range__file_of_the_same_clock_tick__is_not_a_version(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file could change again without a new modification time."""
    library.write("a.jpg")
    monkeypatch.setattr(time, "time", lambda: SETTLED_NS / 1e9 + local_files.TICK_SECONDS / 2)
    with pytest.raises(ObjectChanged):
        library.read("a.jpg")
    monkeypatch.setattr(time, "time", lambda: SETTLED_NS / 1e9 + 2 * local_files.TICK_SECONDS)
    assert library.read("a.jpg") == b"0123456789"


# --- Errors -----------------------------------------------------------------------------------------------------------


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
def test_read_range__error_of_the_system__is_translated(
    library: Library, monkeypatch: pytest.MonkeyPatch, error: OSError, expected: type[Exception]
) -> None:
    library.write("a.jpg")
    deny(monkeypatch, b"a.jpg", error)
    with pytest.raises(expected, match=str(error.strerror)) as raised:
        library.read("a.jpg")
    assert type(raised.value) is expected


def test_read_range__folder_of_another_host__names_this_host(library: Library, tmp_path: Path) -> None:
    """A worker elsewhere knows nothing of the folder, but the ETag says that the image is a file."""
    library.write("a.jpg")
    (tmp_path / "elsewhere").mkdir()

    class NoS3(S3Client):
        def __init__(self) -> None: ...

    elsewhere = SourceClient(NoS3(), FolderClient(root=tmp_path / "elsewhere"))
    with pytest.raises(FolderUnavailable, match=f"{socket.gethostname()} does not have the folder"):
        elsewhere.read_range(library.ref("a.jpg"), 0, 1)


def test_source_client__folder_and_bucket__go_to_their_clients(library: Library) -> None:
    class FakeS3(S3Client):
        def __init__(self) -> None: ...

        def endpoint(self, bucket: str) -> str:
            return f"S3 for {bucket}"

        def can_list_ranges(self, bucket: str) -> bool:
            return False

        def reload_credentials(self, bucket: str, rejected: object = None) -> bool:
            return True

    library.write("a.jpg")
    both = SourceClient(FakeS3(), library.client)
    assert both.endpoint("holiday") == "S3 for holiday"
    assert both.endpoint(library.bucket) == f"the folder {library.folder}"
    assert [ref.key for ref in both.list_page(library.bucket, "", None).refs] == ["a.jpg"]
    assert both.reload_credentials("holiday")
    assert not both.reload_credentials(library.bucket)


def test_read_range__unmounted_folder__is_not_a_missing_file(library: Library) -> None:
    library.write("a.jpg")
    ref = library.ref("a.jpg")
    (library.folder / "a.jpg").unlink()
    with pytest.raises(ObjectGone):
        library.client.read_range(ref, 0, 1)
    library.folder.rmdir()
    with pytest.raises(FolderUnavailable):
        library.client.read_range(ref, 0, 1)
