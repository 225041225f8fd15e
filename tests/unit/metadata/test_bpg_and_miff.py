"""BPG, and the MIFF of ImageMagick, contain EXIF and XMP."""

from __future__ import annotations

import pytest

from exifinator.metadata.fetch import fetch_metadata
from tests.data import build, formats
from tests.unit.readers import REF, MemoryReader, record_of

# The EXIF turns the picture of 640 by 480 pixels.
BLOCK = build.photo_tiff()
EXIF = b"Exif\0\0" + BLOCK
RESOURCES = b"8BIM\4\4\0\0" + len(build.IPTC_DATA).to_bytes(4, "big") + build.IPTC_DATA


def summary_of(data: bytes) -> tuple[str, str, int | None, int | None]:
    """Return the format, the status, the ISO speed and the width of the picture as shown."""
    document = record_of(data).document
    return (
        document["format"],
        document["status"],
        document["photo"].get("iso"),
        document["photo"].get("width_pixels"),
    )


@pytest.mark.parametrize("data", [
    formats.bpg((1, BLOCK)),
    formats.bpg((1, b"\0" + BLOCK)),
    formats.bpg((1, build.photo_tiff(order=">"))),
    formats.bpg((4, bytes(5000)), (5, b""), (1, BLOCK)),
])  # fmt: skip
def test_read_bpg__exif__is_read(data):
    assert summary_of(data) == ("bpg", "ok", 400, 480)


def test_read_bpg__xmp_and_profile__are_read():
    document = record_of(formats.bpg((3, build.XMP_PACKET), (2, formats.icc()))).document
    assert document["photo"]["keywords"] == ["quay", "dusk"]
    assert document["icc"]["name"] == "Display P3"


def test_read_bpg__picture_without_extensions__has_its_size():
    assert summary_of(formats.bpg()) == ("bpg", "no_exif", None, 640)


@pytest.mark.parametrize("data", [
    formats.bpg((1, BLOCK))[:200],
    formats.bpg((1, BLOCK), length=20),
    b"BPG\xfb\x40\x08" + b"\xff" * 20,
    b"BPG\xfb\x40",
])  # fmt: skip
def test_read_bpg__cut_or_wrong_length__is_damaged(data):
    assert summary_of(data)[:3] == ("bpg", "damaged", None)


@pytest.mark.parametrize("profiles", [
    [("APP1", EXIF)],
    [("exif", EXIF)],
    [("generic", bytes(9000)), ("iptc", build.IPTC_DATA), ("EXIF", EXIF)],
])  # fmt: skip
def test_read_miff__exif__is_read(profiles):
    assert summary_of(formats.miff(*profiles)) == ("miff", "ok", 400, 480)


def test_read_miff__properties_with_similar_names__are_not_its_size():
    header = "columns=640  rows=480\ndcm:rows=7\npng:columns=12"
    assert summary_of(formats.miff(("exif", EXIF), header=header)) == ("miff", "ok", 400, 480)


@pytest.mark.parametrize("profile", [
    ("xmp", build.XMP_PACKET),
    ("APP1", b"http://ns.adobe.com/xap/1.0/\0" + build.XMP_PACKET),
])  # fmt: skip
def test_read_miff__xmp_and_iptc__are_read(profile):
    document = record_of(formats.miff(profile, ("8bim", RESOURCES), ("icc", formats.icc()))).document
    assert document["photo"]["keywords"][:2] == ["quay", "dusk"]
    assert document["iptc"] == record_of(formats.miff(("iptc", build.IPTC_DATA))).document["iptc"]
    assert document["icc"]["name"] == "Display P3"


@pytest.mark.parametrize("data", [
    formats.miff(("exif", EXIF))[:200],
    b"id=ImageMagick\n" + b"a=b " * 50_000,
    formats.miff(("exif", EXIF)).replace(f"exif={len(EXIF)}".encode(), b"exif=99999"),
])  # fmt: skip
def test_read_miff__cut_or_wrong_length__is_damaged(data):
    assert summary_of(data)[:3] == ("miff", "damaged", None)


@pytest.mark.parametrize("data", [formats.bpg((1, BLOCK)), formats.miff(("exif", EXIF))], ids=["bpg", "miff"])
def test_fetch_metadata__rare_format__takes_few_requests(data):
    reader = MemoryReader(data + bytes(500_000))
    fetched = fetch_metadata(reader, REF, first_read_bytes=512)
    assert [block.kind for block in fetched.blocks] == ["exif"]
    assert reader.requests <= 3
