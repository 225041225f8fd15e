"""Tell the process manager that a service is ready, with the sd_notify(3) protocol."""

from __future__ import annotations

import contextlib
import os
import socket


def notify_ready() -> None:
    """Send READY=1 to the socket named by NOTIFY_SOCKET, if that variable is set.

    Remove the variable, so that no child process reports for its parent. Ignore a missing socket: a working service
    must not exit because its manager has stopped listening.
    """
    address = os.environ.pop("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # Linux's abstract namespace
        address = f"\0{address[1:]}"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.connect(address)
        sender.send(b"READY=1")
