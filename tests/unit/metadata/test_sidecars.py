"""Records of sidecars: which photo a sidecar belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from exifinator.metadata.limits import MemoryBudget
from exifinator.metadata.sidecars import MAX_TITLE_CHARACTERS, read_sidecar

# A name as long as the limit, to which an extension is added.
LONG_NAME = "x" * MAX_TITLE_CHARACTERS


def read(image_id: str, derived_from: Any) -> dict[str, Any]:
    """Return the fields of an XMP sidecar with this id, which names the photo that it was derived from."""
    return read_sidecar(image_id, "xmp", {"xmpMM:DerivedFrom": derived_from}, b"", MemoryBudget(1))


@pytest.mark.parametrize(
    ("image_id", "derived_from", "original"),
    [
        ("b/f/IMG_1_01.NEF.xmp", "IMG_1.NEF", "img_1.nef"),
        ("b/f/été_12.jpg.xmp", "E\u0301te\u0301.JPG", "été.jpg"),
        ("b/f/IMG_1.NEF.xmp", "IMG_1.NEF", None),
        ("b/f/IMG_1_01.xmp", "IMG_1.NEF", None),
        ("b/f/IMG_1_01.NEF.xmp", "../IMG_1.NEF", None),
        ("b/f/IMG_1_01.NEF.xmp", {"stRef:documentID": "7"}, None),
        (f"b/f/{LONG_NAME}_01.NEF.xmp", f"{LONG_NAME}.NEF", None),
    ],
)
def test_read_sidecar__duplicate_edit_by_darktable__names_its_photo_if_both_names_agree(
    image_id: str, derived_from: Any, original: str | None
) -> None:
    fields = read(image_id, derived_from)
    assert fields["sidecar"].get("original") == original
    links = [f"b/f/{original.rpartition('.')[0]}"] if original else None
    assert fields.get("links") == links
