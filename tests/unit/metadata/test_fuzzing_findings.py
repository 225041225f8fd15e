"""Inputs found by fuzzing. Each of them once raised an error, or produced a record that MongoDB rejects."""

from __future__ import annotations

import logging
import struct

import pytest
from bson import encode as bson_encode

from exifinator.metadata.parse import build_record
from exifinator.models import Block, FetchedMetadata
from tests.data import build
from tests.unit.readers import REF, record_of

INFE_AT_THE_END = build.box(b"ftyp", b"heic\0\0\0\0mif1heic") + build.box(
    b"meta", bytes(4), build.box(b"iinf", struct.pack(">IH", 0, 1), build.box(b"infe"))
)
FILES = {
    "heic-empty-infe": INFE_AT_THE_END,
    "webp-cut-in-VP8X": b"RIFF\x0c\0\0\0WEBPVP8X\0\0\0\0",
    "tiff-width-is-a-double": build.tiff([(0x0100, build.DOUBLE, [1e300]), (0x0101, build.DOUBLE, [3e29])]),
    "tiff-double-is-NaN": build.tiff([(0x0112, build.DOUBLE, [float("nan")]), (0x0100, build.FLOAT, [float("inf")])]),
}


@pytest.mark.parametrize("data", FILES.values(), ids=FILES.keys())
def test_build_record__input_found_by_fuzzing__gives_a_record(data, caplog):
    with caplog.at_level(logging.ERROR):
        record = record_of(data)
    assert not caplog.records
    assert bson_encode(record.document)


def test_build_record__exif_block_that_is_not_tiff__is_damaged():
    record = build_record(FetchedMetadata(REF, "jpeg", (Block("exif", {0: b"XX*\0" + bytes(20)}),)))
    assert record.status == "damaged"
