"""Objects with a Content-Encoding are decompressed, as browsers do, within limits."""

from __future__ import annotations

import gzip
import zlib
from datetime import timedelta

import brotli
import pytest

from exifinator.errors import ObjectChanged
from exifinator.metadata import content_encoding
from exifinator.metadata.fetch import fetch_metadata
from exifinator.models import FetchedMetadata, ImageRef, RangeRead
from tests.data import build
from tests.unit.readers import REF, MemoryReader

BLOCK = build.photo_tiff()
JPEG = build.jpeg(build.exif_segment(BLOCK), picture_bytes=200_000)
FAR_TIFF = build.photo_tiff(padding=300_000)
COMPRESS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=1),
}


class EncodedReader(MemoryReader):
    """Serves one object with a Content-Encoding."""

    def __init__(self, data: bytes, encoding: str, *, is_etag_weak: bool = False) -> None:
        super().__init__(data)
        self.encoding, self.is_etag_weak = encoding, is_etag_weak

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        read = super().read_range(ref, start, length, if_match=if_match)
        return RangeRead(
            read.start, read.data, read.total_bytes, read.etag, read.last_modified, self.encoding, self.is_etag_weak
        )


def blocks(fetched: FetchedMetadata) -> list[tuple[str, bytes]]:
    """Return the kind and the bytes of each located block."""
    return [(block.kind, b"".join(block.pieces.values())) for block in fetched.blocks]


@pytest.mark.parametrize("encoding", COMPRESS)
@pytest.mark.parametrize("photo", [JPEG, FAR_TIFF], ids=["jpeg", "far tiff"])
@pytest.mark.parametrize("first_read_bytes", [100, 16_384])
def test_fetch_metadata__compressed_object__gives_the_blocks_of_the_plain_photo(
    encoding: str, photo: bytes, first_read_bytes: int
) -> None:
    stored = COMPRESS[encoding](photo)
    reader = EncodedReader(stored, encoding)

    fetched = fetch_metadata(reader, REF, first_read_bytes=first_read_bytes)

    plain = fetch_metadata(MemoryReader(photo), REF)
    assert (fetched.format, fetched.status, fetched.problem) == (plain.format, "ok", None)
    assert dict(blocks(fetched)).keys() == dict(blocks(plain)).keys()
    assert fetched.ref.size_bytes == len(stored)
    assert (fetched.requests, fetched.bytes_read) == (len(reader.calls), reader.bytes_read)


def test_fetch_metadata__compressed_jpeg__takes_one_request() -> None:
    reader = EncodedReader(gzip.compress(build.jpeg(build.exif_segment(BLOCK), picture_bytes=4_000_000), 0), "gzip")

    assert fetch_metadata(reader, REF, first_read_bytes=16_384).status == "ok"
    assert len(reader.calls) == 1


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "gzip, br"])
def test_fetch_metadata__plain_photo_with_a_content_encoding__is_read(encoding: str) -> None:
    assert fetch_metadata(EncodedReader(JPEG, encoding), REF).status == "ok"


@pytest.mark.parametrize("encoding", ["zstd", "gzip, br"])
def test_fetch_metadata__unsupported_content_encoding__is_named_in_the_problem(encoding: str) -> None:
    fetched = fetch_metadata(EncodedReader(b"\x28\xb5\x2f\xfd" + bytes(100), encoding), REF)

    assert fetched.status == "unsupported"
    assert fetched.problem == f"The object has the Content-Encoding {encoding}, which is not supported."


def test_fetch_metadata__several_gzip_members__are_read_as_one_file() -> None:
    stored = gzip.compress(FAR_TIFF[:1000]) + gzip.compress(FAR_TIFF[1000:])

    assert fetch_metadata(EncodedReader(stored, "gzip"), REF).status == "ok"


@pytest.mark.parametrize(
    "stored",
    [
        gzip.compress(FAR_TIFF)[:-2000],
        gzip.compress(b"") + b"rest",
        gzip.compress(FAR_TIFF)[:50] + bytes(500) + gzip.compress(FAR_TIFF)[550:],
    ],
    ids=["cut off", "empty", "damaged"],
)
def test_fetch_metadata__damaged_compression__is_damaged(stored: bytes) -> None:
    fetched = fetch_metadata(EncodedReader(stored, "gzip"), REF, first_read_bytes=16_384)

    assert fetched.status == "damaged"
    assert fetched.problem


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_fetch_metadata__object_that_expands_to_20_mb__is_decoded_up_to_the_limit(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setattr(content_encoding, "MAX_DECODED_BYTES", 1_000_000)
    monkeypatch.setattr("exifinator.metadata.fetch.MAX_DECODED_BYTES", 1_000_000)
    # The directory of the TIFF is after 20 MB of zeros.
    stored = COMPRESS[encoding](b"II*\0" + (20_000_000).to_bytes(4, "little") + bytes(20_000_000))
    decoded_lengths = []
    decode_to = content_encoding.DecodedObject.decode_to
    monkeypatch.setattr(
        content_encoding.DecodedObject,
        "decode_to",
        lambda self, end, **options: (decode_to(self, end, **options), decoded_lengths.append(len(self.data)))[0],
    )

    fetched = fetch_metadata(EncodedReader(stored, encoding), REF)

    assert fetched.status == "damaged"
    assert max(decoded_lengths) <= 1_000_000


def test_fetch_metadata__object_that_expands_to_nothing__is_read_up_to_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(content_encoding, "MAX_ENCODED_BYTES", 200_000)
    # Blocks of deflate that contain nothing.
    empty_blocks = b"\0\0\0\xff\xff" * 200_000
    reader = EncodedReader(b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + empty_blocks, "gzip")

    assert fetch_metadata(reader, REF).status == "damaged"
    assert reader.bytes_read <= 200_000


def test_fetch_metadata__weak_etag__is_not_sent_in_if_match() -> None:
    reader = EncodedReader(FAR_TIFF, "", is_etag_weak=True)

    assert fetch_metadata(reader, REF).status == "ok"
    assert [if_match for _, _, if_match in reader.calls] == ["", ""]


@pytest.mark.parametrize("change", ["etag", "size", "time"])
def test_fetch_metadata__object_replaced_without_a_strong_etag__is_read_again(change: str) -> None:
    """Without strong ETags, If-Match cannot be used, so the reads are compared with each other."""

    class Replaced(EncodedReader):
        def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
            read = super().read_range(ref, start, length)
            etag, total, modified = ("" if change == "time" else read.etag), read.total_bytes, read.last_modified
            if len(self.calls) > 1:
                etag = "new" if change == "etag" else etag
                total += change == "size"
                modified += timedelta(seconds=change == "time")
            return RangeRead(read.start, read.data, total, etag, modified, "", is_etag_weak=True)

    reader = Replaced(FAR_TIFF, "")

    assert fetch_metadata(reader, REF).status == "ok"
    assert [start for start, _, _ in reader.calls].count(0) == 2


def test_fetch_metadata__new_etag_in_each_read__raises_object_changed() -> None:
    class Alternating(EncodedReader):
        def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
            read = super().read_range(ref, start, length)
            return RangeRead(read.start, read.data, read.total_bytes, str(len(self.calls)), read.last_modified)

    with pytest.raises(ObjectChanged):
        fetch_metadata(Alternating(FAR_TIFF, ""), REF)
