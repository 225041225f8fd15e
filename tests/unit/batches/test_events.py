"""Which events change the index, and which messages the watcher deletes from its SQS queue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from exifinator.batches.events import AppliedEvents, EventApplier, find_object, make_selector
from exifinator.batches.watcher import Watcher
from exifinator.config import build_config
from exifinator.errors import (
    AccessDenied,
    BucketGone,
    CredentialsRefused,
    EXIFinatorError,
    ObjectGone,
    QueueUnavailable,
    SourceUnavailable,
)
from exifinator.models import BatchDocument, ImageRef
from exifinator.sources.notifications import ObjectEvent
from exifinator.sources.patterns import Patterns
from exifinator.sources.sqs import Message


def batch(*sources: str, **options: Any) -> BatchDocument:
    return cast(BatchDocument, {"_id": "b", "sources": list(sources), "options": options})


def select_ids(batches: list[BatchDocument], *ids: str, **settings: Any) -> list[str]:
    """Return the ids of the images that the selector chooses for these batches and settings."""
    is_indexed = make_selector(build_config(settings, {}), batches)
    events = [ObjectEvent(bucket, key) for bucket, _, key in (image_id.partition("/") for image_id in ids)]
    return [event.id for event in events if is_indexed(event)]


PATTERNS = {"patterns": [{"source": "s3://a/p", "include": ["*.jpg"], "exclude": ["drafts/"]}]}


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([], []),
        ([batch("s3://a")], ["a/x.jpg", "a/p/x.jpg", "a/p/x.png", "a/p/drafts/x.jpg"]),
        ([batch("s3://a/p")], ["a/p/x.jpg", "a/p/x.png", "a/p/drafts/x.jpg"]),
        ([batch("s3://a/p", **PATTERNS)], ["a/p/x.jpg"]),
        # The latest batch that covers a key decides.
        ([batch("s3://a/p", **PATTERNS), batch("s3://a")], ["a/x.jpg", "a/p/x.jpg"]),
        ([batch("s3://a"), batch("s3://a/p", **PATTERNS)], ["a/x.jpg", "a/p/x.jpg", "a/p/x.png", "a/p/drafts/x.jpg"]),
        (
            [batch("s3://a", includes_junk=True)],
            ["a/x.jpg", "a/p/x.jpg", "a/p/x.png", "a/p/drafts/x.jpg", "a/.DS_Store"],
        ),
        ([batch("s3://ab")], []),
    ],
)
def test_selector__batches__select_images_by_source_and_pattern(
    batches: list[BatchDocument], expected: list[str]
) -> None:
    ids = ["a/x.jpg", "a/p/x.jpg", "a/p/x.png", "a/p/drafts/x.jpg", "a/.DS_Store", "b/x.jpg"]
    assert select_ids(batches, *ids) == expected


def test_selector__buckets_in_the_settings__are_selected_without_a_batch() -> None:
    assert select_ids([], "a/x", "b/x", "a/.DS_Store", S3_BUCKETS=["a"]) == ["a/x"]
    assert select_ids([batch("s3://a", **{"patterns": []})], "a/x", "b/x", S3_BUCKETS="a, b/x") == ["a/x", "b/x"]


def test_selector__entries_in_the_settings__may_have_patterns_and_folders_are_ignored() -> None:
    entries = ["/srv/photos", "a --include '*.jpg' --exclude drafts/", "./more", "b/p"]
    ids = ["a/x.jpg", "a/x.png", "a/drafts/x.jpg", "b/p/x.png", "b/x.png"]
    assert select_ids([], *ids, S3_BUCKETS=entries) == ["a/x.jpg", "b/p/x.png"]


def test_selector__same_batches_again__compile_their_patterns_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Patterns] = []
    compile_patterns = Patterns.compile
    monkeypatch.setattr(Patterns, "compile", lambda self: (compiled.append(self), compile_patterns(self))[1])
    batches = [batch("s3://once", **{"patterns": [{"source": "s3://once", "include": ["*.jpg"], "exclude": []}]})]
    for _ in range(3):
        assert select_ids(batches, "once/x.jpg", "once/x.png") == ["once/x.jpg"]
    assert len(compiled) == 1
    batches = [batch("s3://once", **{"patterns": [{"source": "s3://once", "include": ["*.png"], "exclude": []}]})]
    assert select_ids(batches, "once/x.jpg", "once/x.png") == ["once/x.png"]


class Client:
    """A client of an S3 server that responds to every GET with `error`, and to a listing with `listing`."""

    def __init__(self, error: EXIFinatorError, listing: list[ImageRef] | EXIFinatorError) -> None:
        self.error = error
        self.listing = listing

    def read_range(self, *_: Any, **__: Any) -> Any:
        raise self.error

    def list_page(self, *_: Any, **__: Any) -> Any:
        if isinstance(self.listing, EXIFinatorError):
            raise self.listing
        return SimpleNamespace(refs=self.listing)


REF = ImageRef("a", "x.jpg", "e", 9, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (Client(ObjectGone("404"), []), None),
        (Client(ObjectGone("404"), [replace(REF, key="x.jpg.xmp")]), None),
        (Client(ObjectGone("404"), [REF]), REF),
        (Client(AccessDenied("403"), [REF]), REF),
    ],
)
def test_find_object__get_fails__returns_the_object_if_it_is_listed(client: Any, expected: ImageRef | None) -> None:
    assert find_object(client, "a", "x.jpg") == expected


@pytest.mark.parametrize(
    "client",
    [
        # A proxy responds with 404 to everything while the S3 server restarts.
        Client(ObjectGone("404"), BucketGone("404")),
        Client(AccessDenied("403"), []),
        Client(AccessDenied("403"), AccessDenied("403")),
        Client(CredentialsRefused("403"), [REF]),
    ],
)
def test_find_object__existence_is_unknown__raises_instead_of_reporting_a_deletion(client: Any) -> None:
    with pytest.raises(EXIFinatorError):
        find_object(client, "a", "x.jpg")


class FakeQueue:
    """Delivers all messages at each call, and records which were deleted. The first `failures` calls fail."""

    def __init__(self, *bodies: str) -> None:
        self.messages = [Message(str(i), body, f"r{i}") for i, body in enumerate(bodies)]
        self.deleted: list[str] = []
        self.failures = 0

    def receive(self) -> list[Message]:
        if self.failures:
            self.failures -= 1
            raise SourceUnavailable("SQS does not respond")
        return self.messages

    def delete(self, messages: Sequence[Message]) -> None:
        self.deleted += [message.id for message in messages]


class FakeApplier:
    """Reports a failure for each image in `failing`, or raises `error`."""

    def __init__(self, *failing: str, error: Exception | None = None) -> None:
        self.failing = failing
        self.error = error

    def apply(self, events: Sequence[ObjectEvent]) -> AppliedEvents:
        if self.error:
            raise self.error
        return AppliedEvents(failures={event.id: SourceUnavailable() for event in events if event.id in self.failing})


def put_notification(*keys: str) -> str:
    """Return the body of a message about new objects with these keys."""
    s3 = [{"bucket": {"name": "a"}, "object": {"key": key}} for key in keys]
    return json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": item} for item in s3]})


def step(queue: FakeQueue, applier: FakeApplier, pauses: list[float]) -> None:
    Watcher(queue, cast(EventApplier, applier), pause=pauses.append).step()


def test_watcher__messages__are_deleted_only_if_all_their_events_were_applied() -> None:
    queue, pauses = (
        FakeQueue(put_notification("x"), put_notification("y", "z"), "no notification", '{"Event": "s3:TestEvent"}'),
        list[float](),
    )
    step(queue, FakeApplier("a/z"), pauses)
    assert queue.deleted == ["0", "3"]
    assert pauses == []


@pytest.mark.parametrize("error", [QueueUnavailable("Redis is down"), SourceUnavailable("S3 is down")])
def test_watcher__server_unavailable__deletes_nothing_and_pauses(error: Exception) -> None:
    queue, pauses = FakeQueue(put_notification("x")), list[float]()
    step(queue, FakeApplier(error=error), pauses)
    assert queue.deleted == []
    assert len(pauses) == 1


def test_watcher__repeated_errors__lengthen_the_pauses_until_a_success() -> None:
    queue, pauses = FakeQueue(put_notification("x")), list[float]()
    queue.failures = 12
    watcher = Watcher(queue, cast(EventApplier, FakeApplier()), pause=pauses.append)
    for _ in range(13):
        watcher.step()
    assert pauses[0] <= 1 < 30 <= pauses[-1] <= 60
    assert queue.deleted == ["0"]
    queue.failures = 1
    watcher.step()
    assert pauses[-1] <= 1
