"""Read regions: areas of the picture with a name, such as faces.

A region has a `name`, a `type` and an `area`. The area is the centre `x`, `y` and the size `w`, `h`, as fractions of
the picture's width and height.
Sources: Metadata Working Group, Guidelines for Handling Image Metadata 2.0, 5.9; Microsoft, People Tagging Overview;
IPTC Photo Metadata Standard 2023.2, Image Region.
"""

from __future__ import annotations

from typing import Any

from exifinator.metadata.photo.lists import names
from exifinator.metadata.photo.readers import number, numbers, text
from exifinator.metadata.photo.sources import Raw

MAX_REGIONS = 200
Region = dict[str, Any]


def _structures(raw: Raw) -> list[dict[str, Any]]:
    if isinstance(raw, dict):
        raw = [raw]
    return [item for item in raw[:MAX_REGIONS] if isinstance(item, dict)] if isinstance(raw, list) else []


def _region(name: str | None, type_: str | None, x: Raw, y: Raw, w: Raw, h: Raw) -> Region:
    """Return a region. Leave out coordinates far outside the picture, and an area without a centre."""
    region: Region = {}
    if name:
        region["name"] = name
    if type_:
        region["type"] = type_
    area = {"x": number(x), "y": number(y), "w": number(w), "h": number(h)}
    known = {side: round(float(value), 6) for side, value in area.items() if value is not None and -1 <= value <= 2}
    if "x" in known and "y" in known:
        region["area"] = known
    return region


def mwg_regions(raw: Raw, width: Raw = None, height: Raw = None) -> list[Region]:
    """Read the Metadata Working Group's regions.

    Args:
        raw: The list of regions.
        width: The width of the picture for which the regions were made, needed for areas in pixels.
        height: The height of that picture.
    """
    regions = []
    for item in _structures(raw):
        x, y, w, h = (item.get(f"mwg-rs:Area/stArea:{side}") for side in "xywh")
        if w is None and (diameter := item.get("mwg-rs:Area/stArea:d")) is not None:
            w = h = diameter
        if text(item.get("mwg-rs:Area/stArea:unit")) == "pixel":
            x, w = _fraction_of_side(x, width), _fraction_of_side(w, width)
            y, h = _fraction_of_side(y, height), _fraction_of_side(h, height)
        regions.append(_region(text(item.get("mwg-rs:Name")), text(item.get("mwg-rs:Type")), x, y, w, h))
    return regions


def _fraction_of_side(pixels: Raw, side: Raw) -> float | None:
    """Return `pixels` as a fraction of `side`."""
    value, total = number(pixels), number(side)
    return value / total if value is not None and total else None


def microsoft_regions(raw: Raw) -> list[Region]:
    """Read Microsoft's people tags. A rectangle is a string with "left, top, width, height", as fractions."""
    regions = []
    for item in _structures(raw):
        rectangle = (text(item.get("MPReg:Rectangle")) or "").replace(",", " ")
        left, top, width, height = numbers(rectangle, 4)
        if left is None or top is None or width is None or height is None:
            left = top = width = height = None
        x = left + width / 2 if left is not None and width is not None else None
        y = top + height / 2 if top is not None and height is not None else None
        regions.append(_region(text(item.get("MPReg:PersonDisplayName")), "Face", x, y, width, height))
    return regions


def iptc_regions(raw: Raw) -> list[Region]:
    """Read IPTC's regions. Their rectangles start at the top left corner. Only relative rectangles become areas."""
    regions = []
    for item in _structures(raw):
        boundary = "Iptc4xmpExt:RegionBoundary/Iptc4xmpExt:rb"
        x, y, w, h = (number(item.get(boundary + side)) for side in ("X", "Y", "W", "H"))
        if text(item.get(f"{boundary}Unit")) != "relative":
            x = y = w = h = None
        if x is not None and y is not None and w is not None and h is not None:
            x, y = x + w / 2, y + h / 2
        people = item.get("Iptc4xmpExt:PersonInImage")
        name = text(item.get("Iptc4xmpExt:Name")) or text(people)
        regions.append(_region(name, "Face" if people else None, x, y, w, h))
    return regions


def join_regions(lists: list[list[Region]]) -> list[Region] | None:
    """Return the regions of all sources; None if there are none.

    If several sources have regions with the same name, keep only the regions of the first such source.
    """
    regions: list[Region] = []
    seen: set[str] = set()
    for items in lists:
        known = frozenset(seen)
        for region in items:
            name = str(region.get("name", "")).casefold()
            if region and not (name and name in known) and len(regions) < MAX_REGIONS:
                regions.append(region)
                seen.add(name)
    return regions or None


def people_in(regions: list[Region]) -> list[str]:
    """Return the names of the people in regions. Faces and regions without a type are people."""
    return [
        name
        for region in regions
        if str(region.get("type", "face")).lower() == "face"
        for name in names(region.get("name"))
    ]


def people_in_detail(raw: Raw) -> list[str]:
    """Read the names in IPTC's structures about people (PersonInImageWDetails)."""
    return [name for item in _structures(raw) for name in names(item.get("Iptc4xmpExt:PersonName"))]
