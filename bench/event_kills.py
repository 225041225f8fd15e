"""Check that after many events and kills, the index has exactly the objects of the bucket.

`python -m bench.event_kills [--events N] [--kills N] [--seed N]` changes the objects of a bucket, and sends a
notification of each change: some of them twice, and all of them in another order. Meanwhile it kills the watcher, the
workers, Redis and MongoDB. It adds a row to bench/EVENTS.md.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from bench.event_stream import BUCKET, Program, Stream, add_row
from exifinator.storage.jobs import FAILED_STATUSES
from tests.faults.conftest import Server, mongod_server, redis_server
from tests.photos import make_jpeg
from tests.servers import run_moto

PAGE = Path(__file__).parent / "EVENTS.md"
DUPLICATES, DELETIONS = 0.2, 0.1
# Average number of changes per key.
CHANGES_PER_KEY = 4
# Notifications are sent in random order: each is picked from this many pending ones.
SHUFFLE_WINDOW = 1000
# Moto becomes slow if the queue has more messages.
MAX_MESSAGES = 500
# Limit on each wait. A message that a killed watcher had received is delivered again only after two minutes.
WAIT_LIMIT_SECONDS = 3600.0


@dataclass
class Outcome:
    """How the index differs from the bucket in the end."""

    missing: list[str] = field(default_factory=list)
    outdated: list[str] = field(default_factory=list)
    superfluous: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    objects: int = 0
    killed: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def differences(self) -> int:
        return len(self.missing) + len(self.outdated) + len(self.superfluous) + len(self.failed)


class Experiment:
    """The servers and programs of one run, and the notifications that have not been sent yet."""

    def __init__(self, folder: Path, stack: ExitStack, chance: random.Random) -> None:
        (folder / "moto").mkdir()
        self.chance = chance
        self.stream = Stream(stack.enter_context(run_moto(folder / "moto")))
        self.redis, self.mongodb = redis_server(folder), mongod_server(folder)
        for server in (self.redis, self.mongodb):
            server.start()
            stack.callback(server.kill)
        environment = self.stream.environment(
            redis=f"redis://127.0.0.1:{self.redis.port}/0",
            mongodb=f"mongodb://127.0.0.1:{self.mongodb.port}",
            LEASE_SECONDS=5,
            RETRY_DELAY_SECONDS=1,
            GREENLETS=20,
        )
        self.programs = {name: Program(name, folder, environment) for name in ("watch", "worker-1", "worker-2")}
        for program in self.programs.values():
            stack.callback(program.end)
        self.pending: list[str] = []
        self.killed: dict[str, int] = {}

    def restart_programs(self) -> None:
        """Start the programs that have ended."""
        for program in self.programs.values():
            program.restart_if_ended()

    def change(self, keys: int, version: int) -> None:
        """Put or delete an object."""
        chance = self.chance
        number = chance.randrange(keys)
        key = f"{number % 7}/a b+é {number}.jpg"
        # Often there is no object with this key. S3 notifies of such deletions, too.
        notification = self.stream.delete(key) if chance.random() < DELETIONS else self.stream.put(key, _body(version))
        self.pending.append(notification)
        if chance.random() < DUPLICATES:
            self.pending.append(notification)

    def send_notifications(self, *, keep: int) -> None:
        """Send pending notifications in random order, until at most `keep` are left."""
        while len(self.pending) > keep:
            batch = []
            while self.pending and len(batch) < 10:
                i = self.chance.randrange(len(self.pending))
                self.pending[i], self.pending[-1] = self.pending[-1], self.pending[i]
                batch.append(self.pending.pop())
            self.stream.send(batch)

    def kill(self) -> None:
        """Kill one of the programs or servers. Servers are started again with their data."""
        name = self.chance.choice(["watch", "worker-1", "worker-2", "redis", "mongodb"])
        if name in self.programs:
            wait(lambda: self.programs[name].is_running, self.restart_programs)
            self.programs[name].kill()
        else:
            server: Server = getattr(self, name)
            server.kill()
            server.start()
        self.killed[name] = self.killed.get(name, 0) + 1

    def compare(self) -> Outcome:
        """Wait until all changes have been handled, and compare the index with the bucket."""
        with MongoClient[Any](f"mongodb://127.0.0.1:{self.mongodb.port}") as client:
            wait(lambda: self._is_idle(client), self.restart_programs)
            records = {doc["key"]: doc["etag"] for doc in client["waldo"]["exif_data"].find({}, {"key": 1, "etag": 1})}
            failed = [
                job["params"]["key"]
                for job in _jobs(client).find({**_IMAGE_JOBS, "status": {"$in": list(FAILED_STATUSES)}})
            ]
        objects = self.stream.etags()
        return Outcome(
            missing=sorted(objects.keys() - records.keys()),
            outdated=sorted(key for key in objects.keys() & records.keys() if objects[key] != records[key]),
            superfluous=sorted(records.keys() - objects.keys()),
            failed=failed,
            objects=len(objects),
            killed=self.killed,
        )

    def _is_idle(self, client: MongoClient[Any]) -> bool:
        if self.stream.count_messages():
            return False
        try:
            with redis.Redis(port=self.redis.port) as queue:
                queued = sum(queue.zcard(key) for key in queue.scan_iter("*", 1000, _type="ZSET") if b":q:" in key)
                queued += sum(queue.llen(key) for key in queue.scan_iter("*", 1000, _type="LIST") if b":q:" in key)
            ended = [*FAILED_STATUSES, "success"]
            return not queued and not _jobs(client).count_documents({**_IMAGE_JOBS, "status": {"$nin": ended}})
        except (redis.RedisError, PyMongoError):
            return False


# Filter for the jobs of images. MRQ's maintenance tasks have jobs, too.
_IMAGE_JOBS = {"params.bucket": BUCKET}


def _jobs(client: MongoClient[Any]) -> Any:
    return client["mrq"]["mrq_jobs"]


def _body(version: int) -> bytes:
    """Return a small photo whose bytes differ by version."""
    return _JPEG + version.to_bytes(8)


_JPEG = make_jpeg()


def wait(is_done: Callable[[], bool], restart_programs: Callable[[], None]) -> None:
    """Wait until something is done, and keep the programs running meanwhile."""
    deadline = time.monotonic() + WAIT_LIMIT_SECONDS
    while not is_done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not done after {WAIT_LIMIT_SECONDS:.0f} s")
        restart_programs()
        time.sleep(0.2)


def run(events: int, kills: int, seed: int, folder: Path) -> Outcome:
    """Make `events` changes to objects and `kills` kills. Return how the index differs from the bucket in the end."""
    started_at, chance = time.monotonic(), random.Random(seed)
    kill_at = set(chance.sample(range(events // 10, events), kills))
    with ExitStack() as stack:
        experiment = Experiment(folder, stack, chance)
        for i in range(events):
            if i % 50 == 0:
                experiment.restart_programs()
            experiment.change(max(1, events // CHANGES_PER_KEY), i)
            experiment.send_notifications(keep=min(SHUFFLE_WINDOW, events // 10))
            if i in kill_at:
                experiment.kill()
            if i % 100 == 99:
                wait(lambda: experiment.stream.count_messages() < MAX_MESSAGES, experiment.restart_programs)
        experiment.send_notifications(keep=0)
        outcome = experiment.compare()
    outcome.seconds = time.monotonic() - started_at
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000, help="number of changes")
    parser.add_argument("--kills", type=int, default=20, help="number of kills")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random numbers")
    parser.add_argument("--keep", type=Path, help="a new folder for logs and data, which is kept")
    parser.add_argument("--no-row", action="store_true", help="do not add a row to bench/EVENTS.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        outcome = run(options.events, options.kills, options.seed, folder)
    print(outcome)
    killed = ", ".join(f"{name} {count}" for name, count in sorted(outcome.killed.items()))
    row = {"Date": time.strftime("%Y-%m-%d"), "Changes": options.events, "Seed": options.seed, "Killed": killed}
    row |= {"Objects in the end": outcome.objects, "Differences": outcome.differences}
    if not options.no_row:
        add_row(PAGE, row | {"Minutes": f"{outcome.seconds / 60:.0f}"})
    sys.exit(bool(outcome.differences))


if __name__ == "__main__":
    main()
