"""Paths of settings, data and logs: in the checkout, or in a folder of the user if the package is installed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
IS_CHECKOUT = (PACKAGE.parent / "run.sh").is_file()
# A checkout has these files beside the package. A wheel has them inside the package, because it must not install a
# top-level package named `api`.
BUNDLED = PACKAGE / "bundled"
API = PACKAGE.parent / "api" if IS_CHECKOUT else BUNDLED / "api"

# How messages refer to the commands.
RUN, START, STOP, COMMAND = (
    ("./run.sh", "./start_workers.sh", "./stop.sh", "venv/bin/python -m exifinator")
    if IS_CHECKOUT
    else ("exifinator run", "exifinator start", "exifinator stop", "exifinator")
)


def find_root() -> Path:
    """Return the folder that contains settings.py, var/ and logs/.

    It is never the current folder: settings.py is executed, and the current folder may belong to someone else.
    """
    if IS_CHECKOUT:
        return PACKAGE.parent
    home = os.environ.get("EXIFINATOR_HOME")
    if home:
        return Path(home).expanduser().absolute()
    data_home = os.environ.get("XDG_DATA_HOME", "")
    # The XDG Base Directory Specification 0.8 says to ignore relative paths.
    return (Path(data_home) if data_home.startswith("/") else Path.home() / ".local" / "share") / "exifinator"


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
        temporary = root / f"mrq-config.py.{os.getpid()}"
        temporary.write_bytes(bundled)
        temporary.replace(installed)


def make_settings(root: Path) -> None:
    """Create settings.py if it is missing. An existing file is never changed.

    Raises:
        OSError: The file cannot be written.
    """
    settings = root / "settings.py"
    if IS_CHECKOUT or settings.exists():
        return
    shutil.copyfile(BUNDLED / "settings.py", settings)
    # The user may add secrets.
    settings.chmod(0o600)
