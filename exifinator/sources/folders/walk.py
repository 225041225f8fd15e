"""Walk through a folder in key order, starting after any key.

Only the names in one folder, and in the folders that contain it, are in memory, in a compact form: 1,000,000 names of
20 characters take 25 MB. Symbolic links and special files are left out. Folders are opened one inside the other, so a
folder that is replaced by a symbolic link during the walk is not followed either.
"""

from __future__ import annotations

import heapq
import logging
import os
import stat as stat_module
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exifinator.sources.folders.names import to_key, to_name

log = logging.getLogger(__name__)

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Sort at most this many names at a time, and then merge the sorted runs. Runs that wait for the merge are stored as one
# string each, because a million separate strings take 80 MB.
_RUN_LENGTH = 100_000
# Separates the names in such a string. No file name contains it.
_SEPARATOR = "\0"


@dataclass(slots=True)
class _Level:
    """A folder that the walk is in.

    Attributes:
        descriptor: The open folder.
        key: The key of the folder, which ends with a slash; "" for the root.
        entries: The keys of its files and, each with a slash at the end, of its subfolders, relative to `key`.
    """

    descriptor: int
    key: str
    entries: Iterator[str]


class FolderWalk:
    """An iterator over the regular files of a folder and its subfolders, in key order, as pairs of key and stat.

    Args:
        folder: The folder.
        prefix: Leave out files whose keys do not start with this.
        after: Leave out files whose keys are not greater than this.

    Attributes:
        skipped: Keys, each with a slash at the end, of the subfolders that could not be read so far.

    Raises:
        OSError: The folder cannot be opened.
    """

    def __init__(self, folder: Path, *, prefix: str = "", after: str = "") -> None:
        self.skipped: list[str] = []
        self._prefix = prefix
        self._after = after
        self._levels: list[_Level] = []
        self._enter(os.open(folder, OPEN_FOLDER & ~os.O_NOFOLLOW), "")

    def __iter__(self) -> Iterator[tuple[str, os.stat_result]]:
        return self

    def __next__(self) -> tuple[str, os.stat_result]:
        while self._levels:
            level = self._levels[-1]
            entry = next(level.entries, None)
            if entry is None:
                os.close(self._levels.pop().descriptor)
            elif entry.endswith("/"):
                self._enter_subfolder(level, entry)
            else:
                try:
                    status = os.stat(to_name(entry), dir_fd=level.descriptor, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if stat_module.S_ISREG(status.st_mode):
                    return level.key + entry, status
        raise StopIteration

    def close(self) -> None:
        """Close all folders. The walk is at its end afterwards."""
        while self._levels:
            os.close(self._levels.pop().descriptor)

    def __del__(self) -> None:
        self.close()

    def _enter_subfolder(self, parent: _Level, entry: str) -> None:
        """Continue with a subfolder. Skip it if it cannot be read, such as lost+found, or has disappeared."""
        key = parent.key + entry
        try:
            self._enter(os.open(to_name(entry[:-1]), OPEN_FOLDER, dir_fd=parent.descriptor), key)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as exc:
            log.warning("skip: the folder %s cannot be read: %s", key, exc.strerror, extra={"action": "skip"})
            self.skipped.append(key)

    def _enter(self, descriptor: int, key: str) -> None:
        try:
            # Without the permission to search a folder, its names can be listed, but its files cannot be read.
            os.stat(".", dir_fd=descriptor)
            entries = _sorted_entries(
                descriptor,
                self._prefix[len(key) :],
                self._after[len(key) :] if self._after.startswith(key) else "",
            )
        except BaseException:
            os.close(descriptor)
            raise
        self._levels.append(_Level(descriptor, key, entries))


def _sorted_entries(descriptor: int, prefix: str, after: str) -> Iterator[str]:
    """Return the entries of a folder, in key order.

    Args:
        descriptor: The open folder.
        prefix: The prefix of the walk, relative to the folder; "" if all entries have it.
        after: The key after which the walk starts, relative to the folder; "" if all entries are greater.
    """
    runs: list[str] = []
    run: list[str] = []
    with os.scandir(descriptor) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                # With the slash, a subfolder is at the place of its files: "a.jpg" < "a/b.jpg".
                name = to_key(entry.name) + "/"
                if not (name.startswith(prefix) or prefix.startswith(name)):
                    continue
                if name <= after and not after.startswith(name):
                    continue
            elif entry.is_file(follow_symlinks=False):
                name = to_key(entry.name)
                if name <= after or not name.startswith(prefix):
                    continue
            else:
                continue
            run.append(name)
            if len(run) == _RUN_LENGTH:
                run.sort()
                runs.append(_SEPARATOR.join(run))
                run.clear()
    run.sort()
    return heapq.merge(*map(_split, runs), iter(run)) if runs else iter(run)


def _split(run: str) -> Iterator[str]:
    """Yield the names in a run. Unlike str.split, this creates one string at a time."""
    start = 0
    while (end := run.find(_SEPARATOR, start)) >= 0:
        yield run[start:end]
        start = end + 1
    yield run[start:]
