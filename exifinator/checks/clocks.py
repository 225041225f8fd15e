"""Whether the clocks agree. Leases and retries go by Redis's clock; signatures and dates of records by this one's."""

from __future__ import annotations

from exifinator.checks import Finding, ok, warning, wrong

WORTH_KNOWING_SECONDS = 5.0
# A date is then off by a minute; S3 refuses requests that are 15 minutes off.
WRONG_SECONDS = 60.0
FIX = "sudo timedatectl set-ntp true   (on the machine whose clock is off: compare `date -u` there and here)"


def check_clock(whose: str, offset_seconds: float, *, resolution_seconds: float = 0.0) -> Finding:
    """offset_seconds: how far that clock is ahead of this machine's; resolution_seconds: how coarsely it was told."""
    off = max(0.0, abs(offset_seconds) - resolution_seconds)
    direction = "ahead of" if offset_seconds > 0 else "behind"
    says = f"the clock of {whose} is {off:,.0f} s {direction} this machine's"
    if off >= WRONG_SECONDS:
        return wrong("clock", says, FIX)
    if off >= WORTH_KNOWING_SECONDS:
        return warning("clock", says, FIX)
    return ok("clock", f"the clock of {whose} agrees with this machine's")
