"""Sign links without an S3 server."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.errors import ErrorCode, RequestRefused
from api.presigned_urls import Signer
from exifinator.config import Config
from exifinator.sources.folders import registry


@pytest.mark.parametrize(("variable", "value"), [("AWS_PROFILE", "no-such-profile"), ("AWS_CONFIG_FILE", "{broken}")])
def test_sign__unusable_aws_settings__is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str
) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    broken = tmp_path / "config"
    broken.write_text("[default\nregion")
    monkeypatch.setenv(variable, value.replace("{broken}", str(broken)))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(RequestRefused) as caught:
        Signer(Config()).sign("bucket", "key")
    assert caught.value.code is ErrorCode.CANNOT_SIGN


def test_sign__file_in_a_local_folder__has_no_link(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(registry, "lookup", {"photos_0a1b2c": tmp_path}.get)
    with pytest.raises(RequestRefused, match="local folder") as caught:
        Signer(Config()).sign("photos_0a1b2c", "a.jpg")
    assert caught.value.code is ErrorCode.NOT_FOUND
