"""Check that the batches of SCHEDULE are started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from exifinator.monitoring.checks import Finding, error, ok, warning
from exifinator.paths import RUN, START

# Workers check the schedule every 30 seconds.
OVERDUE_AFTER = timedelta(minutes=5)


def check_schedule(entries: Sequence[Mapping[str, Any]], now: datetime) -> Iterator[Finding]:
    """Yield a finding for each problem of the schedule. If there is none, yield one that names the next batch.

    Args:
        entries: The schedule, from describe_schedule.
    """
    problems = [finding for entry in entries for finding in _check_entry(entry, now)]
    if problems:
        yield from problems
        return
    following = min(entries, key=lambda entry: entry["next_at"])
    yield ok("schedule", f"the next batch is due at {_format(following['next_at'])}, over {following['source']}")


def _check_entry(entry: Mapping[str, Any], now: datetime) -> Iterator[Finding]:
    source, last, batch = entry["source"], entry["last"], entry["last_batch"]
    if last and last["outcome"] == "failed":
        fix = f"correct this; the next attempt is at {_format(entry['next_at'])}"
        yield error("schedule", f"the batch over {source} cannot be started: {last['problem']}", fix)
    elif now - entry["next_at"] > OVERDUE_AFTER:
        message = f"the batch over {source} was due at {_format(entry['next_at'])}, but no worker has started it"
        yield error("schedule", message, f"{START}   (--restart if SCHEDULE has changed)")
    if last and last["outcome"] == "skipped":
        message = f"the batch over {source} was skipped at {_format(last['at'])}: {last['problem']}"
        yield warning("schedule", message, 'choose a longer "every" in SCHEDULE')
    if batch and batch["state"] == "stopped":
        message = f"the last scheduled batch over {source} was interrupted: {batch['problem']}"
        yield warning(
            "schedule", message, f"correct this; a worker resumes it within an hour, or {RUN} {source} does now"
        )
    if batch and (batch["pruned"] or {}).get("problem"):
        message = f"nothing was pruned after the last batch over {source}: {batch['pruned']['problem']}"
        yield warning("schedule", message, f"{RUN} --prune {source}")


def _format(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
