"""Locate the metadata in a file: one reader per family of containers, chosen by the file's signature.

A reader raises MissingBytes when it needs bytes that have not been fetched. When those bytes have been fetched, the
reader is called again and starts from the beginning of the file.
"""

from __future__ import annotations

import logging
import struct

from exifinator.metadata.containers.avi import read_avi
from exifinator.metadata.containers.big_tiff import read_big_tiff
from exifinator.metadata.containers.bpg import read_bpg
from exifinator.metadata.containers.ciff import read_crw
from exifinator.metadata.containers.gif import read_gif
from exifinator.metadata.containers.iso_bmff import read_iso_bmff, read_jpeg_2000, read_jxl, read_jxl_codestream
from exifinator.metadata.containers.jpeg import EXV, read_exv, read_jpeg
from exifinator.metadata.containers.matroska import read_matroska
from exifinator.metadata.containers.miff import MAGIC as MIFF
from exifinator.metadata.containers.miff import read_miff
from exifinator.metadata.containers.photoshop import read_psd
from exifinator.metadata.containers.png import read_png
from exifinator.metadata.containers.quicktime import FIRST_KINDS, read_quicktime
from exifinator.metadata.containers.range_buffer import (
    ContainerReader,
    DamagedFile,
    LocatedMetadata,
    MissingBytes,
    RangeBuffer,
)
from exifinator.metadata.containers.raw import read_mrw, read_raf
from exifinator.metadata.containers.simple_formats import read_dds, read_jpeg_2000_codestream, read_qoi
from exifinator.metadata.containers.tiff import read_tiff
from exifinator.metadata.containers.unsupported import identify_unsupported
from exifinator.metadata.containers.webp import read_webp
from exifinator.metadata.containers.x3f import read_x3f

__all__ = [
    "ContainerReader",
    "DamagedFile",
    "LocatedMetadata",
    "MissingBytes",
    "RangeBuffer",
    "has_known_signature",
    "locate",
]

log = logging.getLogger(__name__)

# (offset of the signature, signature, reader)
READERS: tuple[tuple[int, bytes, ContainerReader], ...] = (
    (0, b"\xff\xd8", read_jpeg),
    (4, b"ftyp", read_iso_bmff),
    (0, b"II*\0", read_tiff),
    (0, b"MM\0*", read_tiff),
    # Olympus (IIRO, IIRS, MMOR) and Panasonic (IIU) replace TIFF's magic number 42 with their own.
    (0, b"IIRO", read_tiff),
    (0, b"IIRS", read_tiff),
    (0, b"MMOR", read_tiff),
    (0, b"IIU\0", read_tiff),
    # JPEG XR also has its own magic number.
    (0, b"II\xbc\1", read_tiff),
    (0, b"II+\0", read_big_tiff),
    (0, b"MM\0+", read_big_tiff),
    (0, b"\x89PNG\r\n\x1a\n", read_png),
    (8, b"WEBP", read_webp),
    (8, b"AVI ", read_avi),
    (0, b"\x1aE\xdf\xa3", read_matroska),
    (0, b"8BPS", read_psd),
    (0, b"\0\0\0\x0cjP  ", read_jpeg_2000),
    (0, b"\0\0\0\x0cJXL ", read_jxl),
    (0, b"\xff\x0a", read_jxl_codestream),
    (0, b"FUJIFILMCCD-RAW", read_raf),
    (0, b"\0MRM", read_mrw),
    (0, b"FOVb", read_x3f),
    (6, b"HEAPCCDR", read_crw),
    (0, EXV, read_exv),
    (0, b"GIF87a", read_gif),
    (0, b"GIF89a", read_gif),
    (0, b"\xff\x4f\xff\x51", read_jpeg_2000_codestream),
    *((4, kind, read_quicktime) for kind in FIRST_KINDS),
    (0, b"qoif", read_qoi),
    (0, b"BPG\xfb", read_bpg),
    (0, MIFF, read_miff),
    (0, b"DDS ", read_dds),
)


def locate(file: RangeBuffer) -> LocatedMetadata:
    """Locate as much of the metadata as the buffered bytes allow.

    If the reader needs more bytes, their ranges are in `file.requested` afterwards. A damaged or unsupported file is
    not an error: `status` and `problem` of the result describe it.
    """
    metadata = LocatedMetadata("")
    try:
        reader = _find_reader(file.read(0, 16)) or identify_unsupported
        reader(file, metadata)
    except MissingBytes:
        pass
    except DamagedFile as damage:
        metadata.status, metadata.problem = "damaged", str(damage)
    except (LookupError, ValueError, ArithmeticError, struct.error) as error:
        # This is a bug in EXIFinator. Log it, and still record the file.
        log.exception("Cannot locate the metadata: format=%s", metadata.format, extra={"action": "fail"})
        metadata.status, metadata.problem = "damaged", f"The metadata cannot be located ({type(error).__name__})."
    return metadata


def has_known_signature(head: bytes) -> bool:
    """Return whether a file that begins with `head` has the signature of a supported format."""
    return _find_reader(head) is not None


def _find_reader(head: bytes) -> ContainerReader | None:
    return next((reader for offset, signature, reader in READERS if head.startswith(signature, offset)), None)
