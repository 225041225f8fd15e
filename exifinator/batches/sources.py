"""Find the sources of a run, register local folders as buckets, and check that the objects can be read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from exifinator.config import Config
from exifinator.errors import AccessDenied, ConfigError, EXIFinatorError, PermanentError, TransientError
from exifinator.extras import require
from exifinator.logging_setup import escape_control
from exifinator.models import ImageRef
from exifinator.sources.folders import registry
from exifinator.sources.folders.names import to_key
from exifinator.sources.patterns import EVERYTHING, Patterns, make_patterns
from exifinator.sources.source import Source, SourceReader, parse_user_source

DEMO_BUCKET = "demo"
# The number of objects of each source that are read as a check before any image is queued.
PROBED_OBJECTS = 3
# Where the patterns of an entry in S3_BUCKETS start.
_ENTRY_PATTERNS = re.compile(r"\s+(?=--(?:include|exclude)\b)")


@dataclass(frozen=True, slots=True)
class Folder:
    """A local folder given as a source. See Source for `patterns`."""

    path: Path
    patterns: Patterns = EVERYTHING


def find_sources(
    arguments: Sequence[str], config: Config, *, cwd: Path, patterns: Patterns = EVERYTHING
) -> list[Source | Folder]:
    """Return the buckets and folders named on the command line or, if there are none, in S3_BUCKETS.

    A name is taken as a folder if a folder with this name exists, unless the name starts with s3://.

    Args:
        cwd: The folder to which relative paths refer.
        patterns: The patterns for all sources. They replace the patterns in S3_BUCKETS.

    Returns:
        The sources. An empty list means the demo library.

    Raises:
        ConfigError: A name is neither an existing folder nor the name of a bucket, or a pattern is invalid.
    """
    if arguments:
        return [_find_source(text, cwd, patterns) for text in arguments]
    entries = [split_entry(entry) for entry in config.s3_buckets]
    return [_find_source(text, cwd, patterns or entry_patterns) for text, entry_patterns in entries]


def split_entry(entry: str) -> tuple[str, Patterns]:
    """Split an entry of S3_BUCKETS, such as `bucket --include '*.jpg'`, into the source and its patterns.

    Raises:
        ConfigError: The options are incomplete or unknown, or a pattern is invalid.
    """
    text, *rest = _ENTRY_PATTERNS.split(entry, maxsplit=1)
    chosen: dict[str, list[str]] = {"--include": [], "--exclude": []}
    try:
        words = shlex.split(rest[0]) if rest else []
        while words:
            name, equals, value = words.pop(0).partition("=")
            chosen[name].append(value if equals else words.pop(0))
    except (ValueError, KeyError, IndexError):
        raise ConfigError(
            f"S3_BUCKETS: {entry!r} cannot be read",
            code="invalid_setting",
            pointer="S3_BUCKETS",
            hint="write \"bucket/prefix --include 'PATTERN' --exclude 'PATTERN'\"",
        ) from None
    try:
        return text, make_patterns(chosen["--include"], chosen["--exclude"])
    except ConfigError as exc:
        raise ConfigError(f"S3_BUCKETS: {exc}", code=exc.code, pointer="S3_BUCKETS") from None


def _find_source(text: str, cwd: Path, patterns: Patterns) -> Source | Folder:
    # Without this check, an empty name, as from an unset shell variable, would mean the current folder.
    if text.strip() and not text.startswith("s3://") and (folder := _find_folder(text, cwd)):
        return Folder(folder, patterns)
    if text.startswith(("/", "./", "../", "~")):
        raise ConfigError(
            f"There is no folder {text}", hint="to name a bucket, use bucket, bucket/prefix or s3://bucket"
        )
    return replace(parse_user_source(text), patterns=patterns)


def _find_folder(text: str, cwd: Path) -> Path | None:
    try:
        path = (cwd / Path(text).expanduser()).resolve()
        return path if path.is_dir() else None
    except (OSError, ValueError, RuntimeError):
        # The name is too long, contains a NUL, or starts with the home folder (~name) of a user that does not exist.
        return None


def register_folders(
    sources: Sequence[Source | Folder], notify: Callable[[str], None], *, demo_patterns: Patterns = EVERYTHING
) -> list[Source]:
    """Register the local folders as buckets, and return all sources as buckets.

    If there are no sources, create and register the demo library.

    Args:
        notify: Called with messages for the user.
        demo_patterns: The patterns for the demo library.
    """
    buckets = []
    for source in sources:
        if isinstance(source, Source):
            buckets.append(source)
        else:
            bucket = registry.register(source.path)
            notify(f"The folder {escape_control(to_key(str(source.path)))} is the bucket {bucket}.")
            buckets.append(Source(bucket, patterns=source.patterns))
    if not buckets:
        require("demo", "PIL", "The demo library")
        from exifinator.demo import make_demo

        folder = registry.demo_folder()
        notify(f"No source given: indexing the demo library in {folder}.")
        make_demo(folder)
        buckets.append(Source(registry.register(folder, bucket=DEMO_BUCKET), patterns=demo_patterns))
    return buckets


def raise_together(failures: Sequence[EXIFinatorError], consequence: str) -> None:
    """Raise one error for the failures of several sources, of the class of the first. Do nothing if there are none.

    Args:
        consequence: What happened to the other sources, as a sentence without a period.
    """
    if failures:
        first = failures[0]
        messages = list(dict.fromkeys(str(failure) for failure in failures))
        raise type(first)(f"{'. '.join(messages)}. {consequence}", code=first.code, pointer=first.pointer) from first


def check_sources(sources: Sequence[Source], client: SourceReader) -> list[ImageRef]:
    """List the first page of each source, and read one byte of some of its objects.

    With this check, a wrong bucket name or wrong credentials cause one error message at the start instead of a million
    failed jobs later.

    Returns:
        One object of each source in which one of the checked objects was readable.

    Raises:
        AccessDenied: The listing is denied, or access to all checked objects of a source.
        BucketGone: The bucket does not exist.
        TransientError: S3 or the folder is unavailable.
        PermanentError: S3 rejects the listing for another reason.
    """
    readable = []
    for source in sources:
        page = client.list_page(source.bucket, source.prefix, None)
        is_chosen = source.patterns.compile()
        objects = [ref for ref in page.refs if ref.size_bytes and not ref.is_archived and is_chosen(ref.key)]
        probed = objects[:: max(1, len(objects) // PROBED_OBJECTS)][:PROBED_OBJECTS]
        refusals = [_probe(client, ref) for ref in probed]
        if refusals and all(refusals):
            raise AccessDenied(f"{source} can be listed, but its objects cannot be read: {refusals[0]}")
        readable += [ref for ref, refusal in zip(probed, refusals, strict=True) if refusal is None][:1]
    return readable


def _probe(client: SourceReader, ref: ImageRef) -> AccessDenied | None:
    """Return the error if access to an object is denied, else None."""
    try:
        client.read_range(ref, 0, 1)
    except AccessDenied as exc:
        return exc
    except (TransientError, PermanentError):
        # Perhaps only this object is affected. If it still cannot be read later, it becomes a failed job.
        pass
    return None
