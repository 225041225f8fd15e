"""If the credentials of a batch can no longer be fetched, it stops without failed images, and can be resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from exifinator.errors import AccessDenied
from tests.integration.conftest import Bucket, Installation
from tests.integration.credential_process import use_credential_process
from tests.photos import make_jpeg

IMAGES = 60
# While the file `uses` limits the calls, credentials expire so soon that boto3 runs the program for each request.
PROGRAM = """#!/bin/sh
echo x >> "{folder}/calls"
minutes=1440
if [ -s "{folder}/uses" ]; then
    minutes=5
    read -r uses < "{folder}/uses"
    [ $(wc -l < "{folder}/calls") -le $uses ] || {{ {failure}; }}
fi
expiry=$(date -u -d "+$minutes minutes" +%Y-%m-%dT%H:%M:%SZ)
echo '{{"Version": 1, "AccessKeyId": "test", "SecretAccessKey": "secret", "SessionToken": "t",'
echo ' "Expiration": "'$expiry'"}}'
"""
FAILURES = {
    "signed out": "echo The SSO session has expired >&2; exit 255",
    "no JSON": "echo please sign in; exit 0",
    "killed": "kill -9 $$",
}


class Lapse:
    """A program that boto3 runs to get credentials, and that fails after a number of calls."""

    def __init__(self, folder: Path, failure: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        use_credential_process(folder, PROGRAM.format(folder=folder, failure=failure), monkeypatch)

    def calls(self) -> int:
        path = self.folder / "calls"
        return len(path.read_text().split()) if path.exists() else 0

    def allow_more(self, uses: int) -> None:
        """Let the program fail after so many further calls."""
        (self.folder / "uses").write_text(f"{self.calls() + uses}\n")

    def end(self) -> None:
        """Let the program succeed again."""
        (self.folder / "uses").unlink()


@pytest.fixture(params=FAILURES)
def lapse(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lapse:
    folder = tmp_path / "credentials"
    folder.mkdir()
    return Lapse(folder, FAILURES[request.param], monkeypatch)


def test_batch__credentials_can_no_longer_be_fetched__stops_and_can_be_resumed(
    install: Callable[..., Installation], bucket: Bucket, lapse: Lapse
) -> None:
    for i in range(IMAGES):
        bucket.put(f"{i:03}.jpg", make_jpeg(seed=i))
    installation = install(AWS_ACCESS_KEY="", AWS_SECRET_KEY="", GREENLETS=10)
    batch = installation.queue_batch(bucket.name)
    lapse.allow_more(25)
    installation.start_worker("download", "write")

    with pytest.raises(AccessDenied, match="cannot be fetched"):
        installation.finish(batch)
    batch.detach("stopped", problem="the credentials cannot be fetched")

    assert installation.failed_jobs(bucket.name) == []
    stored = installation.store.records.collection.count_documents({})
    assert 0 < stored < IMAGES
    assert sum(installation.queue.sizes()) > 0

    lapse.end()
    again = installation.queue_batch(bucket.name)
    installation.end_leases(bucket.name)
    numbers = installation.finish(again)

    assert again.id == batch.id
    assert (numbers.stored, numbers.failed) == (IMAGES, 0)
    assert installation.failed_jobs(bucket.name) == []
