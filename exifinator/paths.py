"""Paths of settings, data and logs: in the checkout or, if the package is installed, in the user's data folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
IS_CHECKOUT = (PACKAGE.parent / "run.sh").is_file()
# Files such as settings.py and the package `api` are beside this package in a checkout. In a wheel they are inside this
# package, because a wheel must not install a top-level package with the common name `api`.
BUNDLED = PACKAGE / "bundled"
API = PACKAGE.parent / "api" if IS_CHECKOUT else BUNDLED / "api"

# The commands as messages should show them.
RUN, START, STOP, COMMAND = (
    ("./run.sh", "./start_workers.sh", "./stop.sh", "venv/bin/python -m exifinator")
    if IS_CHECKOUT
    else ("exifinator run", "exifinator start", "exifinator stop", "exifinator")
)


def write_private(path: Path, text: str) -> None:
    """Atomically replace a file with a new one that only this user can read. Several processes may do so at once."""
    new_path = path.with_name(f"{path.name}.{os.getpid()}")
    new_path.unlink(missing_ok=True)
    with os.fdopen(os.open(new_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new_path.replace(path)


def find_root() -> Path:
    """Return the folder that contains settings.py, var/ and logs/.

    The current folder is never used just because it contains settings.py: that file is executed, and the current folder
    may belong to someone else.
    """
    if IS_CHECKOUT:
        return PACKAGE.parent
    home = os.environ.get("EXIFINATOR_HOME")
    if home:
        return Path(home).expanduser().absolute()
    data_home = os.environ.get("XDG_DATA_HOME", "")
    # A relative path is ignored, as the XDG Base Directory Specification 0.8 requires.
    return (Path(data_home) if data_home.startswith("/") else Path.home() / ".local" / "share") / "exifinator"


def prepare_root(root: Path) -> None:
    """Create the folders that commands need, and create or update mrq-config.py. A checkout needs none of this.

    Raises:
        OSError: A folder or the file cannot be written.
    """
    if IS_CHECKOUT:
        return
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    (root / "var").mkdir(mode=0o700, exist_ok=True)
    (root / "logs").mkdir(mode=0o700, exist_ok=True)
    bundled = (BUNDLED / "mrq-config.py").read_bytes()
    installed = root / "mrq-config.py"
    if not installed.exists() or installed.read_bytes() != bundled:
        temporary = root / f"mrq-config.py.{os.getpid()}"
        temporary.write_bytes(bundled)
        temporary.replace(installed)


def make_settings(root: Path) -> None:
    """Create settings.py from the bundled template if it is missing. An existing file is never changed.

    Raises:
        OSError: The file cannot be written.
    """
    settings = root / "settings.py"
    if IS_CHECKOUT or settings.exists():
        return
    shutil.copyfile(BUNDLED / "settings.py", settings)
    # The user may add secrets.
    settings.chmod(0o600)
