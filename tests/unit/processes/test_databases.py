"""What is known of Redis and MongoDB without starting them."""

from __future__ import annotations

import pytest

from exifinator.errors import ServiceFailed
from exifinator.processes import binaries


def test_find_redis__nothing_for_this_machine__says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(binaries.platform, "machine", lambda: "riscv64")
    with pytest.raises(ServiceFailed, match=r"Redis cannot be started on this machine.*set REDIS_URL"):
        binaries.find_redis()
