"""Sample photos from real cameras: their values compared with ExifTool, and the cost of reading them."""

from __future__ import annotations

import pytest
from bson import encode as bson_encode

from bench import fidelity_tags as fidelity
from exifinator.metadata.fetch import fetch_metadata
from tests.unit.readers import PHOTOS, REF, MemoryReader, metadata_of, record_of

pytestmark = pytest.mark.skipif(
    not PHOTOS.exists(), reason="needs the folder of sample photos, shared/photos, beside the project"
)

SAMPLES = fidelity.sample_paths(PHOTOS) if PHOTOS.exists() else []
FIRST_READ_BYTES = (512, 777, 2048, 5000, 8192, 16_384, 40_000, 65_536, 262_144, 1024 * 1024)
# Formats that may take three requests.
HEIC_TIFF_RAW = {
    "heic",
    "heif",
    "tiff",
    "dng",
    "cr2",
    "cr3",
    "nef",
    "rw2",
    "raf",
    "mrw",
    "x3f",
    "iiq",
    "orf",
    "arw",
    "pef",
}


@pytest.fixture(scope="module")
def result():
    """Compare the tags of all samples with those of ExifTool."""
    return fidelity.compare(PHOTOS, repeats=1)


def test_samples__tags_that_exiftool_finds__are_found(result):
    assert result.pairs > 3000
    assert result.found / result.pairs >= 0.995


def test_samples__short_values__agree_with_exiftool(result):
    assert result.values > 3000
    assert result.agreed / result.values >= 0.99


def test_samples__photo_with_exif__has_tags(result):
    assert result.silent == []


@pytest.mark.parametrize("path", SAMPLES, ids=[path.name for path in SAMPLES])
def test_fetch_metadata__first_read_of_any_size__gives_the_record_of_the_whole_file(path):
    data = path.read_bytes()
    whole = record_of(data, 32 * 1024 * 1024)
    assert bson_encode(whole.document)
    for first_read_bytes in FIRST_READ_BYTES:
        ranged = record_of(data, first_read_bytes)
        assert metadata_of(ranged) == metadata_of(whole), first_read_bytes
        assert ranged.thumbnail == whole.thumbnail, first_read_bytes


@pytest.mark.parametrize("path", SAMPLES, ids=[path.name for path in SAMPLES])
def test_fetch_metadata__sample__takes_no_more_requests_than_its_format_may(path):
    data = path.read_bytes()
    reader = MemoryReader(data)
    fetched = fetch_metadata(reader, REF)
    if fetched.format == "jpeg":
        assert reader.requests == 1
    elif fetched.format in HEIC_TIFF_RAW:
        assert reader.requests <= 3
    assert len(fetched.to_bytes()) <= fetched.bytes_read + 1024


def test_fetch_metadata__photos_of_2_to_25_mb__take_3_percent_of_their_bytes():
    large = [path.read_bytes() for path in SAMPLES if 2e6 <= path.stat().st_size <= 25e6]
    assert len(large) >= 3
    readers = [MemoryReader(data) for data in large]
    for reader in readers:
        fetch_metadata(reader, REF)
    assert sum(reader.bytes_read for reader in readers) <= 0.03 * sum(map(len, large))
