"""Folders as buckets, through a real rclone and boto3.

Each new folder has rclone started again, so the tests that only look share one folder.
"""

from __future__ import annotations

import functools
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.config import Config as BotoConfig
from botocore.exceptions import ClientError

from exifinator.errors import ConfigError, ServiceFailed
from exifinator.net import listens
from exifinator.processes import rclone
from exifinator.processes.databases import service_supervision, stop_services
from exifinator.processes.rclone import resume_serving
from exifinator.sources.local_buckets import LocalBucket, lookup
from tests.servers import reserve_port
from tests.system.checkout import START_TIMEOUT_SECONDS, end_supervised
from tests.waiting import eventually

serve_folder = functools.partial(rclone.serve_folder, start_timeout_seconds=START_TIMEOUT_SECONDS)


def connect(local: LocalBucket | None) -> Any:
    assert local is not None
    return boto3.session.Session().client(
        "s3",
        endpoint_url=local.endpoint_url,
        aws_access_key_id=local.access_key,
        aws_secret_access_key=local.secret_key,
        region_name="us-east-1",
        config=BotoConfig(retries={"total_max_attempts": 1}),
    )


@dataclass(frozen=True)
class Home:
    """A root below which one rclone serves, and its port."""

    root: Path
    port: int

    def serve(self, folder: Path, bucket: str | None = None) -> str:
        return serve_folder(folder, bucket, root=self.root, port=self.port)

    def client(self, bucket: str) -> Any:
        return connect(lookup(bucket, self.root))

    def keys(self, bucket: str) -> list[str]:
        answer = self.client(bucket).list_objects_v2(Bucket=bucket)
        return sorted(item["Key"] for item in answer.get("Contents", ()))

    def rclone_pid(self) -> int:
        return next(process.pid for process in service_supervision(self.root).status() if process.program == "rclone")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Yield a root whose rclone is started by a user who has settings of rclone that would hide every photo."""
    folder = tmp_path_factory.mktemp("local s3")
    root, config = folder / "a checkout", folder / "home" / ".config" / "rclone" / "rclone.conf"
    root.mkdir()
    config.parent.mkdir(parents=True)
    config.write_text("[lib]\ntype = alias\nremote = /etc\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder / "home"))
        patch.setenv("RCLONE_CONFIG", str(config))
        patch.setenv("RCLONE_EXCLUDE", "*.jpg")
        # What rclone has read of a folder it forgets only when it is told to, so a test may wait for that.
        options = tuple("1h" if option == rclone.DIRECTORY_CACHE else option for option in rclone.OPTIONS)
        patch.setattr(rclone, "OPTIONS", options)
        try:
            yield Home(root, reserve_port())
        finally:
            end_supervised(root, "services")


KEYS = [
    "a b.jpg",
    "a+b.jpg",
    "100%.jpg",
    "a%20b%2Fc.jpg",
    "number #1.jpg",
    "why?.jpg",
    "x&y=z.jpg",
    "é🎉.jpg",
    "deep/er/still/x.jpg",
    "back\\slash.jpg",
    'it\'s "quoted".jpg',
    "semi;colon:.jpg",
    "<xml>.jpg",
    " leading.jpg",
    "trailing ",
    ".hidden",
    "full width ％ ？.jpg",
]
# What rclone calls names that it cannot give as they are.
RENAMED = {
    "two\nlines\t.jpg": "two␊lines␉.jpg",  # control characters
    "a‛b.jpg": "a‛‛b.jpg",  # the sign that rclone escapes with
}
# Each part was a trap by itself: of a shell, of rclone's lists (CSV), of supervisor's configuration.
AWKWARD = '-dash 2019 Ürlaub 🎉 it\'s "quoted", `here` $HOME 100% %41 #1; a=b:c\\d'


@dataclass(frozen=True)
class Served:
    """A folder with an awkward path and awkward names that is served, and its bucket."""

    home: Home
    folder: Path
    bucket: str
    contents: dict[str, bytes]

    @property
    def client(self) -> Any:
        return self.home.client(self.bucket)

    def read(self, key: str, byte_range: str = "bytes=0-65535") -> Any:
        return self.client.get_object(Bucket=self.bucket, Key=key, Range=byte_range)


@pytest.fixture(scope="module")
def served(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Served:
    folder = tmp_path_factory.mktemp("served") / AWKWARD
    folder.mkdir()
    contents = {}
    for number, (name, key) in enumerate([*((key, key) for key in KEYS), *RENAMED.items()]):
        contents[key] = f"{number:010}".encode()
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(contents[key])
    return Served(home, folder, home.serve(folder), contents)


def test_serve_folder__awkward_path__is_listed_and_read(served: Served, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(served.folder)

    assert served.home.serve(link) == served.bucket
    assert "_" in served.bucket
    listed = {item["Key"]: item for item in served.client.list_objects_v2(Bucket=served.bucket)["Contents"]}
    assert (listed[".hidden"]["Size"], listed[".hidden"]["ETag"].strip('"')) == (10, "")
    answer = served.read(".hidden", "bytes=2-4")
    assert answer["Body"].read() == served.contents[".hidden"][2:5]
    assert answer["ContentRange"] == "bytes 2-4/10"


def test_serve_folder__awkward_names__come_through_listing_and_ranged_get(served: Served) -> None:
    assert served.home.keys(served.bucket) == sorted(served.contents)
    for key in KEYS:
        assert served.read(key)["Body"].read() == served.contents[key], key


@pytest.mark.parametrize("key", RENAMED.values(), ids=["control-characters", "the-sign-that-rclone-escapes-with"])
def test_serve_folder__name_that_rclone_writes_otherwise__is_read_all_the_same(served: Served, key: str) -> None:
    assert served.read(key)["Body"].read() == served.contents[key]


def test_serve_folder__users_rclone_settings__are_ignored(served: Served) -> None:
    """The user's settings (see `home`) would hide every photo and serve /etc."""
    supervision = service_supervision(served.home.root)
    [process] = [process for process in supervision.status() if process.program == "rclone"]
    assert "RCLONE_EXCLUDE" not in psutil.Process(process.pid).environ()
    assert any(key.endswith(".jpg") for key in served.home.keys(served.bucket))
    assert "passwd" not in served.home.keys(served.bucket)


def test_serve_folder__writing_and_strangers__are_refused(served: Served) -> None:
    with pytest.raises(ClientError):
        served.client.put_object(Bucket=served.bucket, Key="why?.jpg", Body=b"theirs")
    with pytest.raises(ClientError):
        served.client.delete_object(Bucket=served.bucket, Key="why?.jpg")
    assert (served.folder / "why?.jpg").read_bytes() == served.contents["why?.jpg"]
    local = lookup(served.bucket, served.home.root)
    assert local is not None
    stranger = connect(LocalBucket(local.endpoint_url, local.access_key, "0" * 40, local.folder))
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        stranger.list_objects_v2(Bucket=served.bucket)


def test_serve_folder__keys__are_in_private_files_only(served: Served) -> None:
    root, local = served.home.root, lookup(served.bucket, served.home.root)
    assert local is not None
    holders = [path for path in root.rglob("*") if path.is_file() and local.secret_key in path.read_text()]
    assert {path.name for path in holders} == {"local_s3.json", "local_s3.env"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in holders} == {0o600}
    process = psutil.Process(served.home.rclone_pid())
    assert local.secret_key not in " ".join(process.cmdline())
    listening = {connection.laddr.ip for connection in process.connections() if connection.status == "LISTEN"}
    assert listening == {"127.0.0.1"}


def test_serve_folder__same_folder_again__sees_new_files_without_a_restart(home: Home, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one.jpg").write_bytes(b"1")
    bucket = home.serve(tmp_path)
    pid = home.rclone_pid()
    assert home.keys(bucket) == ["deep/one.jpg"]
    for number in (2, 3, 4):
        (tmp_path / "deep" / f"{number}.jpg").write_bytes(b"2")
        assert home.serve(tmp_path) == bucket
        eventually(lambda number=number: len(home.keys(bucket)) == number)
    assert home.rclone_pid() == pid


def test_serve_folder__folders_of_one_name__are_two_buckets(home: Home, tmp_path: Path) -> None:
    for parent in ("a", "b"):
        (tmp_path / parent / "photos").mkdir(parents=True)
        (tmp_path / parent / "photos" / f"{parent}.jpg").touch()
    buckets = {parent: home.serve(tmp_path / parent / "photos") for parent in ("a", "b")}
    assert buckets["a"] != buckets["b"]
    for parent, bucket in buckets.items():
        assert bucket.startswith("photos_")
        assert home.keys(bucket) == [f"{parent}.jpg"]
        found = lookup(bucket, home.root)
        assert found is not None
        assert found.folder == tmp_path / parent / "photos"


def test_serve_folder__deleted_folder__does_not_affect_the_others(home: Home, tmp_path: Path) -> None:
    for name in ("gone", "now-a-file", "here"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.jpg").touch()
    for name in ("gone", "now-a-file"):
        home.serve(tmp_path / name)
        (tmp_path / name / "x.jpg").unlink()
        (tmp_path / name).rmdir()
    (tmp_path / "now-a-file").touch()

    assert home.keys(home.serve(tmp_path / "here")) == ["x.jpg"]


def test_serve_folder__given_name__is_the_name_of_the_bucket(home: Home, tmp_path: Path) -> None:
    """A name that is given again is another folder's from then on, as the registry is read again."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.jpg").touch()
        assert home.serve(tmp_path / name, "demo") == "demo"
        assert home.keys("demo") == [f"{name}.jpg"]
        found = lookup("demo", home.root)
        assert found is not None
        assert found.folder == tmp_path / name
    assert lookup("another", home.root) is None


def test_serve_folder__path_that_cannot_be_served__is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "file.jpg").touch()
    (tmp_path / "two\nlines").mkdir()
    for name, message in (
        ("nowhere", "does not exist"),
        ("file.jpg", "is not a folder"),
        ("two\nlines", "control character"),
    ):
        with pytest.raises(ConfigError, match=message):
            serve_folder(tmp_path / name, root=tmp_path, port=1)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_serve_folder__unreadable_folder__is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(ConfigError, match="cannot be read"):
        serve_folder(tmp_path / "closed", root=tmp_path, port=1)


@pytest.fixture
def own_root(tmp_path: Path) -> Iterator[Path]:
    root = tmp_path / "root"
    root.mkdir()
    yield root
    end_supervised(root, "services")


def test_serve_folder__port_in_use__names_the_setting(
    own_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rclone, "CRASH_LOOP_SECONDS", 1.0)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(ServiceFailed, match=r"(?s)LOCAL_S3_PORT.*address already in use"):
            serve_folder(tmp_path, root=own_root, port=bound.getsockname()[1])
    assert service_supervision(own_root).status() == [], "it is not retried forever"


def test_resume_serving__after_a_stop__serves_the_same_folders(own_root: Path, tmp_path: Path) -> None:
    folder, port = tmp_path / "photos", reserve_port()
    folder.mkdir()
    (folder / "x.jpg").touch()
    resume_serving(own_root)
    assert service_supervision(own_root).status() == [], "nothing was served before"
    bucket = serve_folder(folder, root=own_root, port=port)
    stop_services(own_root)

    resume_serving(own_root)

    eventually(lambda: listens("127.0.0.1", port))
    assert Home(own_root, port).keys(bucket) == ["x.jpg"]
