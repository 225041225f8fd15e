"""Tell the process manager that a service is ready, with the sd_notify(3) protocol."""

from __future__ import annotations

import contextlib
import os
import socket


def notify_ready() -> None:
    """Send READY=1 to the socket that the environment variable NOTIFY_SOCKET names, if it is set.

    The variable is removed, so that child processes do not send notifications too. Socket errors are ignored,
    because a service that works must not exit only because its process manager has stopped listening.
    """
    address = os.environ.pop("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # Linux's abstract namespace
        address = f"\0{address[1:]}"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.connect(address)
        sender.send(b"READY=1")
