"""Tell the process manager that a service is ready, by the protocol of sd_notify(3)."""

from __future__ import annotations

import contextlib
import os
import socket


def notify_ready() -> None:
    """Send READY=1 to the socket named by NOTIFY_SOCKET, once; do nothing without one.

    The variable is removed, so that no child process reports for its parent. A missing socket is ignored: a
    working service must not end because its manager has stopped listening.
    """
    address = os.environ.pop("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # Linux's abstract namespace
        address = f"\0{address[1:]}"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.connect(address)
        sender.send(b"READY=1")
