"""Check that `watch` can use the SQS queue with S3's notifications."""

from __future__ import annotations

from contextlib import closing

from exifinator.config import Config
from exifinator.errors import SourceUnavailable
from exifinator.monitoring.checks import Finding, error, ok
from exifinator.sources.sqs import MessageQueue


def check_events(config: Config, url: str) -> Finding:
    """Check that the queue can be reached, by counting the messages that wait in it."""
    try:
        with closing(MessageQueue(config, url)) as queue:
            count = queue.count_waiting()
    except SourceUnavailable as exc:
        return error("events", exc.message, exc.hint or "correct EVENTS_SQS_URL")
    return ok("events", f"the SQS queue is reachable, and about {count:,} of its messages wait")
