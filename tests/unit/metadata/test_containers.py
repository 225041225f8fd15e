"""The metadata of a file is found in every container, wherever it is in the file."""

from __future__ import annotations

import struct
import zlib

import brotli
import pytest

from exifinator.metadata.fetch import fetch_metadata
from tests.data import build
from tests.unit.readers import REF, MemoryReader, fetched_from, metadata_of, record_of

BLOCK = build.photo_tiff()
EXIF = build.exif_segment(BLOCK)
PLAIN = build.jpeg(EXIF)
ICC = build.segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(10_000 - 14))
LONG_APP2 = build.segment(0xE2, bytes(60_000))
JFIF = build.segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
JFXX = build.segment(0xE0, b"JFXX\0\x10" + bytes(1500))

# JPEGs with the same EXIF block at different places.
CONSTRUCTIONS = {
    "after-10-KB-of-APP2": build.jpeg(ICC, EXIF),
    "after-60-KB-of-APP2": build.jpeg(LONG_APP2, EXIF),
    "after-300-KB-of-APP2": build.jpeg(*[LONG_APP2] * 5, EXIF),
    "after-fill-bytes": build.jpeg(b"\xff\xff\xff", EXIF, b"\xff\xff"),
    "after-JFIF-and-JFXX": build.jpeg(JFIF, JFXX, EXIF),
    "after-a-comment": build.jpeg(build.segment(0xFE, b"made by hand"), EXIF),
    "in-two-segments": build.jpeg(build.exif_segment(BLOCK[:300]), build.exif_segment(BLOCK[300:])),
    "after-stray-bytes": build.jpeg(b"\0\1\2\3\xff\0", EXIF),
    "with-zeros-before-its-identifier": build.jpeg(build.segment(0xE1, b"\0\0\0Exif\0\0" + BLOCK)),
    "before-invalid-IPTC": build.jpeg(EXIF, build.segment(0xED, b"Photoshop 3.0\0none")),
}


@pytest.mark.parametrize("photo", CONSTRUCTIONS.values(), ids=CONSTRUCTIONS.keys())
def test_read_jpeg__exif_anywhere_before_the_picture__gives_the_same_metadata(photo):
    record = record_of(photo)
    metadata = metadata_of(record)
    assert metadata.pop("text", {}) == (
        {"Comment": "made by hand"} if photo == CONSTRUCTIONS["after-a-comment"] else {}
    )
    if photo == CONSTRUCTIONS["after-stray-bytes"]:
        assert (metadata.pop("status"), metadata.pop("problem")) == (
            "damaged",
            "Invalid JPEG segment at byte 2.",
        )
        metadata["status"] = "ok"
    assert metadata == metadata_of(record_of(PLAIN))
    assert record.thumbnail == build.THUMBNAIL


def test_read_jpeg__plain_file__has_tags_and_size():
    record = record_of(PLAIN)
    assert record.status == "ok"
    assert "problem" not in record.document
    assert record.document["Image Make"] == {
        "printable": "NIKON CORPORATION",
        "tag": 271,
        "field_type": 2,
        "field_length": 20,
        "values": "NIKON CORPORATION",
    }
    # Orientation 6 swaps width and height.
    assert record.document["photo"]["width_pixels"] == 480
    assert record.document["photo"]["height_pixels"] == 640


def test_read_jpeg__exif_after_40_xmp_segments__gives_the_same_metadata_as_after_none():
    record = record_of(build.jpeg(*[build.xmp_segment(build.XMP_PACKET + b" " * 2000)] * 40, EXIF))
    assert record.document["xmp"]["dc:subject"] == ["quay", "dusk"]
    with_xmp = record_of(build.jpeg(EXIF, build.xmp_segment()))
    assert metadata_of(record) == metadata_of(with_xmp)


@pytest.mark.parametrize("beyond_bytes", [0, 1, 5, 11, 400, len(BLOCK) - 1])
def test_fetch_metadata__exif_across_the_end_of_the_first_read__gives_the_same_metadata(beyond_bytes):
    # The TIFF block begins after the start marker, the segment header and "Exif\0\0".
    block_at = 2 + 4 + 6
    record = record_of(PLAIN, block_at + len(BLOCK) - beyond_bytes)
    assert metadata_of(record) == metadata_of(record_of(PLAIN))


@pytest.mark.parametrize("name", build.every_format())
def test_build_record__every_format__has_its_metadata(name):
    record = record_of(build.every_format()[name])
    document = record.document
    assert record.status == "ok"
    assert "problem" not in document
    assert document["format"] == name.split("-")[0]
    if name in ("nef", "rw2"):
        return  # They have other tags, which the next two tests check.
    assert document["photo"]["camera_model"] == "NIKON D750"
    assert document["photo"]["iso"] == 400
    assert record.thumbnail == build.THUMBNAIL
    if not name.startswith(("tiff", "avif", "mrw")):
        assert document["xmp"] == {"xmp:Rating": "4", "dc:subject": ["quay", "dusk"]}
    if name in ("jpeg", "psd", "raf", "x3f"):
        assert document["iptc"]["City"] == "Galway"
    if name in ("png", "webp", "jp2", "psd", "mrw"):
        assert document["photo"]["width_pixels"] == 480
        assert document["photo"]["height_pixels"] == 640
    if name in ("heic", "avif", "jxl"):
        # The container defines the rotation, so the orientation in EXIF is ignored.
        assert document["photo"]["width_pixels"] == 640
        assert document["photo"]["height_pixels"] == 480


def test_read_tiff__rw2__has_the_metadata_of_its_preview():
    document = record_of(build.every_format()["rw2"]).document
    assert document["photo"]["camera_make"] == "Panasonic"
    assert document["photo"]["iso"] == 400


def test_read_tiff__sub_ifd__is_read():
    document = record_of(build.every_format()["nef"]).document
    assert document["EXIF SubIFD0 ImageWidth"]["values"] == [4000]


RAW_PICTURE = [(0x0106, build.SHORT, [32803]), (0x0100, build.LONG, [6000]), (0x0101, build.LONG, [4000])]
PREVIEW = [(0x0100, build.SHORT, [160]), (0x0101, build.SHORT, [120])]


@pytest.mark.parametrize(
    ("image", "subs", "magic", "format_"),
    [
        ([(0x010F, build.ASCII, "SONY")], [RAW_PICTURE], b"", "arw"),
        ([(0x010F, build.ASCII, "SAMSUNG")], [RAW_PICTURE], b"", "srw"),
        ([(0x010F, build.ASCII, "PENTAX"), (0x0103, build.SHORT, [65535])], [RAW_PICTURE], b"", "pef"),
        ([(0x010F, build.ASCII, "NIKON CORPORATION")], [PREVIEW, RAW_PICTURE], b"", "nef"),
        ([(0x010F, build.ASCII, "Nobody")], [RAW_PICTURE], b"", "raw"),
        ([(0xC612, build.BYTE, [1, 4, 0, 0])], [RAW_PICTURE], b"", "dng"),
        ([(0x010F, build.ASCII, "OLYMPUS")], [RAW_PICTURE], b"IIRO", "orf"),
        ([(0x010F, build.ASCII, "OM")], [RAW_PICTURE], b"MMOR", "orf"),
        ([(0x010F, build.ASCII, "X")], [RAW_PICTURE], b"II\xbc\1", "jxr"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_read_tiff__raw_photo__has_its_format_and_the_size_of_its_largest_picture(image, subs, magic, format_):
    order = ">" if magic[:1] == b"M" else "<"
    document = record_of(build.tiff([*image, *PREVIEW], subs=subs, magic=magic, order=order)).document
    assert document["format"] == format_
    assert (document["photo"]["width_pixels"], document["photo"]["height_pixels"]) == (6000, 4000)


def test_read_tiff__photo_of_a_camera_saved_as_tiff__has_the_format_tiff():
    document = record_of(
        build.tiff([(0x010F, build.ASCII, "NIKON"), *PREVIEW], [(0xA002, build.LONG, [9]), (0xA003, build.LONG, [9])])
    ).document
    assert document["format"] == "tiff"
    assert (document["photo"]["width_pixels"], document["photo"]["height_pixels"]) == (160, 120)


def test_read_tiff__maker_note_with_a_preview__is_read_in_part():
    note = b"no directory" + bytes(300_000)
    reader = MemoryReader(build.tiff([(0x010F, build.ASCII, "NIKON")], [(0x927C, build.UNDEFINED, note)]))
    fetched = fetch_metadata(reader, REF)
    assert len(fetched.to_bytes()) < 70_000


def test_read_tiff__directory_past_the_end__is_damaged():
    record = record_of(b"II*\0" + struct.pack("<I", 5000) + bytes(100))
    assert record.status == "damaged"
    assert "past the end of the file" in record.document["problem"]


def test_read_tiff__directory_that_points_to_itself__gives_an_undamaged_record():
    record = record_of(b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x8769, 4, 1, 8, 8) + bytes(20))
    assert record.status == "ok"


@pytest.mark.parametrize(
    ("data", "format_", "word"),
    [
        (b"BM" + bytes(30), "unknown", "file type is unknown"),
        (b"BMW drivers meet\n", "text", "text"),
        (b"P6 is a protein\n", "text", "text"),
        (build.XMP_PACKET, "xmp", "sidecar"),
        (b'<?xml version="1.0"?>' + build.XMP_PACKET, "xmp", "sidecar"),
        (build.XMP_PACKET.decode().encode("utf-16"), "xmp", "sidecar"),
        (b"RIFF\0\0\0\0WAVEfmt " + bytes(30), "wav", "WAV"),
        (b"%PDF-1.7\n", "pdf", "PDF"),
        (b"not a photo at all\n", "text", "text"),
        (bytes(range(128, 200)), "unknown", "file type is unknown"),
        (b"\0", "unknown", "file type is unknown"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_build_record__unsupported_file__is_recorded_with_its_format(data, format_, word):
    record = record_of(data)
    assert (record.status, record.document["format"]) == ("unsupported", format_)
    assert word in record.document["problem"]


def test_fetch_metadata__key_without_an_extension__has_the_format_of_its_content():
    assert fetched_from(build.png([])).format == "png"


def test_read_heic__picture_rotated_by_its_container__has_its_size_as_shown():
    photo = record_of(build.heic(build.tiff([(0x0112, build.SHORT, [6])]), turn=3)).document["photo"]
    assert (photo["width_pixels"], photo["height_pixels"], photo["orientation"]) == (480, 640, 1)


def test_read_heic__brand_of_avif_sequences__has_the_format_avif():
    assert fetched_from(build.heic(BLOCK, brand=b"avis")).format == "avif"


def test_read_heic__item_with_too_many_extents__is_damaged():
    photo = bytearray(build.heic(BLOCK))
    at = photo.index(b"iloc") + 4 + 4 + 2 + 2 + 10
    photo[at : at + 2] = b"\xff\xff"
    assert record_of(bytes(photo)).status == "damaged"


def test_read_cr3__four_structures__make_one_record():
    parts = {
        b"CMT1": build.tiff([(0x010F, build.ASCII, "Canon"), (0x0110, build.ASCII, "Canon EOS R5")]),
        b"CMT2": build.tiff([(0x8827, build.SHORT, [3200])]),
        b"CMT3": build.tiff([(0x0006, build.ASCII, "Canon EOS R5"), (0x0095, build.ASCII, "RF50mm F1.2 L USM")]),
        b"CMT4": build.tiff([(0x0001, build.ASCII, "N"), (0x0002, build.RATIO, [(10, 1), (0, 1), (0, 1)])]),
    }
    document = record_of(build.cr3(parts)).document
    assert document["photo"]["iso"] == 3200
    assert document["photo"]["lens_model"] == "RF50mm F1.2 L USM"
    assert document["MakerNote CanonImageType"]["values"] == "Canon EOS R5"
    assert document["GPS GPSLatitude"]["values"] == [10, 0, 0]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_read_png__raw_profiles_of_exif_iptc_and_xmp__are_read(packed):
    profiles = [
        build.raw_profile(b"APP1", b"Exif\0\0" + BLOCK, packed=packed),
        build.raw_profile(b"iptc", build.resources((1028, build.IPTC_DATA)), packed=packed),
        build.raw_profile(b"xmp", build.XMP_PACKET, packed=packed),
    ]
    document = record_of(build.png(profiles)).document
    assert document["photo"]["iso"] == 400
    assert document["iptc"]["City"] == "Galway"
    assert document["xmp"]["xmp:Rating"] == "4"


@pytest.mark.parametrize(
    "profile",
    [build.IPTC_DATA, b"Photoshop 3.0\0" + build.resources((1028, build.IPTC_DATA))],
    ids=["bare", "as-in-jpeg"],
)
def test_read_png__iptc_profile__is_read_bare_or_as_in_jpeg(profile):
    assert record_of(build.png([build.raw_profile(b"iptc", profile)])).document["iptc"]["City"] == "Galway"


@pytest.mark.parametrize(
    "picture",
    [[8192] * 100, [8192] * 100 + [17], [300_000], [2_000_000, 50], [65_536] * 20 + [10]],
    ids=["equal", "short-last", "one", "long", "64-KiB"],
)
def test_read_png__exif_after_the_picture__takes_at_most_three_requests(picture):
    photo = build.png([], [build.chunk(b"eXIf", BLOCK)], picture)
    reader = MemoryReader(photo)
    assert metadata_of(record_of(photo)) == metadata_of(record_of(build.png([build.chunk(b"eXIf", BLOCK)])))
    assert fetch_metadata(reader, REF).requests <= 3


def test_read_png__raw_profile_that_decompresses_to_30_mb__gives_a_record():
    compressed_chunk = build.chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\n" * 30_000_000))
    assert record_of(build.png([compressed_chunk])).status in ("damaged", "no_exif")


@pytest.mark.parametrize(
    "photo", [b"RIFF\x1e\0\0\0WEBPVP8 \x12\0\0\0\0\0\0\x9d\x01\x2a\x80\x02\xe0\x01" + bytes(8)], ids=["simple"]
)
def test_read_webp__file_without_metadata__has_its_size(photo):
    record = record_of(photo)
    assert record.status == "no_exif"
    assert record.document["photo"] == {
        "media_type": "image", "width_pixels": 640, "height_pixels": 480, "megapixels": 0.31,
    }  # fmt: skip


def test_read_webp__chunk_of_odd_length__is_padded():
    odd_block = BLOCK if len(BLOCK) % 2 else BLOCK + b"\0"
    assert record_of(build.webp(odd_block, build.XMP_PACKET)).document["xmp"]["xmp:Rating"] == "4"


@pytest.mark.parametrize(("n_bytes", "kept"), [(2000, True), (70_000, False)])
def test_read_psd__thumbnail_resource__is_kept_when_small(n_bytes, kept):
    thumbnail = b"\xff\xd8\xff" + bytes(n_bytes)
    record = record_of(build.psd((1036, bytes(28) + thumbnail), (1028, build.IPTC_DATA)))
    assert record.thumbnail == (thumbnail if kept else None)


def test_read_webp__exif_with_the_jpeg_identifier__is_read():
    assert record_of(build.webp(b"Exif\0\0" + BLOCK)).document["photo"]["iso"] == 400


def test_read_jxl__brotli_boxes__are_decompressed():
    boxes = [
        build.box(b"brob", b"Exif", brotli.compress(bytes(4) + BLOCK)),
        build.box(b"brob", b"xml ", brotli.compress(build.XMP_PACKET)),
    ]
    document = record_of(build.jxl(*boxes)).document
    assert document["photo"]["iso"] == 400
    assert document["xmp"]["xmp:Rating"] == "4"


def test_read_jxl__brotli_box_that_decompresses_to_50_mb__is_cut_off_at_1_mib():
    compressed_exif = brotli.compress(bytes(4) + b"II*\0" + bytes(50_000_000), quality=1)
    fetched = fetched_from(build.jxl(build.box(b"brob", b"Exif", compressed_exif)))
    assert sum(len(block.pieces[0]) for block in fetched.blocks) <= 1024 * 1024


def test_read_jpeg__extended_xmp__is_joined():
    packet = build.XMP_PACKET.replace(b"quay", b"q" * 30_000).replace(b"dusk", b"d" * 30_000)
    pieces = build.extended_xmp(packet)
    assert pieces.count(b"xmp/extension") == 2
    xmp = record_of(build.jpeg(EXIF, build.xmp_segment(), pieces)).document["xmp"]
    # The standard packet takes precedence.
    assert xmp["dc:subject"] == ["quay", "dusk"]
    xmp = record_of(build.jpeg(EXIF, pieces)).document["xmp"]
    assert xmp["dc:subject"] == ["q" * 30_000, "d" * 30_000]


def test_read_jpeg__depth_map_in_extended_xmp__is_not_read():
    photo = build.jpeg(EXIF, build.extended_xmp(b"<x>" + b"A" * 3_000_000, 65_000), picture_bytes=2_000_000)
    reader = MemoryReader(photo)
    fetched = fetch_metadata(reader, REF)
    assert fetched.bytes_read < 800_000
    assert [block.kind for block in fetched.blocks] == ["exif"]


def test_read_jpeg__file_truncated_inside_its_exif__keeps_the_tags_before_the_end():
    record = record_of(PLAIN[: 12 + 350])
    assert record.status == "damaged"
    assert "inside the metadata" in record.document["problem"]
    assert record.document["photo"]["camera_model"] == "NIKON D750"


def test_fetch_metadata__jpeg__returns_only_the_metadata():
    fetched = fetched_from(build.jpeg(ICC, EXIF, picture_bytes=60_000))
    assert len(fetched.to_bytes()) < len(BLOCK) + 500


def test_fetch_metadata__tiff__returns_only_the_directories():
    photo = build.photo_tiff(padding=50_000)
    fetched = fetched_from(photo)
    assert sum(len(data) for data in fetched.blocks[0].pieces.values()) < len(photo) - 49_000
    assert record_of(photo).document["photo"] == record_of(build.photo_tiff()).document["photo"]
