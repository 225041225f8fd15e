"""Motion photos: a still picture with a short video at the end of its file."""

import pytest

from exifinator.metadata.motion import MAX_PARTS, summarize_motion
from tests.data import build
from tests.unit.readers import record_of

VIDEO = build.box(b"ftyp", b"mp42\0\0\0\0mp42") + build.box(b"mdat", bytes(4000))
GAIN_MAP = build.jpeg(width=160, height=120)


def item(semantic, length="", padding=""):
    attributes = f'Item:Semantic="{semantic}" Item:Mime="a/b"'
    attributes += "".join(
        f' Item:{name}="{value}"' for name, value in (("Length", length), ("Padding", padding)) if value
    )
    return f'<rdf:li rdf:parseType="Resource"><Container:Item {attributes}/></rdf:li>'


def packet(*items, attributes=""):
    directory = f"<Container:Directory><rdf:Seq>{''.join(items)}</rdf:Seq></Container:Directory>" if items else ""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" '
        'xmlns:Container="http://ns.google.com/photos/1.0/container/" '
        f'xmlns:Item="http://ns.google.com/photos/1.0/container/item/" {attributes}>{directory}</rdf:Description>'
        "</rdf:RDF></x:xmpmeta>"
    ).encode()


def motion_photo(*items, attributes="", after=VIDEO):
    return build.jpeg(build.xmp_segment(packet(*items, attributes=attributes))) + after


@pytest.mark.parametrize("data", [
    motion_photo(item("Primary"), item("MotionPhoto", len(VIDEO)), attributes='GCamera:MotionPhoto="1"'),
    motion_photo(item("Primary", padding=9), item("MotionPhoto", len(VIDEO)), after=bytes(9) + VIDEO),
    motion_photo(item("Primary"), item("GainMap", len(GAIN_MAP)), item("MotionPhoto", len(VIDEO)),
                 after=GAIN_MAP + VIDEO),
    motion_photo(attributes=f'GCamera:MicroVideo="1" GCamera:MicroVideoOffset="{len(VIDEO)}"'),
])  # fmt: skip
def test_record__motion_photo__says_where_its_video_is(data):
    document = record_of(data).document
    assert (document["status"], document["kinds"], document["photo"]["is_motion_photo"]) == (
        "no_exif",
        ["motion"],
        True,
    )
    assert document["photo"]["motion_video"] == {"offset": len(data) - len(VIDEO), "length": len(VIDEO)}


def test_record__video_before_another_part__is_found():
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
def test_record__no_video_or_impossible_place__says_none(data):
    photo = record_of(data).document["photo"]
    assert not {"is_motion_photo", "motion_video"} & photo.keys()


@pytest.mark.parametrize("directory", [
    "MotionPhoto", {"Container:Item/Item:Semantic": ["MotionPhoto"]}, [None, 7, []], [{}] * 100_000,
    [{"Container:Item/Item:Length": float("inf"), "Container:Item/Item:Semantic": "MotionPhoto"}],
])  # fmt: skip
def test_summarize_motion__other_types__finds_none(directory):
    assert summarize_motion({"Container:Directory": directory}, 10_000) == {}


def test_summarize_motion__more_parts_than_the_format_has__finds_none():
    video = {"Container:Item/Item:Length": "100", "Container:Item/Item:Semantic": "MotionPhoto"}
    assert summarize_motion({"Container:Directory": [video]}, 10_000)["motion_video"]["offset"] == 9_900
    assert summarize_motion({"Container:Directory": [{}] * MAX_PARTS + [video]}, 10_000) == {}
