"""Fuzz one family of containers, guided by coverage.

Install atheris first (`pip install atheris`), then run

    python -m tests.fuzz FAMILY SECONDS FOLDER

FAMILY is a name from tests.data.build.every_format(), tests.data.formats.every_format(), tests.data.notes.every_note()
or VIDEOS of tests/unit/metadata/video/test_damage.py, or a key of TARGETS. Inputs that fail are saved in FOLDER; add a
test case for each to tests/unit/metadata/test_fuzzing_findings.py.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["exifinator"]):
    from exifinator.metadata import ai, dates, fetch, iptc, parse, xmp
    from exifinator.metadata.containers import icc
    from exifinator.metadata.limits import MemoryBudget
    from exifinator.metadata.photo import file_names
    from exifinator.models import Block, FetchedMetadata

from bson import encode as bson_encode

from tests.data import build, formats, notes
from tests.mutate import RaisingHandler
from tests.unit.metadata.video.test_damage import VIDEOS
from tests.unit.readers import REF, MemoryReader

FIRST_READS = (64, 512, 65_536)


def _check(record: parse.ExifRecord) -> None:
    """Encode the record as MongoDB would store it. Values that BSON cannot represent raise an error."""
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


def dates_target(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    date = dates.parse_date(text, text[-9:])
    if date:
        dates.to_utc(date)
    dates.parse_offset(text)
    file_names.date_in_name(text)


def ai_target(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for name in ("prompt", "workflow", "parameters", "Comment", "Description"):
        ai.describe_generation({name: text}, {})
    ai.describe_generation({}, {"exif:UserComment": text}, text)


def icc_target(data: bytes) -> None:
    icc.describe_profile(data)


MAKERS = ("Canon", "NIKON CORPORATION", "OLYMPUS", "SONY", "FUJIFILM", "Apple", "DJI", "CASIO")


def _with_note(make: str) -> bytes:
    """Return an Exif block whose MakerNote consists of the header that this maker writes, and an IFD."""
    headers_by_make = {
        "NIKON CORPORATION": b"Nikon\0\2\x10\0\0" + build.tiff()[:8],
        "OLYMPUS": b"OLYMPUS\0II\3\0",
        "SONY": b"SONY DSC \0\0\0",
        "FUJIFILM": b"FUJIFILM\x0c\0\0\0",
        "Apple": b"Apple iOS\0\0\1MM",
    }
    tags = [(number, build.SHORT, [number % 256] * 60) for number in (1, 2, 4, 5, 13, 0x93, 0xA0, 0x4001)]
    note = headers_by_make.get(make, b"") + build.tiff(tags)[8:]
    return build.tiff(
        [(0x010F, build.ASCII, make), (0x0110, build.ASCII, "EOS 40D")], [(0x927C, build.UNDEFINED, note)]
    )


GRAPH = b"""{"3": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 20, "positive": ["6", 0], "negative":
["7", 0], "model": ["4", 0]}}, "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
"6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat"}}}"""
PARAMETERS = b"a cat\nNegative prompt: a dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Model: a"
# Family -> (function that decodes an input, seed inputs).
TARGETS = {
    "tags": (tags_target, [build.photo_tiff(), build.photo_tiff(order=">"), *map(_with_note, MAKERS)]),
    "xmp": (xmp_target, [build.XMP_PACKET]),
    "xmp-malformed": (xmp_target, [build.XMP_PACKET.replace(b">", b"&>", 3), build.XMP_PACKET[:-40]]),
    "iptc": (iptc_target, [build.IPTC_DATA]),
    "dates": (
        dates_target,
        [b"2024:05:01 20:11:07.25+02:00", b"1978-05", "2024/5/1 下午 3:07".encode(), b"PXL_20240501_201107"],
    ),
    "ai": (ai_target, [GRAPH, PARAMETERS]),
    "icc": (icc_target, [formats.icc(), formats.icc(version=2)]),
}


def main() -> None:
    family, seconds, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    files = build.every_format() | formats.every_format() | notes.every_note() | VIDEOS
    target, seeds = TARGETS[family] if family in TARGETS else (file_target, [files[family]])
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    logging.getLogger().handlers = [RaisingHandler()]
    options = [f"-max_total_time={seconds}", "-max_len=20000", "-timeout=5", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
