"""`watch` applies every message of its queue, even if it is killed."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import boto3
import pytest

from exifinator.batches.events import ANY_TIME, EventApplier, find_object
from exifinator.batches.watcher import Watcher
from exifinator.models import ImageRef
from exifinator.monitoring.checks.events import check_events
from exifinator.queue.image_queue import Outcome
from exifinator.queue.withdrawals import DELETED
from exifinator.sources.client import SourceClient
from exifinator.sources.sqs import MessageQueue
from exifinator.worker.isolated import read_image
from tests.integration.conftest import Bucket, Installation
from tests.photos import make_jpeg
from tests.servers import end, start
from tests.waiting import ReadySocket, eventually

JPEG = make_jpeg()


class Sqs:
    """A new SQS queue on moto."""

    def __init__(self, url: str, name: str) -> None:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
        self.client = boto3.client("sqs", endpoint_url=url, **keys)
        path = self.client.create_queue(QueueName=name)["QueueUrl"].split("/", 3)[3]
        self.url = f"{url}/{path}"

    def send(self, body: str) -> None:
        self.client.send_message(QueueUrl=self.url, MessageBody=body)

    def count(self) -> int:
        """Return the number of messages, including received ones."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def show_all(self, receipts: list[str]) -> None:
        """Make received messages visible again, as if their visibility timeout were over."""
        for receipt in receipts:
            self.client.change_message_visibility(QueueUrl=self.url, ReceiptHandle=receipt, VisibilityTimeout=0)


@pytest.fixture
def sqs(moto_url: str, installation: Installation) -> Iterator[Sqs]:
    sqs = Sqs(moto_url, installation.name)
    yield sqs
    sqs.client.delete_queue(QueueUrl=sqs.url)


def notification(bucket: Bucket, key: str, name: str) -> str:
    s3 = {"bucket": {"name": bucket.name}, "object": {"key": quote_plus(key), "sequencer": "00"}}
    record: dict[str, Any] = {"eventSource": "aws:s3", "eventName": name, "s3": s3}
    return json.dumps({"Records": [record]})


class Kill(BaseException):
    """Stands for the end of the watcher's process."""


class KilledQueue(MessageQueue):
    """A queue whose watcher is killed before every third deletion of its messages."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.deletions = 0
        self.received: list[str] = []

    def receive(self, *, wait_seconds: int = 0) -> list[Any]:
        messages = super().receive(wait_seconds=wait_seconds)
        self.received = [message.receipt for message in messages]
        return messages

    def delete(self, messages: Any) -> None:
        self.deletions += 1
        if self.deletions % 3 == 0:
            raise Kill
        super().delete(messages)


def test_watcher__events_shuffled_and_repeated_and_watcher_killed__index_equals_the_bucket(
    installation: Installation, applier: EventApplier, bucket: Bucket, sqs: Sqs
) -> None:
    rng = random.Random(1)
    keys = [f"{i % 7}/a b+{i}.jpg" for i in range(12)]
    bodies: list[str] = []
    queue = KilledQueue(installation.config, sqs.url)
    watcher = Watcher(queue, applier, pause=lambda seconds: None)
    kills = 0

    def watch_once() -> None:
        nonlocal kills
        try:
            watcher.step()
        except Kill:
            kills += 1
            sqs.show_all(queue.received)

    for _ in range(60):
        key = rng.choice(keys)
        if rng.random() < 0.3:
            bucket.delete(key)
            bodies.append(notification(bucket, key, "ObjectRemoved:Delete"))
        else:
            bucket.put(key, JPEG + bytes([rng.randrange(256)]))
            bodies.append(notification(bucket, key, "ObjectCreated:Put"))
        if rng.random() < 0.2:
            bodies.append(bodies[-1])
        if len(bodies) > 20:
            rng.shuffle(bodies)
            while bodies:
                sqs.send(bodies.pop())
            watch_once()
            index_some(installation, rng)
    for body in bodies:
        sqs.send(body)
    for _ in range(100):
        watch_once()
        index_some(installation, rng)
        if not sqs.count():
            break
    for _ in range(100):
        installation.end_leases(bucket.name)
        index_some(installation, rng)

    assert (sqs.count(), installation.queue.sizes()[0]) == (0, 0)
    assert kills > 0
    listed = {ref.key: ref.etag for ref in installation.s3.list_page(bucket.name, "", None).refs}
    assert {key: record["etag"] for key, record in installation.records(bucket.name).items()} == listed
    assert installation.failed_jobs(bucket.name) == []


def index_some(installation: Installation, rng: random.Random) -> None:
    """Index some of the queued images as a worker does. At random, drop deliveries as if the worker had died."""
    for delivery in installation.queue.take_downloads(10):
        ref = ImageRef.from_member(delivery.member)
        if rng.random() < 0.2:
            continue
        if find_object(SourceClient(installation.s3), ref.bucket, ref.key) is None:
            if installation.queue.withdrawals.is_withdrawn(ref.id):
                installation.store.records.remove([ref.id], ANY_TIME)
                installation.queue.acknowledge([Outcome(delivery.member, ref.id, DELETED, delivery=delivery.number)])
            continue
        record, _ = read_image(installation.s3, ref, installation.config)
        record.document["delivered_at"] = delivery.delivered_at
        if installation.queue.find_held([delivery]) == [True]:
            installation.store.records.upsert([record])
            outcome = Outcome(delivery.member, ref.id, record.status, delivery=delivery.number)
            installation.queue.acknowledge([outcome])


def test_doctor__sqs_queue_is_configured__is_checked(installation: Installation, sqs: Sqs) -> None:
    sqs.send("a")
    result = check_events(installation.config, sqs.url)
    assert (result.level, "about 1 " in result.message) == ("ok", True)
    wrong = check_events(installation.config, f"{sqs.url}-missing")
    assert wrong.level == "error"
    assert "EVENTS_SQS_URL" in wrong.fix


def test_watch__run_as_a_process__applies_messages_and_ends_at_sigterm(
    installation: Installation, bucket: Bucket, sqs: Sqs, tmp_path: Path
) -> None:
    bucket.put("a b.jpg", JPEG)
    ref = installation.s3.list_page(bucket.name, "", None).refs[0]
    sqs.send("no notification")
    sqs.send(notification(bucket, "a b.jpg", "ObjectCreated:Put"))
    with contextlib.closing(ReadySocket()) as ready:
        environment = {**installation.environment, "EXIFINATOR_EVENTS_SQS_URL": sqs.url, **ready.environment}
        log = tmp_path / "watch.log"
        watch = start([sys.executable, "-m", "exifinator", "watch"], log, environment)
        try:
            eventually(ready.is_ready, watching=[watch], explain=log.read_text)
            # The message that is no notification stays in the queue.
            eventually(lambda: sqs.count() == 1, watching=[watch], explain=log.read_text)
            assert installation.queue.still_queued([ref]) == [True]
            watch.send_signal(signal.SIGTERM)
            assert watch.wait() == 0
        finally:
            end(watch)
    counts = installation.control.counts()
    assert (counts["events:queued"], counts["events:malformed"]) == (1, 1)
