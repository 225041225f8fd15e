"""Text chunks and profiles of PNG, metadata of WebP without VP8X, and rotation set by HEIF and JPEG XL."""

from __future__ import annotations

import struct
import zlib

import pytest

from exifinator.metadata.fetch import fetch_metadata
from tests.data import build, formats
from tests.unit.readers import CASES, MEDIA, REF, MemoryReader, record_of

BLOCK = build.photo_tiff()
COMPRESSED_ZEROS = zlib.compress(b"\0" * 30_000_000)


def itxt(keyword: bytes, language: bytes, text: bytes, *, is_compressed: bool = False) -> bytes:
    body = keyword + b"\0" + bytes([is_compressed]) + b"\0" + language + b"\0\0"
    return build.chunk(b"iTXt", body + (zlib.compress(text) if is_compressed else text))


# --- Text chunks of PNG


def test_read_png__text_chunks_of_every_type__are_kept():
    chunks = [
        build.chunk(b"tEXt", b"Title\0K\xf6ln \x96 Kai"),
        build.chunk(b"tEXt", b"Author\0" + "Zoë".encode()),
        build.chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a quay")),
        itxt(b"Description", b"", b"Hafen"),
        itxt(b"Warning", b"de-DE", "Küste".encode(), is_compressed=True),
        build.chunk(b"tIME", struct.pack(">H5B", 2020, 1, 2, 3, 4, 5)),
    ]
    assert record_of(build.png(chunks)).document["text"] == {
        "Title": "Köln – Kai",
        "Author": "Zoë",
        "Comment": "a quay",
        "Description": "Hafen",
        "Warning": "Küste",
        "Warning[de-DE]": "Küste",
        "tIME": "2020-01-02T03:04:05Z",
    }


def test_read_png__text_after_the_picture__is_kept():
    photo = build.png([], [build.chunk(b"tEXt", b"Title\0Quay")], [8192] * 100)
    assert record_of(photo).document["text"] == {"Title": "Quay"}


def test_read_png__keyword_that_mongodb_rejects__gets_underscores():
    assert record_of(build.png([build.chunk(b"tEXt", b"a.b$c\0x")])).document["text"] == {"a_b_c": "x"}


def test_read_png__text_that_is_too_long__is_dropped_and_named():
    document = record_of(build.png([build.chunk(b"tEXt", b"workflow\0" + b"x" * 40_000)])).document
    assert document["dropped"] == ["text workflow"]
    assert "text" not in document


def test_read_png__a_thousand_texts__are_cut_off_at_a_hundred():
    chunks = [build.chunk(b"tEXt", b"k%d\0x" % number) for number in range(1000)]
    assert len(record_of(build.png(chunks)).document["text"]) <= 100


@pytest.mark.parametrize(
    "chunk",
    [
        build.chunk(b"zTXt", b"Comment\0\0" + COMPRESSED_ZEROS),
        build.chunk(b"iCCP", b"name\0\0" + COMPRESSED_ZEROS),
        itxt(b"Comment", b"", b"x" * 30_000_000, is_compressed=True),
    ],
    ids=["zTXt", "iCCP", "iTXt"],
)
def test_read_png__chunk_that_decompresses_to_megabytes__gives_less_than_600_kb(chunk):
    fetched = fetch_metadata(MemoryReader(build.png([chunk])), REF)
    assert len(fetched.to_bytes()) < 600_000


def test_read_png__many_texts_that_decompress_to_megabytes__give_less_than_2_mib():
    compressed = zlib.compress(b"x" * 10_000_000)
    texts = [build.chunk(b"zTXt", b"k%d\0\0" % number + compressed) for number in range(50)]
    fetched = fetch_metadata(MemoryReader(build.png(texts)), REF)
    assert len(fetched.to_bytes()) < 2 * 1024 * 1024


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_read_png__chunk_that_cannot_be_decompressed__does_not_hide_the_exif(kind):
    photo = build.png([build.chunk(kind, b"Comment\0\0none"), build.chunk(b"eXIf", BLOCK)])
    record = record_of(photo)
    assert record.status == "ok"
    assert record.document["photo"]["camera_model"] == "NIKON D750"


@pytest.mark.parametrize("language", [b"", b"\xff\xfe", b"x" * 70])
def test_read_png__invalid_language__does_not_lengthen_the_names_of_texts(language):
    text = record_of(build.png([itxt(b"Title", language, b"Quay")])).document["text"]
    assert text["Title"] == "Quay"
    assert all(len(name) < 50 for name in text)


def test_read_png__icc_profile__gives_its_name_and_color_space():
    chunk = build.chunk(b"iCCP", b"icc\0\0" + zlib.compress(formats.icc("sRGB IEC61966-2.1", version=2)))
    assert record_of(build.png([chunk])).document["icc"] == {"name": "sRGB IEC61966-2.1", "color_space": "RGB"}


# --- Raw profiles: metadata that ImageMagick writes into text chunks of PNG


@pytest.mark.parametrize("name", [b"exif", b"APP1", b"app1"])
@pytest.mark.parametrize("identifier", [b"", b"Exif\0\0"], ids=["bare", "as-in-jpeg"])
def test_read_png__raw_profile_of_exif__is_read(name, identifier):
    photo = build.png([build.raw_profile(name, identifier + BLOCK)])
    assert record_of(photo).document["photo"]["iso"] == 400


def test_read_png__raw_profile_of_xmp_in_app1__is_read():
    photo = build.png([build.raw_profile(b"APP1", build.XMP_PACKET)])
    assert record_of(photo).document["xmp"]["xmp:Rating"] == "4"


@pytest.mark.skipif(not CASES.exists(), reason="needs the folder of cases beside the project")
def test_read_png__case_of_a_raw_profile__has_its_fields():
    photo = record_of(next(CASES.glob("40*/*.png")).read_bytes()).document["photo"]
    assert photo["camera_make"] == "ACME"
    assert photo["taken_at"].isoformat() == "2019-05-04T12:10:11"


@pytest.mark.skipif(not MEDIA.exists(), reason="needs the folder of media beside the project")
@pytest.mark.parametrize("name", ["exif-legacy.png", "exif-legacy-app1.png", "exif-both.png"])
def test_read_png__sample_with_exif__has_its_camera(name):
    photo = record_of((MEDIA / "exiftool" / name).read_bytes()).document["photo"]
    assert photo["camera_model"] == "vivo X90 Pro+"


@pytest.mark.skipif(not CASES.exists(), reason="needs the folder of cases beside the project")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("14b", {"Title": "Regatta", "Author": "A. Nobody", "Description": "Our boat"}),
        ("14f", {"Description": "Hafen Küste", "Description[de]": "Hafen Küste"}),
    ],
)
def test_read_png__case_with_text_chunks__has_their_texts(name, text):
    document = record_of(next(CASES.glob(f"38*/{name}-*.png")).read_bytes()).document
    assert text.items() <= document["text"].items()


# --- WebP


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(kind + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2) for kind, data in chunks)
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body


LOSSY = (b"VP8 ", b"\0\0\0\x9d\x01\x2a\x80\x02\xe0\x01".ljust(200_001, b"\0"))
LOSSLESS = (b"VP8L", b"\x2f" + (639 | 479 << 14).to_bytes(4, "little") + bytes(200_000))


@pytest.mark.parametrize("picture", [LOSSY, LOSSLESS], ids=["lossy", "lossless"])
def test_read_webp__file_without_vp8x__has_its_metadata(picture):
    reader = MemoryReader(riff(picture, (b"EXIF", BLOCK), (b"XMP ", build.XMP_PACKET)))
    document = record_of(reader.data).document
    assert document["photo"]["camera_model"] == "NIKON D750"
    assert document["xmp"]["xmp:Rating"] == "4"
    # The container has the width 640 and the height 480. The orientation in EXIF turns the picture.
    assert (document["photo"]["width_pixels"], document["photo"]["height_pixels"]) == (480, 640)
    fetch_metadata(reader, REF)
    assert reader.requests == 2


def test_read_webp__vp8x_without_flags__has_its_metadata():
    vp8x = (b"VP8X", bytes(4) + (639).to_bytes(3, "little") + (479).to_bytes(3, "little"))
    document = record_of(riff(vp8x, LOSSY, (b"EXIF", BLOCK))).document
    assert document["photo"]["camera_model"] == "NIKON D750"


def test_read_webp__nothing_after_the_picture__takes_one_request():
    reader = MemoryReader(riff(LOSSY))
    assert fetch_metadata(reader, REF).width_pixels == 640
    assert reader.requests == 1


def test_read_webp__icc_profile__gives_its_name():
    document = record_of(riff((b"VP8X", b"\x20" + bytes(9)), (b"ICCP", formats.icc()), LOSSY)).document
    assert document["icc"]["name"] == "Display P3"


# --- HEIF and JPEG XL


@pytest.mark.parametrize(("turn", "size"), [(0, (640, 480)), (1, (480, 640)), (2, (640, 480)), (3, (480, 640))])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_read_heic__orientation_in_exif__does_not_turn_the_size(turn, size, orientation):
    exif = build.tiff([(0x0112, build.SHORT, [orientation])])
    fetched = fetch_metadata(MemoryReader(build.heic(exif, turn=turn)), REF)
    assert fetched.rotation_applied
    assert (fetched.width_pixels, fetched.height_pixels) == size
    photo = record_of(build.heic(exif, turn=turn)).document["photo"]
    assert (photo["width_pixels"], photo["height_pixels"]) == size


@pytest.mark.skipif(not CASES.exists(), reason="needs the folder of cases beside the project")
@pytest.mark.parametrize(("name", "size"), [("b", (96, 128)), ("c", (128, 96))])
def test_read_heic__case_with_an_orientation_in_exif__has_the_size_of_the_container(name, size):
    photo = record_of(next(CASES.glob(f"26*/{name}-*.heic")).read_bytes()).document["photo"]
    assert (photo["width_pixels"], photo["height_pixels"]) == size


def codestream_of(*fields: tuple[int, int]) -> bytes:
    """Return a codestream of JPEG XL whose header has fields of (value, bits), packed from the lowest bit on."""
    number = position = 0
    for value, bits in fields:
        number |= value << position
        position += bits
    return b"\xff\x0a" + number.to_bytes(14, "little")


@pytest.mark.parametrize(("orientation", "size"), [(1, (640, 480)), (3, (640, 480)), (6, (480, 640)), (8, (480, 640))])
def test_read_jxl__orientation_in_the_codestream__turns_the_size(orientation, size):
    # Not a small size; height - 1 in 9 bits; ratio 4:3; no default metadata; extra fields; orientation - 1.
    codestream = codestream_of((0, 1), (0, 2), (479, 9), (3, 3), (0, 1), (1, 1), (orientation - 1, 3))
    fetched = fetch_metadata(MemoryReader(codestream), REF)
    assert (fetched.width_pixels, fetched.height_pixels) == size
    exif = build.box(b"Exif", bytes(4), build.tiff([(0x0112, build.SHORT, [6])]))
    file = (
        build.box(b"JXL ", b"\r\n\x87\n")
        + build.box(b"ftyp", b"jxl \0\0\0\0jxl ")
        + exif
        + build.box(b"jxlc", codestream)
    )
    photo = record_of(file).document["photo"]
    assert (photo["width_pixels"], photo["height_pixels"]) == size
