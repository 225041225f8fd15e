"""Start a batch as a process of its own, which outlives the program that started it."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from exifinator.batches.model import BatchCounts, new_batch_id
from exifinator.batches.service import read_watched
from exifinator.batches.sources import check_sources
from exifinator.config import ROOT, Config
from exifinator.errors import EXIFinatorError, TooManyBatches
from exifinator.models import BatchFields
from exifinator.processes.tagged import TAG_VARIABLE, end_processes, find_tagged, process_tag
from exifinator.sources.s3.client import S3Client
from exifinator.sources.source import Source, parse_typed_source
from exifinator.storage.store import Store

log = logging.getLogger(__name__)

# The tag of the processes that list and watch batches.
WATCHERS = "batches"
# A watcher that ends saves its progress first, which takes longer while Redis or MongoDB is unavailable.
WATCHER_ENDS_SECONDS = 15.0
# Each running batch is a process.
MAX_RUNNING = 16
# Timeout of each S3 attempt. A user waits for the response, and retrying an S3 that hangs could take minutes.
S3_TIMEOUT_SECONDS = 3.0
KEPT_LOGS = 100


def start_batch(config: Config, store: Store, source: str, *, logs: Path = ROOT / "logs") -> str:
    """Start a batch over `bucket`, `bucket/prefix` or `s3://bucket/prefix`, never a folder. Return its id.

    Its process writes to logs/batch-<id>.log.

    Raises: ConfigError if the source is invalid; BucketGone; AccessDenied; TooManyBatches; TransientError.
    """
    wanted = parse_typed_source(source)
    _check(wanted, config)
    if len(read_watched(store)) >= MAX_RUNNING:
        raise TooManyBatches(f"{MAX_RUNNING} batches are running, which is the limit; wait until one has ended")
    now = datetime.now(UTC)
    batch_id = new_batch_id(now)
    store.batches.save(
        {
            "_id": batch_id,
            "sources": [str(wanted)],
            "state": "listing",
            "started_at": now,
            "updated_at": now,
            "numbers": BatchCounts().as_dict(),
        }
    )
    logs.mkdir(exist_ok=True)
    for old in sorted(logs.glob("batch-*.log"))[:-KEPT_LOGS]:
        old.unlink(missing_ok=True)
    log_file = logs / f"batch-{batch_id}.log"
    process = _run(batch_id, wanted, log_file)
    log.info(
        "start: batch %s over %s, process %d",
        batch_id,
        wanted,
        process.pid,
        extra={"action": "start", "batch": batch_id, "bucket": wanted.bucket},
    )
    waiter = threading.Thread(target=_await_end, args=(process, store, batch_id, log_file), daemon=True)
    waiter.start()
    return batch_id


def end_watchers(root: Path = ROOT) -> bool:
    """End the processes of batches as Ctrl-C ends a run, so that each can be resumed. Return whether there was one."""
    watchers = find_tagged(process_tag(root, WATCHERS))
    end_processes(watchers, WATCHER_ENDS_SECONDS)
    return bool(watchers)


def _check(source: Source, config: Config) -> None:
    timeout_seconds = min(S3_TIMEOUT_SECONDS, config.s3_timeout_seconds)
    s3 = S3Client(config.model_copy(update={"s3_timeout_seconds": timeout_seconds}))
    try:
        check_sources([source], s3)
    finally:
        s3.close()
        # A boto3 client is 4 MB of objects in reference cycles, and the API seldom collects those.
        del s3
        gc.collect()


def _run(batch_id: str, source: Source, log_file: Path) -> subprocess.Popen[bytes]:
    with log_file.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "exifinator", "run", "--json", "--batch-id", batch_id, str(source)],
            cwd=ROOT,
            # Its own tag, so that it survives when the processes with this process's tag are ended; its own session,
            # so that Ctrl-C in this process's terminal does not reach it.
            env={**os.environ, TAG_VARIABLE: process_tag(ROOT, WATCHERS)},
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def _await_end(process: subprocess.Popen[bytes], store: Store, batch_id: str, log_file: Path) -> None:
    """Store a final state for the batch if its process ends without storing one."""
    code = process.wait()
    problem = f"Its process ended with exit code {code}: {_last_line(log_file)}"
    context = {"action": "stop", "batch": batch_id}
    try:
        for before, after in (("listing", "stopped"), ("reading", "left")):
            changes: BatchFields = {
                "state": after,
                "problem": problem,
                "rate": None,
                "updated_at": datetime.now(UTC),
            }
            if store.batches.change(batch_id, (before,), changes):
                log.error("stop: batch %s: %s", batch_id, problem, extra=context)
    except EXIFinatorError as exc:
        log.warning("stop: batch %s: %s", batch_id, exc, extra=context)


def _last_line(path: Path) -> str:
    lines = path.read_bytes()[-4096:].decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("Error: ")[:500] if lines else "no output"
