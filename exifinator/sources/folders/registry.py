"""The registry of local folders that are used as buckets.

Records and queued images name only a bucket and a key. The registry, var/folders.json, maps the bucket to the folder on
this machine.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

from exifinator.config import ROOT
from exifinator.errors import ConfigError
from exifinator.paths import write_private
from exifinator.sources.folders.names import to_key

log = logging.getLogger(__name__)

_REGISTRY = "folders.json"
# Earlier versions of EXIFinator wrote this registry, which also contains access keys.
_OLD_REGISTRY = "local_s3.json"
_MAX_SLUG_CHARS = 40


def lookup(bucket: str, root: Path = ROOT) -> Path | None:
    """Return the folder that is registered as this bucket, or None.

    The registry is cached, and read again only if its file has changed.

    Raises:
        ConfigError: The registry is not valid JSON.
    """
    for name in (_REGISTRY, _OLD_REGISTRY):
        try:
            stat = os.stat(root / "var" / name)  # noqa: PTH116 -- Path.stat takes twice as long
        except FileNotFoundError:
            continue
        return _cached(root, (stat.st_mtime_ns, stat.st_ino, stat.st_size)).get(bucket)
    return None


def registered_folders(root: Path = ROOT) -> dict[str, str]:
    """Return the paths of all registered folders, by bucket, as text that users can read.

    If the registry is damaged, return no folders: they are only shown.
    """
    try:
        return {bucket: to_key(str(folder)) for bucket, folder in _read(root).items()}
    except ConfigError as exc:
        log.warning("skip: %s", exc, extra={"action": "skip"})
        return {}


def register(path: Path, bucket: str | None = None, *, root: Path = ROOT) -> str:
    """Register a folder as a bucket, and return the name of the bucket.

    Args:
        path: The folder.
        bucket: The name of the bucket. The default name is derived from the folder's path, so it never changes. It
            contains an underscore, which cannot occur in the name of a bucket at Amazon.
        root: The folder whose var/ contains the registry.

    Raises:
        ConfigError: `path` is not a readable folder.
    """
    folder = _check(path)
    name = bucket or _bucket_name(folder)
    with _locked(root):
        folders = _read(root)
        if folders.get(name) != folder:
            _write(root, {**folders, name: folder})
        (root / "var" / _OLD_REGISTRY).unlink(missing_ok=True)
    return name


def demo_folder(root: Path = ROOT) -> Path:
    """Return the folder of the demo library."""
    return root / "var" / "demo"


def _check(path: Path) -> Path:
    folder, shown = path.expanduser().resolve(), to_key(str(path))
    if not folder.is_dir():
        raise ConfigError(f"{shown} {'is not a folder' if folder.exists() else 'does not exist'}.")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise ConfigError(f"The folder {shown} cannot be read by this user.")
    return folder


def _bucket_name(folder: Path) -> str:
    """Return a name for a folder's bucket, which never changes and differs even between folders of the same name."""
    slug = re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")[:_MAX_SLUG_CHARS] or "folder"
    return f"{slug}_{hashlib.sha256(os.fsencode(folder)).hexdigest()[:6]}"


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Hold the lock of the registry. It is a file lock, so it excludes other processes too."""
    folder = root / "var"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / f"{_REGISTRY}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(root: Path, folders: dict[str, Path]) -> None:
    # JSON's escapes also represent the bytes of a path that are not UTF-8.
    content = {"buckets": {name: str(folder) for name, folder in folders.items()}}
    write_private(root / "var" / _REGISTRY, json.dumps(content, indent=1, sort_keys=True))


def _read(root: Path) -> dict[str, Path]:
    for name in (_REGISTRY, _OLD_REGISTRY):
        path = root / "var" / name
        try:
            return {bucket: Path(folder) for bucket, folder in json.loads(path.read_text())["buckets"].items()}
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise ConfigError(
                f"{path} is not a registry of folders ({exc})", hint="remove it; it will be created again"
            ) from exc
    return {}


@functools.lru_cache(maxsize=4)
def _cached(root: Path, _version: tuple[int, int, int]) -> dict[str, Path]:
    return _read(root)
