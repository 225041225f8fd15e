"""Patch Python's library with gevent, without its search for plugins.

Before and after each module that it patches, gevent reads the metadata of all installed packages, to find plugins that
want to know. This takes a fifth of the CPU time of the start of a worker. No package here has such a plugin.
"""

from __future__ import annotations

import gevent.events


def skip_plugins() -> None:
    """Make gevent inform only the subscribers in this process of what it patches."""
    gevent.events.notify_and_call_entry_points = gevent.events.notify


def patch_all() -> None:
    """Patch sockets, threads, TLS and everything else that gevent can patch."""
    skip_plugins()
    from gevent import monkey

    monkey.patch_all()
