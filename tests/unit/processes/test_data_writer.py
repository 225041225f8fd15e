"""A data folder is always used with the server program that wrote it, even if PATH changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from exifinator.errors import ServiceFailed
from exifinator.processes.data_writer import DataFolder, ServerProgram
from exifinator.processes.supervisor_config import Program, SupervisorConfig, program_sections

LOSS = "all queued images are lost"


def program(text: str, path: str = "/usr/bin/server") -> ServerProgram:
    product, version = text.split()
    return ServerProgram(path, product, tuple(map(int, version.split("."))))


def make_folder(root: Path, *, has_data: bool = True) -> DataFolder:
    data = root / "var" / "redis" / "appendonlydir"
    data.mkdir(parents=True)
    if has_data:
        (data / "appendonly.aof.1.incr.aof").write_bytes(b"")
    return DataFolder(root, "redis", "appendonlydir/*")


@pytest.mark.parametrize(
    ("writer", "reader", "can_read"),
    [
        ("Valkey 9.1", "Valkey 9.1", True),
        ("Valkey 9.1", "Valkey 9.2", True),
        ("Valkey 9.1", "Valkey 8.1", False),
        ("Valkey 9.1", "Redis 7.0", False),
        ("Valkey 9.1", "Redis 10.0", False),
        ("Redis 7.0", "Redis 7.2", True),
        ("Redis 7.2", "Valkey 9.1", True),
        ("Redis 7.4", "Valkey 9.1", False),
        ("MongoDB 6.0", "MongoDB 6.0", True),
        ("MongoDB 6.0", "MongoDB 5.0", False),
        ("MongoDB 6.0", "MongoDB 8.0", False),
    ],
)
def test_choose__another_program_than_the_writer__is_chosen_only_if_it_can_read_the_data(
    tmp_path: Path, writer: str, reader: str, can_read: bool
) -> None:
    folder = make_folder(tmp_path)
    folder.note_writer(program(writer, "/opt/gone"))
    if can_read:
        assert folder.choose([program(reader)], loss=LOSS) == program(reader)
        return
    with pytest.raises(ServiceFailed) as caught:
        folder.choose([program(reader)], loss=LOSS)
    assert all(part in str(caught.value) for part in (writer, reader, "/opt/gone", "/usr/bin/server", LOSS))


def test_choose__writer_later_in_path__is_chosen(tmp_path: Path) -> None:
    folder, wheel = make_folder(tmp_path), program("Valkey 9.1", "/venv/valkey-server")
    folder.note_writer(wheel)

    assert folder.choose([program("Redis 7.0"), program("Valkey 9.2"), wheel], loss=LOSS) == wheel


def test_choose__no_data__is_the_first_program(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, has_data=False)
    folder.note_writer(program("Valkey 9.1"))

    assert folder.choose([program("Redis 7.0"), program("Valkey 9.1")], loss=LOSS) == program("Redis 7.0")
    assert folder.choose([], loss=LOSS) is None


@pytest.mark.parametrize(("name", "writer"), [(b"valkey", "Valkey 9.1"), (b"redis", "Redis 7.0")])
def test_choose__data_without_a_note_of_the_writer__is_the_program_named_in_the_snapshot(
    tmp_path: Path, name: bytes, writer: str
) -> None:
    folder = make_folder(tmp_path)
    header = {b"valkey": b"VALKEY080\xfa\nvalkey-ver\x059.1.2", b"redis": b"REDIS0010\xfa\tredis-ver\x067.0.15"}[name]
    (folder.path / "appendonlydir" / "appendonly.aof.1.base.rdb").write_bytes(header + b"\xfa\nredis-bits\xc0@")
    candidates = [program("Valkey 8.0", "/a"), program("Redis 6.2", "/b"), program(writer, "/c")]

    assert folder.choose(candidates, loss=LOSS) == program(writer, "/c")


def test_choose__data_without_a_note_or_a_snapshot__is_the_program_started_last(tmp_path: Path) -> None:
    (tmp_path / "var" / "mongodb").mkdir(parents=True)
    (tmp_path / "var" / "mongodb" / "WiredTiger").write_bytes(b"")
    (tmp_path / "var" / "services").mkdir()
    sections = program_sections([Program("mongodb", ["/venv/a b/mongod", "--quiet"])])
    SupervisorConfig("services", tmp_path).write(sections, tmp_path / "socket")
    folder = DataFolder(tmp_path, "mongodb", "WiredTiger")
    last_started = program("MongoDB 6.0", "/venv/a b/mongod")

    assert folder.choose([program("MongoDB 7.0"), last_started], loss=LOSS) == last_started


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"path": 1, "product": "x", "version": ["y"]}'])
def test_choose__damaged_note__is_ignored(tmp_path: Path, damage: str) -> None:
    folder = make_folder(tmp_path)
    (tmp_path / "var" / "redis.writer.json").write_text(damage)

    assert folder.choose([program("Redis 7.0")], loss=LOSS) == program("Redis 7.0")
