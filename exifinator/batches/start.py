"""Start a batch in a separate process, which keeps running if the API or the worker that started it exits."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from exifinator.batches.limits import BatchLimits, CostTerms, find_source_prices
from exifinator.batches.model import BatchCounts, new_batch_id
from exifinator.batches.service import read_watched
from exifinator.batches.sources import check_sources
from exifinator.batches.stored_batch import make_options
from exifinator.config import ROOT, Config
from exifinator.errors import EXIFinatorError, TooManyBatches
from exifinator.models import BatchFields
from exifinator.processes.tagged import TAG_VARIABLE, end_processes, find_tagged, process_tag
from exifinator.queue.image_queue import ImageQueue
from exifinator.sources.client import SourceClient
from exifinator.sources.patterns import make_patterns
from exifinator.sources.s3.client import S3Client
from exifinator.sources.source import Source, parse_user_source
from exifinator.storage.store import Store

log = logging.getLogger(__name__)

# Marks the watchers, which are the processes that list and watch batches; see process_tag.
WATCHER_TAG = "batches"
# How long to wait for a watcher to exit. A watcher first saves its progress, which takes longer while Redis or MongoDB
# is unavailable.
WATCHER_STOP_SECONDS = 15.0
# The number of running batches is limited, because each has a process.
MAX_RUNNING = 16
# The timeout of each attempt to read from the source when a batch is started. A user waits for the response. With the
# configured timeout, the retries against an unresponsive S3 server could take minutes.
S3_TIMEOUT_SECONDS = 3.0
# How long a batch whose process is starting counts as running. After this time, the process has stored its progress.
START_SECONDS = 60.0
MAX_LOG_FILES = 100
NO_LIMITS = BatchLimits()


def start_batch(
    config: Config,
    store: Store,
    queue: ImageQueue,
    source: str,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    prune: bool = False,
    limits: BatchLimits = NO_LIMITS,
    batch_id: str | None = None,
    logs: Path = ROOT / "logs",
) -> str:
    """Start a batch over one source, and return the id of the batch.

    Args:
        source: `bucket`, `bucket/prefix` or `s3://bucket/prefix`. Local folders are not accepted.
        include, exclude: The patterns by which the objects are chosen.
        prune: Whether the records of deleted objects are removed after the batch.
        limits: The limits of the batch.
        batch_id: The id of the batch. By default, a new one. A batch of this id whose process has died is resumed.
        logs: The folder for the log file of the batch's process, batch-<id>.log.

    Raises:
        ConfigError: The source or a pattern is invalid, or the limit of dollars has no effect.
        BucketGone, AccessDenied: The bucket does not exist, or S3 denies access to it.
        TooManyBatches: MAX_RUNNING batches are already running.
        TransientError: S3, MongoDB or Redis is unavailable.
        OSError: The process cannot be started, for example because there are too many.
    """
    parsed = replace(parse_user_source(source), patterns=make_patterns(include, exclude))
    _check_source(parsed, config, limits)
    now = datetime.now(UTC)
    batch_id = batch_id or new_batch_id(now)
    _reserve_start(store, queue, batch_id)
    log_file = logs / f"batch-{batch_id}.log"
    try:
        if not _is_resumable(store, batch_id):
            store.batches.save(
                {
                    "_id": batch_id,
                    "sources": [str(parsed)],
                    "options": make_options([parsed], includes_junk=not config.skip_junk_files),
                    "state": "listing",
                    "started_at": now,
                    "updated_at": now,
                    "numbers": BatchCounts().as_dict(),
                }
            )
        logs.mkdir(exist_ok=True)
        for old in sorted(logs.glob("batch-*.log"))[:-MAX_LOG_FILES]:
            old.unlink(missing_ok=True)
        process = _spawn_watcher(batch_id, parsed, log_file, prune=prune, limits=limits)
    except OSError as exc:
        # Otherwise, the batch would count as running for a while.
        problem = f"The process of the batch could not be started: {exc.strerror}"
        store.batches.change(batch_id, ("listing",), {"state": "stopped", "problem": problem})
        queue.batches.release_start(batch_id)
        raise
    log.info(
        "start: batch %s over %s, process %d",
        batch_id,
        parsed,
        process.pid,
        extra={"action": "start", "batch": batch_id, "bucket": parsed.bucket},
    )
    waiter = threading.Thread(target=_await_end, args=(process, store, queue, batch_id, log_file), daemon=True)
    waiter.start()
    return batch_id


def end_watchers(root: Path = ROOT) -> bool:
    """End the processes that list and watch batches, as Ctrl-C ends a run. The batches can be resumed.

    Returns:
        Whether there were any such processes.
    """
    watchers = find_tagged(process_tag(root, WATCHER_TAG))
    end_processes(watchers, WATCHER_STOP_SECONDS)
    return bool(watchers)


def _reserve_start(store: Store, queue: ImageQueue, batch_id: str) -> None:
    """Make a batch count as running. Any process may start batches, several of them at the same time.

    A batch that is resumed is stored as running only once its process has begun.

    Raises:
        TooManyBatches: MAX_RUNNING batches are already running.
    """
    running = [document["_id"] for document in read_watched(store)]
    if not queue.batches.reserve_start(batch_id, running, limit=MAX_RUNNING, seconds=START_SECONDS):
        raise TooManyBatches(f"{MAX_RUNNING} batches are running, which is the limit; wait until one ends")


def _is_resumable(store: Store, batch_id: str) -> bool:
    """Return whether a batch has a checkpoint, from which its process will resume it."""
    batch = store.batches.find(batch_id)
    return batch is not None and "checkpoint" in batch


def _check_source(source: Source, config: Config, limits: BatchLimits) -> None:
    timeout_seconds = min(S3_TIMEOUT_SECONDS, config.s3_timeout_seconds)
    client = SourceClient(S3Client(config.model_copy(update={"s3_timeout_seconds": timeout_seconds})))
    try:
        check_sources([source], client)
        CostTerms(find_source_prices([source], client, config), limits).check()
    finally:
        client.close()
        # A boto3 client consists of 4 MB of objects in reference cycles. By now, these objects
        # are in the oldest generation, which is rarely collected, so collect it here.
        del client
        gc.collect()


def _spawn_watcher(
    batch_id: str, source: Source, log_file: Path, *, prune: bool, limits: BatchLimits
) -> subprocess.Popen[bytes]:
    options = [f"--include={pattern}" for pattern in source.patterns.include]
    options += [f"--exclude={pattern}" for pattern in source.patterns.exclude]
    if limits.max_requests is not None:
        options.append(f"--max-requests={limits.max_requests}")
    if limits.max_dollars is not None:
        options.append(f"--max-dollars={limits.max_dollars!r}")
    if prune:
        options.append("--then-prune")
    with log_file.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "exifinator", "run", "--json", "--batch-id", batch_id, *options, str(source)],
            cwd=ROOT,
            # The watcher gets its own tag, so that it keeps running when the API is stopped by the API's tag.
            env={**os.environ, TAG_VARIABLE: process_tag(ROOT, WATCHER_TAG)},
            # The watcher gets its own session, so that Ctrl-C in this process's terminal does not reach it.
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def _await_end(
    process: subprocess.Popen[bytes], store: Store, queue: ImageQueue, batch_id: str, log_file: Path
) -> None:
    """Wait for the process of a batch to exit. Then the batch does not count as running any more.

    If the batch's stored state still says that it is running, store `stopped` or `left`.
    """
    exit_code = process.wait()
    problem = f"The process of the batch exited with code {exit_code}: {_last_line(log_file)}"
    context = {"action": "stop", "batch": batch_id}
    try:
        for watched_state, detached_state in (("listing", "stopped"), ("reading", "left")):
            changes: BatchFields = {
                "state": detached_state,
                "problem": problem,
                "rate": None,
                "updated_at": datetime.now(UTC),
            }
            if store.batches.change(batch_id, (watched_state,), changes):
                log.error("stop: batch %s: %s", batch_id, problem, extra=context)
        queue.batches.release_start(batch_id)
    except EXIFinatorError as exc:
        log.warning("stop: batch %s: %s", batch_id, exc, extra=context)


def _last_line(path: Path) -> str:
    """Return the last line of a log, or a message that explains why there is none."""
    try:
        output = path.read_bytes()
    except OSError as exc:
        return f"its log {path} cannot be read ({exc.strerror})"
    lines = output[-4096:].decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("Error: ")[:500] if lines else "no output"
