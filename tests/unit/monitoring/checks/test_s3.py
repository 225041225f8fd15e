"""The check of a source that is a local folder. Buckets are in tests/integration/monitoring/test_doctor.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from exifinator.config import build_config
from exifinator.monitoring.checks import s3
from exifinator.sources.folders import registry
from exifinator.sources.source import Source


def test_check_source__registered_folder__is_checked_without_s3(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    monkeypatch.setattr(registry, "lookup", {"photos_0a1b2c": folder}.get)
    [missing] = s3.check_source(build_config({}, {}), Source("photos_0a1b2c"))
    assert (missing.level, "does not exist" in missing.message) == ("error", True)
    folder.mkdir()
    [found] = s3.check_source(build_config({}, {}), Source("photos_0a1b2c", "2024/"))
    assert (found.level, f"{folder} is readable" in found.message) == ("ok", True)
