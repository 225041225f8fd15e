"""Build an image's record from the metadata that was fetched from its file.

A record contains the EXIF tags, XMP, IPTC and the normalized fields (`photo`). The thumbnail is kept beside it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from bson import encode as bson_encode

from exifinator import EXTRACTOR_VERSION
from exifinator.families.names import family_of
from exifinator.families.stacks import relations
from exifinator.metadata.ai import describe_generation
from exifinator.metadata.blocks import Contents, read_blocks
from exifinator.metadata.fetch import EMPTY_OBJECT
from exifinator.metadata.limits import DeadlineExceeded, MemoryBudget, MemoryExceeded, cpu_limit
from exifinator.metadata.makernotes.summary import summarize
from exifinator.metadata.motion import summarize_motion
from exifinator.metadata.normalize import build_photo, join_sentences
from exifinator.metadata.photo.sources import Metadata
from exifinator.metadata.sidecars import read_sidecar
from exifinator.metadata.tag_values import EXIFREAD_ERRORS
from exifinator.models import ExifRecord, FetchedMetadata, ImageRef, Status
from exifinator.search_keys.folders import folders_of
from exifinator.search_keys.geo_cells import cells_of_photo
from exifinator.search_keys.kinds import kinds_of
from exifinator.search_keys.media_types import media_type_of
from exifinator.search_keys.place_names import place_names
from exifinator.search_keys.search_text import search_terms

log = logging.getLogger(__name__)

NO_EXIF = "The file has no EXIF metadata."
# Records larger than this lose their largest tags, their XMP or their IPTC. `dropped` names what was removed.
MAX_RECORD_BYTES = 1024 * 1024
# Approximate BSON overhead of a tag, not counting its value: field names, lengths and types.
TAG_OVERHEAD_BYTES = 256
MAX_DROPPED_NAMES = 200


def empty_record(ref: ImageRef) -> ExifRecord:
    """Return the record of an empty object."""
    return _unreadable_record(_base_document(ref, "unknown"), EMPTY_OBJECT)


def build_record(fetched: FetchedMetadata, *, deadline_seconds: float = 2.0, memory_mb: int = 256) -> ExifRecord:
    """Build an image's record from its fetched metadata. Never raises, whatever the file contains.

    Args:
        fetched: The metadata blocks of the image, before decoding.
        deadline_seconds: CPU time after which the file counts as damaged.
        memory_mb: Memory in MiB above which the file counts as damaged.
    """
    document = _base_document(fetched.ref, fetched.format)
    try:
        with cpu_limit(deadline_seconds):
            budget = MemoryBudget(memory_mb)
            contents = read_blocks(fetched, budget)
            _add_contents(document, fetched, contents, budget)
    except DeadlineExceeded:
        return _damaged_record(fetched, f"Decoding the metadata took more than {deadline_seconds:g} s of CPU time.")
    except (MemoryExceeded, MemoryError) as error:
        return _damaged_record(fetched, str(error) or "There was not enough memory to decode the metadata.")
    except (*EXIFREAD_ERRORS, RecursionError) as error:
        # This is a bug in EXIFinator: exifread's own errors are caught at its call sites. Log it, and still record the
        # file.
        ref = fetched.ref
        log.exception("Cannot decode the metadata: bucket=%s key=%s", ref.bucket, ref.key, extra={"action": "fail"})
        return _damaged_record(fetched, f"The metadata cannot be decoded ({type(error).__name__}).")
    return ExifRecord(document, contents.thumbnail)


def _base_document(ref: ImageRef, format_: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "_id": ref.id,
        "bucket": ref.bucket,
        "key": ref.key,
        "etag": ref.etag,
        "size": ref.size_bytes,
        "last_modified": ref.last_modified,
        "format": format_,
        "status": "ok",
        # Truncated to milliseconds, MongoDB's precision, so that the value is equal when it is read back.
        "extracted_at": now.replace(microsecond=now.microsecond // 1000 * 1000),
        "extractor_version": EXTRACTOR_VERSION,
        "family": family_of(ref.id),
        **({"folders": folders} if (folders := folders_of(ref.id)) else {}),
    }


def _unreadable_record(document: dict[str, Any], problem: str) -> ExifRecord:
    """Return the record of an image whose metadata cannot be read. Text search still finds the record by its key."""
    photo = {"media_type": media_type_of(document["format"], document["key"])}
    document.update(search_terms(document["key"], {}), status="damaged", problem=problem, photo=photo)
    return ExifRecord(document)


def _damaged_record(fetched: FetchedMetadata, problem: str) -> ExifRecord:
    return _unreadable_record(_base_document(fetched.ref, fetched.format), problem)


def _add_contents(document: dict[str, Any], fetched: FetchedMetadata, contents: Contents, budget: MemoryBudget) -> None:
    """Add the contents of a file to `document`, its record."""
    ref, faults = fetched.ref, contents.faults
    sidecar = read_sidecar(ref.id, fetched.format, contents.xmp, contents.takeout, budget)
    media_type = media_type_of(fetched.format, ref.key)
    ai: dict[str, Any] = {}
    # A sidecar's values describe another file, which has a record of its own. So they are not stored in this `photo`.
    photo: dict[str, Any] = {"media_type": media_type}
    problems: list[str] = []
    if sidecar:
        document.update(sidecar)
    else:
        photo, problems = build_photo(_metadata(fetched, contents, media_type, document["extracted_at"]))
        ai = _describe_generation(contents)
        document.update(relations(ref.id, contents.tags, contents.xmp, photo))
    status: Status = fetched.status
    if status == "ok":
        status = "damaged" if faults.is_damaged else "ok" if contents.tags else "no_exif"
        if status == "no_exif":
            problems.append(NO_EXIF)
    document["status"] = status
    if problem := join_sentences([*faults.problems, *problems]):
        document["problem"] = problem
    document.update(search_terms(ref.key, photo, {} if sidecar else contents.xmp, ai))
    if cells := cells_of_photo(photo):
        document["cells"] = cells
    document.update(place_names(photo))
    if kinds := kinds_of(document["format"], photo, ai):
        document["kinds"] = kinds
    if contents.thumbnail:
        document["thumbnail_bytes"] = len(contents.thumbnail)
    document["photo"] = photo
    document.update(contents.tags)
    for name, fields in (
        ("xmp", contents.xmp),
        ("iptc", contents.iptc),
        ("text", contents.text),
        ("icc", contents.icc),
        ("ai", ai),
    ):
        if fields:
            document[name] = fields
    # Encoding a record just to measure it is slow. Do it only if this estimate, which is normally much too high,
    # exceeds half of the limit.
    if budget.spent_bytes + TAG_OVERHEAD_BYTES * len(contents.tags) > MAX_RECORD_BYTES // 2:
        faults.dropped += _drop_largest(document, contents.tags)
    if faults.dropped:
        document["dropped"] = sorted(dict.fromkeys(faults.dropped))[:MAX_DROPPED_NAMES]


def _metadata(fetched: FetchedMetadata, contents: Contents, media_type: str, extracted_at: datetime) -> Metadata:
    """Return everything from which `photo` is built."""
    summary = {
        **summarize(contents.tags),
        **contents.movie,
        **summarize_motion(contents.xmp, fetched.ref.size_bytes, contents.tags),
    }
    return Metadata(
        contents.tags,
        contents.xmp,
        contents.iptc,
        summary,
        contents.text,
        contents.icc,
        key=fetched.ref.key,
        size=(fetched.width_pixels, fetched.height_pixels),
        rotation_applied=fetched.rotation_applied,
        media_type=media_type,
        now=extracted_at.replace(tzinfo=None),
    )


def _describe_generation(contents: Contents) -> dict[str, Any]:
    """Return `ai`, read from all text values of the container, including those that are too long to be stored."""
    comment = contents.tags.get("EXIF UserComment", {}).get("values")
    text = {**contents.text, **contents.long_text}
    return describe_generation(text, contents.xmp, comment if isinstance(comment, str) else "")


def _drop_largest(document: dict[str, Any], tags: Iterable[str]) -> list[str]:
    """Remove the largest of the tags, XMP, IPTC and text values until the document has at most MAX_RECORD_BYTES.

    Returns:
        The names of what was removed.
    """
    candidates = [*tags, "xmp", "iptc", "text"]
    sizes = {name: len(bson_encode({name: document[name]})) for name in candidates if name in document}
    # Allow 1/64 of the limit for the fields that are never removed.
    document_bytes = sum(sizes.values()) + MAX_RECORD_BYTES // 64
    dropped: list[str] = []
    for name in sorted(sizes, key=sizes.__getitem__, reverse=True):
        if document_bytes <= MAX_RECORD_BYTES:
            break
        document_bytes -= sizes[name]
        del document[name]
        dropped.append(name)
    return dropped
