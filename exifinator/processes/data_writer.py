"""Remember which server program wrote a data folder, because other programs may be unable to read the data.

Redis and Valkey do not read each other's newer files, no server reads the files of a later version, and MongoDB reads
only the files of its own release series. The order of the programs in PATH may change at any time, so it selects the
program only for an empty folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from exifinator.errors import ServiceFailed
from exifinator.paths import write_private
from exifinator.processes.supervisor_config import SupervisorConfig

# In a snapshot, Redis and Valkey name themselves and their version.
_SNAPSHOT_WRITER = re.compile(rb"(redis|valkey)-ver.(\d+)\.(\d+)", re.DOTALL)
# Valkey was forked from this version of Redis, and reads its files.
_LAST_COMMON_REDIS = (7, 2)


@dataclass(frozen=True)
class ServerProgram:
    """A program that can run a server.

    Attributes:
        path: The path of the program.
        product: `Redis`, `Valkey` or `MongoDB`.
        version: The release series, such as (7, 0).
    """

    path: str
    product: str
    version: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.product} {'.'.join(map(str, self.version))}"

    def can_read(self, writer: ServerProgram) -> bool:
        """Return whether this program can read the data that `writer` has written."""
        if self.product == "MongoDB" or writer.product == "MongoDB":
            return (self.product, self.version) == (writer.product, writer.version)
        if self.product == writer.product:
            return self.version >= writer.version
        return self.product == "Valkey" and writer.version <= _LAST_COMMON_REDIS


class DataFolder:
    """The data folder of a server, var/<key>.

    Args:
        root: The checkout.
        key: The name of the server's folder: `redis` or `mongodb`.
        contents: Pattern of a file that exists in the folder once it contains data.
    """

    def __init__(self, root: Path, key: str, contents: str) -> None:
        self.path = root / "var" / key
        self._key = key
        self._contents = contents
        self._note = root / "var" / f"{key}.writer.json"
        self._supervisor_config = SupervisorConfig("services", root)

    def choose(self, programs: Iterable[ServerProgram], *, loss: str) -> ServerProgram | None:
        """Return the first program that can read the data, or None. Prefer the program that wrote the data.

        Args:
            loss: What is lost if the user removes the folder, as a sentence without a period.

        Raises:
            ServiceFailed: Programs are installed, but no program can read the data.
        """
        if not any(self.path.glob(self._contents)):
            return next(iter(programs), None)
        usable = list(programs)
        # In older installations, only the supervisor's configuration names the program that wrote the data.
        last_path = (self._supervisor_config.command(self._key) or [""])[0]
        writer = self._read_writer() or next((program for program in usable if program.path == last_path), None)
        if writer is None:
            return next(iter(usable), None)
        for program in sorted(
            usable, key=lambda program: (program.path != writer.path, program.version != writer.version)
        ):
            if program.can_read(writer):
                return program
        if not usable:
            return None
        installed = ", ".join(f"{program} ({program.path})" for program in usable)
        writer_path = f" ({writer.path})" if writer.path else ""
        raise ServiceFailed(
            f"The data in {self.path} was written by {writer}{writer_path}, which is not available now. "
            f"{installed} cannot "
            "read it",
            code="data_of_another_program",
            hint=f"install {writer} again, or move {self.path} away: {loss}",
        )

    def note_writer(self, program: ServerProgram) -> None:
        """Store that this program writes the data from now on."""
        write_private(self._note, json.dumps(asdict(program)) + "\n")

    def _read_writer(self) -> ServerProgram | None:
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            return ServerProgram(str(note["path"]), str(note["product"]), tuple(map(int, note["version"])))
        except (OSError, ValueError, KeyError, TypeError):
            return self._read_snapshot()

    def _read_snapshot(self) -> ServerProgram | None:
        """Return the writer that the newest snapshot of Redis names, without its path."""
        snapshots = sorted(self.path.glob("appendonlydir/*.base.rdb"), key=lambda path: path.stat().st_mtime)
        for snapshot in reversed(snapshots):
            with snapshot.open("rb") as file:
                match = _SNAPSHOT_WRITER.search(file.read(200))
            if match:
                return ServerProgram("", match[1].decode().capitalize(), (int(match[2]), int(match[3])))
        return None
