"""FolderClient lists and reads local folders."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path

import pytest

from exifinator.errors import FolderUnavailable, ObjectGone
from exifinator.models import ImageRef
from exifinator.sources.folders import client as folder_client
from exifinator.sources.folders import walk
from exifinator.sources.folders.client import FolderClient
from exifinator.sources.listing import PartitionedListing
from exifinator.sources.source import Source
from tests.unit.sources.folders.library import Library, deny, write

# File names, as bytes, and the key of each.
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


@pytest.fixture
def filled(library: Library) -> Library:
    for name in FILES:
        library.write(os.fsdecode(name), name)
    return library


# --- Listing ----------------------------------------------------------------------------------------------------------


def test_list_page__unusual_file_names__are_listed_in_key_order_and_readable(filled: Library) -> None:
    assert filled.keys() == sorted(FILES.values())
    for name, key in FILES.items():
        assert filled.read(key) == name, key


@pytest.mark.parametrize("size", [1, 2, 7])
def test_list_page__small_pages__are_the_complete_listing_together(filled: Library, size: int) -> None:
    assert filled.keys(size=size) == sorted(FILES.values())


def test_list_page__start_and_prefix__select_the_matching_keys(filled: Library) -> None:
    keys = sorted(FILES.values())
    rng = random.Random(1)
    texts = ["", "a", "a/", "a0", "z", "\U0010ffff", *keys, *(key[: rng.randrange(len(key))] for key in keys)]
    for text in texts:
        assert filled.keys(after=text) == [key for key in keys if key > text]
        assert filled.keys(prefix=text) == [key for key in keys if key.startswith(text)]
        other = rng.choice(texts)
        expected = [key for key in keys if key.startswith(text) and key > other]
        assert filled.keys(prefix=text, after=other, size=2) == expected


def test_list_page__more_names_than_one_sorted_run__are_merged_in_key_order(
    filled: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "_RUN_LENGTH", 3)
    assert filled.keys(size=4) == sorted(FILES.values())


def test_list_page__next_page__does_not_scan_a_folder_again(filled: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    scans: list[int] = []
    scandir = os.scandir

    def count(descriptor: int) -> object:
        scans.append(descriptor)
        return scandir(descriptor)

    monkeypatch.setattr(os, "scandir", count)
    assert filled.keys(size=1) == sorted(FILES.values())
    assert len(scans) == 1 + len({key.rpartition("/")[0] for key in FILES.values() if "/" in key} | {"sub", "sub/..x"})


def test_listing__interrupted__can_be_resumed_by_another_client(
    filled: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_list_page = FolderClient.list_page
    monkeypatch.setattr(
        FolderClient,
        "list_page",
        lambda *args, max_keys=3, **options: real_list_page(*args, max_keys=3, **options),
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


def test_list_page__links_and_special_files__are_omitted(library: Library, tmp_path: Path) -> None:
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
def test_read_range__key_of_no_file__raises_object_gone(library: Library, tmp_path: Path, key: str) -> None:
    write(tmp_path / "outside.jpg")
    library.write("a.jpg")
    library.write("é")
    (library.folder / "sub").mkdir()
    with pytest.raises(ObjectGone):
        library.read(key)


def test_list_page__unreadable_subfolder__is_skipped_and_reported(
    library: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.jpg", "lost+found/b.jpg", "z/c.jpg"):
        library.write(name)
    deny(monkeypatch, b"lost+found")
    [page] = library.pages()
    assert [ref.key for ref in page.refs] == ["a.jpg", "z/c.jpg"]
    assert page.unlisted == ("lost+found/",)
    assert "lost+found" in caplog.text


def test_list_page__missing_folder__raises_with_the_path_and_host(library: Library) -> None:
    library.folder.rmdir()
    with pytest.raises(FolderUnavailable, match=f"{library.folder} does not exist on {socket.gethostname()}"):
        library.keys()
    library.folder.touch()
    with pytest.raises(FolderUnavailable):
        library.keys()


def test_list_page__folder_unmounted_between_pages__raises_instead_of_listing_nothing(
    library: Library, tmp_path: Path
) -> None:
    for number in range(4):
        library.write(f"{number}.jpg")
    pages = library.pages(size=2)
    next(pages)
    library.folder.rename(tmp_path / "moved")
    library.folder.mkdir()
    with pytest.raises(FolderUnavailable, match="replaced or unmounted"):
        next(pages)


def test_list_page__files_deleted_during_the_listing__are_omitted(library: Library) -> None:
    for number in range(6):
        library.write(f"{number}.jpg")
    pages = library.pages(size=2)
    first = next(pages)
    (library.folder / "3.jpg").unlink()
    (library.folder / "4.jpg").unlink()
    (library.folder / "4.jpg").mkdir()
    assert [ref.key for page in [first, *pages] for ref in page.refs] == ["0.jpg", "1.jpg", "2.jpg", "5.jpg"]


@pytest.mark.parametrize("seconds", [-86_400, 0, 32_503_680_000, 1 << 40, -(1 << 40)])
def test_list_page__extreme_modification_time__is_not_later_than_the_listing(library: Library, seconds: int) -> None:
    try:
        library.write("a.jpg", modified_ns=seconds * 10**9)
    except (OSError, OverflowError):
        pytest.skip("the file system does not store this time")
    [page] = library.pages()
    assert page.refs[0].last_modified <= page.served_at
    member = page.refs[0].to_member()
    assert ImageRef.from_member(member) == page.refs[0]


def test_close__unfinished_listings__closes_their_folders(filled: Library) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for prefix in ("", "a", "b", "c", "é", "s", "t"):
        filled.client.list_page(filled.bucket, prefix, None, max_keys=1)
    assert len(filled.client._walks) <= folder_client.MAX_OPEN_WALKS
    filled.client.close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
