"""The folder for sockets is private, and its path is short enough for a socket."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from exifinator import sockets
from exifinator.errors import ServiceFailed
from exifinator.sockets import prepare_socket, socket_path


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkout whose path counts as short enough for sockets, however long the path of the tests is."""
    monkeypatch.setattr(sockets, "MAX_PATH_BYTES", 400)
    return tmp_path


@pytest.fixture(params=["length", "letters"])
def deep_root(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Yield a checkout whose path is too long for sockets, or contains letters that are not ASCII."""
    folder = tmp_path / ("long" * 30 if request.param == "length" else "Fotos für alle")
    folder.mkdir()
    yield folder
    shutil.rmtree(socket_path("x", folder).parent, ignore_errors=True)


def test_prepare_socket__short_path__is_in_var_and_private(root: Path) -> None:
    path = prepare_socket("redis", root)

    assert path == root / "var" / "sockets" / "redis.sock" == socket_path("redis", root)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_prepare_socket__unsuitable_path__is_in_tmp_and_private(deep_root: Path) -> None:
    path = prepare_socket("redis", deep_root)

    assert len(str(path)) < 60
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert prepare_socket("mongodb", deep_root).parent == path.parent == socket_path("redis", deep_root).parent


@pytest.mark.parametrize("damage", ["missing", "open", "link"])
def test_prepare_socket__folder_in_tmp_that_is_not_private__is_replaced(
    deep_root: Path, tmp_path: Path, damage: str
) -> None:
    """Another user cannot create the new folder in advance, because its name cannot be predicted."""
    folder = prepare_socket("redis", deep_root).parent
    folder.rmdir()
    if damage == "open":
        folder.mkdir()
        folder.chmod(0o777)
    elif damage == "link":
        (tmp_path / "target").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "target")
    try:
        replacement = prepare_socket("redis", deep_root).parent

        assert replacement != folder
        assert stat.S_IMODE(replacement.stat().st_mode) == 0o700
        assert socket_path("redis", deep_root).parent == replacement
    finally:
        if damage == "link":
            folder.unlink()
        elif damage == "open":
            folder.rmdir()


@pytest.mark.parametrize("damage", ["open", "link", "file"])
def test_prepare_socket__folder_in_var_that_is_not_private__is_refused(root: Path, damage: str) -> None:
    folder = prepare_socket("redis", root).parent
    folder.rmdir()
    if damage == "open":
        folder.mkdir()
        folder.chmod(0o750)
    elif damage == "link":
        (root / "target").mkdir(mode=0o700)
        folder.symlink_to(root / "target")
    else:
        folder.write_text("")
    with pytest.raises((ServiceFailed, FileExistsError)):
        prepare_socket("redis", root)
