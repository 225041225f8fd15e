"""parse_notification reads the notifications of all S3 servers, and survives hostile ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from exifinator.errors import MalformedNotification
from exifinator.sources.notifications import MAX_BYTES, MAX_RECORDS, parse_notification


def record(key: str = "a.jpg", name: str = "ObjectCreated:Put", **fields: Any) -> dict[str, Any]:
    """Return a record in the format of S3."""
    s3 = {"bucket": {"name": "photos"}, "object": {"key": key, "size": 1, "eTag": "e", "sequencer": "0A"}}
    return {"eventSource": "aws:s3", "eventName": name, "eventTime": "2026-01-02T03:04:05.678Z", "s3": s3, **fields}


def direct(*records: Any) -> str:
    """Return the body of a notification that an S3 server sends directly."""
    return json.dumps({"Records": records})


def event_bridge(kind: str, key: str) -> str:
    """Return the body of a notification from Amazon EventBridge."""
    detail = {"bucket": {"name": "photos"}, "object": {"key": key, "sequencer": "0A"}, "reason": "PutObject"}
    return json.dumps({"source": "aws.s3", "detail-type": kind, "time": "2026-01-02T03:04:05Z", "detail": detail})


def sns(message: str) -> str:
    """Wrap the body of a notification as Amazon SNS does."""
    return json.dumps({"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:1:t", "Message": message})


def seaweedfs(key: str, **message: Any) -> str:
    return json.dumps({"key": key, "event_type": "create", "message": message})


def ids(body: str | bytes) -> list[str]:
    return [event.id for event in parse_notification(body).events]


@pytest.mark.parametrize(
    "name",
    [
        "ObjectCreated:Put",
        "ObjectCreated:Copy",
        "s3:ObjectCreated:CompleteMultipartUpload",
        "ObjectRemoved:Delete",
        "ObjectRemoved:DeleteMarkerCreated",
        "ObjectRestore:Completed",
        "ObjectRestore:Delete",
        "LifecycleExpiration:Delete",
        "s3:LifecycleExpiration:DeleteMarkerCreated",
        "s3:ObjectLifecycle:Expiration:Current",
    ],
)
def test_parse__event_that_changes_the_object__is_returned(name: str) -> None:
    event = parse_notification(direct(record(name=name))).events[0]
    assert (event.id, event.at) == ("photos/a.jpg", datetime(2026, 1, 2, 3, 4, 5, 678000, UTC))


@pytest.mark.parametrize(
    "body",
    [
        direct(record(name="ObjectTagging:Put")),
        direct(record(name="s3:ObjectAccessed:Get")),
        direct(record(name="ObjectRestore:Post")),
        event_bridge("Object Tags Added", "a.jpg"),
        '{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"}',
        sns('{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"}'),
        '{"Type": "SubscriptionConfirmation", "SubscribeURL": "https://example.org"}',
    ],
)
def test_parse__other_event__is_counted_as_ignored(body: str) -> None:
    notification = parse_notification(body)
    assert (notification.events, notification.ignored) == ((), 1)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (direct(record("my+photo.jpg")), ["photos/my photo.jpg"]),
        (direct(record("a%2Bb.jpg")), ["photos/a+b.jpg"]),
        (direct(record("caf%C3%A9/%E5%86%99.jpg")), ["photos/café/写.jpg"]),
        (direct(record("100%25.jpg")), ["photos/100%.jpg"]),
        (direct(record("a"), record("b")), ["photos/a", "photos/b"]),
        (sns(direct(record("my+photo.jpg"))), ["photos/my photo.jpg"]),
        (sns(sns(direct(record("a")))), ["photos/a"]),
        (event_bridge("Object Created", "a+b%20.jpg"), ["photos/a+b%20.jpg"]),
        (event_bridge("Object Deleted", "a b"), ["photos/a b"]),
        (sns(event_bridge("Object Restore Completed", "a")), ["photos/a"]),
        # MinIO encodes slashes too, and repeats the bucket and key at the top level.
        (
            json.dumps(
                {
                    "EventName": "s3:ObjectCreated:Put",
                    "Key": "photos/2024/a b.jpg",
                    "Records": [record("2024%2Fa+b.jpg", "s3:ObjectCreated:Put", eventSource="minio:s3")],
                }
            ),
            ["photos/2024/a b.jpg"],
        ),
        # Whether Ceph encodes keys depends on its version, so both possible keys are returned.
        (direct(record("a+b", eventSource="ceph:s3")), ["photos/a b", "photos/a+b"]),
        (direct(record("plain", eventSource="ceph:s3")), ["photos/plain"]),
        (seaweedfs("/buckets/photos/a+b/c d.jpg"), ["photos/a+b/c d.jpg"]),
        (
            seaweedfs("/buckets/photos/old", new_parent_path="/buckets/photos/x", new_entry={"name": "new"}),
            ["photos/old", "photos/x/new"],
        ),
        (seaweedfs("/etc/passwd"), []),
    ],
)
def test_parse__notification_of_each_server__returns_decoded_keys(body: str, expected: list[str]) -> None:
    assert ids(body) == expected
    assert ids(body.encode()) == expected


@pytest.mark.parametrize(
    "item",
    [
        None,
        7,
        [],
        {},
        record(""),
        record("%00.jpg"),
        record("%FF%FE"),
        record("\ud800"),
        record("k" * 1025),
        record("%C3%A9" * 513),
        record(s3=None),
        record(s3={"bucket": [], "object": {"key": "a"}}),
        record(s3={"bucket": {"name": "../etc"}, "object": {"key": "a"}}),
        record(s3={"bucket": {"name": "a\x1fb"}, "object": {"key": "a"}}),
        record(s3={"bucket": {"name": "photos"}, "object": {"key": 1}}),
        record(eventName=["ObjectCreated:Put"]),
    ],
)
def test_parse__invalid_record__is_ignored_and_others_are_returned(item: Any) -> None:
    notification = parse_notification(direct(item, record("good")))
    assert [event.id for event in notification.events] == ["photos/good"]
    assert notification.ignored == 1


@pytest.mark.parametrize("time", ["", "yesterday", "9999-99-99", 5, "0001-01-01T00:00:00+23:59", "2026-01-02T03:04:05"])
def test_parse__invalid_time__returns_the_event(time: Any) -> None:
    event = parse_notification(direct(record(eventTime=time))).events[0]
    assert event.at is None or event.at.tzinfo is UTC


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "{}",
        "{",
        b"\xff\xfe\x00",
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"Records": ' + "9" * 5000 + "}",
        '{"Records": {}}',
        '{"source": "aws.s3", "detail": 1}',
        sns("not JSON"),
        sns(sns(sns(sns(direct(record()))))),
        " " * (MAX_BYTES + 1),
        direct(*[record()] * (MAX_RECORDS + 1)),
    ],
)
def test_parse__invalid_notification__raises_malformed_notification(body: str | bytes) -> None:
    with pytest.raises(MalformedNotification):
        parse_notification(body)
