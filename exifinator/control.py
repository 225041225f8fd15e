"""Batches from another program: start one as a process of its own, see how far each is, cancel one.

The process that lists and watches a batch says in MongoDB, each second, how far it is; the workers count in Redis. So
whoever asks need not be who started it, and a batch lives on when the API is started anew.
"""

from __future__ import annotations

import gc
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from exifinator.batch_state import UNDER_WAY, Numbers, new_batch_id
from exifinator.config import ROOT, Config
from exifinator.errors import BucketGone, ConfigError, EXIFinatorError, PermanentError, QueueUnavailable
from exifinator.home import START
from exifinator.left_batches import withdraw
from exifinator.listing import Source, parse_source
from exifinator.marked import MARK, end_processes, find_marked, mark_of
from exifinator.mongodb import Document
from exifinator.queues import ImageQueue
from exifinator.run import check_sources
from exifinator.s3 import S3
from exifinator.store import Store

log = logging.getLogger(__name__)

# A process that watches a batch stores its numbers each second; one so long silent is gone, or cut off.
SILENT_AFTER = timedelta(seconds=15)
# A worker reports every five seconds.
WORKER_SILENT_AFTER = timedelta(seconds=30)
ENDED = ("done", "cancelled")
LEFT_BEHIND = ("left", "stopped")
# What the processes that list and watch batches are marked as.
WATCHERS = "batches"
# One that saves how far it is needs a moment, and longer where Redis or MongoDB does not answer any more.
WATCHER_ENDS_SECONDS = 15.0
# Batches that are under way at once; each is a process.
MAX_UNDER_WAY = 16
# Somebody waits for the answer, while an S3 that hangs may be tried for minutes: each of the tries has so long.
ANSWER_SECONDS = 3.0
KEPT_LOGS = 100
# Each is shown with all it says.
MAX_SHOWN = 100
# S3's own rule is narrower; other servers take capitals and underscores.
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_MAX_KEY_BYTES = 1024
_COUNTED = {
    "ok": "stored",
    **{name: name for name in ("no_exif", "unsupported", "damaged", "failed", "bytes_read", "requests")},
}


class NoSuchBatch(EXIFinatorError):
    """There is no batch of this id."""


class NoSuchBucket(EXIFinatorError):
    """S3 has no bucket of this name."""


class BucketRefused(EXIFinatorError):
    """The bucket is there, but S3 gives nothing of it to these credentials."""


class BatchEnded(EXIFinatorError):
    """The batch has come to its end, so there is nothing to cancel."""


class TooManyBatches(EXIFinatorError):
    """As many batches are under way as may be."""


def read_bucket(source: str) -> Source:
    """`bucket`, `bucket/prefix` or `s3://bucket/prefix`; a folder of this machine is never meant.

    Raises: ConfigError.
    """
    found = parse_source(source)
    if not _BUCKET.fullmatch(found.bucket):
        raise ConfigError(f"{source[:100]!r} names no bucket: write bucket or bucket/prefix")
    if "\0" in found.prefix or len(found.prefix.encode()) > _MAX_KEY_BYTES:
        raise ConfigError(f"a prefix has at most {_MAX_KEY_BYTES} bytes, and no NUL: no key begins otherwise")
    return found


def start_batch(config: Config, store: Store, source: str, *, logs: Path = ROOT / "logs") -> str:
    """Start a batch over a bucket, or what lies under a prefix of it, as a process of its own. Returns: its id.

    The process outlives this one; what it says goes to logs/batch-<id>.log.
    Raises: ConfigError where the source is none; NoSuchBucket, BucketRefused; TooManyBatches; TransientError.
    """
    wanted = read_bucket(source)
    s3 = S3(config.model_copy(update={"s3_timeout_seconds": min(ANSWER_SECONDS, config.s3_timeout_seconds)}))
    try:
        check_sources([wanted], s3)
    except (ConfigError, PermanentError) as exc:
        gone = isinstance(exc.__cause__, BucketGone)
        raise (NoSuchBucket if gone else BucketRefused)(str(exc)) from exc
    finally:
        s3.close()
        # A client of boto3 is 4 MB of objects that hold each other, and a server of one's own seldom looks for such.
        del s3
        gc.collect()
    if len(_watched(store)) >= MAX_UNDER_WAY:
        raise TooManyBatches(f"{MAX_UNDER_WAY} batches are under way already; wait until one of them has ended")
    now = datetime.now(UTC)
    batch_id = new_batch_id(now)
    store.batches.save(
        {
            "_id": batch_id,
            "sources": [str(wanted)],
            "state": "listing",
            "started_at": now,
            "updated_at": now,
            "numbers": Numbers().as_dict(),
        }
    )
    logs.mkdir(exist_ok=True)
    for old in sorted(logs.glob("batch-*.log"))[:-KEPT_LOGS]:
        old.unlink(missing_ok=True)
    log_file = logs / f"batch-{batch_id}.log"
    with log_file.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "exifinator", "run", "--json", "--batch-id", batch_id, str(wanted)],
            cwd=ROOT,
            # Not with the mark of what started this process, which would end it too; and nobody types Ctrl-C for it.
            env={**os.environ, MARK: mark_of(ROOT, WATCHERS)},
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    log.info("start: batch %s over %s, process %d", batch_id, wanted, process.pid)
    waiter = threading.Thread(target=_await_end, args=(process, store, batch_id, log_file), daemon=True)
    waiter.start()
    return batch_id


def end_watchers(root: Path = ROOT) -> bool:
    """End the processes of batches, as Ctrl-C ends a run: run again, each goes on. Returns whether there was one."""
    watchers = find_marked(mark_of(root, WATCHERS))
    end_processes(watchers, WATCHER_ENDS_SECONDS)
    return bool(watchers)


def _await_end(process: subprocess.Popen[bytes], store: Store, batch_id: str, log_file: Path) -> None:
    """Where the process ends without having said so, say it for it."""
    code = process.wait()
    problem = f"its process ended ({code}): {_last_line(log_file)}"
    changes = {"problem": problem, "rate": None, "updated_at": datetime.now(UTC)}
    try:
        for before, after in (("listing", "stopped"), ("reading", "left")):
            if store.batches.change(batch_id, (before,), {**changes, "state": after}):
                log.error("stop: batch %s: %s", batch_id, problem)
    except EXIFinatorError as exc:
        log.warning("stop: batch %s: %s", batch_id, exc)


def _last_line(path: Path) -> str:
    lines = path.read_bytes()[-4096:].decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("Error: ")[:500] if lines else "it said nothing"


def read_batch(store: Store, queue: ImageQueue, batch_id: str) -> Document:
    """How far a batch is; see read_batches. Raises: NoSuchBatch, StoreUnavailable."""
    found = store.batches.find(batch_id)
    if found is None:
        raise NoSuchBatch("there is no batch of this id")
    return _describe_all(store, queue, [{"id": found.pop("_id"), **found}])[0]


def read_batches(
    store: Store,
    queue: ImageQueue,
    *,
    limit: int = MAX_SHOWN,
    after: str | None = None,
    touched_since: datetime | None = None,
) -> list[Document]:
    """How far the batches are, newest first: id, sources, state, started_at, updated_at, numbers, rate, problem, ...

    state: `listing`, `reading`, `cancelling` while a process is at it; `done` and `cancelled` at the end; `left` when
    nobody watches it but the workers may go on; `stopped` when its listing broke off, and `problem` says why.
    rate: images a second at present; seconds_left: at that rate; both None where nobody knows.
    after: only those before the batch of this id; touched_since: only those that something happened to since then.
    Where Redis does not answer, the numbers are those of the last second in which it did.
    Raises: StoreUnavailable.
    """
    return _describe_all(store, queue, store.batches.find_latest(limit, after=after, touched_since=touched_since))


def cancel_batch(store: Store, queue: ImageQueue, batch_id: str) -> Document:
    """Ask for the end of a batch: what is not yet read is taken out of the queue. Returns: the batch, as read_batch.

    What another open batch covers too stays queued. The process that watches the batch ends it when what is in hand
    has ended; where there is none any more, whoever reads the batch does it.
    Raises: NoSuchBatch, BatchEnded, StoreUnavailable, QueueUnavailable.
    """
    found = store.batches.find(batch_id)
    if found is None:
        raise NoSuchBatch("there is no batch of this id")
    state = found.get("state")
    is_left = state in LEFT_BEHIND and batch_id in queue.open_batches()
    asked = {"cancel_requested_at": found.get("cancel_requested_at") or datetime.now(UTC)}
    if (state not in UNDER_WAY and not is_left) or not store.batches.change(
        batch_id, (*UNDER_WAY, *LEFT_BEHIND), asked
    ):
        raise BatchEnded(f"the batch has ended: it is {_saved_state(found)}")
    log.info("cancel: batch %s", batch_id)
    return read_batch(store, queue, batch_id)


def _saved_state(document: Mapping[str, Any]) -> str:
    """The state that its process said last."""
    return str(document.get("state", "done"))


def _watched(store: Store) -> list[Document]:
    """The batches that a process is at."""
    found = store.batches.find_latest(MAX_SHOWN, touched_since=datetime.now(UTC) - SILENT_AFTER)
    return [batch for batch in found if _saved_state(batch) in UNDER_WAY]


def _describe_all(store: Store, queue: ImageQueue, documents: Sequence[Document]) -> list[Document]:
    now = datetime.now(UTC)
    described = []
    for document in documents:
        batch = _finish_cancelled(store, queue, document, now)
        counts = None
        if _saved_state(batch) not in ENDED:
            try:
                counts = queue.batch_counts(batch["id"])
            except QueueUnavailable as exc:
                log.warning("retry: %s", exc)
        described.append(_describe(batch, counts, now))
    if any(batch["state"] in UNDER_WAY for batch in described) and not store.find_workers(now - WORKER_SILENT_AFTER):
        for batch in described:
            if batch["state"] in UNDER_WAY:
                batch["problem"] = batch["problem"] or f"no worker runs: {START} starts them"
    return described


def _is_silent(document: Document, now: datetime) -> bool:
    return bool(now - document.get("updated_at", now) > SILENT_AFTER)


def _finish_cancelled(store: Store, queue: ImageQueue, document: Document, now: datetime) -> Document:
    """End a batch that is to be cancelled and that nobody watches; returns its document as it is then."""
    requested_at = document.get("cancel_requested_at")
    state = _saved_state(document)
    if not requested_at or state in ENDED or (state in UNDER_WAY and not _is_silent(document, now)):
        return document
    batch_id = document["id"]
    try:
        sources = [parse_source(source) for source in document.get("sources", ())]
        if not withdraw(queue, store, batch_id, sources, requested_at=requested_at):
            return document
        numbers = _live_numbers(document, queue.batch_counts(batch_id))
        queue.close_batch(batch_id)
    except QueueUnavailable as exc:
        log.warning("retry: batch %s cannot be cancelled now: %s", batch_id, exc)
        return document
    changes = {"state": "cancelled", "numbers": numbers, "rate": None, "problem": None, "updated_at": now}
    store.batches.change(batch_id, (*UNDER_WAY, *LEFT_BEHIND), changes)
    return {**document, **changes}


def _live_numbers(document: Document, counts: Mapping[str, int] | None) -> dict[str, Any]:
    """The numbers that were stored last, with what the workers have counted since."""
    numbers = {**Numbers().as_dict(), **document.get("numbers", {})}
    if counts:
        numbers |= {name: counts.get(counted, 0) for counted, name in _COUNTED.items()}
        # Images that were at their end when they were listed are not the workers' to count.
        numbers["damaged"] += document.get("empty", 0)
        numbers["failed"] += document.get("failed_before", 0)
    return numbers


def _describe(document: Document, counts: Mapping[str, int] | None, now: datetime) -> Document:
    numbers = _live_numbers(document, counts)
    state, problem, rate = _saved_state(document), document.get("problem"), document.get("rate")
    if state in UNDER_WAY:
        if document.get("cancel_requested_at"):
            state = "cancelling"
        elif _is_silent(document, now):
            rate = None
            if state == "listing":
                state, problem = (
                    "stopped",
                    "the process that listed it is gone: start it again, it skips what is stored",
                )
            else:
                state, problem = "left", "the process that watched it is gone; the workers go on with what is queued"
    done = sum(numbers[name] for name in ("stored", "no_exif", "unsupported", "damaged", "failed"))
    left = numbers["queued"] - (done - document.get("empty", 0) - document.get("failed_before", 0))
    return {
        "id": document["id"],
        "sources": [str(source) for source in document.get("sources", ())],
        "state": state,
        "started_at": document.get("started_at"),
        "updated_at": document.get("updated_at"),
        "numbers": numbers,
        "rate": round(rate, 1) if rate is not None and state in (*UNDER_WAY, "cancelling") else None,
        "seconds_left": round(left / rate, 1) if state == "reading" and rate and left > 0 else None,
        "problem": problem,
    }
