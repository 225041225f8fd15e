"""What is known of Redis and MongoDB without starting them."""

from __future__ import annotations

from pathlib import Path

import pytest

from exifinator.errors import ServiceFailed
from exifinator.processes import binaries


def test_find_redis__nothing_for_this_machine__says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(binaries.platform, "machine", lambda: "riscv64")
    with pytest.raises(ServiceFailed, match=r"Redis cannot be started on this machine.*set REDIS_URL"):
        binaries.find_redis(tmp_path)
