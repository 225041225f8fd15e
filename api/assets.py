"""The explorer's files, held in memory as they go out: packed once, at an address that changes with what they say."""

from __future__ import annotations

import gzip
import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class Asset:
    """One file; packed: with gzip, None where that does not make it smaller."""

    data: bytes
    packed: bytes | None
    media_type: str
    etag: str


@dataclass(frozen=True)
class Assets:
    """All files by their path below the folder; version: a name of their content as a whole."""

    files: dict[str, Asset]
    version: str


class AssetFolder:
    """The files of a folder, read anew when one of them changed: an update in place shows at the next page view."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._stamp: object = None
        self._assets = Assets({}, "")

    def held(self, version: str) -> Assets:
        """The files as they were read last, if they are of this version; else as they are. Raises: OSError."""
        assets = self._assets
        return assets if assets.version == version else self.get()

    def get(self) -> Assets:
        """The files as they are. Raises: OSError where one cannot be read."""
        with self._lock:
            paths = sorted(path for path in self._folder.rglob("*") if path.is_file() and path.suffix in _TYPES)
            stamp = [(path, stat.st_mtime_ns, stat.st_size) for path in paths for stat in (path.stat(),)]
            if stamp != self._stamp:
                self._assets = _read(self._folder, paths)
                self._stamp = stamp
            return self._assets


def _read(folder: Path, paths: list[Path]) -> Assets:
    files = {path.relative_to(folder).as_posix(): _make(path) for path in paths}
    whole = hashlib.blake2b(digest_size=8)
    for name, asset in files.items():
        whole.update(f"{name} {asset.etag}\n".encode())
    return Assets(files, whole.hexdigest())


def _make(path: Path) -> Asset:
    data = path.read_bytes()
    packed = gzip.compress(data, 9, mtime=0)
    etag = f'W/"{hashlib.blake2b(data, digest_size=12).hexdigest()}"'
    return Asset(data, packed if len(packed) < len(data) else None, _TYPES[path.suffix], etag)
