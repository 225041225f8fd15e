"""Folders as buckets, through a real rclone and boto3."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.config import Config as BotoConfig
from botocore.exceptions import ClientError

from exifinator import local_s3
from exifinator.errors import ConfigError, ServiceFailed
from exifinator.local_s3 import LocalBucket, lookup, resume_serving, serve_folder
from exifinator.services import listens, service_supervision, stop_services
from tests.servers import free_port
from tests.unit.test_supervision import wait_for

PORT = free_port()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("a checkout")
    yield folder
    stop_services(folder)


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


def keys_of(bucket: str, root: Path) -> list[str]:
    answer = connect(lookup(bucket, root)).list_objects_v2(Bucket=bucket)
    return sorted(item["Key"] for item in answer.get("Contents", ()))


def rclone_pid(root: Path) -> int:
    return next(process.pid for process in service_supervision(root).status() if process.program == "rclone")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("2019 Ürlaub 🎉", id="unicode"),
        pytest.param('it\'s "quoted", `here` $HOME', id="quotes"),
        pytest.param("100% %41 #1; a=b:c\\d", id="signs"),
        pytest.param("-dash", id="dash"),
    ],
)
def test_serve_folder__awkward_path__is_listed_and_read(root: Path, tmp_path: Path, name: str) -> None:
    real = tmp_path / name
    real.mkdir()
    (real / "photo.jpg").write_bytes(b"0123456789")
    link = tmp_path / "link"
    link.symlink_to(real)
    bucket = serve_folder(link, root=root, port=PORT)
    assert bucket == serve_folder(real, root=root, port=PORT)
    assert "_" in bucket
    client = connect(lookup(bucket, root))
    (item,) = client.list_objects_v2(Bucket=bucket)["Contents"]
    assert (item["Key"], item["Size"], item["ETag"].strip('"')) == ("photo.jpg", 10, "")
    answer = client.get_object(Bucket=bucket, Key="photo.jpg", Range="bytes=2-4")
    assert answer["Body"].read() == b"234"
    assert answer["ContentRange"] == "bytes 2-4/10"


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


def test_serve_folder__awkward_names__come_through_listing_and_ranged_get(root: Path, tmp_path: Path) -> None:
    for number, key in enumerate(KEYS):
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_text(f"{number:06}")
    bucket = serve_folder(tmp_path, root=root, port=PORT)
    assert keys_of(bucket, root) == sorted(KEYS)
    client = connect(lookup(bucket, root))
    for number, key in enumerate(KEYS):
        body = client.get_object(Bucket=bucket, Key=key, Range="bytes=0-65535")["Body"].read()
        assert body.decode() == f"{number:06}", key


@pytest.mark.parametrize(
    ("name", "key"),
    [
        pytest.param("two\nlines\t.jpg", "two␊lines␉.jpg", id="control-characters"),
        pytest.param("a‛b.jpg", "a‛‛b.jpg", id="the-sign-that-rclone-escapes-with"),
    ],
)
def test_serve_folder__name_that_rclone_writes_otherwise__is_read_all_the_same(
    root: Path, tmp_path: Path, name: str, key: str
) -> None:
    (tmp_path / name).write_bytes(b"here")
    bucket = serve_folder(tmp_path, root=root, port=PORT)
    assert keys_of(bucket, root) == [key]
    client = connect(lookup(bucket, root))
    assert client.get_object(Bucket=bucket, Key=key, Range="bytes=0-9")["Body"].read() == b"here"


def test_serve_folder__same_folder_again__sees_new_files_without_a_restart(root: Path, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one.jpg").write_bytes(b"1")
    bucket = serve_folder(tmp_path, root=root, port=PORT)
    pid = rclone_pid(root)
    for number in range(3):
        assert len(keys_of(bucket, root)) == number + 1
        (tmp_path / "deep" / f"new-{number}.jpg").write_bytes(b"2")
        assert serve_folder(tmp_path, root=root, port=PORT) == bucket
    assert len(keys_of(bucket, root)) == 4
    assert rclone_pid(root) == pid


def test_serve_folder__folders_of_one_name__are_two_buckets(root: Path, tmp_path: Path) -> None:
    for parent in ("a", "b"):
        (tmp_path / parent / "photos").mkdir(parents=True)
        (tmp_path / parent / "photos" / f"{parent}.jpg").touch()
    buckets = {parent: serve_folder(tmp_path / parent / "photos", root=root, port=PORT) for parent in ("a", "b")}
    assert buckets["a"] != buckets["b"]
    for parent, bucket in buckets.items():
        assert bucket.startswith("photos_")
        assert keys_of(bucket, root) == [f"{parent}.jpg"]


def test_serve_folder__a_folder_that_is_gone__leaves_the_others(root: Path, tmp_path: Path) -> None:
    for name in ("gone", "now-a-file", "here", "later"):
        (tmp_path / name).mkdir()
    for name in ("gone", "now-a-file", "here"):
        serve_folder(tmp_path / name, root=root, port=PORT)
    (tmp_path / "gone").rmdir()
    (tmp_path / "now-a-file").rmdir()
    (tmp_path / "now-a-file").touch()
    (tmp_path / "here" / "x.jpg").touch()
    serve_folder(tmp_path / "later", root=root, port=PORT)
    assert keys_of(serve_folder(tmp_path / "here", root=root, port=PORT), root) == ["x.jpg"]


def test_serve_folder__given_name__is_the_bucket(root: Path, tmp_path: Path) -> None:
    (tmp_path / "x.jpg").touch()
    assert serve_folder(tmp_path, "demo", root=root, port=PORT) == "demo"
    assert keys_of("demo", root) == ["x.jpg"]
    found = lookup("demo", root)
    assert found is not None
    assert found.folder == tmp_path
    assert lookup("another", root) is None


def test_serve_folder__writing_and_strangers__are_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"mine")
    bucket = serve_folder(tmp_path, root=root, port=PORT)
    local = lookup(bucket, root)
    client = connect(local)
    with pytest.raises(ClientError):
        client.put_object(Bucket=bucket, Key="x.jpg", Body=b"theirs")
    with pytest.raises(ClientError):
        client.delete_object(Bucket=bucket, Key="x.jpg")
    assert (tmp_path / "x.jpg").read_bytes() == b"mine"
    assert local is not None
    stranger = connect(LocalBucket(local.endpoint_url, local.access_key, "0" * 40, local.folder))
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        stranger.list_objects_v2(Bucket=bucket)


def test_serve_folder__keys__lie_in_private_files_alone(root: Path, tmp_path: Path) -> None:
    bucket = serve_folder(tmp_path, root=root, port=PORT)
    local = lookup(bucket, root)
    assert local is not None
    holders = [path for path in root.rglob("*") if path.is_file() and local.secret_key in path.read_text()]
    assert {path.name for path in holders} == {"local_s3.json", "local_s3.env"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in holders} == {0o600}
    process = psutil.Process(rclone_pid(root))
    assert local.secret_key not in " ".join(process.cmdline())
    listening = {connection.laddr.ip for connection in process.connections() if connection.status == "LISTEN"}
    assert listening == {"127.0.0.1"}


def test_serve_folder__users_own_rclone__is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, folder, root = tmp_path / "home", tmp_path / "photos", tmp_path / "root"
    for path in (home / ".config" / "rclone", folder, root):
        path.mkdir(parents=True)
    (folder / "x.jpg").touch()
    (home / ".config" / "rclone" / "rclone.conf").write_text("[lib]\ntype = alias\nremote = /etc\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("RCLONE_CONFIG", str(home / ".config" / "rclone" / "rclone.conf"))
    monkeypatch.setenv("RCLONE_EXCLUDE", "*.jpg")
    try:
        bucket = serve_folder(folder, root=root, port=free_port())
        assert keys_of(bucket, root) == ["x.jpg"]
    finally:
        stop_services(root)


def test_serve_folder__what_cannot_be_served__is_a_config_error(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file.jpg").touch()
    (tmp_path / "two\nlines").mkdir()
    for name, says in (("nowhere", "no folder"), ("file.jpg", "no folder"), ("two\nlines", "line break")):
        with pytest.raises(ConfigError, match=says):
            serve_folder(tmp_path / name, root=root, port=PORT)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_serve_folder__may_not_be_read__is_a_config_error(root: Path, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(ConfigError, match="may not be read"):
        serve_folder(tmp_path / "closed", root=root, port=PORT)


def test_serve_folder__port_of_another__names_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_s3, "DOOMED_SECONDS", 1.0)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(ServiceFailed, match=r"(?s)LOCAL_S3_PORT.*address already in use"):
            serve_folder(tmp_path, root=tmp_path, port=bound.getsockname()[1])
    assert service_supervision(tmp_path).status() == [], "it is not tried for ever"
    stop_services(tmp_path)


def test_resume_serving__after_a_stop__serves_what_was_served(tmp_path: Path) -> None:
    root, folder = tmp_path / "root", tmp_path / "photos"
    for path in (root, folder):
        path.mkdir()
    (folder / "x.jpg").touch()
    try:
        resume_serving(root)
        assert service_supervision(root).status() == [], "nothing was served before"
        bucket = serve_folder(folder, root=root, port=free_port())
        stop_services(root)
        resume_serving(root)
        local = lookup(bucket, root)
        assert local is not None
        host, port = local.endpoint_url.removeprefix("http://").split(":")
        wait_for(lambda: listens(host, int(port)))
        assert keys_of(bucket, root) == ["x.jpg"]
    finally:
        stop_services(root)


def test_lookup__registry_changes__are_seen(root: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        bucket = serve_folder(folder, root=root, port=PORT)
        found = lookup(bucket, root)
        assert found is not None
        assert found.folder == folder
