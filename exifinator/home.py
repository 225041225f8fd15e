"""Where settings, data and logs lie: the checkout, or, of an installed package, a folder of the user's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
IS_CHECKOUT = (PACKAGE.parent / "run.sh").is_file()
# What a checkout has beside the package lies in the wheel below it: `api` is no name for the top of a site-packages.
BUNDLED = PACKAGE / "bundled"
API = PACKAGE.parent / "api" if IS_CHECKOUT else BUNDLED / "api"

# How messages name the commands.
RUN, START, STOP, COMMAND = (
    ("./run.sh", "./start_workers.sh", "./stop.sh", "venv/bin/python -m exifinator")
    if IS_CHECKOUT
    else ("exifinator run", "exifinator start", "exifinator stop", "exifinator")
)


def find_root() -> Path:
    """The folder with settings.py, var/ and logs/.

    The current folder never counts: its settings.py would be run, and it may be a stranger's.
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
    """Make what commands need there, mrq-config.py among it; a checkout has all that. Raises: OSError."""
    if IS_CHECKOUT:
        return
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    (root / "var").mkdir(mode=0o700, exist_ok=True)
    (root / "logs").mkdir(mode=0o700, exist_ok=True)
    ours = (BUNDLED / "mrq-config.py").read_bytes()
    theirs = root / "mrq-config.py"
    if not theirs.exists() or theirs.read_bytes() != ours:
        draft = root / f"mrq-config.py.{os.getpid()}"
        draft.write_bytes(ours)
        draft.replace(theirs)


def make_settings(root: Path) -> None:
    """Make settings.py there, unless there is one: it is the user's from then on. Raises: OSError."""
    settings = root / "settings.py"
    if IS_CHECKOUT or settings.exists():
        return
    shutil.copyfile(BUNDLED / "settings.py", settings)
    # Keys may come to stand there.
    settings.chmod(0o600)
