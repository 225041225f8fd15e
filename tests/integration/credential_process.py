"""Let boto3 get its S3 credentials from a program (`credential_process` in the AWS configuration)."""

from __future__ import annotations

from pathlib import Path

import pytest


def use_credential_process(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make boto3 get its credentials from this shell script, and from nowhere else.

    The script and the AWS configuration that names it are stored in `folder`.
    """
    program, config = folder / "credentials.sh", folder / "config"
    program.write_text(script)
    program.chmod(0o700)
    config.write_text(f"[default]\ncredential_process = {program}\nregion = us-east-1\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
