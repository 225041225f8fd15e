"""Which ranges of an object are read, how many requests they take, and objects that change between the requests."""

from __future__ import annotations

import random

import pytest

from exifinator.errors import ObjectChanged
from exifinator.metadata import fetch
from exifinator.metadata.containers.range_buffer import RangeBuffer, merge_ranges
from exifinator.metadata.fetch import fetch_metadata
from exifinator.metadata.parse import build_record, empty_record
from tests.data import build
from tests.unit.readers import MODIFIED, REF, MemoryReader, metadata_of

BLOCK = build.photo_tiff()
FAR_TIFF = build.photo_tiff(padding=300_000)


def test_fetch_metadata__jpeg__takes_one_read_without_if_match():
    reader = MemoryReader(build.jpeg(build.exif_segment(BLOCK), picture_bytes=200_000))
    fetched = fetch_metadata(reader, REF, first_read_bytes=16_384)
    assert reader.calls == [(0, 16_384, "")]
    assert (fetched.requests, fetched.bytes_read) == (1, 16_384)
    assert fetched.ref.etag == "now"
    assert fetched.ref.size_bytes == len(reader.data)
    assert fetched.ref.last_modified == MODIFIED
    assert (fetched.ref.bucket, fetched.ref.key) == (REF.bucket, REF.key)


def test_fetch_metadata__further_reads__send_the_etag_in_if_match():
    reader = MemoryReader(FAR_TIFF)
    fetched = fetch_metadata(reader, REF)
    assert [if_match for _, _, if_match in reader.calls] == ["", "now"]
    assert fetched.bytes_read == reader.bytes_read < 100_000
    assert fetched.status == "ok"


def test_fetch_metadata__server_without_etags__gets_no_if_match():
    reader = MemoryReader(FAR_TIFF, etags=("",))
    fetch_metadata(reader, REF)
    assert [if_match for _, _, if_match in reader.calls] == ["", ""]


def test_fetch_metadata__object_changed_once__is_read_again():
    reader = MemoryReader(FAR_TIFF, etags=("old", "new"))
    fetched = fetch_metadata(reader, REF)
    assert [if_match for _, _, if_match in reader.calls] == ["", "old", "", "new"]
    assert fetched.ref.etag == "new"
    assert fetched.requests >= 3


def test_fetch_metadata__object_that_keeps_changing__raises_object_changed():
    reader = MemoryReader(FAR_TIFF, etags=tuple(f"etag-{number}" for number in range(20)))
    with pytest.raises(ObjectChanged):
        fetch_metadata(reader, REF)
    assert sum(start == 0 for start, _, _ in reader.calls) == 3


def test_fetch_metadata__empty_object__is_recorded():
    fetched = fetch_metadata(MemoryReader(b""), REF)
    assert (fetched.status, fetched.problem) == ("damaged", "The object is empty.")
    record = build_record(fetched)
    assert record.document["problem"] == "The object is empty."
    assert {name: value for name, value in metadata_of(record).items() if name != "etag"} == {
        name: value for name, value in metadata_of(empty_record(REF)).items() if name != "etag"
    }


def test_fetch_metadata__many_scattered_segments__take_four_reads_and_one_for_the_rest():
    # Each segment is so long that the header of the next one takes another read.
    photo = build.jpeg(*[build.segment(0xE2, bytes(65_000))] * 60, build.exif_segment(BLOCK), picture_bytes=300_000)
    reader = MemoryReader(photo)
    fetched = fetch_metadata(reader, REF, first_read_bytes=4096)
    assert fetched.status == "ok"
    assert fetched.requests == 1 + fetch.MAX_FURTHER_READS + 1
    assert build_record(fetched).document["photo"]["iso"] == 400


def test_fetch_metadata__metadata_past_the_read_limit__is_damaged(monkeypatch):
    monkeypatch.setattr(fetch, "MAX_READ_BYTES", 100_000)
    photo = build.jpeg(*[build.segment(0xE2, bytes(65_000))] * 60, build.exif_segment(BLOCK))
    reader = MemoryReader(photo)
    fetched = fetch_metadata(reader, REF, first_read_bytes=4096)
    assert fetched.status == "damaged"
    assert "scattered" in str(fetched.problem)
    assert reader.requests == 6


def test_fetch_metadata__pointers_all_over_a_large_file__takes_at_most_six_requests():
    chooser = random.Random(7)
    entries = [(0x0100 + number, build.LONG, [0]) for number in range(60)]
    photo = bytearray(build.tiff(entries) + bytes(60_000_000))
    for number in range(60):
        at = 10 + 12 * number
        photo[at + 4 : at + 12] = (9).to_bytes(4, "little") + chooser.randrange(60_000_000).to_bytes(4, "little")
    reader = MemoryReader(bytes(photo))
    fetched = fetch_metadata(reader, REF)
    assert reader.requests <= 6
    assert fetched.status in ("ok", "damaged")


def test_merge_ranges__ranges_within_the_gap__are_merged():
    assert merge_ranges([(50, 60), (0, 10), (10, 20), (5, 12)], gap=0) == [(0, 20), (50, 60)]
    assert merge_ranges([(50, 60), (0, 20)], gap=30) == [(0, 60)]


def test_range_buffer__request_around_a_buffered_piece__is_missing_both_sides():
    buffer = RangeBuffer(100)
    buffer.add(10, bytes(10))
    assert not buffer.has_or_request(0, 30)
    assert buffer.take_missing() == [(0, 10), (20, 30)]
    assert buffer.take_missing() == []


def test_range_buffer__random_pieces__give_the_bytes_of_the_file():
    chooser = random.Random(3)
    data = chooser.randbytes(500)
    buffer = RangeBuffer(len(data))
    for _ in range(300):
        start = chooser.randrange(len(data))
        buffer.add(start, data[start : start + chooser.randrange(1, 20)])
        at, length = chooser.randrange(600), chooser.randrange(1, 40)
        buffer.requested = []
        if buffer.has_or_request(at, length):
            assert buffer.read(at, length) == data[at : at + length]
        else:
            for begin, end in buffer.take_missing():
                assert at <= begin < end <= min(at + length, len(data))
                assert not buffer.has(begin, 1)
    assert buffer.buffered_bytes <= len(data)
