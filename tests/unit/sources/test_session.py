"""create_session makes sessions that share the service definitions that botocore has parsed."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.loaders import JSONFileLoader

from exifinator.sources.s3.session import create_session

KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "secret", "region_name": "eu-west-1"}


def test_create_session__second_session__loads_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    create_session(**KEYS).client("s3")
    loaded: list[str] = []
    load = JSONFileLoader.load_file

    def record(self: JSONFileLoader, file_path: str) -> Any:
        loaded.append(file_path)
        return load(self, file_path)

    monkeypatch.setattr(JSONFileLoader, "load_file", record)
    second = create_session(**{**KEYS, "region_name": "eu-central-1"})
    client = second.client("s3")
    assert loaded == []
    assert client.meta.region_name == "eu-central-1"


def test_create_session__many_sessions__do_not_repeat_search_paths() -> None:
    for _ in range(3):
        paths = create_session(**KEYS)._loader.search_paths
    assert len(paths) == len(set(paths))


def test_create_session__sessions__have_separate_credentials() -> None:
    first, second = create_session(**KEYS), create_session(**{**KEYS, "aws_access_key_id": "other"})
    access_keys = [session.get_credentials().access_key for session in (first, second)]
    assert access_keys == ["test", "other"]
