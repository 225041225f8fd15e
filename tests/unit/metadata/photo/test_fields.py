"""The table of fields: the order of their sources, placeholders that are skipped, and lists that are joined."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import pytest

from exifinator.metadata.photo.fields import DERIVED, FIELDS
from tests.unit.metadata.photo.builders import build, iptc_of, list_property, photo


def test_fields__names__are_distinct():
    names = Counter(field.name for field in (*FIELDS, *DERIVED))
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize(
    "default",
    [
        "OLYMPUS DIGITAL CAMERA         ",
        "MINOLTA DIGITAL CAMERA",
        "SANYO DIGITAL CAMERA",
        "SONY DSC",
        "DCIM\\100MEDIA\\DJI_0001.JPG",
        "DCIM/101GOPRO/GOPR0012.JPG",
        "cof",
        "sdr_HDRB",
        "oznorCOF",
        "Exif_JPEG_PICTURE",
        "default",
        "  ",
        "oplus_1056768",
    ],
)
def test_build_photo__description_that_cameras_write__gives_way_to_another_one(default):
    xmp = "<dc:description>Our boat in the harbour</dc:description>"
    assert photo({"Image ImageDescription": default}, xmp=xmp)["description"] == "Our boat in the harbour"
    assert photo({"Image ImageDescription": default}, iptc=iptc_of((120, "Our boat")))["description"] == "Our boat"


def test_build_photo__description_that_cameras_write__is_absent_unless_a_user_may_have_written_it():
    assert "description" not in photo({"Image ImageDescription": "OLYMPUS DIGITAL CAMERA"})
    # A user may also have written some of these descriptions. They are kept if there is no other one.
    assert photo({"Image ImageDescription": "SANYO DIGITAL CAMERA"})["description"] == "SANYO DIGITAL CAMERA"


@pytest.mark.parametrize("text", ["Cofferdam at Sdr. Felding", "DCIM", "Default of the bank", "Camera obscura", "Über"])
def test_build_photo__description_similar_to_those_of_cameras__is_kept(text):
    assert photo({"Image ImageDescription": text})["description"] == text


def test_build_photo__cut_or_misspelt_description__gives_way_to_the_full_one():
    full = "Operation in the mountains, with soldiers of two companies"
    xmp = f"<dc:description>{full}</dc:description>"
    assert photo({"Image ImageDescription": full[:40]}, xmp=xmp)["description"] == full
    xmp = "<dc:description>Zoë à Málaga</dc:description>"
    assert photo({"Image ImageDescription": "Zo? ? M?laga"}, xmp=xmp)["description"] == "Zoë à Málaga"
    assert photo({"Image ImageDescription": "Why?"}, xmp=xmp)["description"] == "Why?"


@pytest.mark.parametrize(
    "name",
    [
        "----", "0.0 mm f/0.0", "Unknown (8 01 10)", "65535", "None", "0.0-0.0 mm f/0.0-0.0", "n/a", "-- mm f/--", "0",
        "Unknown", "No lens", "0mm f/0", "? ? ?", "(null)",
    ],
)  # fmt: skip
def test_build_photo__placeholder_for_a_lens__gives_way_to_other_sources(name):
    assert "lens_model" not in photo({"EXIF LensModel": name})
    data = {"EXIF LensModel": name, "EXIF LensSpecification": [24, 70, 2.8, 2.8]}
    assert photo(data)["lens_model"] == "24-70mm f/2.8"
    assert photo({"EXIF LensModel": name}, xmp="<aux:Lens>EF 50mm</aux:Lens>")["lens_model"] == "EF 50mm"


@pytest.mark.parametrize(
    ("tags", "printed", "lens"),
    [
        (
            {"EXIF LensModel": "18.0-70.0 mm f/3.5-4.5"},
            {"MakerNote LensID": "AF-S DX 18-70mm f/3.5-4.5G"},
            "AF-S DX 18-70mm f/3.5-4.5G",
        ),
        ({"EXIF LensModel": "18.0-70.0 mm f/3.5-4.5"}, {"MakerNote LensID": "Unknown (7)"}, "18.0-70.0 mm f/3.5-4.5"),
        ({}, {"MakerNote LensType": "Canon EF 50mm f/1.8"}, "Canon EF 50mm f/1.8"),
        ({}, {"MakerNote LensType": "n/a"}, None),
        ({}, {"MakerNote LensID": "Sigma 50mm or Tamron 50mm"}, "Sigma 50mm or Tamron 50mm"),
        ({"EXIF LensModel": "Olympus 14mm"}, {"MakerNote LensID": "Other 14mm"}, "Olympus 14mm"),
    ],
)
def test_build_photo__lens_named_in_a_maker_note__replaces_a_lens_of_numbers_only(tags, printed, lens):
    assert photo(tags, printed=printed).get("lens_model") == lens


@pytest.mark.parametrize(
    ("tags", "summary", "iso"),
    [
        ({"MakerNote AutoISO": 0, "MakerNote BaseISO": 128}, None, 50),  # as exifread returns them
        ({"MakerNote AutoISO": [100], "MakerNote BaseISO": [50.0]}, None, 50),
        ({"MakerNote AutoISO": [200], "MakerNote BaseISO": [100]}, None, 200),
        ({"MakerNote AutoISO": 0, "MakerNote BaseISO": 0}, None, None),
        ({"EXIF ISOSpeedRatings": [65535]}, 102400, 102400),
        ({"EXIF ISOSpeedRatings": [0]}, 102400, 102400),
        # A code of Pentax's, for which the summary of the MakerNote has no speed.
        ({"MakerNote ISO": [65534]}, None, None),
        # Panasonic's RAW files
        ({"Image Tag 0x0017": [80]}, None, 80),
        ({"Image Tag 0x0017": [6400], "EXIF ExposureIndex": [100]}, None, 6400),
    ],
)
def test_build_photo__iso_outside_exif__is_used_if_exif_has_no_valid_one(tags, summary, iso):
    assert photo(tags, summary={"iso": summary} if summary else {}).get("iso") == iso


@pytest.mark.parametrize(
    ("tags", "local", "precision"),
    [
        # Kodak DC4800 and DC240
        (
            {
                "MakerNote YearCreated": [2002],
                "MakerNote MonthDayCreated": "05:01",
                "MakerNote TimeCreated": "10:22:28",
            },
            datetime(2002, 5, 1, 10, 22, 28),
            "second",
        ),
        (
            {
                "MakerNote YearCreated": [1999],
                "MakerNote MonthDayCreated": "12:25",
                "MakerNote TimeCreated": "21:00:09.62",
            },
            datetime(1999, 12, 25, 21, 0, 9, 620_000),
            "second",
        ),
        (
            {"MakerNote YearCreated": [1999], "MakerNote MonthDayCreated": "12:25", "MakerNote TimeCreated": "99:99"},
            datetime(1999, 12, 25),
            "day",
        ),
        ({"MakerNote YearCreated": [0], "MakerNote MonthDayCreated": "00:00"}, None, None),
    ],
)
def test_build_photo__date_in_three_tags_of_kodak__is_the_date_of_the_photo(tags, local, precision):
    fields = photo(tags)
    assert (fields.get("taken_local"), fields.get("taken_precision")) == (local, precision)


@pytest.mark.parametrize(
    ("tags", "xmp", "iptc", "keywords"),
    [
        (
            {"Image XPKeywords": "beach"},
            list_property("dc:subject", "beach", "family", "sunset"),
            iptc_of((25, "beach"), (25, "dog")),
            ["beach", "family", "sunset", "dog"],
        ),
        ({}, list_property("dc:subject", "archive"), iptc_of((25, "archive"), (25, "sea")), ["archive", "sea"]),
        (
            {},
            list_property("lr:hierarchicalSubject", "Places|Spain|Girona", "dog"),
            {},
            ["Places|Spain|Girona", "Places", "Spain", "Girona", "dog"],
        ),
        ({}, list_property("digiKam:TagsList", "People/Anna", "beach"), {}, ["People|Anna", "People", "Anna", "beach"]),
        ({}, list_property("MicrosoftPhoto:LastKeywordXMP", "sea", "boat"), {}, ["sea", "boat"]),
        ({}, list_property("mediapro:CatalogSets", "Trips|Sea"), {}, ["Trips|Sea", "Trips", "Sea"]),
        ({}, list_property("dc:subject", "sea", "Sea", "  boat ", " ", ","), {}, ["sea", "boat"]),
        ({}, list_property("dc:subject", "b/w", "Smith; John"), {}, ["b/w", "Smith; John"]),
        ({"Image XPKeywords": "a;b; A ;"}, "", {}, ["a", "b"]),
        # The plain keywords that Lightroom adds to its hierarchies count once.
        (
            {},
            list_property("dc:subject", "Girona", "spain") + list_property("lr:hierarchicalSubject", "Spain|Girona"),
            {},
            ["Girona", "spain", "Spain|Girona"],
        ),
    ],
)
def test_build_photo__keywords_of_all_sources__are_joined(tags, xmp, iptc, keywords):
    assert photo(tags, xmp=xmp, iptc=iptc)["keywords"] == keywords


def test_build_photo__tree_of_keywords__gives_each_path_and_each_keyword():
    leaf = '<rdf:li rdf:parseType="Resource"><mwg-kw:Keyword>Girona</mwg-kw:Keyword></rdf:li>'
    tree = (
        '<mwg-kw:Keywords rdf:parseType="Resource"><mwg-kw:Hierarchy><rdf:Bag><rdf:li rdf:parseType="Resource">'
        f"<mwg-kw:Keyword>Spain</mwg-kw:Keyword><mwg-kw:Children><rdf:Bag>{leaf}</rdf:Bag></mwg-kw:Children>"
        "</rdf:li></rdf:Bag></mwg-kw:Hierarchy></mwg-kw:Keywords>"
    )
    assert photo(xmp=tree)["keywords"] == ["Spain", "Spain|Girona", "Girona"]


@pytest.mark.parametrize(
    ("tags", "xmp", "rating"),
    [
        ({"Image Rating": [0]}, "<xmp:Rating>4</xmp:Rating>", 4),
        ({"Image Rating": [0]}, "", 0),
        ({"Image Rating": [3]}, "<xmp:Rating>4</xmp:Rating>", 3),
        ({}, "<xmp:Rating>-1</xmp:Rating>", -1),
        ({}, "<MicrosoftPhoto:Rating>75</MicrosoftPhoto:Rating>", 4),
        ({}, "<MicrosoftPhoto:Rating>1</MicrosoftPhoto:Rating>", 1),
        ({}, "<MicrosoftPhoto:Rating>99</MicrosoftPhoto:Rating>", 5),
        ({"Image Tag 0x4749": [50]}, "", 3),
        ({}, "<xmp:Rating>6</xmp:Rating>", None),
    ],
)
def test_build_photo__rating__is_in_stars(tags, xmp, rating):
    assert photo(tags, xmp=xmp).get("rating") == rating


@pytest.mark.parametrize(
    ("sources", "fields"),
    [
        ({"xmp": "<dc:title>Regatta</dc:title>"}, {"title": "Regatta"}),
        (
            {"iptc": iptc_of((5, "Regatta"), (105, "Headline here"), (90, "Girona"), (101, "Spain"))},
            {"title": "Regatta", "headline": "Headline here", "city": "Girona", "country": "Spain"},
        ),
        (
            {"tags": {"Image XPTitle": "Regatta", "Image XPComment": "a comment", "Image XPSubject": "a subject"}},
            {"title": "Regatta", "description": "a comment"},
        ),
        ({"tags": {"EXIF UserComment": "Our boat"}}, {"description": "Our boat"}),
        ({"text": {"Comment": "Our boat"}}, {"description": "Our boat"}),
        (
            {
                "text": {
                    "Title": "Regatta",
                    "Description": "Our boat",
                    "Author": "Ada",
                    "Copyright": "C",
                    "Software": "S",
                }
            },
            {"title": "Regatta", "description": "Our boat", "artist": "Ada", "copyright": "C", "software": "S"},
        ),
        ({"tags": {"EXIF Tag 0xA436": "Regatta", "EXIF Tag 0xA437": "Ada"}}, {"title": "Regatta", "artist": "Ada"}),
        (
            {"tags": {"EXIF BodySerialNumber": "0000", "MakerNote SerialNumber": [560018150]}},
            {"camera_serial": "560018150"},
        ),
        (
            {"xmp": "<aux:SerialNumber>123</aux:SerialNumber><aux:OwnerName>unknown</aux:OwnerName>"},
            {"camera_serial": "123", "owner": None},
        ),
        (
            {"tags": {"EXIF CameraOwnerName": "Ada", "EXIF LensMake": "Sigma", "EXIF LensSerialNumber": "0"}},
            {"owner": "Ada", "lens_make": "Sigma", "lens_serial": None},
        ),
        (
            {"tags": {"EXIF MeteringMode": [5], "EXIF ExposureMode": [1], "EXIF WhiteBalance": [0]}},
            {"metering": "multi-segment", "exposure_mode": "manual", "white_balance": "auto"},
        ),
        ({"tags": {"EXIF LightSource": [1], "EXIF WhiteBalance": [1]}}, {"white_balance": "daylight"}),
        ({"printed": {"MakerNote WhiteBalance": "Cloudy"}}, {"white_balance": "cloudy"}),
        ({"printed": {"MakerNote WhiteBalance": "Unknown (99)"}}, {"white_balance": None}),
        ({"tags": {"EXIF ExposureBiasValue": [0.0]}}, {"exposure_bias": 0}),
        ({"tags": {"EXIF ExposureBiasValue": [-1 / 3]}}, {"exposure_bias": -0.333}),
        ({"tags": {"EXIF SubjectDistance": [4294967295.0]}}, {"subject_distance_metres": None}),
        ({"tags": {"EXIF SubjectDistance": [2.5]}}, {"subject_distance_metres": 2.5}),
        (
            {
                "xmp": "<aux:ApproximateFocusDistance>4294967295/1</aux:ApproximateFocusDistance>",
                "printed": {"MakerNote FocusDistance": "1.26 m"},
            },
            {"subject_distance_metres": 1.26},
        ),
        ({"tags": {"EXIF ColorSpace": [1]}}, {"color_space": "sRGB"}),
        (
            {"tags": {"EXIF ColorSpace": [65535], "Interoperability InteroperabilityIndex": "R03"}},
            {"color_space": "Adobe RGB"},
        ),
        ({"tags": {"EXIF ColorSpace": [65535]}, "icc": {"name": "Display P3"}}, {"color_space": "Display P3"}),
        ({"tags": {"EXIF ColorSpace": [65535]}}, {"color_space": "uncalibrated"}),
        ({"tags": {"Image BitsPerSample": [8, 8, 16]}}, {"bits_per_sample": 16}),
        ({"tags": {"MakerNote ShutterCount": [12345]}}, {"shutter_count": 12345}),
        ({"tags": {"EXIF CustomRendered": [3]}}, {"is_hdr": True, "is_panorama": None}),
        ({"tags": {"EXIF CustomRendered": [0]}}, {"is_hdr": None, "is_panorama": None}),
        ({"xmp": "<GPano:ProjectionType>equirectangular</GPano:ProjectionType>"}, {"is_panorama": True}),
        ({"tags": {"MakerNote BurstUUID": "7B1F"}}, {"is_burst": True}),
        ({"xmp": "<xmp:Label>Red</xmp:Label>"}, {"label": "Red"}),
        ({"size": (4000, 3000)}, {"megapixels": 12.0}),
    ],
)
def test_build_photo__further_fields__are_filled_from_their_sources(sources, fields):
    summary = photo(**sources)
    assert {name: summary.get(name) for name in fields} == fields


def test_build_photo__xmp_alone__fills_every_kind_of_field():
    summary = photo(
        xmp="<tiff:Make>ACME</tiff:Make><tiff:Model>One</tiff:Model><exif:FNumber>28/10</exif:FNumber>"
        "<exif:ExposureTime>1/250</exif:ExposureTime><exif:FocalLength>50/1</exif:FocalLength>"
        + list_property("exif:ISOSpeedRatings", "400", kind="Seq")
        + "<aux:Lens>EF 50mm</aux:Lens><tiff:Orientation>6</tiff:Orientation>"
        "<exif:PixelXDimension>400</exif:PixelXDimension><exif:PixelYDimension>300</exif:PixelYDimension>"
        '<exif:Flash rdf:parseType="Resource">'
        "<exif:Fired>True</exif:Fired></exif:Flash><exif:MeteringMode>3</exif:MeteringMode>"
        "<exif:DateTimeOriginal>2019-05-01T20:13:07.250+02:00</exif:DateTimeOriginal>"
    )
    expected = {
        "camera_make": "ACME", "camera_model": "One", "f_number": 2.8, "exposure_seconds": 0.004, "focal_length_mm": 50,
        "iso": 400, "lens_model": "EF 50mm", "orientation": 6, "width_pixels": 300, "height_pixels": 400,
        "flash_fired": True, "metering": "spot", "taken_offset": "+02:00",
    }  # fmt: skip
    assert {name: summary.get(name) for name in expected} == expected


def test_build_photo__city_of_the_iptc_extension__is_where_the_photo_was_created():
    place = '<rdf:li rdf:parseType="Resource"><Iptc4xmpExt:City>{}</Iptc4xmpExt:City></rdf:li>'
    xmp = "".join(
        f"<Iptc4xmpExt:{name}><rdf:Bag>{place.format(city)}</rdf:Bag></Iptc4xmpExt:{name}>"
        for name, city in (("LocationShown", "Paris"), ("LocationCreated", "Girona"))
    )
    assert photo(xmp=xmp)["city"] == "Girona"


def test_build_photo__huge_and_hostile_values__are_cut_or_absent():
    summary, _ = build(
        {
            "Image ImageDescription": "x" * 100_000,
            "EXIF FNumber": [float("inf")],
            "EXIF ISOSpeedRatings": [2**40],
            "EXIF ExposureBiasValue": [1e30],
            "EXIF FocalLength": "9" * 5000,
            "EXIF Orientation": [],
            "EXIF LensModel": "a\x00\x01b",
        },
        iptc={"Keywords": [f"{i} {'k' * 1000}" for i in range(3000)]},
    )
    assert len(summary["description"]) == 10_000
    assert len(summary["keywords"]) == 1000
    assert max(map(len, summary["keywords"])) <= 300
    assert summary["lens_model"] == "a b"
    assert not {"f_number", "iso", "exposure_bias", "focal_length_mm"} & summary.keys()


def test_build_photo__summary_of_the_maker_note__fills_what_exif_lacks():
    summary = {"iso": 640, "lens_model": "AF-S 50mm f/1.8G", "camera_serial": "123", "white_balance": "Cloudy"}
    merged_photo = photo({"EXIF LensModel": "50.0 mm f/1.8", "EXIF ISOSpeedRatings": [65535]}, summary=summary)
    assert {name: merged_photo[name] for name in summary} == {**summary, "white_balance": "cloudy"}
    assert photo({"EXIF ISOSpeedRatings": [100], "EXIF LensModel": "Other 50mm"}, summary=summary)["iso"] == 100
