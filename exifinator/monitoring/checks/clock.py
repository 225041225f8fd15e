"""Compare the servers' clocks with this machine's clock.

Leases and retries depend on the clock of Redis. Request signatures and the dates in records depend on this machine's
clock.
"""

from __future__ import annotations

from exifinator.monitoring.checks import Finding, error, ok, warning

WARNING_SECONDS = 5.0
# If this machine's clock is wrong, the dates in records are wrong by the same offset. At 15 minutes, S3 also rejects
# all requests.
ERROR_SECONDS = 60.0
FIX = "sudo timedatectl set-ntp true   (on the machine with the wrong clock: compare `date -u` on both)"


def check_clock(server: str, offset_seconds: float, *, resolution_seconds: float = 0.0) -> Finding:
    """Compare the clock of a server with this machine's clock.

    Args:
        server: The server's name, as in "Redis".
        offset_seconds: How far the server's clock is ahead of this machine's.
        resolution_seconds: The resolution of the time that the server reported. The offset may be wrong by this much.
    """
    seconds = max(0.0, abs(offset_seconds) - resolution_seconds)
    direction = "ahead of" if offset_seconds > 0 else "behind"
    message = f"the clock of {server} is {seconds:,.0f} s {direction} this machine's"
    if seconds >= ERROR_SECONDS:
        return error("clock", message, FIX)
    if seconds >= WARNING_SECONDS:
        return warning("clock", message, FIX)
    return ok("clock", f"the clock of {server} agrees with this machine's")
