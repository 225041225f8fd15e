"""`extract`: print the metadata of local files, without using any service."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from exifinator.errors import EXIFinatorError
from exifinator.logging_setup import escape_control, escape_control_in_json
from exifinator.metadata.fetch import fetch_metadata
from exifinator.metadata.parse import build_record
from exifinator.sources.local_files import LocalReader, local_ref


def extract(path: str | Path, *, reader: LocalReader | None = None) -> dict[str, Any]:
    """Return the record of a local file and the file's `path`, in a form that JSON can represent.

    Raises:
        OSError: The file cannot be read.
        ObjectChanged: The file changed during each attempt to read it.
    """
    if not Path(path).is_file() and Path(path).exists():
        # Reading from a pipe would wait for a writer.
        raise OSError(errno.EINVAL, "it is not a regular file")
    fetched = fetch_metadata(reader or LocalReader(), local_ref(Path(path)))
    document = build_record(fetched).document
    record: dict[str, Any] = to_json({"path": str(path), **document})
    return record


def to_json(value: Any) -> Any:
    """Return a value that JSON can represent.

    Dates become text in ISO 8601. Text that UTF-8 cannot encode, such as a file name with arbitrary bytes, is repaired.
    """
    if isinstance(value, dict):
        return {to_json(name): to_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else value.isoformat()
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return value


def _walk(paths: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files in `paths`. For a folder, yield all files in it and its subfolders, sorted."""
    for path in map(Path, paths):
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.is_file())
        else:
            yield path


@click.command("extract")
@click.argument("paths", nargs=-1, required=True, metavar="FILE_OR_FOLDER ...")
@click.option("--verbose", is_flag=True, help="Print how many reads and bytes each file took, on stderr.")
def extract_command(paths: tuple[str, ...], verbose: bool) -> None:
    """Print the metadata of local photos as JSON, one object per line, without using any service."""
    failed = False
    for path in _walk(paths):
        reader = LocalReader()
        try:
            record = extract(path, reader=reader)
        except (OSError, EXIFinatorError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            click.echo(f"{escape_control(to_json(str(path)))} cannot be read: {escape_control(reason)}", err=True)
            failed = True
            continue
        click.echo(escape_control_in_json(json.dumps(record, ensure_ascii=False)))
        if verbose:
            cost = f"{reader.requests} requests, {reader.bytes_read:,} of {record['size']:,} bytes"
            click.echo(f"{escape_control(record['path'])}: {cost}", err=True)
    sys.exit(1 if failed else 0)
