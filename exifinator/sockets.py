"""A folder for Unix sockets that only this user can enter: var/sockets or, if its path is too long, one in /tmp."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from exifinator.errors import ServiceFailed
from exifinator.paths import write_private

# The path of a Unix socket is limited to 108 bytes on Linux, and to 104 on other systems. While supervisord creates
# its socket, it appends a process id to the name.
MAX_PATH_BYTES = 104
LONGEST_NAME = "services.sock.4194304"
# Not $TMPDIR, which may differ between the process that starts the programs and the process that stops them.
SHARED_FOLDER = Path("/tmp")  # noqa: S108


def socket_path(name: str, root: Path) -> Path:
    """Return the path of a socket of the checkout at `root`. The socket may not exist."""
    return _find_folder(root) / f"{name}.sock"


def prepare_socket(name: str, root: Path) -> Path:
    """Return the path for a new socket. Create its folder if necessary.

    Raises:
        ServiceFailed: The folder belongs to another user, or other users have access to it.
    """
    folder = _find_folder(root)
    if folder != _folder_in_var(root) and not _is_private(folder):
        # Another user may have removed the folder, or replaced it.
        folder = _make_short_folder(root)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_private(folder):
        raise ServiceFailed(
            f"{folder} must be a folder that belongs to this user only (mode 0700). Remove it and try again."
        )
    return folder / f"{name}.sock"


def _find_folder(root: Path) -> Path:
    folder = _folder_in_var(root)
    # Clients write the path into URLs, and they encode characters other than ASCII in different ways.
    if str(folder).isascii() and len(str(folder / LONGEST_NAME)) < MAX_PATH_BYTES:
        return folder
    try:
        return Path(_note_path(root).read_text(encoding="utf-8").strip())
    except (OSError, ValueError):
        return SHARED_FOLDER / "no-such-folder"


def _make_short_folder(root: Path) -> Path:
    """Make a folder with a short path and an unpredictable name, and write its path to a file in var/."""
    folder = Path(tempfile.mkdtemp(prefix="exifinator-", dir=SHARED_FOLDER))
    note_path = _note_path(root)
    note_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(note_path, f"{folder}\n")
    return folder


def _is_private(folder: Path) -> bool:
    try:
        info = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(info.st_mode) and info.st_uid == os.getuid() and not info.st_mode & 0o077


def _folder_in_var(root: Path) -> Path:
    return root.resolve() / "var" / "sockets"


def _note_path(root: Path) -> Path:
    """Return the path of the file that names the short folder."""
    return root / "var" / "sockets.path"
