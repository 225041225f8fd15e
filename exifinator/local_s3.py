"""Folders of this machine as read-only S3 buckets, so that photos on disk take the same road: `rclone serve s3`."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError, ClientError

from exifinator.config import ROOT, load_config
from exifinator.errors import ConfigError, ServiceFailed
from exifinator.services import last_lines, service_supervision
from exifinator.supervision import Program, Supervision, write_private

HOST = "127.0.0.1"
START_SECONDS = 30.0
# rclone ends at once where its port is taken.
DOOMED_SECONDS = 3.0
# How long rclone may answer from what it knows of a folder. At 0 each GET reads the whole folder: 58 ms each in one
# of 10,000 files, where 1.3 ms suffice. serve_folder has it forget.
DIRECTORY_CACHE = "5s"
OPTIONS = (
    # No configuration file: not the user's own either.
    *("--config", ""),
    "--read-only",
    # With its default, MD5, a listing reads every file whole; without a hash the ETags are empty.
    *("--etag-hash", ""),
    *("--dir-cache-time", DIRECTORY_CACHE),
    *("--poll-interval", "0"),
    # It would read 16 MB ahead of each ranged GET.
    *("--buffer-size", "0"),
    # File names as they are; by default it finds none again that holds U+201B.
    *("--local-encoding", "Raw"),
    "--skip-links",
)


@dataclass(frozen=True)
class LocalBucket:
    """Where a served folder is reached, and with which keys."""

    endpoint_url: str
    access_key: str
    secret_key: str
    folder: Path


def serve_folder(path: Path, bucket: str | None = None, *, root: Path = ROOT, port: int | None = None) -> str:
    """See that a folder is served, as it is now, and return its bucket's name.

    bucket: None for a name made of the folder's; it holds an underscore, which no bucket at Amazon does.
    port: None for LOCAL_S3_PORT. Links inside the folder are not followed.
    Raises: ConfigError where it is no readable folder; ServiceFailed.
    """
    folder = _check_folder(path)
    name = bucket or _bucket_name(folder)
    supervision = service_supervision(root)
    with _locked(root):
        registry = _read_registry(root) or {
            "access_key": secrets.token_hex(10),
            "secret_key": secrets.token_hex(20),
            "buckets": {},
        }
        registry["endpoint_url"] = f"http://{HOST}:{port or load_config().local_s3_port}"
        registry["buckets"][name] = str(folder)
        if registry != _read_registry(root):
            write_private(_registry_path(root), json.dumps(registry, indent=1, sort_keys=True))
        supervision.ensure([_rclone(registry, root)])
        _await_answer(name, _buckets(registry)[name], supervision)
    return name


def resume_serving(root: Path = ROOT) -> None:
    """Start rclone again, without waiting for it, where folders were served before: their images may be queued."""
    with _locked(root):
        registry = _read_registry(root)
        if registry:
            service_supervision(root).ensure([_rclone(registry, root)])


def lookup(bucket: str, root: Path = ROOT) -> LocalBucket | None:
    """The served folder behind a bucket's name; None where it is none. Cheap: the registry is read when it changed."""
    try:
        changed_at_ns = _registry_path(root).stat().st_mtime_ns
    except FileNotFoundError:
        return None
    return _cached_buckets(root, changed_at_ns).get(bucket)


def demo_folder(root: Path = ROOT) -> Path:
    """Where the demo library lies."""
    return root / "var" / "demo"


# --- The registry: which bucket is which folder -----------------------------------------------------------------------


def _registry_path(root: Path) -> Path:
    return root / "var" / "local_s3.json"


def _read_registry(root: Path) -> dict[str, Any] | None:
    try:
        registry: dict[str, Any] = json.loads(_registry_path(root).read_text())
    except FileNotFoundError:
        return None
    except ValueError as exc:
        raise ConfigError(f"{_registry_path(root)} cannot be read ({exc}): remove it, it is made anew") from exc
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


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    folder = root / "var"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "local_s3.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _check_folder(path: Path) -> Path:
    folder = path.expanduser().resolve()
    if not str(folder).isprintable():
        raise ConfigError(f"the folder {str(folder)!r} cannot be served: its path holds a line break or the like")
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise ConfigError(f"the folder {folder} may not be read by this user")
    return folder


def _bucket_name(folder: Path) -> str:
    """Stable, and different for folders of the same name."""
    slug = re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")[:40] or "folder"
    return f"{slug}_{hashlib.sha256(os.fsencode(folder)).hexdigest()[:6]}"


# --- rclone -----------------------------------------------------------------------------------------------------------


def _rclone(registry: dict[str, Any], root: Path) -> Program:
    """rclone over all registered folders; what is secret reaches it through a file that only this user can read."""
    # A file where a folder was would stop rclone; a folder that is gone does not.
    folders = {name: folder for name, folder in registry["buckets"].items() if not Path(folder).is_file()}
    # Its lists are CSV: quotes are doubled.
    upstreams = " ".join('"{}={}"'.format(name, folder.replace('"', '""')) for name, folder in sorted(folders.items()))
    variables = {
        "RCLONE_AUTH_KEY": f'"{registry["access_key"]},{registry["secret_key"]}"',
        "RCLONE_CONFIG_LIB_TYPE": "combine",
        "RCLONE_CONFIG_LIB_UPSTREAMS": upstreams,
    }
    text = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    write_private(root / "var" / "local_s3.env", text)
    address = registry["endpoint_url"].removeprefix("http://")
    return Program(
        "rclone",
        [
            *("/bin/sh", "-c", '. ./var/local_s3.env && exec "$0" "$@"'),
            *(_find_rclone(), "serve", "s3", "lib:", "--addr", address, *OPTIONS),
        ],
        # Another list of folders makes it another program, which is what has the supervisor start it anew.
        environment={"EXIFINATOR_FOLDERS": hashlib.sha256(upstreams.encode()).hexdigest()[:16]},
    )


@functools.cache
def _find_rclone() -> str:
    """The rclone of the virtual environment, which is the one that is tested, else one in PATH that is new enough."""
    for binary in (shutil.which("rclone", path=str(Path(sys.prefix) / "bin")), shutil.which("rclone")):
        if binary is None:
            continue
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run([binary, "serve", "s3", "--help"], capture_output=True, text=True, timeout=30)
            if done.returncode == 0 and "--etag-hash" in done.stdout:
                return binary
    raise ServiceFailed(
        "folders of this machine cannot be served: there is no rclone that knows `serve s3`; install rclone 1.65 or "
        "later, or name a bucket"
    )


def _await_answer(bucket: str, local: LocalBucket, supervision: Supervision) -> None:
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=local.endpoint_url,
        aws_access_key_id=local.access_key,
        aws_secret_access_key=local.secret_key,
        region_name="us-east-1",
        config=BotoConfig(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}, proxies={}),
    )
    started = time.monotonic()
    while True:
        try:
            if bucket in {found["Name"] for found in client.list_buckets()["Buckets"]}:
                break
            problem = "it does not know the bucket"
        except (BotoCoreError, ClientError) as exc:
            problem = type(exc).__name__
        waited = time.monotonic() - started
        states = {process.state for process in supervision.status() if process.program == "rclone"}
        if waited > START_SECONDS or (waited > DOOMED_SECONDS and "BACKOFF" in states):
            log = supervision.log_path("rclone")
            supervision.remove("rclone")
            raise ServiceFailed(
                f"rclone does not serve {local.folder} at {local.endpoint_url} ({problem}): if another program has "
                f"that port, set LOCAL_S3_PORT to a free one. The end of {log}:\n{last_lines(log)}"
            )
        time.sleep(0.1)
    # Forget what it knew of its folders: files may have come since.
    supervision.signal("rclone", "HUP")
