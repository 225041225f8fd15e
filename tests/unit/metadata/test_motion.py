"""Motion photos: a still picture with a short video at the end of its file."""

import struct

import pytest

from exifinator.metadata.fetch import fetch_metadata
from exifinator.metadata.motion import MAX_PARTS, summarize_motion
from exifinator.metadata.parse import build_record
from tests.data import build
from tests.unit.readers import REF, MemoryReader, record_of

VIDEO = build.box(b"ftyp", b"mp42\0\0\0\0mp42") + build.box(b"mdat", bytes(4000))
GAIN_MAP = build.jpeg(width=160, height=120)


def item(semantic, length="", padding=""):
    """Return the XMP of one part of a motion photo: its role, and perhaps its length and padding in bytes."""
    attributes = f'Item:Semantic="{semantic}" Item:Mime="a/b"'
    attributes += "".join(
        f' Item:{name}="{value}"' for name, value in (("Length", length), ("Padding", padding)) if value
    )
    return f'<rdf:li rdf:parseType="Resource"><Container:Item {attributes}/></rdf:li>'


def packet(*items, attributes=""):
    """Return an XMP packet with a directory of parts, and attributes of the description."""
    directory = f"<Container:Directory><rdf:Seq>{''.join(items)}</rdf:Seq></Container:Directory>" if items else ""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" '
        'xmlns:Container="http://ns.google.com/photos/1.0/container/" '
        f'xmlns:Item="http://ns.google.com/photos/1.0/container/item/" {attributes}>{directory}</rdf:Description>'
        "</rdf:RDF></x:xmpmeta>"
    ).encode()


def motion_photo(*items, attributes="", after=VIDEO):
    """Return a JPEG with such an XMP packet, followed by further parts."""
    return build.jpeg(build.xmp_segment(packet(*items, attributes=attributes))) + after


@pytest.mark.parametrize("data", [
    motion_photo(item("Primary"), item("MotionPhoto", len(VIDEO)), attributes='GCamera:MotionPhoto="1"'),
    motion_photo(item("Primary", padding=9), item("MotionPhoto", len(VIDEO)), after=bytes(9) + VIDEO),
    motion_photo(item("Primary"), item("GainMap", len(GAIN_MAP)), item("MotionPhoto", len(VIDEO)),
                 after=GAIN_MAP + VIDEO),
    motion_photo(attributes=f'GCamera:MicroVideo="1" GCamera:MicroVideoOffset="{len(VIDEO)}"'),
])  # fmt: skip
def test_record__motion_photo__has_offset_and_length_of_its_video(data):
    document = record_of(data).document
    assert (document["status"], document["kinds"], document["photo"]["is_motion_photo"]) == (
        "no_exif",
        ["motion"],
        True,
    )
    assert document["photo"]["motion_video"] == {"offset": len(data) - len(VIDEO), "length": len(VIDEO)}


def test_record__video_before_another_part__has_its_offset_and_length():
    items = item("Primary"), item("MotionPhoto", len(VIDEO), padding=3), item("GainMap", len(GAIN_MAP))
    data = motion_photo(*items, after=VIDEO + bytes(3) + GAIN_MAP)
    video = record_of(data).document["photo"]["motion_video"]
    assert data[video["offset"] : video["offset"] + video["length"]] == VIDEO


@pytest.mark.parametrize("data", [
    motion_photo(attributes='GCamera:MotionPhoto="0"'),
    motion_photo(item("Primary"), item("GainMap", 700)),
    motion_photo(item("Primary"), item("MotionPhoto", 1 << 30)),
    motion_photo(item("Primary"), item("MotionPhoto", -5)),
    motion_photo(attributes='GCamera:MicroVideoOffset="99999999"'),
])  # fmt: skip
def test_record__photo_without_a_video_in_its_file__is_no_motion_photo(data):
    photo = record_of(data).document["photo"]
    assert not {"is_motion_photo", "motion_video"} & photo.keys()


def samsung(*parts, count=None, footer=b"SEFT"):
    """Return the trailer of a Samsung phone, with parts given as (number, name, content)."""
    data = entries = b""
    places = []
    for number, name, content in parts:
        places.append((number, len(data), 8 + len(name) + len(content)))
        data += struct.pack("<2xHI", number, len(name)) + name + content
    for number, at, length in places:
        entries += struct.pack("<2xHII", number, len(data) - at, length)
    directory = b"SEFH" + struct.pack("<II", 106, len(parts) if count is None else count) + entries
    return data + directory + struct.pack("<I", len(directory)) + footer


def phone(make="samsung", *segments):
    """Return a JPEG from a phone of this make."""
    return build.jpeg(build.exif_segment(build.tiff([(0x010F, build.ASCII, make)])), *segments)


# Parts of Samsung's trailer.
UTC_DATA = (0x0A01, b"Image_UTC_Data", b"1577836800000")
VERSION = (0x0A31, b"MotionPhoto_Version", b"mpv3")
MOTION = (0x0A30, b"MotionPhoto_Data", VIDEO)
LONG_VIDEO = build.box(b"ftyp", b"mp42\0\0\0\0mp42") + build.box(b"mdat", bytes(200_000))


@pytest.mark.parametrize("parts", [
    (MOTION, VERSION),
    (UTC_DATA, (0x0A30, b"MotionPhoto_Data", LONG_VIDEO), VERSION),
    (UTC_DATA, VERSION, (0x0100, b"SoundShot_000", bytes(99)), MOTION),
])  # fmt: skip
def test_record__samsung_trailer__gives_offset_and_length_of_the_video(parts):
    data = phone() + samsung(*parts)
    document = record_of(data).document
    video = document["photo"]["motion_video"]
    content = next(content for number, _, content in parts if number == 0x0A30)
    assert data[video["offset"] : video["offset"] + video["length"]] == content
    assert (document["photo"]["is_motion_photo"], document["kinds"]) == (True, ["motion"])
    assert document["MakerNote EmbeddedVideoType"]["values"] == "MotionPhoto_Data"


@pytest.mark.parametrize("name", [b"SoundShot_000", b"AudioRecord_1"])
@pytest.mark.parametrize("further_trailer", [b"", b"~\0\6\4zmie~\0\0\6\0\0\0\x10\x18\4", bytes(1000) + b"cbipcbbl"])
def test_record__samsung_trailer_with_sound__has_its_name_and_length(name, further_trailer):
    document = record_of(phone() + samsung(UTC_DATA, (0x0100, name, bytes(99))) + further_trailer).document
    assert document["MakerNote EmbeddedAudioFileName"]["values"] == name.decode()
    assert document["MakerNote EmbeddedAudioFile"]["values"] == [99]
    assert "is_motion_photo" not in document["photo"]


def test_record__samsung_heic__has_offset_and_length_of_the_video():
    exif = build.tiff([(0x010F, build.ASCII, "samsung")])
    heic = build.heic(exif)
    place = b"mpv2" + struct.pack(">II", len(heic) + 8, len(VIDEO))
    data = heic + build.box(b"mpvd", VIDEO) + build.box(b"sefd", samsung((0x0A30, b"MotionPhoto_Data", place)))
    assert record_of(data).document["photo"]["motion_video"] == {"offset": len(heic) + 8, "length": len(VIDEO)}
    data = data.replace(b"mpv2\0\0", b"mpv2\x7f\0")
    assert "motion_video" not in record_of(data).document["photo"]


@pytest.mark.parametrize("trailer", [
    samsung(UTC_DATA),
    samsung((0x0A30, b"MotionPhoto_Data", b"")),
    samsung(MOTION, footer=b"SEFX"),
    samsung(MOTION, count=0),
    samsung(MOTION)[:-40],
    samsung(MOTION)[:-8] + struct.pack("<I", 1 << 31) + b"SEFT",
    b"SEFH" + struct.pack("<II", 106, 1) + struct.pack("<2xHII", 0x0A30, 1 << 30, 99) + struct.pack("<I", 24) + b"SEFT",
    b"SEFT",
])  # fmt: skip
def test_record__samsung_trailer_without_a_video__is_ignored(trailer):
    document = record_of(phone() + trailer).document
    assert (document["status"], document["photo"]["camera_make"]) == ("ok", "samsung")
    assert not {"is_motion_photo", "motion_video"} & document["photo"].keys()


def test_fetch_metadata__long_photo__reads_its_end_only_for_phones_of_samsung_without_xmp():
    def request_count_and_video(data):
        fetched = fetch_metadata(MemoryReader(data), REF, first_read_bytes=4096)
        return fetched.requests, "motion_video" in build_record(fetched).document["photo"]

    trailer = bytes(300_000) + samsung(MOTION)
    xmp = build.xmp_segment(packet(attributes='GCamera:MotionPhoto="1"'))
    assert request_count_and_video(phone() + trailer) == (2, True)
    assert request_count_and_video(phone("SAMSUNG") + trailer) == (1, False)
    assert request_count_and_video(phone("Google") + trailer) == (1, False)
    assert request_count_and_video(phone("samsung", xmp) + trailer) == (1, False)


@pytest.mark.parametrize("directory", [
    "MotionPhoto", {"Container:Item/Item:Semantic": ["MotionPhoto"]}, [None, 7, []], [{}] * 100_000,
    [{"Container:Item/Item:Length": float("inf"), "Container:Item/Item:Semantic": "MotionPhoto"}],
])  # fmt: skip
def test_summarize_motion__values_of_wrong_types__gives_nothing(directory):
    assert summarize_motion({"Container:Directory": directory}, 10_000) == {}


def test_summarize_motion__more_parts_than_the_limit__gives_nothing():
    video = {"Container:Item/Item:Length": "100", "Container:Item/Item:Semantic": "MotionPhoto"}
    assert summarize_motion({"Container:Directory": [video]}, 10_000)["motion_video"]["offset"] == 9_900
    assert summarize_motion({"Container:Directory": [{}] * MAX_PARTS + [video]}, 10_000) == {}
