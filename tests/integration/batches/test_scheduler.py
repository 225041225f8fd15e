"""The scheduler starts each batch of SCHEDULE once when it is due, whatever happens to the workers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exifinator.batches.owner import this_process
from exifinator.batches.schedule import ScheduledSource
from exifinator.batches.scheduler import CLAIM_TIMEOUT, Scheduler, describe_schedule
from exifinator.errors import BucketGone, EXIFinatorError, TooManyBatches
from exifinator.storage.schedule import KEPT_WITHOUT_ENTRY
from tests.integration.batches.schedules import HOUR, MINUTE, NOON, describe, schedule
from tests.integration.conftest import Installation


class Starter:
    """Stores the documents of batches, as start_batch does, but starts no process.

    Attributes:
        started: The source and the id of each batch that was started.
        error: The error to raise instead of starting a batch.
        before: Called before each start.
    """

    def __init__(self, installation: Installation, error: EXIFinatorError | OSError | None = None) -> None:
        self.store = installation.store
        self.started: list[tuple[str, str]] = []
        self.error = error
        self.before: Callable[[], object] = lambda: None

    def __call__(self, entry: ScheduledSource, batch_id: str) -> None:
        self.before()
        if self.error:
            raise self.error
        self.started.append((str(entry.source), batch_id))
        save_batch(self.store, batch_id, str(entry.source))

    @property
    def sources(self) -> list[str]:
        return [source for source, _ in self.started]


def save_batch(store: Any, batch_id: str, *sources: str, **fields: Any) -> None:
    now = datetime.now(UTC)
    document: Any = {
        "_id": batch_id,
        "sources": list(sources),
        "state": "listing",
        "started_at": now,
        "updated_at": now,
        **fields,
    }
    store.batches.save(document)


def end_batch(installation: Installation, batch_id: str) -> None:
    assert installation.store.batches.change(batch_id, ("listing", "reading"), {"state": "done"})


class Died(BaseException):
    """Stands for the death of the worker."""


@pytest.fixture
def starter(installation: Installation) -> Starter:
    return Starter(installation)


def test_check__entries_are_due__starts_their_batches(installation: Installation, starter: Starter) -> None:
    entries = schedule({"source": "a", "every": "6h"}, {"source": "b", "at": "13:00"})
    scheduler = Scheduler(installation.store, entries, starter)
    for minutes in (0, 1, 59):
        scheduler.check(NOON + minutes * MINUTE)
        assert starter.sources == ["s3://a"]
    scheduler.check(NOON + HOUR)
    assert starter.sources == ["s3://a", "s3://b"]
    end_batch(installation, starter.started[0][1])
    end_batch(installation, starter.started[1][1])
    for hours in (5, 6, 7, 24):
        scheduler.check(NOON + hours * HOUR)
    assert starter.sources == ["s3://a", "s3://b", "s3://a"]


def test_check__many_schedulers_simultaneously__start_each_batch_once(installation: Installation) -> None:
    """Eight workers' schedulers check four entries at the same moment."""
    entries = schedule(*({"source": name, "every": "1h"} for name in "abcd"))
    starters = [Starter(installation) for _ in range(8)]
    barrier = threading.Barrier(len(starters))

    def check(starter: Starter) -> None:
        barrier.wait()
        Scheduler(installation.store, entries, starter).check(NOON)

    with ThreadPoolExecutor(len(starters)) as threads:
        list(threads.map(check, starters))
    assert sorted(source for starter in starters for source in starter.sources) == [f"s3://{name}" for name in "abcd"]
    assert len(list(installation.store.batches.collection.find())) == len(entries)
    for entry in describe_schedule(installation.store, installation.queue, entries):
        assert (entry["last"]["outcome"], entry["next_at"]) == ("started", NOON + HOUR)


def test_check__another_scheduler_is_starting_the_batch__does_not_start_it(
    installation: Installation, starter: Starter
) -> None:
    entries = schedule({"source": "a", "every": "1h"})
    late = Starter(installation)
    starter.before = lambda: Scheduler(installation.store, entries, late).check(NOON + MINUTE)
    Scheduler(installation.store, entries, starter).check(NOON)
    assert (starter.sources, late.sources) == (["s3://a"], [])


@pytest.mark.parametrize("batch_is_stored", [False, True], ids=["before", "after the batch is stored"])
def test_check__scheduler_killed_after_its_claim__another_starts_the_same_batch(
    installation: Installation, starter: Starter, *, batch_is_stored: bool
) -> None:
    entries = schedule({"source": "a", "every": "1h"})
    dying = Starter(installation)

    def start_and_die(entry: ScheduledSource, batch_id: str) -> None:
        if batch_is_stored:
            dying(entry, batch_id)
        raise Died

    with pytest.raises(Died):
        Scheduler(installation.store, entries, start_and_die).check(NOON)
    (document,) = installation.store.schedule.collection.find()
    claim = document["claim"]
    assert claim is not None

    Scheduler(installation.store, entries, starter).check(NOON + MINUTE)
    assert starter.started == []
    Scheduler(installation.store, entries, starter).check(NOON + CLAIM_TIMEOUT)
    assert starter.started == [("s3://a", claim["batch"])]
    assert installation.store.batches.collection.count_documents({}) == 1
    result = describe(installation, entries)
    assert (result["last"]["outcome"], result["last_batch"]["id"]) == ("started", claim["batch"])


@pytest.mark.parametrize(
    "fields",
    [
        {"checkpoint": [], "owner": this_process()},
        {"checkpoint": [], "owner": None, "state": "done"},
        {"state": "stopped"},
    ],
    ids=["running", "done", "failed"],
)
def test_check__scheduler_killed_after_the_batch_has_begun__is_not_started_again(
    installation: Installation, starter: Starter, fields: dict[str, Any]
) -> None:
    entries = schedule({"source": "a", "every": "1h"})

    def begin_and_die(_: ScheduledSource, batch_id: str) -> None:
        save_batch(installation.store, batch_id, "s3://a", **fields)
        raise Died

    with pytest.raises(Died):
        Scheduler(installation.store, entries, begin_and_die).check(NOON)
    Scheduler(installation.store, entries, starter).check(NOON + CLAIM_TIMEOUT)
    assert starter.started == []
    result = describe(installation, entries)
    assert (result["last"]["outcome"], result["next_at"]) == ("started", NOON + CLAIM_TIMEOUT + HOUR)


@pytest.mark.parametrize("at", [None, "12:00"])
def test_check__batches_were_missed_during_downtime__starts_one(
    installation: Installation, starter: Starter, at: str | None
) -> None:
    entries = schedule({"source": "a", "every": "1h", **({"at": at} if at else {})})
    scheduler = Scheduler(installation.store, entries, starter)
    scheduler.check(NOON - 10 * MINUTE)
    scheduler.check(NOON)
    starter.started.clear()
    installation.store.batches.collection.update_many({}, {"$set": {"state": "done"}})

    back = NOON + timedelta(days=3, minutes=20)
    for minutes in (0, 1, 2, 39):
        scheduler.check(back + minutes * MINUTE)
    assert starter.sources == ["s3://a"]
    end_batch(installation, starter.started[0][1])
    following = back + (HOUR if at is None else 40 * MINUTE)
    assert describe(installation, entries)["next_at"] == following
    scheduler.check(following)
    assert starter.sources == ["s3://a", "s3://a"]


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("s3://a/2024/", {}),
        ("s3://a/2024/", {"state": "reading", "owner": this_process(), "updated_at": NOON}),
        ("s3://a/2024/", {"cancel_requested_at": NOON}),
        ("s3://a", {}),
        ("s3://a/20", {}),
    ],
    ids=["listing", "silent for long, but alive", "cancelling", "bucket", "wider prefix"],
)
def test_check__previous_batch_is_running__skips_and_reports_it(
    installation: Installation, starter: Starter, source: str, fields: dict[str, Any]
) -> None:
    entries = schedule({"source": "a/2024/", "every": "1h"})
    scheduler = Scheduler(installation.store, entries, starter)
    save_batch(installation.store, "running", "s3://other", source, **fields)
    scheduler.check(NOON)
    scheduler.check(NOON + MINUTE)
    result = describe(installation, entries)
    assert starter.started == []
    assert result["last"] == {"at": NOON, "outcome": "skipped", "problem": "Batch running was still running"}
    assert (result["next_at"], result["last_batch"]) == (NOON + HOUR, None)

    end_batch(installation, "running")
    scheduler.check(NOON + HOUR)
    assert starter.sources == ["s3://a/2024/"]


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("s3://a/2025/", {}),
        ("s3://a/2024/01/", {}),
        ("s3://aa", {}),
        ("s3://a/2024/", {"state": "left", "owner": None}),
        ("s3://a/2024/", {"owner": {"host": "gone", "pid": 1, "started": 0.0}, "updated_at": NOON}),
    ],
    ids=["other prefix", "part of it", "other bucket", "detached", "other host died"],
)
def test_check__batches_of_other_sources_are_running__starts_the_batch(
    installation: Installation, starter: Starter, source: str, fields: dict[str, Any]
) -> None:
    save_batch(installation.store, "other", source, **fields)
    Scheduler(installation.store, schedule({"source": "a/2024/", "every": "1h"}), starter).check(NOON)
    assert starter.sources == ["s3://a/2024/"]


DEAD = {"host": socket.gethostname(), "pid": 2**22 + 1, "started": 0.0}


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "listing", "owner": DEAD, "checkpoint": []},
        {"state": "reading", "owner": DEAD, "checkpoint": []},
        {"state": "left", "owner": None, "checkpoint": []},
        {"state": "stopped", "owner": None},
    ],
    ids=["listing", "reading", "left", "failed before it listed anything"],
)
def test_check__process_of_the_batch_died__resumes_it(
    installation: Installation, starter: Starter, fields: dict[str, Any]
) -> None:
    entries = schedule({"source": "a", "every": "1d"})
    scheduler = Scheduler(installation.store, entries, starter)
    scheduler.check(NOON)
    ((_, batch_id),) = starter.started
    scheduler.check(NOON + MINUTE)
    assert len(starter.started) == 1

    def interrupt() -> None:
        installation.store.batches.collection.update_one({"_id": batch_id}, {"$set": fields})

    starter.before = interrupt
    interrupt()
    for seconds in range(0, 3600, 30):
        scheduler.check(NOON + HOUR + timedelta(seconds=seconds))
    # Within the hour, the batch is resumed a few times, with growing pauses.
    assert {started for _, started in starter.started} == {batch_id}
    assert 5 <= len(starter.started) <= 10
    assert describe(installation, entries)["next_at"] == NOON + timedelta(days=1)

    # When the entry is due again, a new batch starts.
    scheduler.check(NOON + timedelta(days=1))
    assert starter.started[-1][1] != batch_id


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "done"},
        {"state": "cancelled"},
        {"state": "left", "cancel_requested_at": NOON},
        {"state": "stopped", "finished_by": "b"},
        {"state": "stopped", "limit_reached": True},
        {"state": "reading", "owner": this_process(), "updated_at": NOON},
        {"state": "stopped", "options": {"patterns": [{"source": "s3://a", "include": ["x"], "exclude": []}]}},
    ],
    ids=["done", "cancelled", "cancelling", "finished by another", "limit", "running", "other patterns"],
)
def test_check__batch_needs_no_process__is_not_resumed(
    installation: Installation, starter: Starter, fields: dict[str, Any]
) -> None:
    scheduler = Scheduler(installation.store, schedule({"source": "a", "every": "1d"}), starter)
    scheduler.check(NOON)
    installation.store.batches.collection.update_many({}, {"$set": {"owner": None, **fields}})
    scheduler.check(NOON + HOUR)
    assert len(starter.started) == 1


def test_check__another_batch_is_running__interrupted_one_is_not_resumed(
    installation: Installation, starter: Starter
) -> None:
    scheduler = Scheduler(installation.store, schedule({"source": "a", "every": "1d"}), starter)
    scheduler.check(NOON)
    installation.store.batches.collection.update_many({}, {"$set": {"owner": None, "state": "stopped"}})
    save_batch(installation.store, "by-hand", "s3://a")
    scheduler.check(NOON + HOUR)
    assert len(starter.started) == 1
    end_batch(installation, "by-hand")
    scheduler.check(NOON + HOUR)
    assert len(starter.started) == 2


@pytest.mark.parametrize(
    "error",
    [BucketGone("There is no bucket a"), TooManyBatches("16 batches are running"), OSError(11, "no process left")],
    ids=lambda error: type(error).__name__,
)
def test_check__start_fails__is_retried_with_growing_pauses(
    installation: Installation, starter: Starter, error: EXIFinatorError | OSError
) -> None:
    entries = schedule({"source": "a", "every": "6h"}, {"source": "b", "every": "6h"})
    starter.error = error
    scheduler = Scheduler(installation.store, entries, starter)
    scheduler.check(NOON)
    pauses = []
    now = NOON
    for _ in range(9):
        first, second = describe_schedule(installation.store, installation.queue, entries)
        assert first["last"] == {"at": now, "outcome": "failed", "problem": str(error)}
        assert second["last"]["outcome"] == "failed"
        pauses.append(first["next_at"] - now)
        now = max(first["next_at"], second["next_at"])
        scheduler.check(now)
    assert timedelta(seconds=30) <= pauses[0] <= MINUTE
    assert timedelta(minutes=30) <= pauses[-1] <= HOUR
    starter.error = None
    now += HOUR
    scheduler.check(now)
    assert sorted(starter.sources) == ["s3://a", "s3://b"]
    assert describe(installation, entries[:1])["next_at"] == now + 6 * HOUR


@pytest.mark.parametrize("error", [None, BucketGone("There is no bucket a")], ids=["started", "failed"])
def test_check__clock_was_years_ahead__restarts_the_entry(
    installation: Installation, starter: Starter, error: EXIFinatorError | None
) -> None:
    entries = schedule({"source": "a", "every": "6h"}, {"source": "b", "at": "13:00"}, {"source": "c", "at": "10:00"})
    scheduler = Scheduler(installation.store, entries, starter)
    starter.error = error
    for days in range(3):
        scheduler.check(NOON + timedelta(days=5000 + days))
        installation.store.batches.collection.update_many({}, {"$set": {"state": "done"}})
    starter.error = None
    starter.started.clear()
    for hours in (0, 1, 5, 23):
        scheduler.check(NOON + hours * HOUR)
    assert starter.sources == ["s3://a", "s3://b", "s3://c"]


def test_check__entry_was_removed__is_forgotten_after_a_while(installation: Installation, starter: Starter) -> None:
    """A worker with other settings does not make the others start their batches again."""
    both = schedule({"source": "a", "every": "6h"}, {"source": "b", "every": "6h"})
    Scheduler(installation.store, both, starter).check(NOON)
    one = Scheduler(installation.store, both[:1], starter)
    one.check(NOON + HOUR)
    assert [entry["source"] for entry in describe_schedule(installation.store, installation.queue, both[:1])] == [
        "s3://a"
    ]
    Scheduler(installation.store, both, starter).check(NOON + 2 * HOUR)
    assert starter.sources == ["s3://a", "s3://b"]

    one.check(NOON + 3 * HOUR + KEPT_WITHOUT_ENTRY)
    assert [document["_id"] for document in installation.store.schedule.collection.find()] == [both[0].key]


def test_describe__entry_was_never_checked__has_the_time_of_its_next_start(installation: Installation) -> None:
    entry = {"source": "a", "at": "02:00", "timezone": "Asia/Tokyo", "include": ["*.x"]}
    result = describe(installation, schedule(entry))
    next_at = result.pop("next_at")
    assert (next_at.hour, next_at > datetime.now(UTC)) == (17, True)
    assert result == {
        "source": "s3://a",
        "include": ["*.x"],
        "exclude": [],
        "every": "1d",
        "at": "02:00",
        "timezone": "Asia/Tokyo",
        "prune": False,
        "checked_at": None,
        "last": None,
        "last_batch": None,
        "max_dollars": None,
        "max_requests": None,
    }
