"""URLs of the servers that EXIFinator runs are replaced by URLs of the servers' sockets."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pymongo.uri_parser
import pytest
from redis.connection import parse_url

from exifinator import sockets
from exifinator.config import build_config
from exifinator.own_servers import durable_mongodb_uri, is_own, mongodb_uri, note_own, plain_address, redis_url
from exifinator.sockets import socket_path


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sockets, "MAX_PATH_BYTES", 400)
    folder = tmp_path / "100% it's; #1, a+b"
    (folder / "var").mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://127.0.0.1:6379/0", "127.0.0.1:6379"),
        ("redis://localhost", "localhost:6379"),
        ("redis://[::1]:7000/3?socket_timeout=5", "::1:7000"),
        ("mongodb://127.0.0.1", "127.0.0.1:27017"),
        ("mongodb://127.0.0.2:27018/?w=1&tls=false", "127.0.0.2:27018"),
        ("redis://:secret@127.0.0.1:6379/0", None),
        ("redis://127.0.0.1:6379/0?password=secret", None),
        ("rediss://127.0.0.1:6379/0", None),
        ("redis://redis.example.org:6379/0", None),
        ("unix:///run/redis.sock?db=0", None),
        ("mongodb://waldo:secret@127.0.0.1", None),
        ("mongodb://127.0.0.1/?tls=true", None),
        ("mongodb://127.0.0.1/?replicaSet=photos", None),
        ("mongodb://127.0.0.1:1,127.0.0.1:2/", None),
        ("mongodb+srv://example.org", None),
        ("mongodb://%2Ftmp%2Fmongodb-27017.sock", None),
    ],
)
def test_plain_address__url__is_known_only_for_loopback_without_credentials_or_tls(
    url: str, address: str | None
) -> None:
    assert plain_address(url) == address


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("mongodb://a", "mongodb://a/?journal=true"),
        ("mongodb://a/", "mongodb://a/?journal=true"),
        ("mongodb://u:p@a,b/db?tls=true", "mongodb://u:p@a,b/db?tls=true&journal=true"),
        ("mongodb+srv://a.example.org", "mongodb+srv://a.example.org/?journal=true"),
        ("mongodb://a/?w=majority", None),
        ("mongodb://a/?tls=true&Journal=false", None),
    ],
)
def test_durable_mongodb_uri__events_are_followed__waits_for_the_journal(
    uri: str, expected: str | None, tmp_path: Path
) -> None:
    def uri_with(**settings: str) -> str:
        return durable_mongodb_uri(build_config({"MONGODB_URI": uri, **settings}, {}), tmp_path)

    assert uri_with() == uri
    for name in ("EVENTS_TOKEN", "EVENTS_HMAC_SECRET", "EVENTS_SQS_URL"):
        assert uri_with(**{name: "https://sqs.example.org/1/q"}) == (expected or uri)


def test_urls__own_servers__are_replaced_by_their_sockets(root: Path) -> None:
    settings = {
        "REDIS_URL": "redis://127.0.0.1:7001/5?socket_timeout=7",
        "MONGODB_URI": "mongodb://localhost:7002/?w=1",
    }
    config = build_config(settings, {})
    assert (redis_url(config, root), mongodb_uri(config, root)) == tuple(settings.values())

    note_own("redis", settings["REDIS_URL"], root)
    note_own("mongodb", settings["MONGODB_URI"], root)

    redis = parse_url(redis_url(config, root))  # type: ignore[no-untyped-call]
    assert (redis["path"], redis["db"], redis["socket_timeout"]) == (str(socket_path("redis", root)), 5, 7.0)
    mongodb = pymongo.uri_parser.parse_uri(mongodb_uri(config, root))
    assert mongodb["nodelist"] == [(str(socket_path("mongodb", root)), None)]
    assert mongodb["options"]["w"] == 1


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:7002/0", "redis://:secret@127.0.0.1:7001/0", "redis://localhost:7001/0"]
)
def test_urls__servers_other_than_the_noted_ones__are_unchanged(root: Path, url: str) -> None:
    note_own("redis", "redis://127.0.0.1:7001/0", root)

    assert redis_url(build_config({"REDIS_URL": url}, {}), root) == url
    assert not is_own("mongodb", "mongodb://127.0.0.1:7001", root)


@pytest.mark.parametrize("damage", ["", "[]", "{", "null", '{"redis": 5}', "\x00"])
def test_urls__damaged_notes_of_own_servers__are_unchanged(root: Path, damage: str) -> None:
    (root / "var" / "own_servers.json").write_text(damage)
    config = build_config({}, {})

    assert redis_url(config, root) == config.redis_url.get_secret_value()
    note_own("redis", redis_url(config, root), root)
    assert redis_url(config, root) == f"unix://{quote(str(socket_path('redis', root)))}?db=0"
