"""Reads the registry of local folders that are served as buckets. exifinator.processes.rclone writes the registry."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exifinator.config import ROOT
from exifinator.errors import ConfigError


@dataclass(frozen=True)
class LocalBucket:
    """A local folder that is served as a bucket, and the S3 endpoint and access keys to read it with."""

    endpoint_url: str
    access_key: str
    secret_key: str
    folder: Path


def lookup(bucket: str, root: Path = ROOT) -> LocalBucket | None:
    """Return the local folder that is served under this bucket name, or None.

    The registry is cached, and read again only if its file has changed.

    Raises:
        ConfigError: The registry is not valid JSON.
    """
    try:
        changed_at_ns = _registry_path(root).stat().st_mtime_ns
    except FileNotFoundError:
        return None
    return _cached_buckets(root, changed_at_ns).get(bucket)


def demo_folder(root: Path = ROOT) -> Path:
    """Return the folder of the demo library."""
    return root / "var" / "demo"


def _registry_path(root: Path) -> Path:
    return root / "var" / "local_s3.json"


def _read_registry(root: Path) -> dict[str, Any] | None:
    path = _registry_path(root)
    try:
        registry: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError as exc:
        raise ConfigError(f"{path} is not valid JSON ({exc})", hint="remove it; it will be created again") from exc
    return registry


def _buckets(registry: dict[str, Any]) -> dict[str, LocalBucket]:
    return {
        name: LocalBucket(registry["endpoint_url"], registry["access_key"], registry["secret_key"], Path(folder))
        for name, folder in registry["buckets"].items()
    }


@functools.lru_cache(maxsize=4)
def _cached_buckets(root: Path, _changed_at_ns: int) -> dict[str, LocalBucket]:
    registry = _read_registry(root)
    return _buckets(registry) if registry else {}
