from __future__ import annotations

import pytest

from exifinator.families.names import TAKEOUT, XMP, family_of, file_name, links_of, matches_takeout

# Names of photos from Google Takeout exports. Takeout truncates the names of their sidecars.
LONG = "Backyard_ceremony_wedding_photography_xxxxxxx_magnoliastudios-371.jpg"
URLAUB = "Urlaub in Knaufspesch in der Schneifel (38).JPG"


@pytest.mark.parametrize(
    ("photo", "sidecar", "title"),
    [
        ("IMG_1.jpg", "IMG_1.jpg.json", ""),
        ("IMG_1.JPG", "img_1.jpg.json", ""),
        ("IMG_1.jpg", "IMG_1.jpg.supplemental-metadata.json", ""),
        ("IMG_1(1).jpg", "IMG_1.jpg(1).json", ""),
        ("IMG_1(1).jpg", "IMG_1(1).jpg.json", ""),
        ("IMG_1(1).jpg", "IMG_1.jpg.supplemental-metadata(1).json", ""),
        ("Screenshot_2017-07-05-10-05-26.png", "Screenshot_2017-07-05-10-05-26.png.supplementa.json", ""),
        ("D7157814-D2D5-4A62-AFCE-9CF465CB7D66.jpeg", "D7157814-D2D5-4A62-AFCE-9CF465CB7D66.jpeg.supp.json", ""),
        ("a" * 40 + "(1).jpg", "a" * 40 + ".jpg.s(1).json", ""),
        ("a" * 45 + ".jpg", "a" * 45 + "..json", "a" * 45 + ".jpg"),
        (URLAUB, "Urlaub in Knaufspesch in der Schneifel (38).JP.json", URLAUB),
        # Takeout also truncates the names of photos.
        ("Backyard_ceremony_wedding_photography_xxxxxxx_m.jpg",
         "Backyard_ceremony_wedding_photography_xxxxxxx_.json", LONG),
        (LONG, "Backyard_ceremony_wedding_photography_xxxxxxx_.json", LONG),
        ("a" * 47 + "(2).jpg", "a" * 46 + "(2).json", "a" * 70 + ".jpg"),
        ("Tom _ Jerry on the beach of Saint-Tropez in 2019 again.jpg",
         "Tom _ Jerry on the beach of Saint-Tropez in 20.json",
         "Tom & Jerry on the beach of Saint-Tropez in 2019 again.jpg"),
    ],
)  # fmt: skip
def test_matches_takeout__photo_and_its_sidecar__match_and_share_a_family_key(
    photo: str, sidecar: str, title: str
) -> None:
    photo, sidecar = f"b/f/{photo}", f"b/f/{sidecar}"
    assert matches_takeout(file_name(photo), file_name(sidecar, TAKEOUT), title)
    assert family_of(photo) in {family_of(sidecar, TAKEOUT), *links_of(sidecar, title)}


@pytest.mark.parametrize(
    ("photo", "sidecar", "title"),
    [
        ("IMG_1.jpg", "IMG_1.jpg(1).json", ""),
        ("IMG_1.jpg", "IMG_1.jpg.supplemental-metadata(1).json", ""),
        ("IMG_1(1).jpg", "IMG_1.jpg.json", ""),
        ("IMG_1.jpg", "IMG_1.png.json", ""),
        ("IMG_1.jpg", "IMG_11.jpg.json", ""),
        ("IMG_1.jpg", "IMG_1.jpg.sup.json", ""),
        ("Urlaub in Knaufspesch in der Schneifel (39).JPG",
         "Urlaub in Knaufspesch in der Schneifel (38).JP.json", URLAUB),
        # The names of two photos begin like the sidecar's name, but the sidecar's title is the other photo's name.
        (LONG.replace("371", "372"), "Backyard_ceremony_wedding_photography_xxxxxxx_.json", LONG),
        # The sidecar's name is not a truncated title.
        ("a" * 50 + ".jpg", "b" * 46 + ".json", "a" * 50 + ".jpg"),
    ],
)  # fmt: skip
def test_matches_takeout__sidecar_of_another_photo__does_not_match(photo: str, sidecar: str, title: str) -> None:
    assert not matches_takeout(file_name(f"b/f/{photo}"), file_name(f"b/f/{sidecar}", TAKEOUT), title)


@pytest.mark.parametrize(
    ("image_id", "kind"),
    [
        ("b/f/IMG_1234.CR2", ""), ("b/f/img_1234.jpg", ""), ("b/f/IMG_1234.xmp", XMP), ("b/f/IMG_1234.CR2.XMP", XMP),
        ("b/f/IMG_E1234.JPG", ""), ("b/f/IMG_1234-edited.jpg", ""), ("b/f/IMG_1234-bearbeitet.jpg", ""),
        ("b/f/IMG_1234_edited.HEIC", ""), ("b/f/IMG_1234.jpg.json", TAKEOUT), ("b/f/IMG_E1234.xmp", XMP),
    ],
)  # fmt: skip
def test_family_of__files_of_one_photo__is_the_same_family(image_id: str, kind: str) -> None:
    assert family_of(image_id, kind) == "b/f/img_1234"


@pytest.mark.parametrize(
    "image_id",
    ["b/g/IMG_1234.CR2", "b/F/IMG_1234.CR2", "b/f/IMG_1234(1).jpg", "b/f/IMG_12345.jpg", "b/f/IMG_1234.v2.jpg",
     "b/f/-edited.jpg", "b/f/.jpg", "b/f/", "b/f/IMG_EX1234.jpg"],
)  # fmt: skip
def test_family_of__unrelated_file__is_another_family(image_id: str) -> None:
    assert family_of(image_id) != "b/f/img_1234"


def test_family_of__dots_in_the_name__are_kept() -> None:
    assert family_of("b/trip.v2.jpg") == family_of("b/trip.v2.xmp", XMP) == family_of("b/trip.v2.jpg.xmp", XMP)
    assert family_of("b/trip.v2.jpg") != family_of("b/trip.v3.jpg")
