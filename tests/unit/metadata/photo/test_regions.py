"""Regions of a photo, and the people named in them. Each name stays with its own region."""

from __future__ import annotations

import pytest

from tests.unit.metadata.photo.builders import list_property, photo


def area(**sides: float | str) -> str:
    """Return the area of a region: its centre x and y, its width w and height h, and perhaps their unit."""
    properties = "".join(f"<stArea:{name}>{value}</stArea:{name}>" for name, value in sides.items())
    return f'<mwg-rs:Area rdf:parseType="Resource">{properties}</mwg-rs:Area>'


def regions(*contents: str, size: str = "") -> str:
    """Return a list of regions, each given by its properties, and perhaps the size of the image in pixels."""
    elements = "".join(f'<rdf:li rdf:parseType="Resource">{content}</rdf:li>' for content in contents)
    return (
        f'<mwg-rs:Regions rdf:parseType="Resource">{size}<mwg-rs:RegionList><rdf:Bag>{elements}</rdf:Bag>'
        "</mwg-rs:RegionList></mwg-rs:Regions>"
    )


def face(name: str, region_type: str = "Face", **sides: float | str) -> str:
    """Return the properties of a region with a name, a type and an area."""
    name_property = f"<mwg-rs:Name>{name}</mwg-rs:Name>" if name else ""
    return f"{name_property}<mwg-rs:Type>{region_type}</mwg-rs:Type>{area(**sides)}"


# The area of a face, without its x.
BOX = {"y": 0.5, "w": 0.1, "h": 0.1}


def test_build_photo__face_without_a_name__does_not_shift_the_names_of_the_others():
    summary = photo(xmp=regions(face("Anna", x=0.1, **BOX), face("", x=0.5, **BOX), face("Bert", x=0.9, **BOX)))
    assert summary["people"] == ["Anna", "Bert"]
    assert summary["regions"] == [
        {"name": "Anna", "type": "Face", "area": {"x": 0.1, **BOX}},
        {"type": "Face", "area": {"x": 0.5, **BOX}},
        {"name": "Bert", "type": "Face", "area": {"x": 0.9, **BOX}},
    ]


def test_build_photo__pet__is_a_region_but_not_a_person():
    summary = photo(xmp=regions(face("Rex", "Pet", x=0.1, **BOX), face("Anna", x=0.2, **BOX)))
    assert [region["name"] for region in summary["regions"]] == ["Rex", "Anna"]
    assert summary["people"] == ["Anna"]


def test_build_photo__area_in_pixels__becomes_fractions():
    size = '<mwg-rs:AppliedToDimensions stDim:w="400" stDim:h="200"/>'
    summary = photo(xmp=regions(face("Anna", x=100, y=50, w=40, h=20, unit="pixel"), size=size))
    assert summary["regions"][0]["area"] == {"x": 0.25, "y": 0.25, "w": 0.1, "h": 0.1}


def test_build_photo__region_with_its_area_in_attributes__is_read():
    xmp = regions(
        '<mwg-rs:Area stArea:x="0.5" stArea:y="0.5" stArea:w="0.1" stArea:h="0.1"/><mwg-rs:Name>Eve</mwg-rs:Name>'
    )
    assert photo(xmp=xmp)["regions"] == [{"name": "Eve", "area": {"x": 0.5, **BOX}}]
    assert photo(xmp=xmp)["people"] == ["Eve"]


MICROSOFT = '<MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag>{}</rdf:Bag></MPRI:Regions></MP:RegionInfo>'


@pytest.mark.parametrize(
    ("rectangle", "expected"),
    [
        ("0.1,0.1,0.2,0.2", {"x": 0.2, "y": 0.2, "w": 0.2, "h": 0.2}),
        ("0.1, 0.1, 0.2, 0.2", {"x": 0.2, "y": 0.2, "w": 0.2, "h": 0.2}),
        ("0.1,0.1", None),
        ("x", None),
    ],
)
def test_build_photo__people_tag_from_microsoft__is_a_region(rectangle, expected):
    item = f'<rdf:li MPReg:Rectangle="{rectangle}" MPReg:PersonDisplayName="Anna"/>'
    summary = photo(xmp=MICROSOFT.format(item))
    assert summary["people"] == ["Anna"]
    assert summary["regions"][0].get("area") == expected


def test_build_photo__same_person_in_two_kinds_of_regions__counts_once():
    item = '<rdf:li MPReg:Rectangle="0.1,0.1,0.2,0.2" MPReg:PersonDisplayName="anna"/>'
    xmp = (
        regions(face("Anna", x=0.2, **BOX))
        + MICROSOFT.format(item)
        + list_property("Iptc4xmpExt:PersonInImage", "Anna", "Bert")
    )
    summary = photo(xmp=xmp)
    assert summary["people"] == ["Anna", "Bert"]
    assert len(summary["regions"]) == 1


def test_build_photo__iptc_image_region__has_its_name_and_centre():
    boundary = (
        '<Iptc4xmpExt:RegionBoundary rdf:parseType="Resource"><Iptc4xmpExt:rbUnit>relative</Iptc4xmpExt:rbUnit>'
        "<Iptc4xmpExt:rbX>0.1</Iptc4xmpExt:rbX><Iptc4xmpExt:rbY>0.2</Iptc4xmpExt:rbY><Iptc4xmpExt:rbW>0.2</Iptc4xmpExt:rbW>"
        "<Iptc4xmpExt:rbH>0.4</Iptc4xmpExt:rbH></Iptc4xmpExt:RegionBoundary>"
    )
    person = list_property("Iptc4xmpExt:PersonInImage", "Anna")
    xmp = (
        '<Iptc4xmpExt:ImageRegion><rdf:Bag><rdf:li rdf:parseType="Resource">'
        f"{boundary}{person}</rdf:li></rdf:Bag></Iptc4xmpExt:ImageRegion>"
    )
    summary = photo(xmp=xmp)
    assert summary["regions"] == [{"name": "Anna", "type": "Face", "area": {"x": 0.2, "y": 0.4, "w": 0.2, "h": 0.4}}]
    assert summary["people"] == ["Anna"]


def test_build_photo__iptc_persons_with_details__are_people():
    details = (
        '<Iptc4xmpExt:PersonInImageWDetails><rdf:Bag><rdf:li rdf:parseType="Resource"><Iptc4xmpExt:PersonName><rdf:Alt>'
        '<rdf:li xml:lang="x-default">Cid</rdf:li></rdf:Alt></Iptc4xmpExt:PersonName></rdf:li></rdf:Bag>'
        "</Iptc4xmpExt:PersonInImageWDetails>"
    )
    names = list_property("Iptc4xmpExt:PersonInImage", "Anna", "Bert")
    assert photo(xmp=names + details)["people"] == ["Anna", "Bert", "Cid"]


def test_build_photo__900_regions__are_cut_off_at_200():
    summary = photo(xmp=regions(*(f"<mwg-rs:Name>P{number}</mwg-rs:Name>" for number in range(900))))
    assert len(summary["regions"]) == 200
