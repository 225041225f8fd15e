"""Read the segments of cameras older than EXIF (Olympus and Agfa in APP12, Casio QV in APP1), and of Photoshop (APP12).

Source: observed in sample files, and the tables APP12 (PictureInfo, Ducky) and Casio::QVCI of `exiftool -listx`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from exifinator.metadata.containers.note_segments import NOTE
from exifinator.metadata.containers.range_buffer import LocatedMetadata
from exifinator.metadata.containers.tiff_writer import SHORT, exif_directories, write_tiff
from exifinator.metadata.text_decoding import decode_text

PICTURE_INFO = b"[picture info]"
DUCKY = b"Ducky"
QVCI = b"QVCI\0"
# The position of the date in Casio's segment, in bytes.
QVCI_DATE = slice(77, 97)
LINE = re.compile(r"([A-Za-z][\w#]*)=([^\r\n]*)")
NUMBER = re.compile(r"[A-Za-z]*([+-]?\d+(?:\.\d+)?)")
DATE = re.compile(r"\d{4}[.:/-]\d\d[.:/-]\d\d[ .]\d\d[.:]\d\d[.:]\d\d")
MAX_LINES = 200
MAX_TEXT_BYTES = 8 * 1024
DUCKY_TEXTS = {2: "Comment", 3: "Copyright"}


def add_picture_info(body: bytes, metadata: LocatedMetadata) -> None:
    """Add the metadata in an APP12 segment with lines such as `Shutter=33363`, as EXIF and as text values."""
    text = decode_text(body[body.find(PICTURE_INFO) :][:MAX_TEXT_BYTES])
    lines: dict[str, str] = {}
    for match in list(LINE.finditer(text))[:MAX_LINES]:
        lines.setdefault(match[1], match[2].strip())
    if not lines:
        return
    image, exif = exif_directories()
    image.add_text(0x010E, lines.get("ID", ""))
    exif.add_text(0x9003, _date(lines.get("TimeDate", "")))
    exposure_us = _number(lines.get("Shutter")) or _number(lines.get("shtr"))
    if exposure_us is not None and 0 < exposure_us < 1e9:
        exif.add_ratio(0x829A, exposure_us / 1e6)
    for tag, name in ((0x829D, "FNumber"), (0x9204, "ExpBias")):
        number = _number(lines.get(name))
        if number is not None and abs(number) < 1000:
            exif.add_ratio(tag, number)
    if lines.get("Flash") in ("0", "1"):
        exif.add_numbers(0x9209, SHORT, int(lines["Flash"]))
    exif.add_text(0xA431, lines.get("Serial#", ""))
    metadata.add("exif", write_tiff(image))
    for name in ("Type", "Version"):
        metadata.add_text(f"PictureInfo {name}", lines.get(name, ""))


def add_ducky(body: bytes, metadata: LocatedMetadata) -> None:
    """Add the comment and the copyright notice that Photoshop's "Save for Web" writes to APP12, in UTF-16."""
    offset = len(DUCKY)
    while offset + 4 <= len(body):
        kind = int.from_bytes(body[offset : offset + 2], "big")
        length = int.from_bytes(body[offset + 2 : offset + 4], "big")
        if not kind:
            return
        if kind in DUCKY_TEXTS and length > 4:
            text = body[offset + 8 : offset + 4 + length].decode("utf-16-be", "replace")
            metadata.add_text(DUCKY_TEXTS[kind], text.split("\0", 1)[0])
        offset += 4 + length


def add_casio_qv(body: bytes, metadata: LocatedMetadata) -> None:
    """Add the date in Casio's segment as EXIF, and the segment for the decoder of MakerNotes."""
    image, exif = exif_directories()
    exif.add_text(0x9003, _date(decode_text(body[QVCI_DATE])))
    if exif.entries:
        metadata.add("exif", write_tiff(image))
    metadata.add(f"{NOTE}Casio::QVCI", body)


def _number(text: str | None) -> float | None:
    """Return the number with which a string begins, after letters such as the F of `F2.8`."""
    match = NUMBER.match(text) if text else None
    return float(match[1]) if match else None


def _date(text: str) -> str:
    """Return a date in EXIF's format; "" if `text` is not a date.

    Olympus writes the seconds since 1970, and other makers write the parts of the date.
    """
    if text.isascii() and text.isdigit() and len(text) <= 10:
        return datetime.fromtimestamp(int(text), UTC).strftime("%Y:%m:%d %H:%M:%S")
    match = DATE.match(text)
    if match is None:
        return ""
    year, month, day, hour, minute, second = re.findall(r"\d+", match[0])
    return f"{year}:{month}:{day} {hour}:{minute}:{second}"
