"""The cache of previews on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from api.previews.cache import PreviewCache

ENTRY = b"x" * 984  # 1,000 bytes with its digest


def used_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != "total")


def make_older(folder: Path) -> None:
    """Make all files a second older, so that the next file used is newer even if the file system rounds times."""
    for path in folder.rglob("*"):
        if path.is_file():
            status = path.stat()
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - 10**9))


def test_get__entry_from_before_a_restart__is_returned(tmp_path: Path) -> None:
    PreviewCache(tmp_path / "cache", 10_000).put("a\0b\udc80", b"picture")
    assert PreviewCache(tmp_path / "cache", 10_000).get("a\0b\udc80") == b"picture"
    assert PreviewCache(tmp_path / "cache", 10_000).get("a\0c") is None


def test_put__full_cache__drops_the_least_recently_used_entry(tmp_path: Path) -> None:
    cache = PreviewCache(tmp_path, 5000)
    for name in "abcde":
        cache.put(name, ENTRY)
        make_older(tmp_path)
    assert cache.get("a") == ENTRY  # The read makes it the entry that was used last.
    cache.put("f", ENTRY)
    assert used_bytes(tmp_path) <= 5000
    assert cache.get("a") == cache.get("f") == ENTRY
    assert cache.get("b") is None


def test_put__several_processes__stay_within_one_limit(tmp_path: Path) -> None:
    """Each cache object stands for a process. The caches share nothing but the folder."""
    caches = [PreviewCache(tmp_path, 5000) for _ in range(3)]
    for number in range(30):
        caches[number % 3].put(str(number), ENTRY)
        assert used_bytes(tmp_path) <= 5000
    assert caches[0].get("29") == ENTRY


def test_put__same_key_repeatedly__counts_once_in_the_total(tmp_path: Path) -> None:
    cache = PreviewCache(tmp_path, 5000)
    cache.put("other", ENTRY)
    for _ in range(50):
        cache.put("a", ENTRY)
    assert cache.get("other") == ENTRY
    assert (tmp_path / "total").read_text() == "2000"


def test_put__entry_longer_than_the_limit_or_cache_off__stores_nothing(tmp_path: Path) -> None:
    for limit in (0, 500):
        cache = PreviewCache(tmp_path / "none", limit)
        cache.put("a", ENTRY)
        assert cache.get("a") is None
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 40], ids=["empty", "short", "wrong digest"])
def test_get__entry_damaged_on_disk__is_deleted(tmp_path: Path, content: bytes) -> None:
    cache = PreviewCache(tmp_path, 5000)
    cache.put("a", ENTRY)
    (entry,) = (path for path in tmp_path.rglob("*") if len(path.name) == 64)
    entry.write_bytes(content)
    assert cache.get("a") is None
    assert not entry.exists()


def test_cache__wrong_total_after_a_kill__is_corrected_at_the_next_start(tmp_path: Path) -> None:
    PreviewCache(tmp_path, 5000).put("a", ENTRY)
    (tmp_path / "total").write_text("999999999")
    cache = PreviewCache(tmp_path, 5000)
    cache.put("b", ENTRY)
    assert cache.get("a") == ENTRY
    assert (tmp_path / "total").read_text() == "2000"


def test_put__temporary_file_of_a_killed_process__is_deleted_after_an_hour(tmp_path: Path) -> None:
    cache = PreviewCache(tmp_path, 2000)
    cache.put("a", ENTRY)
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    old, new = folder / "new-old", folder / "new-new"
    for path in (old, new):
        path.write_bytes(ENTRY)
    os.utime(old, (0, 0))
    PreviewCache(tmp_path, 2000).put("b", ENTRY)
    assert (old.exists(), new.exists()) == (False, True)


def test_put__folder_that_cannot_be_created__raises_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = PreviewCache(tmp_path / "file" / "cache", 5000)
    cache.put("a", ENTRY)
    assert cache.get("a") is None


def test_put__stored_files__are_readable_by_this_user_only(tmp_path: Path) -> None:
    cache = PreviewCache(tmp_path / "cache", 5000)
    cache.put("a", ENTRY)
    assert not any(path.stat().st_mode & 0o077 for path in (tmp_path / "cache").rglob("*") if len(path.name) == 64)
