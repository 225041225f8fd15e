"""Parse the notifications that S3 servers send when objects change.

A notification is only a hint that an object may have changed: batches/events.py looks at the object itself. The order
of notifications, their sequencers, versions, sizes and ETags therefore do not matter, and are not read.

The supported shapes come from Amazon S3 (directly, through SNS and through EventBridge), MinIO, Ceph RGW and SeaweedFS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from exifinator.bucket_names import is_bucket_name
from exifinator.errors import MalformedNotification

# The size limit of a message in SQS.
MAX_BYTES = 1024 * 1024
# S3 sends one record in a notification, and other servers a few.
MAX_RECORDS = 1000
MAX_KEY_BYTES = 1024
# The maximum number of SNS messages around a notification: one of S3 within one of SNS within another one of SNS. There
# are no more, because a topic can be subscribed to a queue only once.
_MAX_ENVELOPES = 2

# The events after which an object has other content, can be read again, or is gone. Others, such as those of tags and
# access, do not change what is indexed.
_EVENT_NAMES = re.compile(
    r"(?:s3:)?(?:ObjectCreated:|ObjectRemoved:|ObjectRestore:(?:Completed|Delete)|LifecycleExpiration:"
    r"|ObjectLifecycle:Expiration:)"
)
# The same events by EventBridge's names.
_DETAIL_TYPES = frozenset({"Object Created", "Object Deleted", "Object Restore Completed", "Object Restore Expired"})
_SEAWEEDFS_KEY = re.compile(r"/buckets/([^/]+)/(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """An object that may have changed.

    Attributes:
        at: When it changed, by the server's clock; None if the notification does not say.
    """

    bucket: str
    key: str
    at: datetime | None = None

    @property
    def id(self) -> str:
        """The id of the image's record: bucket/key."""
        return f"{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Notification:
    """The content of a notification.

    Attributes:
        events: The objects that may have changed.
        ignored: The number of other events, which change nothing that is indexed, or name no possible object.
    """

    events: tuple[ObjectEvent, ...] = ()
    ignored: int = 0


def parse_notification(body: str | bytes) -> Notification:
    """Parse a notification.

    Raises:
        MalformedNotification: The body is not a notification in one of the supported shapes, or is too large.
    """
    document = _parse_json(body)
    for _ in range(_MAX_ENVELOPES):
        if document.get("Type") != "Notification" or not isinstance(document.get("Message"), str):
            break
        document = _parse_json(document["Message"])
    if document.get("Event") == "s3:TestEvent" or document.get("Type") == "SubscriptionConfirmation":
        return Notification(ignored=1)
    records = document.get("Records")
    if isinstance(records, list):
        if len(records) > MAX_RECORDS:
            raise MalformedNotification(f"The notification has {len(records):,} records, more than {MAX_RECORDS:,}")
        parsed = [_parse_record(record) for record in records]
    elif document.get("source") == "aws.s3" and isinstance(document.get("detail"), dict):
        parsed = [_parse_event_bridge(document)]
    elif isinstance(document.get("key"), str) and "event_type" in document:
        parsed = [_parse_seaweedfs(document)]
    else:
        raise MalformedNotification("The message is not a notification of an S3 server")
    events = tuple(event for events in parsed for event in events)
    return Notification(events, sum(not events for events in parsed))


def _parse_json(body: str | bytes) -> dict[str, Any]:
    if len(body) > MAX_BYTES:
        raise MalformedNotification(f"The notification is larger than {MAX_BYTES:,} bytes")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedNotification("The notification is not valid JSON") from None
    if not isinstance(document, dict):
        raise MalformedNotification("The notification is not a JSON object")
    return document


def _parse_record(record: Any) -> list[ObjectEvent]:
    """Parse a record in S3's format. Its keys are encoded like those in an HTML form."""
    if not _EVENT_NAMES.match(_text(record, "eventName")):
        return []
    bucket, key = _text(record, "s3", "bucket", "name"), _text(record, "s3", "object", "key")
    keys = dict.fromkeys(_decode_key(key))
    if _text(record, "eventSource").startswith("ceph:"):
        # Only some versions of Ceph encode keys.
        keys[key] = None
    return list(_events(bucket, keys, _text(record, "eventTime")))


def _parse_event_bridge(document: dict[str, Any]) -> list[ObjectEvent]:
    """Parse an event of EventBridge. Its key is not encoded."""
    if document.get("detail-type") not in _DETAIL_TYPES:
        return []
    bucket, key = _text(document, "detail", "bucket", "name"), _text(document, "detail", "object", "key")
    return list(_events(bucket, [key], _text(document, "time")))


def _parse_seaweedfs(document: dict[str, Any]) -> list[ObjectEvent]:
    """Parse a message of SeaweedFS's filer, whose keys are paths. A renamed file has a second path."""
    message = document.get("message")
    paths = [document["key"]]
    if parent := _text(message, "new_parent_path"):
        paths.append(f"{parent.rstrip('/')}/{_text(message, 'new_entry', 'name')}")
    matches = [match for path in dict.fromkeys(paths) if (match := _SEAWEEDFS_KEY.fullmatch(path))]
    return [event for match in matches for event in _events(match[1], [match[2]], "")]


def _decode_key(key: str) -> Iterator[str]:
    try:
        yield unquote_plus(key, errors="strict")
    except UnicodeDecodeError:
        # Keys are UTF-8, so this is not an encoded key.
        return


def _events(bucket: str, keys: Any, at: str) -> Iterator[ObjectEvent]:
    for key in keys:
        if is_bucket_name(bucket) and _is_key(key):
            yield ObjectEvent(bucket, key, _parse_time(at))


def _is_key(key: str) -> bool:
    try:
        return 0 < len(key.encode()) <= MAX_KEY_BYTES and "\0" not in key
    except UnicodeEncodeError:
        return False


def _text(value: Any, *names: str) -> str:
    """Return the text at a path of names in nested objects, or "" if there is none."""
    for name in names:
        if not isinstance(value, dict):
            return ""
        value = value.get(name)
    return value if isinstance(value, str) else ""


def _parse_time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
