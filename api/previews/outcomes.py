"""The reasons why a photo has no preview. They are cached like previews, because finding them out takes as long."""

from __future__ import annotations

ABSENT, TOO_LARGE, DAMAGED = "absent", "too_large", "damaged"
ALL = frozenset({ABSENT, TOO_LARGE, DAMAGED})


class NoPreview(Exception):
    """No preview can be made of this version of the object.

    Args:
        reason: One of the constants of this module.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
