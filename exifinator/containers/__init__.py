"""Where in a file its metadata lies: one reader a family of containers, chosen by what the file begins with."""

from __future__ import annotations

import logging
import struct

from exifinator.containers.iso import read_iso, read_jpeg_2000, read_jxl, read_jxl_codestream
from exifinator.containers.jpeg import read_jpeg
from exifinator.containers.other import name_unsupported
from exifinator.containers.photoshop import read_psd
from exifinator.containers.png import read_png
from exifinator.containers.raw import read_mrw, read_raf, read_x3f
from exifinator.containers.tiff import read_big_tiff, read_tiff
from exifinator.containers.webp import read_webp
from exifinator.containers.window import ContainerReader, DamagedFile, Found, MissingBytes, Window

__all__ = ["ContainerReader", "DamagedFile", "Found", "MissingBytes", "Window", "locate"]

log = logging.getLogger(__name__)

# (offset of the signature, signature, reader)
READERS: tuple[tuple[int, bytes, ContainerReader], ...] = (
    (0, b"\xff\xd8", read_jpeg),
    (4, b"ftyp", read_iso),
    (0, b"II*\0", read_tiff),
    (0, b"MM\0*", read_tiff),
    # Olympus and Panasonic write a number of their own where TIFF has 42.
    (0, b"IIRO", read_tiff),
    (0, b"IIRS", read_tiff),
    (0, b"MMOR", read_tiff),
    (0, b"IIU\0", read_tiff),
    # JPEG XR
    (0, b"II\xbc\1", read_tiff),
    (0, b"II+\0", read_big_tiff),
    (0, b"MM\0+", read_big_tiff),
    (0, b"\x89PNG\r\n\x1a\n", read_png),
    (8, b"WEBP", read_webp),
    (0, b"8BPS", read_psd),
    (0, b"\0\0\0\x0cjP  ", read_jpeg_2000),
    (0, b"\0\0\0\x0cJXL ", read_jxl),
    (0, b"\xff\x0a", read_jxl_codestream),
    (0, b"FUJIFILMCCD-RAW", read_raf),
    (0, b"\0MRM", read_mrw),
    (0, b"FOVb", read_x3f),
)


def locate(file: Window) -> Found:
    """What can be located in `file` with the bytes that are held; Window.asked says what more to read for the rest."""
    found = Found("")
    try:
        head = file.read(0, 16)
        reader = next((reader for at, signature, reader in READERS if head.startswith(signature, at)), name_unsupported)
        reader(file, found)
    except MissingBytes:
        pass
    except DamagedFile as damage:
        found.status, found.problem = "damaged", str(damage)
    except (LookupError, ValueError, ArithmeticError, struct.error) as error:
        # A mistake of ours: the file is kept out, and we are told.
        log.exception("locate failed format=%s", found.format)
        found.status, found.problem = "damaged", f"its metadata cannot be located ({type(error).__name__})"
    return found
