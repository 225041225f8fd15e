"""Run the examples of docs/how-to/api.md as printed there, against a small library and a bucket."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exifinator.storage.migrations import check_schema
from tests.integration.api.batches import ExportSettings, ending_batches
from tests.integration.api.fixtures import Api, serve_api
from tests.integration.api.library import make_record
from tests.integration.conftest import Bucket, Installation
from tests.photos import make_jpeg
from tests.servers import ROOT, lack

PAGE = (ROOT / "docs/how-to/api.md").read_text(encoding="utf-8")
(CURL,) = re.findall(r"^```bash\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
(NODE,) = re.findall(r"^```js\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for line in CURL.splitlines() if line.startswith("curl ")]
THUMBNAIL = b"\xff\xd8\xff\xd9"


@pytest.fixture
def api_and_bucket(
    installation: Installation, bucket: Bucket, export_settings: ExportSettings
) -> Iterator[tuple[Api, Bucket]]:
    """Yield the API over photos like those of the demo library, and a bucket with new objects. A worker runs."""
    records = []
    for at in range(250):
        record = make_record("demo", f"2019/Lofoten/DSC{at + 1250:05}.JPG", 6 * at)
        record["photo"]["taken_local"] = record["photo"]["taken_at"] = datetime(
            2019, 1 + at % 12, 1, at % 24, tzinfo=UTC
        )
        records.append(record)
    check_schema(installation.store, writes=True)
    records[0]["thumbnail_bytes"] = len(THUMBNAIL)
    records[1]["photo"]["people"], records[1]["cities"], records[1]["countries"] = ["Anna"], ["Girona"], ["Spain"]
    records[1]["photo"]["camera_serial"] = "3071234"
    installation.store.records.collection.insert_many(records)
    installation.store.records.thumbnails.insert_one({"_id": "demo/2019/Lofoten/DSC01250.JPG", "data": THUMBNAIL})
    for at in range(3):
        bucket.put(f"2024/{at}.jpg", make_jpeg(seed=at))
    export_settings(installation)
    with serve_api(installation.config) as api, ending_batches(installation):
        installation.start_worker("download", "write")
        yield api, bucket


def fill_in(text: str, api: Api, bucket: Bucket) -> str:
    """Replace the address of the API and the bucket of an example by those of this test."""
    assert "http://localhost:3001" in text
    return text.replace("http://localhost:3001", api.url).replace("my-bucket", bucket.name)


def test_examples__curl_commands__return_the_documented_results(
    api_and_bucket: tuple[Api, Bucket], installation: Installation, tmp_path: Path
) -> None:
    api, bucket = api_and_bucket

    def run(part: str) -> bytes:
        (command,) = (command for command in COMMANDS if part in command)
        command = fill_in(command, api, bucket).replace("curl ", "curl -sS --fail-with-body ")
        done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    result = json.loads(run("limit=2"))
    assert (len(result["photos"]), type(result["next"])) == (2, str)
    facets = json.loads(run("/facets"))
    assert (set(facets["facets"]), facets["total"]) == ({"camera", "iso", "taken"}, 250)
    assert json.loads(run("old town"))["photos"] == []
    (with_anna,) = json.loads(run("person=Anna"))["photos"]
    assert with_anna["id"] == "demo/2019/Lofoten/DSC01251.JPG"
    assert json.loads(run("/statistics"))["total"] == sum(at % 24 in range(5, 9) for at in range(250))
    (body,) = json.loads(run("/cameras"))["cameras"]
    assert (body["model"], body["serial"], body["photos"]) == ("ILCE-7M3", "3071234", 1)
    run("/export.csv")
    with (tmp_path / "photos.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 250
    run("/thumbnail")
    assert (tmp_path / "thumbnail.jpg").read_bytes() == THUMBNAIL
    begun = json.loads(run("-d "))
    assert begun["sources"] == [f"s3://{bucket.name}/2024/"]
    installation.wait_until(lambda: json.loads(run("/batches?"))["batches"][0]["state"] == "done")
    assert installation.store.records.collection.count_documents({"bucket": bucket.name}) == 3
    assert json.loads(run("/schedule")) == {"sources": []}
    assert json.loads(run("/events/counts")) == {"events": None}
    # Every example in the documentation was run.
    assert len(COMMANDS) == 13


def test_examples__node_program__finds_photos_and_watches_a_batch(api_and_bucket: tuple[Api, Bucket]) -> None:
    node = shutil.which("node")
    if not node:
        lack("node", "install Node 18 or later")
    program = fill_in(NODE, *api_and_bucket)
    command = [str(node), "--input-type=module"]
    done = subprocess.run(command, input=program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert sum(line.startswith("demo/2019/Lofoten/DSC") for line in lines) == 250
    assert lines[-1] == "done 3 of 3"
