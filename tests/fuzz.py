"""Coverage-guided fuzzing of one family of containers: `pip install atheris`, then

    python -m tests.fuzz FAMILY SECONDS FOLDER

FAMILY is a name from tests.data.build.every_format(), or `tags`, `xmp`, `iptc`. What breaks lands in FOLDER; make a
case of it in tests/unit/test_finds.py.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["exifinator"]):
    from exifinator import fetch, iptc, parse, xmp
    from exifinator.deadline import MemoryBudget
    from exifinator.records import Block, HeaderBytes

from bson import encode as bson_encode

from tests.data import build
from tests.unit.readers import REF, MemoryReader

FIRST_READS = (64, 512, 65_536)


class _Raise(logging.Handler):
    """What the last line of defence would log as a mistake of ours is a find."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1]:
            raise record.exc_info[1]


def _check(record: parse.ExifRecord) -> None:
    bson_encode(record.document)


def file_target(data: bytes) -> None:
    first = FIRST_READS[len(data) % 3]
    header = fetch.fetch_header(MemoryReader(data), REF, first_read_bytes=first)
    _check(parse.build_record(HeaderBytes.from_bytes(header.to_bytes())))


def tags_target(data: bytes) -> None:
    _check(parse.build_record(HeaderBytes(REF, "jpeg", (Block("exif", {0: data}),))))


def xmp_target(data: bytes) -> None:
    xmp.read_xmp(data, MemoryBudget(64))


def iptc_target(data: bytes) -> None:
    iptc.read_iptc(data)


def main() -> None:
    family, seconds, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    seeds = {
        "tags": [build.photo_tiff(), build.photo_tiff(order=">")],
        "xmp": [build.XMP_PACKET],
        "iptc": [build.IPTC_DATA],
    }
    for number, seed in enumerate(seeds.get(family) or [build.every_format()[family]]):
        (corpus / f"seed-{number}").write_bytes(seed)
    logging.getLogger().handlers = [_Raise()]
    target = {"tags": tags_target, "xmp": xmp_target, "iptc": iptc_target}.get(family, file_target)
    options = [f"-max_total_time={seconds}", "-max_len=20000", "-timeout=5", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
