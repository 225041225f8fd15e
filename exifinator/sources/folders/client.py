"""List and read local folders that are registered as buckets, with the same interface as S3's client."""

from __future__ import annotations

import errno
import os
import socket
import stat as stat_module
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from exifinator.config import ROOT
from exifinator.errors import AccessDenied, FolderUnavailable, ObjectGone, SourceUnavailable
from exifinator.models import ImageRef, ListedPage, RangeRead
from exifinator.sources.folders import registry
from exifinator.sources.folders.names import to_key, to_name
from exifinator.sources.folders.walk import OPEN_FOLDER, FolderWalk
from exifinator.sources.local_files import file_etag, is_file_etag, modified_at, read_open_file

# How many listings can be continued where their last page ended. To continue any other listing, the folders that
# contain its next file are read again. Many listings are never continued, because only their first page is requested.
MAX_OPEN_WALKS = 4
# O_NONBLOCK: do not wait for a writer if a file has been replaced by a named pipe.
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO})
_DENIED = frozenset({errno.EACCES, errno.EPERM})

# Calls a function with its arguments, and returns the result.
Call = Callable[[Callable[..., RangeRead], tuple[object, ...]], RangeRead]


def _call_directly(function: Callable[..., RangeRead], arguments: tuple[object, ...]) -> RangeRead:
    return function(*arguments)


class FolderClient:
    """Lists and reads the files of registered folders.

    Symbolic links are not followed, neither to files nor to folders.

    Args:
        call: Calls a function that waits for a disk. Under gevent, it must run the function in another thread, because
            all greenlets would wait otherwise.
        root: The folder whose var/ contains the registry.
    """

    def __init__(self, call: Call = _call_directly, *, root: Path = ROOT) -> None:
        self._call = call
        self._root = root
        # The walks that can be continued, by bucket, prefix and token of the next page. The oldest comes first.
        self._walks: dict[tuple[str, str, str], FolderWalk] = {}

    def is_registered(self, bucket: str) -> bool:
        """Return whether the bucket is a folder on this machine."""
        return registry.lookup(bucket, self._root) is not None

    def has(self, ref: ImageRef) -> bool:
        """Return whether an image is a file in a folder, perhaps on another machine."""
        return self.is_registered(ref.bucket) or is_file_etag(ref.etag)

    def endpoint(self, bucket: str) -> str:
        """Return a name for the folder, in place of the endpoint of a bucket."""
        return f"the folder {to_key(str(self._folder(bucket)))}"

    def can_list_ranges(self, bucket: str) -> bool:  # noqa: ARG002
        """Return whether it is worthwhile to list ranges of keys in parallel.

        It is not: a walk through a folder needs little but CPU time, and Python runs one thread at a time.
        """
        return False

    def close(self) -> None:
        """Close the folders of listings that have not reached their end."""
        while self._walks:
            self._walks.popitem()[1].close()

    def list_page(
        self, bucket: str, prefix: str, token: str | None, *, start_after: str = "", max_keys: int = 1000
    ) -> ListedPage:
        """List up to `max_keys` files, in key order. See S3Client.list_page for the arguments.

        The token of a page consists of the folder's device and inode, and the last key. The token is valid in other
        processes too, but they read the folders that contain the key again.

        Raises:
            FolderUnavailable: The folder does not exist, or has been replaced since the previous page.
            AccessDenied: The folder cannot be read.
            SourceUnavailable: The operating system reports another error.
        """
        folder = self._folder(bucket)
        with _file_errors(f"the folder {to_key(str(folder))}", folder):
            folder_id = _identify(folder)
            token_id, _, after = token.partition("/") if token else (folder_id, "", start_after)
            walk = self._walks.pop((bucket, prefix, token), None) if token else None
            walk = walk or FolderWalk(folder, prefix=prefix, after=after)
            files = list(islice(walk, max_keys))
            if not token_id == folder_id == _identify(folder):
                # If a drive has been unmounted, the remaining files would seem to be deleted.
                raise FolderUnavailable(
                    f"The folder {to_key(str(folder))} was replaced or unmounted during its listing"
                )
        refs = [ImageRef(bucket, key, file_etag(status), status.st_size, modified_at(status)) for key, status in files]
        unlisted, walk.skipped = tuple(walk.skipped), []
        next_token = f"{folder_id}/{refs[-1].key}" if len(refs) == max_keys else None
        if next_token:
            self._walks[bucket, prefix, next_token] = walk
            for key in list(self._walks)[:-MAX_OPEN_WALKS]:
                self._walks.pop(key).close()
        # A file's modification time may be in the future. Do not let it be later than the listing, because
        # reconciliation would mistake the file for a new one.
        served_at = max([datetime.now(UTC), *(ref.last_modified for ref in refs)])
        return ListedPage(refs, next_token, served_at, unlisted=unlisted)

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        """Read a range of a file. See models.RangeReader.

        Raises:
            FolderUnavailable: The folder does not exist on this machine.
            ObjectGone: The file no longer exists, or is no longer a regular file.
            ObjectChanged: The file's ETag is not `if_match`, or the file changed during the read.
            AccessDenied: The file cannot be read.
            SourceUnavailable: The operating system reports another error.
        """
        return self._call(_read_range, (self._folder(ref.bucket), ref, start, length, if_match))

    def _folder(self, bucket: str) -> Path:
        folder = registry.lookup(bucket, self._root)
        if folder is None:
            raise FolderUnavailable(
                f"The host {socket.gethostname()} does not have the folder of the bucket {bucket}",
                hint="run the workers on the machine that has it, or mount it here under the same path and run "
                "`./run.sh --dry-run FOLDER` here once",
            )
        return folder


def _read_range(folder: Path, ref: ImageRef, start: int, length: int, if_match: str) -> RangeRead:
    with _file_errors(ref.id, folder):
        descriptor = _open_file(folder, ref)
        try:
            return read_open_file(descriptor, ref.id, start, length, if_match=if_match, may_settle=True)
        finally:
            os.close(descriptor)


def _open_file(folder: Path, ref: ImageRef) -> int:
    """Open a file below a folder. Open the folders on its path one by one, so that no symbolic link is followed.

    Raises:
        OSError: The file cannot be opened.
        ObjectGone: There is no regular file with this key.
    """
    try:
        *parents, name = to_name(ref.key).split(b"/")
    except ValueError:
        raise ObjectGone(f"File not found: {ref.id}") from None
    if not {b"", b".", b".."}.isdisjoint([*parents, name]) or b"\0" in name:
        raise ObjectGone(f"File not found: {ref.id}")
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parents:
            parent, descriptor = descriptor, os.open(part, OPEN_FOLDER | os.O_PATH, dir_fd=descriptor)
            os.close(parent)
        file = os.open(name, _OPEN_FILE, dir_fd=descriptor)
    finally:
        os.close(descriptor)
    if not stat_module.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise ObjectGone(f"Not a regular file any more: {ref.id}")
    return file


def _identify(folder: Path) -> str:
    """Return the folder's device and inode, which change if a drive is mounted or unmounted there.

    Raises:
        OSError: The folder does not exist.
    """
    status = folder.stat()
    return f"{status.st_dev:x}-{status.st_ino:x}"


def _is_missing(folder: Path) -> bool:
    try:
        return not stat_module.S_ISDIR(folder.stat().st_mode)
    except OSError as exc:
        return exc.errno in _GONE


@contextmanager
def _file_errors(place: str, folder: Path) -> Iterator[None]:
    """Translate the errors of the operating system.

    Args:
        place: The file or folder that is read, for messages.
        folder: The registered folder. If it does not exist, this is the reason for any error.
    """
    try:
        yield
    except OSError as exc:
        if _is_missing(folder):
            raise FolderUnavailable(
                f"The folder {to_key(str(folder))} does not exist on {socket.gethostname()}",
                hint="is its drive mounted? then repeat the command",
            ) from exc
        if exc.errno in _GONE:
            raise ObjectGone(f"File not found: {place} ({exc.strerror})") from exc
        if exc.errno in _DENIED:
            raise AccessDenied(
                f"This user cannot read {place} ({exc.strerror})", hint="grant the user read permission"
            ) from exc
        raise SourceUnavailable(f"Cannot read {place} now: {exc.strerror}", code="read_error") from exc
