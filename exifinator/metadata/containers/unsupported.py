"""Identify unsupported formats by their signatures."""

from __future__ import annotations

from exifinator.metadata.containers.mpeg_ts import packet_bytes, read_mpeg_ts
from exifinator.metadata.containers.range_buffer import LocatedMetadata, RangeBuffer
from exifinator.metadata.containers.simple_formats import guess_reader

# (offset of the signature, signature, format)
SIGNATURES = (
    (0, b"%PDF-", "pdf"),
    (0, b"\0\0\1\xba", "mpeg"),
    (0, b"\0\0\1\xb3", "mpeg"),
    (8, b"WAVE", "wav"),
    (0, b"PK\3\4", "zip"),
    (0, b"PK\5\6", "zip"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"<?xml", "xml"),
    (0, b"<svg", "svg"),
    (0, b"<!DOCTYPE html", "html"),
    (0, b"<html", "html"),
    (0, b"ID3", "mp3"),
    (0, b"OggS", "ogg"),
    (0, b"FLV\1", "flv"),
    (0, b"\x76\x2f\x31\x01", "exr"),
    (0, b"#?RADIANCE", "hdr"),
    (0, b"{\\rtf", "rtf"),
)
# Identifies an XMP packet, which may begin in several ways and may be encoded in UTF-16.
XMP_NAMESPACE = b"http://www.w3.org/1999/02/22-rdf-syntax-ns#"
# Limit on the bytes of a sidecar that are read. Sidecars of darktable with many masks have about 100 KB.
MAX_XMP_BYTES = 4 * 1024 * 1024
# Fields that every JSON sidecar of Google Takeout has. Such a sidecar has about 1 KB.
TAKEOUT_FIELDS = (b'"title"', b'"photoTakenTime"')
MAX_TAKEOUT_BYTES = 64 * 1024


def identify_unsupported(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Set the format and the problem of a file without the signature of a supported format.

    If the file has no other known signature either, try the supported formats with a short signature or none.
    """
    head = file.read(0, 1024)
    metadata.status = "unsupported"
    metadata.format = next((name for offset, signature, name in SIGNATURES if head.startswith(signature, offset)), "")
    if metadata.format in ("", "xml") and XMP_NAMESPACE in head.replace(b"\0", b""):
        metadata.format = "xmp"
    if packet_bytes(head):
        metadata.status = "ok"
        read_mpeg_ts(file, metadata)
    elif not metadata.format and (reader := guess_reader(head)):
        metadata.status = "ok"
        reader(file, metadata)
    elif metadata.format == "xmp":
        metadata.add("xmp", file.read(0, min(file.total_bytes, MAX_XMP_BYTES)))
        metadata.problem = "The file is an XMP sidecar, not a photo."
    elif not metadata.format and _is_takeout(file, head):
        metadata.format, metadata.problem = "takeout", "The file is a sidecar of Google Takeout, not a photo."
        metadata.add("takeout", file.read(0, file.total_bytes))
    elif metadata.format:
        metadata.problem = f"{metadata.format.upper()} files are not supported."
    elif _is_text(head):
        metadata.format, metadata.problem = "text", "The file is a text file, not a photo."
    else:
        metadata.format, metadata.problem = "unknown", "The file type is unknown."


def _is_takeout(file: RangeBuffer, head: bytes) -> bool:
    """Return whether the file is a JSON sidecar of Google Takeout."""
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") or file.total_bytes > MAX_TAKEOUT_BYTES:
        return False
    data = file.read(0, file.total_bytes)
    return all(name in data for name in TAKEOUT_FIELDS)


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("ascii")
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\t\r\n\f" for character in text)
