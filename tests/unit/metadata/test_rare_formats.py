"""Formats with their own structures: GIF, BMP, ICO and others with little but a size, CRW, X3F, BigTIFF and EXV."""

from __future__ import annotations

import struct

import pytest

from exifinator.metadata.fetch import fetch_metadata
from tests.data import build, formats
from tests.unit.readers import CASES, MEDIA, REF, MemoryReader, fetched_from, metadata_of, record_of


def size_of(document) -> tuple[int, int]:
    """Return the width and the height of the picture as shown, in pixels."""
    return document["photo"]["width_pixels"], document["photo"]["height_pixels"]


# --- GIF


@pytest.mark.parametrize("position", ["before", "after"])
def test_read_gif__xmp_and_comment__are_read(position):
    extensions = formats.gif_comment(b"caf\xe9 " * 100) + formats.gif_xmp()
    document = record_of(formats.gif(**{position: extensions})).document
    assert document["format"] == "gif"
    assert document["status"] == "no_exif"
    assert size_of(document) == (640, 480)
    assert document["photo"]["keywords"] == ["quay", "dusk"]
    assert document["text"]["Comment"] == ("café " * 100).strip()


@pytest.mark.parametrize("position", ["before", "after"])
def test_read_gif__long_file__is_read_at_its_start_and_its_end(position):
    reader = MemoryReader(formats.gif(picture_bytes=900_000, **{position: formats.gif_xmp()}))
    fetched = fetch_metadata(reader, REF, first_read_bytes=48 * 1024)
    assert [block.kind for block in fetched.blocks] == ["xmp"]
    assert reader.requests <= 2
    assert reader.bytes_read < 100_000


def test_read_gif__icc_profile__gives_its_name_and_color_space():
    extension = b"\x21\xff\x0bICCRGBG1012" + formats.sub_blocks(formats.icc())
    assert record_of(formats.gif(extension)).document["icc"] == {"name": "Display P3", "color_space": "RGB"}


def test_read_gif__xmp_past_the_searched_start__is_read():
    packet = build.XMP_PACKET.replace(b"quay", b"q" * 90_000)
    document = record_of(formats.gif(formats.gif_xmp(packet), picture_bytes=200_000)).document
    assert document["xmp"]["xmp:Rating"] == "4"


# --- Formats with little metadata but a size


# Headers of pictures of 640 by 480 pixels. The format precedes the first hyphen of a name.
HEADERS = {
    "bmp": b"BM" + bytes(12) + struct.pack("<Iii", 40, 640, 480) + bytes(20),
    "bmp-from-the-top": b"BM" + bytes(12) + struct.pack("<Iii", 40, 640, -480) + bytes(20),
    "bmp-of-os2": b"BM" + bytes(12) + struct.pack("<IHH", 12, 640, 480) + bytes(20),
    "tga": bytes(2) + b"\x02" + bytes(9) + struct.pack("<HHBB", 640, 480, 24, 0) + bytes(99),
    "tga-with-a-palette": b"\0\1\1\0\0\0\1\x18" + bytes(4) + struct.pack("<HHBB", 640, 480, 8, 0x20) + bytes(99),
    "pcx": b"\n\5\1\x08" + struct.pack("<4H", 10, 20, 649, 499) + bytes(116),
    "pnm": b"P6\n# by hand\n640 480\n255\n" + bytes(50),
    "pnm-of-text": b"P2 640\n#x\n480 255 0 1 2 3",
    "qoi": b"qoif" + struct.pack(">II", 640, 480) + b"\3\0",
    "dds": b"DDS " + struct.pack("<4I", 124, 7, 480, 640) + bytes(108),
    "j2c": b"\xff\x4f\xff\x51" + struct.pack(">HH4I", 41, 0, 641, 481, 1, 1) + bytes(40),
}


@pytest.mark.parametrize("name", HEADERS)
def test_build_record__format_with_little_but_a_size__has_its_size(name):
    document = record_of(HEADERS[name]).document
    assert document["format"] == name.split("-")[0]
    assert document["status"] == "no_exif"
    assert size_of(document) == (640, 480)


@pytest.mark.parametrize("file_type", [1, 2], ids=["icon", "cursor"])
def test_read_ico__several_pictures__has_the_size_of_the_largest(file_type):
    pictures = b"".join(bytes([side % 256] * 2) + bytes(6) + struct.pack("<II", 99, 54) for side in (16, 256, 48))
    document = record_of(struct.pack("<HHH", 0, file_type, 3) + pictures + bytes(99)).document
    assert document["format"] == "ico"
    assert size_of(document) == (256, 256)


def test_read_pnm__comment__is_kept():
    assert record_of(HEADERS["pnm"]).document["text"] == {"Comment": "by hand"}


@pytest.mark.parametrize("name", [*HEADERS, "gif"])
def test_build_record__truncated_header__gives_a_record(name):
    data = HEADERS.get(name) or formats.gif()
    for length in range(1, min(len(data), 40)):
        assert record_of(data[:length]).status in ("ok", "no_exif", "unsupported", "damaged")


# --- CRW


@pytest.mark.parametrize("order", ["<", ">"])
def test_read_crw__records__become_exif_tags(order):
    document = record_of(formats.crw(formats.canon_records(order), order)).document
    photo = document["photo"]
    assert document["format"] == "crw"
    assert "problem" not in document
    assert photo["taken_at"].isoformat() == "2003-11-10T17:39:26"
    assert (photo["camera_make"], photo["camera_model"], photo["artist"]) == ("Canon", "Canon EOS D", "Ada")
    assert (photo["iso"], photo["exposure_seconds"], photo["focal_length_mm"]) == (100, 0.015625, 24)
    assert photo["f_number"] == pytest.approx(3.5636, abs=1e-4)
    assert photo["orientation"] == 6
    assert size_of(document) == (2048, 3072)
    assert document["EXIF BodySerialNumber"]["printable"] == "560018150"
    assert document["EXIF MakerNote"]["field_length"] > 150


@pytest.mark.parametrize("number", [-32768, -960, 32767, 960, 950, -950])
@pytest.mark.parametrize("index", [1, 2, 21, 22])
def test_read_crw__impossible_exposure__is_ignored(number, index, caplog):
    # Canon's ShotInfo: ISO speed at 1 and 2, aperture at 21, exposure time at 22.
    shot_info = [0] * 33
    shot_info[1], shot_info[2], shot_info[21], shot_info[22] = 0, 160, 116, 192
    shot_info[index] = number
    records = {**formats.canon_records(), 0x102A: struct.pack("<33h", *shot_info)}
    assert record_of(formats.crw(records)).document["photo"]["camera_make"] == "Canon"
    assert not caplog.records


def test_read_crw__file_with_a_trailer_of_canon__has_the_xmp_of_the_trailer():
    head = formats.crw(formats.canon_records())
    # The offset of the root directory has to be at the end, so Canon's software stores it in the last bytes of its
    # trailer.
    photo = head[:-4] + formats.canon_vrd()[:-4] + head[-4:]
    document = record_of(photo).document
    assert document["xmp"]["xmp:Rating"] == "4"
    assert document["photo"]["camera_make"] == "Canon"


def test_read_crw__large_file__takes_two_requests():
    reader = MemoryReader(formats.crw(formats.canon_records(), picture_bytes=3_000_000))
    assert fetch_metadata(reader, REF, first_read_bytes=48 * 1024).status == "ok"
    assert reader.requests == 2
    assert reader.bytes_read < 100_000


def test_read_crw__thumbnail__is_kept():
    assert record_of(formats.crw({**formats.canon_records(), 0x2008: build.THUMBNAIL})).thumbnail == build.THUMBNAIL


def test_read_crw__heap_inside_itself__gives_a_record():
    photo = bytearray(formats.crw(formats.canon_records()))
    at = photo.index(struct.pack("<H", 0x300B))
    photo[at + 2 : at + 10] = struct.pack("<II", len(photo) - 26, 0)
    assert record_of(bytes(photo)).status in ("ok", "damaged")


def test_read_jpeg__ciff_segment__is_read():
    ciff = formats.crw(formats.canon_records(), kind=b"HEAPJPGM")
    document = record_of(build.jpeg(build.segment(0xE0, ciff))).document
    assert document["photo"]["camera_model"] == "Canon EOS D"
    # The size is that of the JPEG. The orientation in CIFF swaps width and height.
    assert size_of(document) == (480, 640)


# --- X3F


PROPERTIES = {
    "CAMMANUF": "SIGMA",
    "CAMMODEL": "SIGMA SD10",
    "CAMSERIAL": "02001234",
    "TIME": "978309395",
    "ISO": "100",
    "SHUTTER": "0.00929",
    "APERTURE": "8.35419",
    "FLENGTH": "30",
    "FLEQ35MM": "51",
    "EXPCOMP": "-0.7",
    "LENSFRANGE": "15 to 30",
    "LENSARANGE": "29 to 4.5",
    "FLASH": "OFF",
    "PMODE": "P",
}


@pytest.mark.parametrize("version", [2, 4])
def test_read_x3f__properties__become_exif_tags(version):
    document = record_of(formats.x3f(PROPERTIES, version=version)).document
    photo = document["photo"]
    assert photo["taken_at"].isoformat() == "2001-01-01T00:36:35"
    assert (photo["camera_model"], photo["iso"], photo["f_number"]) == ("SIGMA SD10", 100, 8.35419)
    assert (photo["exposure_seconds"], photo["focal_length_mm"], photo["focal_length_35mm"]) == (0.00929, 30, 51)
    assert photo["lens_model"] == "15-30mm"
    assert photo["flash_fired"] is False
    assert document["EXIF ExposureBiasValue"]["values"] == [-0.7]
    assert document["EXIF BodySerialNumber"]["values"] == "02001234"
    assert document["text"]["LENSFRANGE"] == "15 to 30"
    assert size_of(document) == (1512, 2268)


def test_read_x3f__preview_with_exif__takes_precedence_over_properties():
    photo = build.jpeg(build.exif_segment(build.photo_tiff()))
    document = record_of(formats.x3f(PROPERTIES, photo)).document
    assert document["photo"]["camera_model"] == "NIKON D750"
    assert document["photo"]["focal_length_35mm"] == 50
    assert document["EXIF BodySerialNumber"]["values"] == "02001234"


def test_read_x3f__large_file__takes_at_most_three_requests():
    photo = build.jpeg(build.exif_segment(build.photo_tiff()), picture_bytes=2_000_000)
    reader = MemoryReader(formats.x3f(PROPERTIES, photo))
    fetched = fetch_metadata(reader, REF, first_read_bytes=48 * 1024)
    assert [block.kind for block in fetched.blocks].count("exif") == 2
    assert reader.requests <= 3
    assert reader.bytes_read < 120_000


@pytest.mark.parametrize("number", ["nan", "1e400", "-1", "", "9" * 400, "x"])
def test_read_x3f__property_that_is_not_a_valid_number__is_ignored(number):
    names = ("TIME", "ISO", "SHUTTER", "APERTURE", "FLEQ35MM", "EXPCOMP", "LENSFRANGE", "LENSARANGE")
    record = record_of(formats.x3f({**PROPERTIES, **dict.fromkeys(names, number)}))
    assert record.document["photo"]["camera_make"] == "SIGMA"


# --- BigTIFF

# Entries of directories: a page (width, height, make), and EXIF (ISO, date, f-number).
PAGE = [(0x0100, build.LONG, [640]), (0x0101, build.LONG, [480]), (0x010F, build.ASCII, "ACME Cameras")]
EXIF = [(0x8827, build.SHORT, [400]), (0x9003, build.ASCII, "2019:05:04 12:10:11"), (0x829D, build.RATIO, [(28, 10)])]


@pytest.mark.parametrize("order", ["<", ">"])
def test_read_big_tiff__directories__are_read_as_in_tiff(order):
    document = record_of(formats.big_tiff([PAGE], EXIF, order)).document
    photo = document["photo"]
    assert (document["format"], document["status"]) == ("bigtiff", "ok")
    assert (photo["camera_make"], photo["iso"], photo["f_number"]) == ("ACME Cameras", 400, 2.8)
    assert photo["taken_at"].isoformat() == "2019-05-04T12:10:11"
    assert size_of(document) == (640, 480)


def test_read_big_tiff__numbers_of_64_bits__keep_their_values():
    strips = [(0x0111, 16, [1 << 33, 5]), (0x0117, 16, [7, 8]), (0x0100, 16, [640]), (0x0101, 16, [480])]
    document = record_of(formats.big_tiff([strips])).document
    assert document["Image StripOffsets"]["values"] == [1 << 33, 5]
    assert document["Image StripByteCounts"]["values"] == [7, 8]
    assert size_of(document) == (640, 480)


def test_read_big_tiff__far_directories__take_at_most_three_requests():
    filler = [(0x0142, build.UNDEFINED, bytes(300_000))]
    reader = MemoryReader(formats.big_tiff([[*PAGE, *filler]], EXIF))
    fetched = fetch_metadata(reader, REF, first_read_bytes=4096)
    assert reader.requests <= 3
    assert reader.bytes_read < 60_000
    assert fetched.width_pixels == 640


def test_read_big_tiff__file_with_a_dng_version__has_the_format_dng():
    version = (0xC612, build.BYTE, [1, 7, 0, 0])
    assert record_of(formats.big_tiff([[*PAGE, version]], EXIF)).document["format"] == "dng"


@pytest.mark.parametrize("offset", [0, 1, 15, 16, 5000, 1 << 40, (1 << 64) - 1])
def test_read_big_tiff__wrong_offset_of_the_directory__gives_a_record(offset):
    photo = bytearray(formats.big_tiff([PAGE], EXIF))
    photo[8:16] = struct.pack("<Q", offset)
    assert record_of(bytes(photo)).status in ("damaged", "no_exif", "ok")


# --- Pages of TIFF

# Pages that are marked as reduced or full pictures, by NewSubfileType (0x00FE) or the older SubfileType (0x00FF).
REDUCED = [(0x00FE, build.LONG, [1]), (0x0100, build.SHORT, [160]), (0x0101, build.SHORT, [120])]
FULL = [(0x00FE, build.LONG, [0]), (0x0100, build.SHORT, [640]), (0x0101, build.SHORT, [480])]
OLD_REDUCED = [(0x00FF, build.SHORT, [2]), (0x0100, build.SHORT, [160]), (0x0101, build.SHORT, [120])]


@pytest.mark.parametrize(
    ("pages", "size"),
    [
        ([REDUCED, FULL], (640, 480)),
        ([OLD_REDUCED, FULL], (640, 480)),
        ([FULL, REDUCED], (640, 480)),
        ([REDUCED], (160, 120)),
        ([PAGE, [(0x0100, build.SHORT, [900]), (0x0101, build.SHORT, [900])]], (640, 480)),
    ],
    ids=["reduced-first", "old-reduced-first", "full-first", "reduced-only", "two-full"],
)
def test_read_tiff__several_pages__have_the_size_of_the_first_full_picture(pages, size):
    assert size_of(record_of(formats.big_tiff(pages)).document) == size
    assert size_of(record_of(_classic_tiff(pages)).document) == size


def _classic_tiff(pages) -> bytes:
    """Return a TIFF with a chain of pages, whose values are all inside the directory entries."""
    out = bytearray(b"II*\0" + struct.pack("<I", 8))
    for index, entries in enumerate(pages):
        entries = [entry for entry in entries if entry[1] in (build.SHORT, build.LONG)]
        out += struct.pack("<H", len(entries))
        for tag, field_type, (value,) in entries:
            out += struct.pack("<HHII", tag, field_type, 1, value)
        out += struct.pack("<I", len(out) + 4 if index < len(pages) - 1 else 0)
    return bytes(out)


def test_read_tiff__raw_photo_of_panasonic__has_the_size_given_by_the_borders_of_its_sensor():
    edges = [(4, build.SHORT, [4]), (5, build.SHORT, [8]), (6, build.SHORT, [2740]), (7, build.SHORT, [3656])]
    document = record_of(build.tiff([*edges, (0x010F, build.ASCII, "Panasonic")], magic=b"IIU\0")).document
    assert size_of(document) == (3648, 2736)


# --- EXV


def test_read_exv__segments__are_read_as_in_jpeg():
    exif = build.exif_segment(build.photo_tiff())
    exv = b"\xff\x01Exiv2" + build.jpeg(exif, build.xmp_segment())[2:]
    document = record_of(exv).document
    assert document["format"] == "exv"
    assert document["photo"]["camera_model"] == "NIKON D750"
    assert document["xmp"]["xmp:Rating"] == "4"


def test_read_exv__file_without_a_picture__is_complete_unless_truncated():
    exv = b"\xff\x01Exiv2" + build.exif_segment(build.photo_tiff()) + b"\xff\xd9"
    assert record_of(exv).status == "ok"
    assert fetched_from(exv[:300]).status == "damaged"


# --- Samples


@pytest.mark.skipif(not MEDIA.exists(), reason="needs the folder of media beside the project")
@pytest.mark.parametrize(
    ("name", "size", "fields"),
    [
        ("CanonRaw.crw", (3072, 2048), {"iso": 100, "camera_model": "Canon EOS DIGITAL REBEL"}),
        ("Sigma.x3f", (1512, 2268), {"iso": 100, "camera_model": "SIGMA SD10", "f_number": 8.35419}),
        ("SigmaDP2.x3f", (2640, 1760), {"camera_model": "SIGMA DP2"}),
        ("GIF.gif", (8, 8), {}),
        ("BMP.bmp", (8, 8), {}),
        ("ICO.ico", (1, 1), {}),
        ("PPM.ppm", (8, 8), {}),
        ("PCX.pcx", (8, 8), {}),
        ("Jpeg2000.j2c", (8, 8), {}),
        ("Panasonic.rw2", (3648, 2736), {}),
    ],
)
def test_build_record__sample__has_its_fields_after_a_first_read_of_any_size(name, size, fields):
    data = (MEDIA / "exiftool" / name).read_bytes()
    document = record_of(data).document
    assert size_of(document) == size
    assert fields.items() <= document["photo"].items()
    for first_read_bytes in (64, 512, 5000):
        assert metadata_of(record_of(data, first_read_bytes)) == metadata_of(record_of(data))


@pytest.mark.skipif(not CASES.exists(), reason="needs the folder of cases beside the project")
def test_read_gif__case_with_xmp__has_its_keyword_and_the_sidecar_is_unsupported():
    photo = record_of(next(CASES.glob("48*/39-xmp.gif")).read_bytes()).document["photo"]
    assert photo["keywords"] == ["sea"]
    sidecar = record_of(next(CASES.glob("48*/40-sidecar.xmp")).read_bytes()).document
    assert (sidecar["format"], sidecar["status"]) == ("xmp", "unsupported")
