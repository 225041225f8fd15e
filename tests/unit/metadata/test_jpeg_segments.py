"""JPEGs with several EXIF segments, comments, profiles, segments of early cameras, or trailers after the picture."""

from __future__ import annotations

import pytest

from exifinator.metadata.containers.jpeg import SHORT_FILE_BYTES
from exifinator.metadata.fetch import fetch_metadata
from tests.data import build, formats
from tests.unit.readers import CASES, MEDIA, REF, MemoryReader, record_of

BLOCK = build.photo_tiff()
EXIF = build.exif_segment(BLOCK)
RESOLUTION = build.exif_segment(build.tiff([(0x011A, build.RATIO, [(72, 1)])]))
LARGE_BYTES = SHORT_FILE_BYTES * 3

# --- Several EXIF segments


@pytest.mark.parametrize(
    "first",
    [
        RESOLUTION,
        build.segment(0xE1, b"Exif\0\0"),
        build.segment(0xE1, b"Exif\0\0" + bytes(40)),
        build.exif_segment(build.tiff([])),
    ],
    ids=["with-a-resolution", "without-a-body", "with-zeros", "without-tags"],
)
def test_read_jpeg__exif_after_an_almost_empty_exif_segment__is_read(first):
    document = record_of(build.jpeg(first, EXIF)).document
    assert document["status"] == "ok"
    assert document["photo"]["camera_model"] == "NIKON D750"


def test_read_jpeg__two_exif_segments__are_joined_and_the_first_takes_precedence():
    first = build.exif_segment(build.tiff([(0x010F, build.ASCII, "ACME")], order=">"))
    document = record_of(build.jpeg(first, EXIF)).document
    assert document["photo"]["camera_make"] == "ACME"
    assert document["photo"]["camera_model"] == "NIKON D750"


def test_read_jpeg__fifty_exif_segments__give_at_most_four_blocks():
    fetched = fetch_metadata(MemoryReader(build.jpeg(*[RESOLUTION] * 50)), REF)
    assert len(fetched.blocks) <= 4


def test_read_jpeg__continuation_between_two_exif_blocks__belongs_to_the_one_before():
    first = [build.exif_segment(BLOCK[:300]), build.exif_segment(BLOCK[300:])]
    document = record_of(build.jpeg(*first, RESOLUTION)).document
    assert document["photo"]["camera_model"] == "NIKON D750"
    assert "problem" not in document


# --- Comments and profiles


@pytest.mark.parametrize(
    ("body", "text"),
    [(b"made by hand", "made by hand"), (b"caf\xe9\0\0", "café"), ("日本\0".encode(), "日本")],
    ids=["ascii", "windows-1252", "utf-8"],
)
def test_read_jpeg__comment__is_kept(body, text):
    assert record_of(build.jpeg(EXIF, build.segment(0xFE, body))).document["text"] == {"Comment": text}


def test_read_jpeg__twenty_comments__become_a_list_of_the_first_eight():
    comments = [build.segment(0xFE, b"%d" % number) for number in range(20)]
    assert record_of(build.jpeg(*comments)).document["text"]["Comment"] == [str(number) for number in range(8)]


@pytest.mark.parametrize("version", [2, 4])
def test_read_jpeg__icc_profile__gives_its_name_and_color_space(version):
    profile = build.segment(0xE2, b"ICC_PROFILE\0\1\1" + formats.icc("Adobe RGB (1998)", version=version))
    assert record_of(build.jpeg(EXIF, profile)).document["icc"] == {"name": "Adobe RGB (1998)", "color_space": "RGB"}


@pytest.mark.parametrize("n_bytes", [0, 30, 127, 131, 150, 170])
def test_read_jpeg__truncated_icc_profile__gives_no_name(n_bytes):
    profile = build.segment(0xE2, b"ICC_PROFILE\0\1\1" + formats.icc()[:n_bytes])
    assert "name" not in record_of(build.jpeg(EXIF, profile)).document.get("icc", {})


def test_read_jpeg__long_icc_profile__is_stored_as_its_name_and_color_space():
    parts = [
        build.segment(
            0xE2, b"ICC_PROFILE\0%c\x08" % number + (formats.icc() if number == 1 else b"").ljust(65_000, b"x")
        )
        for number in range(1, 9)
    ]
    reader = MemoryReader(build.jpeg(*parts, EXIF))
    fetched = fetch_metadata(reader, REF)
    assert [block.kind for block in fetched.blocks] == ["exif", "icc/name", "icc/color_space"]
    assert len(fetched.to_bytes()) < 5000


# --- Metadata of cameras from before EXIF


def test_read_jpeg__picture_info_segment__becomes_exif_tags():
    document = record_of(build.jpeg(build.segment(0xEC, formats.PICTURE_INFO))).document
    photo = document["photo"]
    assert photo["taken_at"].isoformat() == "1998-10-29T22:06:59"
    assert (photo["exposure_seconds"], photo["f_number"], photo["flash_fired"]) == (0.033363, 2.8, True)
    assert document["EXIF ExposureBiasValue"]["values"] == [-0.3]
    assert document["EXIF BodySerialNumber"]["values"] == "#00000001"
    assert document["text"]["PictureInfo Type"] == "SR55"


def test_read_jpeg__casio_qv_segment__gives_the_date():
    body = b"QVCI\0".ljust(77, b"\0") + b"1998.10.24.12.08.57\0" + bytes(40)
    photo = record_of(build.jpeg(build.segment(0xE1, body))).document["photo"]
    assert photo["taken_at"].isoformat() == "1998-10-24T12:08:57"


def test_read_jpeg__ducky_segment__gives_its_texts():
    texts = b"".join(
        bytes([0, kind])
        + (4 + 2 * len(text)).to_bytes(2, "big")
        + len(text).to_bytes(4, "big")
        + text.encode("utf-16-be")
        for kind, text in ((2, "Kai"), (3, "© Ada"))
    )
    body = b"Ducky\0\1\0\4\0\0\0\x3c" + texts + b"\0\0"
    assert record_of(build.jpeg(build.segment(0xEC, body))).document["text"] == {"Comment": "Kai", "Copyright": "© Ada"}


@pytest.mark.parametrize("body", [b"Ducky", b"Ducky\0\2\xff\xff", b"QVCI\0", b"[picture info]", b"[picture info]=\n=1"])
def test_read_jpeg__truncated_segment_of_an_early_camera__is_ignored(body):
    marker = 0xE1 if body[:1] == b"Q" else 0xEC
    assert record_of(build.jpeg(build.segment(marker, body))).status == "no_exif"


# --- Trailers


@pytest.mark.parametrize("order", [">", "<"])
def test_read_jpeg__afcp_trailer__is_read(order):
    document = record_of(formats.afcp(build.jpeg(), order=order)).document
    assert document["iptc"]["City"] == "Galway"
    assert document["photo"]["description"] == "A quay at dusk"
    assert document["text"]["Comment"] == "a tag"


@pytest.mark.parametrize("append", [formats.afcp, formats.fotostation], ids=["afcp", "fotostation"])
def test_read_jpeg__trailer_of_a_large_file_without_other_metadata__takes_one_more_request(append):
    reader = MemoryReader(append(build.jpeg(picture_bytes=LARGE_BYTES)))
    fetched = fetch_metadata(reader, REF)
    assert [block.kind for block in fetched.blocks][:1] == ["iptc"]
    assert reader.requests == 2
    assert reader.bytes_read < SHORT_FILE_BYTES + 10_000


def test_read_jpeg__large_file_with_exif_and_a_trailer__takes_one_request():
    reader = MemoryReader(formats.afcp(build.jpeg(EXIF, picture_bytes=LARGE_BYTES)))
    fetch_metadata(reader, REF)
    assert reader.requests == 1


def test_read_jpeg__small_file_with_exif_and_a_trailer__has_the_metadata_of_both():
    document = record_of(formats.fotostation(build.jpeg(EXIF))).document
    assert document["iptc"]["City"] == "Galway"
    assert document["photo"]["camera_model"] == "NIKON D750"


def test_read_jpeg__canon_trailer__gives_its_xmp():
    assert record_of(build.jpeg(EXIF) + formats.canon_vrd()).document["xmp"]["xmp:Rating"] == "4"


@pytest.mark.parametrize("start", [0, 5, 1 << 31, (1 << 32) - 1])
def test_read_jpeg__afcp_trailer_with_a_wrong_offset__is_ignored(start):
    document = record_of(formats.afcp(build.jpeg(), start=start)).document
    assert "iptc" not in document
    assert document["status"] == "no_exif"


def test_read_jpeg__fotostation_trailer_of_impossible_length__is_ignored():
    photo = build.jpeg() + b"\0\1\xff\xff\xff\xff\xa1\xb2\xc3\xd4"
    assert record_of(photo).status == "no_exif"


# --- Cases and samples


@pytest.mark.skipif(not CASES.exists(), reason="needs the folder of cases beside the project")
@pytest.mark.parametrize("name", ["41*/17a-two-exif.jpg", "41*/17d-empty-exif-then.jpg"])
def test_read_jpeg__case_of_two_exif_segments__has_the_fields_of_the_second(name):
    photo = record_of(next(CASES.glob(name)).read_bytes()).document["photo"]
    assert (photo["camera_make"], photo["camera_model"]) == ("ACME", "Cam One")
    assert photo["taken_at"].isoformat() == "2019-05-04T12:10:11"


@pytest.mark.skipif(not CASES.exists(), reason="needs the folder of cases beside the project")
def test_read_jpeg__case_of_a_comment__has_its_text():
    document = record_of(next(CASES.glob("35*/11e-*.jpg")).read_bytes()).document
    assert document["text"]["Comment"] == "Our boat in the harbour"


@pytest.mark.skipif(not MEDIA.exists(), reason="needs the folder of media beside the project")
@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("AFCP.jpg", "keywords", ["keyword"]),
        ("FotoStation.jpg", "description", "Caption *** Local Caption *** Local Caption"),
    ],
)
def test_read_jpeg__sample_with_a_trailer__has_its_fields(name, field, value):
    assert record_of((MEDIA / "exiftool" / name).read_bytes()).document["photo"][field] == value
