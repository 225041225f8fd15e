"""The task that starts the batches of SCHEDULE. MRQ's scheduler queues it at intervals."""

from __future__ import annotations

import logging
from typing import Any

from mrq.task import Task

from exifinator.batches.schedule import ScheduledSource, read_schedule
from exifinator.batches.scheduler import Scheduler
from exifinator.batches.start import start_batch
from exifinator.errors import EXIFinatorError
from exifinator.queue.redis_client import read_clock
from exifinator.worker.context import current_context

log = logging.getLogger(__name__)


class StartScheduledBatches(Task):  # type: ignore[misc]
    """Starts the batches that are due."""

    def run(self, params: dict[str, Any]) -> None:  # noqa: ARG002
        """Check the schedule once. After an error, leave it to the next job, because MRQ keeps failed jobs."""
        context = current_context()

        def start(scheduled: ScheduledSource, batch_id: str) -> str:
            entry = scheduled.entry
            return start_batch(
                context.config,
                context.store,
                context.queue,
                entry.source,
                include=entry.include,
                exclude=entry.exclude,
                prune=entry.prune,
                batch_id=batch_id,
            )

        try:
            scheduler = Scheduler(context.store, read_schedule(context.config), start)
            scheduler.check(read_clock(context.queue.client))
        except EXIFinatorError as exc:
            log.warning("retry: the schedule cannot be checked: %s", exc, extra={"action": "retry"})
