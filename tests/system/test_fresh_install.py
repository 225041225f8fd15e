"""A fresh clone, in which ./run.sh and every command of the README and the tutorial are run as printed.

Only placeholders are replaced. This is the only test in which pip installs the packages.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Bucket
from tests.photos import make_jpeg
from tests.servers import NO_PROXY, ROOT, end
from tests.system.cli.test_scripts import counts_of
from tests.system.clone import Clone, make_clone
from tests.waiting import ReadySocket, eventually

DEMO_PHOTOS = 240


def commands_of(page: str) -> list[str]:
    """Return the contents of the shell blocks of a page."""
    return re.findall(r"^```sh\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


README = commands_of("README.md")
TUTORIAL = commands_of("docs/tutorial.md")
# The beginnings of the README's commands, in their order. The test runs all except ./test.sh; `step_tutorial` runs
# ./stop.sh.
BEGINNINGS = (
    *("./run.sh\n", "curl ", "./stop.sh", "./run.sh ~/", "AWS_PROFILE", "export"),
    *("venv/bin/python", "venv/bin/mrq", "./test.sh\n"),
)


def test_readme__commands__are_those_that_the_test_knows() -> None:
    known = [next((text for text in BEGINNINGS if command.startswith(text)), command) for command in README]
    assert known == [*BEGINNINGS]


class Reader:
    """A reader of the pages, with a clone, a folder of pictures, an AWS profile, two buckets and a photo."""

    def __init__(self, clone: Clone, s3_url: str) -> None:
        self.clone = clone
        home = Path(clone.environment["HOME"])
        (home / "Pictures").mkdir()
        (home / "Pictures" / "one.jpg").write_bytes(make_jpeg())
        (home / ".aws").mkdir()
        keys = "aws_access_key_id = test\naws_secret_access_key = secret\n"
        (home / ".aws" / "credentials").write_text(f"[archive]\n{keys}")
        (home / ".aws" / "config").write_text(f"[profile archive]\nendpoint_url = {s3_url}\nregion = us-east-1\n")
        self.buckets = [Bucket(s3_url).name, Bucket(s3_url).name]
        for name in self.buckets:
            Bucket.of(s3_url, name).put("2024/a.jpg", make_jpeg())
        (clone.path / "photo.jpg").write_bytes(make_jpeg())

    def type_in(self, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of a page, with the reader's names and addresses in place of the placeholders."""
        for placeholder, value in (
            ("https://minio.example.org:9000", self.clone.environment["EXIFINATOR_S3_ENDPOINT_URL"]),
            ("ACCESS_KEY=...", "ACCESS_KEY=test"),
            ("SECRET_KEY=...", "SECRET_KEY=secret"),
            ("http://localhost:3001", self.clone.api),
            ("my-bucket", self.buckets[0]),
            ("another-bucket", self.buckets[1]),
        ):
            command = command.replace(placeholder, value)
        return self.clone.shell(command, **environment)

    def readme(self, beginning: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the one command of the README that begins with this text."""
        return self.type_in(readme_command(beginning), **environment)


def readme_command(beginning: str) -> str:
    [command] = [command for command in README if command.startswith(beginning)]
    return command


@pytest.fixture
def reader(tmp_path: Path, moto_url: str) -> Iterator[Reader]:
    clone = make_clone(tmp_path, moto_url)
    try:
        yield Reader(clone, moto_url)
    finally:
        clone.close()


@pytest.mark.fresh_install
@pytest.mark.timeout(3600)
def test_fresh_install__readme_and_tutorial_as_typed__work(reader: Reader) -> None:
    step_first_run_installs_and_indexes_the_demo_library(reader)
    step_readme_run_and_query(reader)
    step_readme_folder(reader)
    step_readme_profile_gives_credentials_and_endpoint(reader)
    step_readme_own_endpoint(reader)
    step_readme_extract(reader)
    step_readme_worker_by_hand(reader)
    step_tutorial(reader)
    step_nothing_is_left(reader)


def step_first_run_installs_and_indexes_the_demo_library(reader: Reader) -> None:
    done = reader.clone.run("run.sh", "--json", cwd=Path("/"))

    assert done.returncode == 0, done.stderr
    counts = counts_of(done.stdout)
    assert (counts["listed"], counts["failed"], counts["unchanged"]) == (DEMO_PHOTOS, 0, 0)
    assert counts["stored"] > 200
    for status in ("no_exif", "unsupported", "damaged"):
        assert counts[status] > 0
    with NO_PROXY.open(f"{reader.clone.api}/waldo/exif_data?query=%7B%22bucket%22:%22demo%22%7D&count=1") as answer:
        counted = json.load(answer)
    assert DEMO_PHOTOS in (counted if isinstance(counted, dict) else {"n": counted}).values()


def step_readme_run_and_query(reader: Reader) -> None:
    done = reader.readme("./run.sh\n")
    assert done.returncode == 0, done.stderr
    [shown] = re.findall(r"^```text\n(  listed.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert re.sub(r"[\d,.]+", "", shown).splitlines()[0] == re.sub(r"[\d,.]+", "", done.stdout).splitlines()[0]

    result = json.loads(reader.readme("curl ").stdout)
    assert len(result) == 3
    assert all(photo["photo"]["camera_make"] == "SONY" for photo in result)


def step_readme_folder(reader: Reader) -> None:
    assert "indexed                 1" in reader.readme("./run.sh ~/").stdout


def step_readme_profile_gives_credentials_and_endpoint(reader: Reader) -> None:
    unset = {f"EXIFINATOR_{name}": "" for name in ("S3_ENDPOINT_URL", "AWS_ACCESS_KEY", "AWS_SECRET_KEY")}
    done = reader.readme("AWS_PROFILE", **unset)
    assert done.returncode == 0, done.stderr
    assert "indexed                 2" in done.stdout


def step_readme_own_endpoint(reader: Reader) -> None:
    done = reader.readme("export")
    assert done.returncode == 0, done.stderr
    assert "unchanged               1" in done.stdout


def step_readme_extract(reader: Reader) -> None:
    record = json.loads(reader.readme("venv/bin/python").stdout)
    assert record["path"] == "photo.jpg"
    assert record["photo"]["camera_make"] == "SONY"
    (reader.clone.path / "photo.jpg").unlink()


def step_readme_worker_by_hand(reader: Reader) -> None:
    clone, log, ready = reader.clone, reader.clone.path.parent / "worker.log", ReadySocket()
    with contextlib.closing(ready), log.open("wb") as out:
        worker = subprocess.Popen(
            ["bash", "-euc", f"exec {readme_command('venv/bin/mrq')}"],
            cwd=clone.path,
            env={**clone.environment, **ready.environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
        try:
            eventually(ready.is_ready, watching=[worker], explain=log.read_text)
        finally:
            end(worker, signal.SIGINT)
    assert "Starting worker on" in log.read_text()
    assert "Graceful shutdown" in log.read_text()


def step_tutorial(reader: Reader) -> None:
    outputs = []
    for command in TUTORIAL:
        done = reader.type_in(command)
        assert done.returncode == 0, f"{command}{done.stderr}"
        outputs.append(done.stdout)
    first, cameras, sony, filtered, whole, again, status, own, buckets, stopped = outputs
    assert "listed                240" in first
    assert "unchanged             240" in again
    names = {item["value"]: item["count"] for item in json.loads(cameras)["facets"]["camera"]}
    assert "ILCE-7M3" in names
    assert [photo["photo"]["camera_model"] for photo in json.loads(sony)["photos"]] == 2 * ["ILCE-7M3"]
    assert len(json.loads(filtered)["photos"]) == 2
    [record] = json.loads(whole)
    assert record["Image Make"]["printable"] == "SONY"
    assert re.search(r"s3://demo +done +240 ", status)
    assert re.search(r"(unchanged|indexed) +1 ", own)
    assert len(json.loads(buckets)["facets"]["bucket"]) >= 2
    assert "Stopped Redis and MongoDB." in stopped


def step_nothing_is_left(reader: Reader) -> None:
    assert reader.clone.run("stop.sh", "--all").returncode == 0
    assert reader.clone.command_lines() == []
    assert reader.clone.shell("git status --porcelain").stdout == ""
