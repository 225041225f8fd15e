"""Fuzz one family of containers, guided by coverage.

It needs `pip install atheris`. Run it with

    python -m tests.fuzz FAMILY SECONDS FOLDER

FAMILY is a name from tests.data.build.every_format(), tests.data.formats.every_format() or
tests.data.notes.every_note(), or `tags`, `xmp`, `iptc`. Inputs that fail are saved in FOLDER; add a test case for each
to tests/unit/metadata/test_finds.py.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["exifinator"]):
    from exifinator.metadata import fetch, iptc, parse, xmp
    from exifinator.metadata.limits import MemoryBudget
    from exifinator.models import Block, FetchedMetadata

from bson import encode as bson_encode

from tests.data import build, formats, notes
from tests.unit.readers import REF, MemoryReader

FIRST_READS = (64, 512, 65_536)


class _Raise(logging.Handler):
    """Raises the exceptions that the last `except` of the parser would only log: each is a bug."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1]:
            raise record.exc_info[1]


def _check(record: parse.ExifRecord) -> None:
    bson_encode(record.document)


def file_target(data: bytes) -> None:
    first = FIRST_READS[len(data) % 3]
    fetched = fetch.fetch_metadata(MemoryReader(data), REF, first_read_bytes=first)
    _check(parse.build_record(FetchedMetadata.from_bytes(fetched.to_bytes())))


def tags_target(data: bytes) -> None:
    _check(parse.build_record(FetchedMetadata(REF, "jpeg", (Block("exif", {0: data}),))))


def xmp_target(data: bytes) -> None:
    xmp.read_xmp(data, MemoryBudget(64))


def iptc_target(data: bytes) -> None:
    iptc.read_iptc(data)


MAKERS = ("Canon", "NIKON CORPORATION", "OLYMPUS", "SONY", "FUJIFILM", "Apple", "DJI", "CASIO")


def _with_note(make: str) -> bytes:
    """Return a block whose MakerNote is an IFD, behind the header that this maker writes."""
    heads = {
        "NIKON CORPORATION": b"Nikon\0\2\x10\0\0" + build.tiff()[:8],
        "OLYMPUS": b"OLYMPUS\0II\3\0",
        "SONY": b"SONY DSC \0\0\0",
        "FUJIFILM": b"FUJIFILM\x0c\0\0\0",
        "Apple": b"Apple iOS\0\0\1MM",
    }
    tags = [(number, build.SHORT, [number % 256] * 60) for number in (1, 2, 4, 5, 13, 0x93, 0xA0, 0x4001)]
    note = heads.get(make, b"") + build.tiff(tags)[8:]
    return build.tiff(
        [(0x010F, build.ASCII, make), (0x0110, build.ASCII, "EOS 40D")], [(0x927C, build.UNDEFINED, note)]
    )


def main() -> None:
    family, seconds, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    photos = build.every_format() | formats.every_format() | notes.every_note()
    seeds = {
        "tags": [build.photo_tiff(), build.photo_tiff(order=">"), *map(_with_note, MAKERS)],
        "xmp": [build.XMP_PACKET],
        "iptc": [build.IPTC_DATA],
    }
    for number, seed in enumerate(seeds.get(family) or [photos[family]]):
        (corpus / f"seed-{number}").write_bytes(seed)
    logging.getLogger().handlers = [_Raise()]
    target = {"tags": tags_target, "xmp": xmp_target, "iptc": iptc_target}.get(family, file_target)
    options = [f"-max_total_time={seconds}", "-max_len=20000", "-timeout=5", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
