"""The sources of a run: choose them, serve folders as buckets, and check that their objects can be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from exifinator.config import Config
from exifinator.errors import AccessDenied, ConfigError, PermanentError, TransientError
from exifinator.extras import require
from exifinator.logging_setup import escape_control
from exifinator.models import ImageRef
from exifinator.processes import rclone
from exifinator.sources import local_buckets
from exifinator.sources.s3.client import S3Client
from exifinator.sources.source import Source, parse_typed_source

DEMO_BUCKET = "demo"
# Objects of a source that are read before any is queued.
PROBED_OBJECTS = 3


def find_sources(arguments: Sequence[str], config: Config, *, cwd: Path) -> list[Source | Path]:
    """Return the buckets and folders that the command line names, or else S3_BUCKETS. Empty: the demo library.

    A name is a folder if such a folder exists, unless it starts with s3://.

    Raises: ConfigError.
    """
    sources: list[Source | Path] = []
    for text in arguments or config.s3_buckets:
        # Empty text, as from an unset shell variable, would mean the current folder.
        if text.strip() and not text.startswith("s3://") and (folder := _find_folder(text, cwd)):
            sources.append(folder)
        elif text.startswith(("/", "./", "../", "~")):
            raise ConfigError(
                f"There is no folder {text}", hint="a bucket is written bucket, bucket/prefix or s3://bucket"
            )
        else:
            sources.append(parse_typed_source(text))
    return sources


def _find_folder(text: str, cwd: Path) -> Path | None:
    try:
        path = (cwd / Path(text).expanduser()).resolve()
        return path if path.is_dir() else None
    except (OSError, ValueError, RuntimeError):
        # The name is longer than any file's, holds a NUL, or is the home of a user that does not exist.
        return None


def serve_sources(sources: Sequence[Source | Path], notify: Callable[[str], None]) -> list[Source]:
    """Return the sources as buckets. Folders are served as buckets; without any source, the demo library is."""
    served = []
    for source in sources:
        if isinstance(source, Source):
            served.append(source)
        else:
            bucket = rclone.serve_folder(source)
            notify(f"Serving the folder {escape_control(str(source))} as the bucket {bucket}.")
            served.append(Source(bucket))
    if not served:
        require("demo", "PIL", "The demo library")
        from exifinator.demo import make_demo

        folder = local_buckets.demo_folder()
        notify(f"No source given: indexing the demo library in {folder}.")
        make_demo(folder)
        served.append(Source(rclone.serve_folder(folder, bucket=DEMO_BUCKET)))
    return served


def check_sources(sources: Sequence[Source], s3: S3Client) -> list[ImageRef]:
    """List the first page of each source, and read a byte of some of its objects.

    A wrong name or credential then gives one message before the batch, instead of a million failed jobs later.

    Returns: one readable object of each source that has any.

    Raises: AccessDenied, BucketGone, TransientError.
    """
    readable = []
    for source in sources:
        page = s3.list_page(source.bucket, source.prefix, None)
        objects = [ref for ref in page.refs if ref.size_bytes]
        probed = objects[:: max(1, len(objects) // PROBED_OBJECTS)][:PROBED_OBJECTS]
        refusals = [_probe(s3, ref) for ref in probed]
        if refusals and all(refusals):
            raise AccessDenied(f"{source} can be listed, but its objects cannot be read: {refusals[0]}")
        readable += [ref for ref, refusal in zip(probed, refusals, strict=True) if refusal is None][:1]
    return readable


def _probe(s3: S3Client, ref: ImageRef) -> AccessDenied | None:
    try:
        s3.read_range(ref, 0, 1)
    except AccessDenied as exc:
        return exc
    except (TransientError, PermanentError):
        # This object's own problem, which becomes its failed job.
        pass
    return None
