"""Every command of the README and the tutorial, run as it stands there but for the names that are the reader's own."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import Checkout
from tests.integration.conftest import Bucket
from tests.photos import make_jpeg
from tests.s3_proxy import Proxy
from tests.servers import ROOT


def commands_of(page: str) -> list[str]:
    """What a page has its reader type."""
    return re.findall(r"^```sh\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


COMMANDS = commands_of("README.md")
TUTORIAL = commands_of("docs/tutorial.md")


@pytest.fixture(scope="module")
def reader(checkout: Checkout, s3_proxy: tuple[Proxy, str]) -> Iterator[Checkout]:
    """The checkout, with what the README takes for granted: a folder of pictures, a profile, buckets, a photo."""
    home = checkout.path.parent / "reader"
    (home / "Pictures").mkdir(parents=True)
    (home / "Pictures" / "one.jpg").write_bytes(make_jpeg())
    (home / ".aws").mkdir()
    (home / ".aws" / "credentials").write_text("[archive]\naws_access_key_id = test\naws_secret_access_key = secret\n")
    (home / ".aws" / "config").write_text(f"[profile archive]\nendpoint_url = {s3_proxy[1]}\nregion = us-east-1\n")
    for name in ("my-bucket", "another-bucket"):
        bucket = Bucket(s3_proxy[1])
        bucket.name = name
        bucket.client.create_bucket(Bucket=name)
        bucket.put("2024/a.jpg", make_jpeg())
    photo = checkout.path / "photo.jpg"
    photo.write_bytes(make_jpeg())
    yield Checkout(checkout.path, {**checkout.environment, "HOME": str(home)})
    photo.unlink()


def run(reader: Checkout, start: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The README's one command that starts so; what it calls example.org and "..." is filled in."""
    [command] = [command for command in COMMANDS if command.startswith(start)]
    return type_in(reader, command, **environment)


def type_in(reader: Checkout, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    for mine, theirs in (
        ("https://minio.example.org:9000", reader.environment["EXIFINATOR_S3_ENDPOINT_URL"]),
        ("ACCESS_KEY=...", "ACCESS_KEY=test"),
        ("SECRET_KEY=...", "SECRET_KEY=secret"),
        ("http://localhost:3001", reader.api),
    ):
        command = command.replace(mine, theirs)
    return reader.shell(command, **environment)


def test_readme__its_commands__are_all_run_here() -> None:
    starts = [
        "./run.sh\n",
        "curl ",
        "./test.sh\n",
        "./run.sh ~/",
        "AWS_PROFILE",
        "export",
        "venv/bin/python",
        "venv/bin/mrq",
    ]

    assert [next((s for s in starts if command.startswith(s)), command) for command in COMMANDS] == starts


def test_readme__run_and_query__answer_as_it_says(reader: Checkout) -> None:
    done = run(reader, "./run.sh\n")
    assert done.returncode == 0, done.stderr
    [shown] = re.findall(r"^```text\n(  listed.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert re.sub(r"[\d,.]+", "", shown).splitlines()[0] == re.sub(r"[\d,.]+", "", done.stdout).splitlines()[0]

    found = json.loads(run(reader, "curl ").stdout)
    assert len(found) == 3
    assert all(photo["photo"]["camera_make"] == "SONY" for photo in found)


def test_readme__folder__is_read(reader: Checkout) -> None:
    assert "stored                  1" in run(reader, "./run.sh ~/").stdout


def test_readme__profile__gives_credentials_and_endpoint(reader: Checkout) -> None:
    for name in ("S3_ENDPOINT_URL", "AWS_ACCESS_KEY", "AWS_SECRET_KEY"):
        reader = Checkout(reader.path, {**reader.environment, f"EXIFINATOR_{name}": ""})
    done = run(reader, "AWS_PROFILE")
    assert done.returncode == 0, done.stderr
    assert "stored                  2" in done.stdout


def test_readme__own_endpoint__is_read(reader: Checkout) -> None:
    done = run(reader, "export")
    assert done.returncode == 0, done.stderr
    assert "unchanged               1" in done.stdout


def test_readme__extract__prints_the_record(reader: Checkout) -> None:
    record = json.loads(run(reader, "venv/bin/python").stdout)
    assert record["path"] == "photo.jpg"
    assert record["photo"]["camera_make"] == "SONY"


def test_readme__worker_by_hand__works_and_drains(reader: Checkout) -> None:
    [command] = [command for command in COMMANDS if command.startswith("venv/bin/mrq")]
    done = reader.shell(f"timeout --signal INT 6 {command}")
    assert "Starting worker on" in done.stderr
    assert "Graceful shutdown" in done.stderr


def test_tutorial__typed_from_top_to_bottom__arrives(reader: Checkout) -> None:
    said = []
    for command in TUTORIAL:
        done = type_in(reader, command)
        assert done.returncode == 0, f"{command}{done.stderr}"
        said.append(done.stdout)
    first, cameras, sony, filtered, whole, again, status, own, buckets, stopped = said
    assert "listed                240" in first
    assert "unchanged             240" in again
    names = {item["value"]: item["count"] for item in json.loads(cameras)["facets"]["camera"]}
    assert "ILCE-7M3" in names
    assert [photo["photo"]["camera_model"] for photo in json.loads(sony)["photos"]] == 2 * ["ILCE-7M3"]
    assert len(json.loads(filtered)["photos"]) == 2
    [record] = json.loads(whole)
    assert record["Image Make"]["printable"] == "SONY"
    assert re.search(r"s3://demo +done +240 ", status)
    assert re.search(r"(unchanged|stored) +1 ", own)
    assert len(json.loads(buckets)["facets"]["bucket"]) >= 2
    assert "stopped" in stopped


def test_readme__afterwards__nothing_is_left(reader: Checkout) -> None:
    assert reader.run("stop.sh", "--all").returncode == 0
    assert reader.processes() == {}
