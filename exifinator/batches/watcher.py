"""Apply the notifications that arrive in an SQS queue, for `watch`.

A message is deleted only after its images are queued or removed. If this process dies before that, SQS delivers the
message again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from exifinator.batches.events import EventApplier
from exifinator.errors import EXIFinatorError, MalformedNotification
from exifinator.metrics import COUNTS
from exifinator.retry import backoff_seconds
from exifinator.sources.notifications import ObjectEvent, parse_notification
from exifinator.sources.sqs import Message

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 60.0


class Messages(Protocol):
    """The queue of messages. Implemented by exifinator.sources.sqs.MessageQueue."""

    def receive(self) -> list[Message]: ...

    def delete(self, messages: Sequence[Message]) -> None: ...


class Watcher:
    """Receives notifications and applies them.

    Args:
        pause: Sleeps for a number of seconds.
    """

    def __init__(
        self, messages: Messages, applier: EventApplier, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._messages = messages
        self._applier = applier
        self._pause = pause
        self._failed_attempts = 0

    def run(self) -> None:
        """Receive and apply notifications until the process ends."""
        while True:
            self.step()

    def step(self) -> None:
        """Receive some messages and apply them. After an error, pause, longer with each error in a row."""
        try:
            self._apply(self._messages.receive())
        except EXIFinatorError as exc:
            self._failed_attempts += 1
            log.warning("retry: %s", exc, extra={"action": "retry"})
            self._pause(
                backoff_seconds(self._failed_attempts, first_seconds=FIRST_PAUSE_SECONDS, max_seconds=MAX_PAUSE_SECONDS)
            )
        else:
            self._failed_attempts = 0

    def _apply(self, messages: Sequence[Message]) -> None:
        events: dict[str, tuple[ObjectEvent, ...]] = {}
        for message in messages:
            try:
                notification = parse_notification(message.body)
            except MalformedNotification as exc:
                # The message stays in the queue, which moves it to its dead-letter queue or lets it expire.
                COUNTS.events["malformed"] += 1
                log.warning("skip: message %s: %s", message.id, exc, extra={"action": "skip"})
                continue
            COUNTS.events["ignored"] += notification.ignored
            events[message.receipt] = notification.events
        if not events:
            return
        applied = self._applier.apply([event for group in events.values() for event in group])
        self._messages.delete(
            [
                message
                for message in messages
                if message.receipt in events
                and not any(event.id in applied.failures for event in events[message.receipt])
            ]
        )
