"""read_batches returns the state of batches that no process watches, and why batches make no progress."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from exifinator.batches.service import read_batches

LONG_AGO = datetime.now(UTC) - timedelta(hours=1)
LISTED = [{"source": "s3://b/2024/", "ranges": []}]
PARTLY_LISTED = [{"source": "s3://b/2024/", "ranges": [["2024/k", None]]}]


def read_batch(
    *,
    counts: dict[str, int] | None = None,
    workers: int = 1,
    paused: tuple[bytes, ...] = (),
    is_watched: bool = False,
    is_limited: bool = False,
    **document: Any,
) -> dict[str, Any]:
    """Return what `read_batches` returns for a stored batch.

    Args:
        counts: The counts of its workers in Redis, or None if Redis has none.
        workers: The number of active workers.
        paused: The names of the paused queues.
        is_watched: Whether the batch's process has just reported progress.
        is_limited: Whether the batch has reached its limit.
        document: Further fields of the stored batch.
    """
    updated_at = datetime.now(UTC) if is_watched else LONG_AGO
    stored = {"_id": "a", "sources": ["s3://b/2024/"], "updated_at": updated_at, "started_at": LONG_AGO, **document}
    store: Any = SimpleNamespace(
        batches=SimpleNamespace(find_latest=lambda *_, **__: [stored]),
        workers=SimpleNamespace(find_active=lambda _: [object()] * workers),
    )
    queue: Any = SimpleNamespace(
        batches=SimpleNamespace(counts=lambda _: counts),
        batch_limits=SimpleNamespace(has_reached_limit=lambda _: is_limited),
        client=SimpleNamespace(smembers=lambda _: set(paused)),
        keys=SimpleNamespace(paused_queues="paused"),
    )
    (batch,) = read_batches(store, queue)
    return batch


NUMBERS = {"listed": 5, "queued": 3, "unchanged": 2}


@pytest.mark.parametrize("state", ["left", "reading"])
def test_read_batches__unwatched_and_complete__is_done(state: str) -> None:
    """Such a batch was once shown as "Detached" until a later batch closed it."""
    batch = read_batch(state=state, numbers=NUMBERS, checkpoint=LISTED, counts={"ok": 2, "failed": 1})
    assert (batch["state"], batch["problem"], batch["numbers"]["stored"]) == ("done", None, 2)


@pytest.mark.parametrize(
    ("counts", "checkpoint"),
    [({"ok": 2}, LISTED), ({"ok": 3}, PARTLY_LISTED), (None, LISTED)],
    ids=["images wait", "listing is incomplete", "counts are unknown"],
)
def test_read_batches__unwatched_and_incomplete__is_detached(
    counts: dict[str, int] | None, checkpoint: list[Any]
) -> None:
    assert read_batch(state="left", numbers=NUMBERS, checkpoint=checkpoint, counts=counts)["state"] == "left"


def test_read_batches__watched_and_complete__is_not_done_until_its_process_says_so() -> None:
    batch = read_batch(state="reading", numbers=NUMBERS, checkpoint=LISTED, counts={"ok": 3}, is_watched=True)
    assert batch["state"] == "reading"


@pytest.mark.parametrize(("state", "is_watched"), [("reading", True), ("listing", True), ("left", False)])
def test_read_batches__paused_queue_or_no_worker__is_the_problem(state: str, is_watched: bool) -> None:
    given: dict[str, Any] = {"state": state, "numbers": NUMBERS, "checkpoint": LISTED, "is_watched": is_watched}
    counts = {"ok": 1}
    paused = read_batch(paused=(b"download", b"download_timed_set"), counts=counts, **given)
    assert paused["problem"].endswith("queue resume download")
    assert "No worker" in read_batch(workers=0, counts=counts, **given)["problem"]
    assert "paused" not in str(read_batch(counts=counts, **given)["problem"])


def test_read_batches__unwatched_and_limit_reached__names_the_limit() -> None:
    given: dict[str, Any] = {"numbers": NUMBERS, "checkpoint": LISTED, "counts": {"ok": 1}, "is_limited": True}
    assert "reached its limit" in read_batch(state="left", workers=0, **given)["problem"]
    assert "No worker" in read_batch(state="reading", is_watched=True, workers=0, **given)["problem"]


def test_read_batches__no_object_listed__names_the_source() -> None:
    batch = read_batch(state="done", numbers={"listed": 0})
    assert batch["problem"] == "There is nothing under s3://b/2024/; check the spelling"
    assert read_batch(state="done", numbers=NUMBERS)["problem"] is None
