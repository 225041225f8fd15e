"""The registry of local folders, which gives each folder the name of a bucket."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from exifinator.errors import ConfigError
from exifinator.sources.folders.registry import lookup, register, registered_folders

SPECIAL_CHARACTERS = '-dash 2019 Ürlaub 🎉 it\'s "quoted", $HOME 100% %41 #1; a=b:c\\d\nline'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


def test_register__two_folders_with_one_name__are_two_buckets(root: Path, tmp_path: Path) -> None:
    folders = {name: tmp_path / name / "My Photos" for name in ("a", "b")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    buckets = {name: register(folder, root=root) for name, folder in folders.items()}
    assert buckets["a"] != buckets["b"]
    for name, bucket in buckets.items():
        assert bucket.startswith("my-photos_")
        assert lookup(bucket, root) == folders[name]
        assert register(folders[name], root=root) == bucket
    assert lookup("another", root) is None


def test_register__link_to_a_folder__is_the_same_bucket(root: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to("photos")
    assert register(tmp_path / "link", root=root) == register(tmp_path / "photos", root=root)


@pytest.mark.parametrize("name", [SPECIAL_CHARACTERS.encode(), b"caf\xe9"], ids=["special-characters", "not-utf8"])
def test_lookup__folder_with_an_unusual_name__is_found(root: Path, tmp_path: Path, name: bytes) -> None:
    folder = tmp_path / os.fsdecode(name)
    folder.mkdir()
    assert lookup(register(folder, root=root), root) == folder


def test_register__given_bucket_name__is_the_last_folder_registered_with_it(root: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        assert register(tmp_path / name, "demo", root=root) == "demo"
        assert lookup("demo", root) == tmp_path / name


def test_register__path_that_is_no_folder__raises_config_error(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file.jpg").touch()
    for name, message in (("nowhere", "does not exist"), ("file.jpg", "is not a folder")):
        with pytest.raises(ConfigError, match=message):
            register(tmp_path / name, root=root)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_register__unreadable_folder__raises_config_error(root: Path, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(ConfigError, match="cannot be read"):
        register(tmp_path / "closed", root=root)


def test_lookup__registry_of_an_earlier_version__is_read_until_it_is_replaced(root: Path, tmp_path: Path) -> None:
    old = root / "var" / "local_s3.json"
    old.parent.mkdir()
    buckets = {"photos_0a1b2c": str(tmp_path)}
    old.write_text(json.dumps({"access_key": "k", "secret_key": "s", "endpoint_url": "http://x", "buckets": buckets}))
    assert lookup("photos_0a1b2c", root) == tmp_path

    (tmp_path / "other").mkdir()
    register(tmp_path / "other", root=root)

    assert lookup("photos_0a1b2c", root) == tmp_path
    assert not old.exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"buckets": []}', "null"])
def test_lookup__damaged_registry__raises_with_the_advice_to_remove_it(root: Path, text: str) -> None:
    path = root / "var" / "folders.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ConfigError, match="remove it"):
        lookup("photos", root)


def test_registered_folders__path_not_in_utf8__is_encodable_text(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    bucket = register(folder, root=tmp_path)
    folders = registered_folders(tmp_path)
    assert list(folders) == [bucket]
    folders[bucket].encode()


def test_registered_folders__missing_or_damaged_registry__are_empty(tmp_path: Path) -> None:
    assert registered_folders(tmp_path) == {}
    (tmp_path / "var").mkdir()
    (tmp_path / "var/folders.json").write_text("{")
    assert registered_folders(tmp_path) == {}
