"""What is known of a batch: its id, its state, its numbers, and what a second listing found."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from exifinator.records import Status

# States of a batch that a process lists or watches.
UNDER_WAY = ("listing", "reading")
# States of a batch that may be gone on with once its process is gone.
UNFINISHED = (*UNDER_WAY, "left", "stopped")


def new_batch_id(started_at: datetime) -> str:
    """An id that no other batch has; ids sort as their batches were started, to the millisecond."""
    return f"{started_at:%Y%m%d-%H%M%S}-{started_at.microsecond // 1000:03x}{secrets.randbelow(0x1000):03x}"


@dataclass(slots=True)
class Numbers:
    """What a batch has done. listed = folders + unchanged + stored + no_exif + unsupported + damaged + failed, at the
    end; `stored` are the records with EXIF, `queued` the images that were not known or had failed."""

    listed: int = 0
    folders: int = 0
    unchanged: int = 0
    queued: int = 0
    stored: int = 0
    no_exif: int = 0
    unsupported: int = 0
    damaged: int = 0
    failed: int = 0
    bytes_read: int = 0
    requests: int = 0
    seconds: float = 0.0

    @classmethod
    def from_dict(cls, numbers: Mapping[str, Any]) -> Numbers:
        """What as_dict gave; another version's may hold others."""
        return cls(**{field.name: numbers[field.name] for field in fields(cls) if field.name in numbers})

    @property
    def done(self) -> int:
        """Images of this batch that have come to an end."""
        return self.stored + self.no_exif + self.unsupported + self.damaged + self.failed

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "seconds": round(self.seconds, 3)}

    def as_counts(self, *, empty: int, failed_before: int) -> dict[str, int]:
        """What the workers had counted of it; empty, failed_before: what nobody counted, for it was not queued."""
        return {
            "ok": self.stored,
            "no_exif": self.no_exif,
            "unsupported": self.unsupported,
            "damaged": self.damaged - empty,
            "failed": self.failed - failed_before,
            "bytes_read": self.bytes_read,
            "requests": self.requests,
        }

    def take_over_counts(self, counts: Mapping[str, int] | None, *, empty: int, failed_before: int) -> None:
        """Set what the workers have counted, as as_counts tells it; None: nothing is known, and all stays."""
        if counts:
            self.stored = counts.get("ok", 0)
            self.no_exif = counts.get("no_exif", 0)
            self.unsupported = counts.get("unsupported", 0)
            self.damaged = counts.get("damaged", 0) + empty
            self.failed = counts.get("failed", 0) + failed_before
            self.bytes_read = counts.get("bytes_read", 0)
            self.requests = counts.get("requests", 0)


@dataclass(slots=True)
class Verdict:
    """What a second listing found. by_status: records made since the batch began, `empty` of them without reading;
    pending: not yet at an end."""

    unchanged: int = 0
    folders: int = 0
    failed: int = 0
    pending: int = 0
    empty: int = 0
    by_status: Counter[Status] = field(default_factory=Counter)

    @property
    def listed(self) -> int:
        return self.unchanged + self.folders + self.failed + self.pending + self.by_status.total()

    def add(self, part: Verdict) -> None:
        """Take over what was found on one more page."""
        self.unchanged += part.unchanged
        self.folders += part.folders
        self.failed += part.failed
        self.pending += part.pending
        self.empty += part.empty
        self.by_status += part.by_status
