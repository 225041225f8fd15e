"""Recognize the kind of a MakerNote by its first bytes and by the camera, and find its directory.

Sources: sample files, https://exiftool.org/makernote_types.html and https://exiv2.org/makernote.html.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

# A note is recognized by its first bytes, up to this many.
HEAD_BYTES = 32


class Header(NamedTuple):
    """One kind of note: how to recognize it, and where its directory is.

    Attributes:
        table: The name of the table of its tags.
        head: Pattern of the first bytes of the note; None for any bytes.
        make: Pattern of the camera's make; None for any make.
        start: Offset of the directory or structure, in bytes from the start of the note.
        base: The position from which offsets count: "tiff" is the start of the TIFF block, "note" the start of the
            note, "own" the note's own TIFF header at `start`, and "before" two bytes before the note.
        order: Byte order, "<" or ">"; "" for the byte order of the block.
        order_at: Offset in the note of the letters II or MM, which specify the byte order; 0 if there are none.
        model: Pattern of the camera's model; None for any model.
    """

    table: str
    head: re.Pattern[bytes] | None = None
    make: re.Pattern[str] | None = None
    start: int = 0
    base: str = "tiff"
    order: str = ""
    order_at: int = 0
    model: re.Pattern[str] | None = None


def _header(
    table: str, head: bytes = b"", make: str = "", start: int = 0, base: str = "tiff", order: str = "",
    order_at: int = 0, model: str = "",
) -> Header:  # fmt: skip
    return Header(
        table,
        re.compile(head, re.DOTALL) if head else None,
        re.compile(make, re.IGNORECASE) if make else None,
        start, base, order, order_at,
        re.compile(model) if model else None,
    )  # fmt: skip


# The first bytes of notes in DNGPrivateData, where Pentax cameras and Samsung cameras made by Pentax store their notes.
# Source: sample files.
PENTAX_HEADS = (b"PENTAX \0", b"SAMSUNG\0")

# A note is of the first kind that matches.
HEADERS = (
    _header("Apple::Main", b"Apple iOS\0", start=14, base="note", order=">", order_at=12),
    _header("Nikon::Main", rb"Nikon\0\x02", start=10, base="own"),
    _header("Nikon::Type2", rb"Nikon\0\x01", start=8),
    _header("Nikon::Main", make="^NIKON"),
    _header("Canon::Main", make="^Canon"),
    _header("Olympus::Main", rb"OLYMPUS\0(II|MM)", start=12, base="note", order_at=8),
    _header("Olympus::Main", rb"OM SYSTEM\0\0\0(II|MM)", start=16, base="note", order_at=12),
    _header("Olympus::Main", rb"(OLYMP|EPSON|CAMER|MINOL)\0", start=8),
    _header("FujiFilm::Main", rb"(FUJIFILM|GENERALE)....", start=12, base="note", order="<"),
    # Observed in a sample file: offsets count from two bytes before the note.
    _header("GE::Main", rb"GE(\0\0|NIC\0)", start=18, base="before"),
    _header("Panasonic::Main", b"Panasonic\0", start=12),
    _header("Panasonic::Leica2", rb"LEICA\0\0\0", make="^Leica Camera AG", start=8, base="note", model=r"^M8"),
    _header("Panasonic::Leica3", make="^Leica Camera AG", model=r"^(R8|R9)"),
    _header("Panasonic::Leica5", rb"LEICA\0[\x01\x04\x05\x06\x07\x10\x1a]\0", start=8, base="note"),
    _header("Panasonic::Leica6", rb"LEICA(\0\x02\xff|\0\x03\0)", start=8, base="tiff"),
    _header("Panasonic::Leica9", rb"LEICA\0[\x02\x08\x09]\0", start=8, base="note"),
    _header("Panasonic::Main", rb"LEICA\0\0\0", start=8),
    _header("Pentax::Main", rb"AOC\0", start=6),
    _header("Pentax::Main", rb"(PENTAX |SAMSUNG)\0", start=10, base="note", order_at=8),
    _header("Pentax::Main", rb"RICOH\0(II|MM)", start=8, base="note", order_at=6),
    _header("Pentax::Type2", make="^Asahi"),
    _header("Ricoh::Type2", rb"RICOH\0(\x01\0|\0\x01)", start=8, base="note"),
    _header("Ricoh::Text", rb"R(v|ev|\d)", make="^RICOH"),
    _header("Ricoh::Main", rb"(?i:RICOH)", make="^(RICOH|PENTAX RICOH)", start=8),
    _header("Minolta::Main", make=r"^(Konica ?Minolta|Minolta|KONICA)"),
    _header("Sigma::Main", rb"(SIGMA|FOVEON)\0", start=10),
    _header("Sony::Main", rb"(SONY (DSC|CAM|MOBILE)|\0\0SONY PIC\0|VHAB     \0)", start=12),
    _header("Sony::Ericsson", rb"SEMC MS\0", start=20),
    _header("Sony::PIC", rb"SONY PI\0"),
    _header("Sony::Main", make="^(SONY|HASSELBLAD)", model=r"^(DSLR-|SLT-|NEX-|ILC|Lunar|Stellar|HV)"),
    _header("Samsung::Main", b"STMN", order="<"),
    _header("Samsung::Type2", rb"(\0.\0\x01\0\x07\0{3}\x04|.\0\x01\0\x07\0\x04\0{3})0100", base="note"),
    _header("Casio::QVCI", b"QVCI\0"),
    _header("Casio::Type2", rb"(QVC|DCI)\0", start=6),
    _header("Casio::Main", make="^CASIO"),
    _header("Kodak::Main", b"KDK INFO", start=8, order=">"),
    _header("Kodak::Main", b"KDK", start=8, order="<"),
    _header("Kodak::Type2", rb".{8}Eastman Kodak", order=">"),
    _header("Kodak::Type3", rb"(?!MM|II).{12}\x07", make="^(Eastman Kodak|EASTMAN KODAK)", order=">"),
    _header("Sanyo::Main", rb"SANYO\0", start=8),
    _header("JVC::Main", b"JVC ", start=4),
    _header("JVC::Text", b"VER:"),
    _header("Motorola::Main", rb"MOT\0", start=8, base="note"),
    _header("DJI::Info", rb"\[ae_dbg_info:"),
    _header("DJI::Main", make="^DJI"),
    _header("FLIR::Main", make="^FLIR"),
    _header("Reconyx::HyperFire", rb"\x01\xf1([\x02\x03]\0)?", make="^(RECONYX|$)", order="<"),
    _header("Reconyx::HyperFire", rb"\x01\xf1.{2}", order="<"),
    _header("Reconyx::UltraFire", rb"RECONYXUF\0", order="<"),
    _header("Reconyx::HyperFire2", rb"RECONYXH2\0", order="<"),
    _header("Reconyx::MicroFire", rb"RECONYXMF\0", order="<"),
    _header("Reconyx::HyperFire4K", rb"RECONYX4K\0", order="<"),
    _header("HP::Type6", rb"IIII\x06\0", order="<"),
    _header("HP::Type4", rb"IIII[\x04\x05]\0", order="<"),
    _header("Nintendo::CameraInfo", make="^Nintendo"),
    _header("PhaseOne::Main", rb"(IIII.waR|MMMMRaw.)"),
)


@lru_cache(maxsize=256)
def find_header(head: bytes, make: str, model: str) -> Header | None:
    """Return the kind of a note; None if it is unknown.

    Args:
        head: The first HEAD_BYTES bytes of the note, or fewer if it is shorter.
        make: The camera's make.
        model: The camera's model.
    """
    for header in HEADERS:
        if header.head and not header.head.match(head):
            continue
        if header.make and not header.make.search(make):
            continue
        if header.model and not header.model.search(model):
            continue
        return header
    return None
