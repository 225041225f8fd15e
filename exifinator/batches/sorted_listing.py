"""Sort a listing that does not fit into memory, with temporary files.

S3 lists keys in byte order. Some servers list folder by folder instead, and S3 Express directory buckets in no order.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import IO

# This many ids are sorted in memory at a time, which takes about 100 MB.
IDS_PER_FILE = 500_000


@contextmanager
def sort_ids(ids: Iterable[str], *, ids_per_file: int = IDS_PER_FILE) -> Iterator[Iterator[str]]:
    """Read all ids, and sort them. The context is an iterator over the ids in ascending order.

    The iterator can be used only inside the `with` block.

    Args:
        ids: The ids.
        ids_per_file: How many ids to sort in memory at a time.
    """
    with contextlib.ExitStack() as stack:
        files: list[IO[str]] = []
        remaining = iter(ids)
        while chunk := sorted(islice(remaining, ids_per_file)):
            # The operating system deletes the file when the process ends, even after a crash.
            file = stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8"))
            _write(file, chunk)
            files.append(file)
        yield heapq.merge(*map(_read, files))


def _write(file: IO[str], ids: Sequence[str]) -> None:
    # JSON escapes newlines and characters that cannot be encoded.
    file.writelines(json.dumps(image_id) + "\n" for image_id in ids)
    file.seek(0)


def _read(file: IO[str]) -> Iterator[str]:
    for line in file:
        yield json.loads(line)
