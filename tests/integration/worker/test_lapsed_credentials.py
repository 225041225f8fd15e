"""The credentials of a batch can no longer be fetched: the batch stops, no image fails, and it can be resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from exifinator.errors import AccessDenied
from tests.integration.conftest import Bucket, Installation
from tests.integration.credential_process import use_credential_process
from tests.photos import make_jpeg

IMAGES = 60
# As long as the uses are limited, the credentials expire so soon that boto3 runs the program again for each request.
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
    """Write a program that returns credentials for a number of calls."""

    def __init__(self, folder: Path, failure: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        use_credential_process(folder, PROGRAM.format(folder=folder, failure=failure), monkeypatch)

    def calls(self) -> int:
        path = self.folder / "calls"
        return len(path.read_text().split()) if path.exists() else 0

    def allow_more(self, uses: int) -> None:
        (self.folder / "uses").write_text(f"{self.calls() + uses}\n")

    def end(self) -> None:
        (self.folder / "uses").unlink()


@pytest.fixture(params=FAILURES)
def lapse(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lapse:
    folder = tmp_path / "credentials"
    folder.mkdir()
    return Lapse(folder, FAILURES[request.param], monkeypatch)


def test_batch__credentials_that_lapse__stop_it_and_it_is_resumed(
    install: Callable[..., Installation], bucket: Bucket, lapse: Lapse
) -> None:
    for i in range(IMAGES):
        bucket.put(f"{i:03}.jpg", make_jpeg(seed=i))
    here = install(AWS_ACCESS_KEY="", AWS_SECRET_KEY="", GREENLETS=10)
    batch = here.queue_batch(bucket.name)
    lapse.allow_more(25)
    here.start_worker("download", "write")

    with pytest.raises(AccessDenied, match="cannot be fetched"):
        here.finish(batch)
    batch.detach("stopped", problem="the credentials cannot be fetched")

    assert here.failed_jobs(bucket.name) == []
    stored = here.store.records.collection.count_documents({})
    assert 0 < stored < IMAGES
    assert sum(here.queue.sizes()) > 0

    lapse.end()
    again = here.queue_batch(bucket.name)
    here.end_leases(bucket.name)
    numbers = here.finish(again)

    assert again.id == batch.id
    assert (numbers.stored, numbers.failed) == (IMAGES, 0)
    assert here.failed_jobs(bucket.name) == []
