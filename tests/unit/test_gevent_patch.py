"""gevent patches Python's library without a search for plugins."""

from __future__ import annotations

import gevent.events
import gevent.monkey
import pytest
import zope.event

from exifinator.gevent_patch import skip_plugins


def test_skip_plugins__gevent_patches_a_module__does_not_search_for_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gevent.events, "notify_and_call_entry_points", lambda _: pytest.fail("searched for plugins"))
    patched: list[object] = []
    monkeypatch.setattr(zope.event, "subscribers", [patched.append])
    skip_plugins()
    # With this module, patching changes nothing.
    gevent.monkey.patch_module(gevent.events, gevent.events, items=[])
    assert patched
