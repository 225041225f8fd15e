"""Paths of settings, data and logs: in the checkout, or, for an installed package, in a folder of the user's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
IS_CHECKOUT = (PACKAGE.parent / "run.sh").is_file()
# A wheel holds below the package what a checkout has beside it, because `api` must not be a top-level package of a
# site-packages.
BUNDLED = PACKAGE / "bundled"
API = PACKAGE.parent / "api" if IS_CHECKOUT else BUNDLED / "api"

# The commands, as messages name them.
RUN, START, STOP, COMMAND = (
    ("./run.sh", "./start_workers.sh", "./stop.sh", "venv/bin/python -m exifinator")
    if IS_CHECKOUT
    else ("exifinator run", "exifinator start", "exifinator stop", "exifinator")
)


def find_root() -> Path:
    """Return the folder of settings.py, var/ and logs/.

    It is never the current folder, because settings.py is executed and the current folder may be someone else's.
    """
    if IS_CHECKOUT:
        return PACKAGE.parent
    named = os.environ.get("EXIFINATOR_HOME")
    if named:
        return Path(named).expanduser().absolute()
    data = os.environ.get("XDG_DATA_HOME", "")
    # Source: XDG Base Directory Specification 0.8: a path that is not absolute is to be ignored.
    return (Path(data) if data.startswith("/") else Path.home() / ".local" / "share") / "exifinator"


def prepare_root(root: Path) -> None:
    """Create the folders and the mrq-config.py that commands need. A checkout has them already.

    Raises:
        OSError: One of them cannot be written.
    """
    if IS_CHECKOUT:
        return
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    (root / "var").mkdir(mode=0o700, exist_ok=True)
    (root / "logs").mkdir(mode=0o700, exist_ok=True)
    bundled = (BUNDLED / "mrq-config.py").read_bytes()
    installed = root / "mrq-config.py"
    if not installed.exists() or installed.read_bytes() != bundled:
        draft = root / f"mrq-config.py.{os.getpid()}"
        draft.write_bytes(bundled)
        draft.replace(installed)


def make_settings(root: Path) -> None:
    """Create settings.py if it is missing. After that it belongs to the user and is not changed.

    Raises:
        OSError: The file cannot be written.
    """
    settings = root / "settings.py"
    if IS_CHECKOUT or settings.exists():
        return
    shutil.copyfile(BUNDLED / "settings.py", settings)
    # The user may add secrets.
    settings.chmod(0o600)
