"""Summaries of MakerNotes: ISO speed, lens, serial numbers and settings."""

from __future__ import annotations

from typing import Any

import pytest

from exifinator.metadata.makernotes import lenses
from exifinator.metadata.makernotes.conversions import compile_conversion, compile_print
from exifinator.metadata.makernotes.lenses import Optics
from exifinator.metadata.makernotes.summary import summarize


def tags(make: str = "Canon", **notes: Any) -> dict[str, dict[str, Any]]:
    """Return the tags of a record. Each argument is a value of a tag, or (value, printable)."""
    tags_by_name: dict[str, dict[str, Any]] = {"Image Make": {"values": make, "printable": make}}
    for name, value in notes.items():
        values, printable = value if isinstance(value, tuple) else (value, None)
        if not isinstance(values, str | list):
            values = [values]
        printable_text = printable or (values if isinstance(values, str) else " ".join(map(str, values)))
        prefix = "EXIF" if name in ("FocalLength", "LensModel") else "MakerNote"
        tags_by_name[f"{prefix} {name}"] = {"values": values, "printable": printable_text}
    return tags_by_name


@pytest.mark.parametrize(
    ("notes", "speed"),
    [
        ({"CameraISO": 640}, 640),
        ({"CameraISO": "Auto", "AutoISO": 200, "BaseISO": 50}, 100),
        ({"ISO": [0, 400]}, 400),
        ({"ISOSetting": [0, 200]}, 200),
        ({"ISO": (6, "100")}, 100),
        ({"ISO": 0, "ProgramISO": (65535, "n/a")}, None),
        ({"ISO": 65535, "SonyISO": 25600}, 25600),
        ({"ISO": ("", "Auto")}, None),
        ({"ISO": (65534, "Auto 2")}, None),
        ({"ISO": (65534, "Auto 2"), "AE_ISO": 200}, 200),
        ({"ISOSetting": (174, "80 (Zone Matching Low)")}, 80),
        ({"ISO": ("ISO 320", "ISO 320")}, 320),
    ],
)
def test_summarize__iso_tags__give_the_speed_if_one_is_valid(notes, speed):
    assert summarize(tags(**notes)).get("iso") == speed


@pytest.mark.parametrize(
    ("make", "notes", "lens"),
    [
        ("Canon", {"LensType": 150, "MinFocalLength": 30, "MaxFocalLength": 30}, "Sigma 30mm f/1.4 DC HSM"),
        ("Canon", {"LensType": 65535, "LensModel": ""}, None),
        ("Canon", {"LensType": 61182, "RFLensType": 258}, "Canon RF 24-105mm F4L IS USM"),
        (
            "Canon",
            {"LensType": 61182, "MinFocalLength": 85, "MaxFocalLength": 85, "MaxAperture": 2.0},
            "Canon RF 85mm F2 MACRO IS STM",
        ),
        (
            "Canon",
            {
                "LensType": 61182,
                "MinFocalLength": 24,
                "MaxFocalLength": 50,
                "MaxAperture": 5.6,
                "FocalLength": 35.0,
            },
            "Canon RF 24-50mm F4.5-6.3 IS STM",
        ),
        ("Canon", {"LensType": (61182, "n/a"), "FocalLength": 85.0}, None),
        ("SONY", {"LensType2": 32784}, "Sony E 16mm F2.8"),
        ("PENTAX", {"LensType": [3, 44], "FocalLength": [10.0]}, "Sigma AF 10-20mm F4-5.6 EX DC"),
        ("OLYMPUS CORPORATION", {"LensType": "0 05 10"}, "Olympus M.Zuiko Digital ED 14-42mm F3.5-5.6 L"),
        ("Panasonic", {"LensType": "LUMIX G VARIO 14-42mm"}, "LUMIX G VARIO 14-42mm"),
        ("Nobody", {"LensType": ("n/a", "n/a")}, None),
        ("SONY", {"LensType": ([65535], "E-Mount, T-Mount, Other Lens or no lens")}, None),
        (
            "SONY",
            {"LensType": 255, "LensModel": "----", "FocalLength": 30.0, "MaxAperture": 2.8},
            "Tamron SP AF 17-50mm F2.8 XR Di II LD Aspherical",
        ),
        (
            "Canon",
            {"LensType": 169, "LensModel": "35mm", "MinFocalLength": 35, "MaxFocalLength": 35, "MaxAperture": 1.41},
            "Sigma 35mm f/1.4 DG HSM",
        ),
        ("PENTAX", {"LensType": [3, 255], "FocalLength": 75.0, "MaxAperture": 3.91}, "Sigma DL Zoom 75-300mm F4-5.6"),
        ("PENTAX", {"LensType": [3, 255], "LensFocalLength": 148.0, "MaxAperture": 5.08}, "Sigma 55-200mm F4-5.6 DC"),
        ("Canon", {"LensType": ([12345], "Unknown (12345)")}, None),
    ],
)
def test_summarize__lens_tags__give_the_name_of_the_lens_if_it_is_known(make, notes, lens):
    assert summarize(tags(make, **notes)).get("lens_model") == lens


def test_summarize__codes_of_a_nikon_lens__give_its_name():
    summary = summarize(
        tags(
            "NIKON CORPORATION",
            LensIDNumber=118, LensFStops=7.333333, MinFocalLength=50.4, MaxFocalLength=50.4, MaxApertureAtMinFocal=1.78,
            MaxApertureAtMaxFocal=1.78, MCUVersion=122, LensType=2,
        )
    )  # fmt: skip
    assert summary["lens_model"] == "AF Nikkor 50mm f/1.8D"


@pytest.mark.parametrize("stops", [3.666667, 5.333333, 7.0])
def test_summarize__nikon_lens__has_the_same_name_for_all_numbers_of_stops(stops):
    summary = summarize(
        tags(
            "NIKON CORPORATION",
            LensIDNumber=146, LensFStops=stops, MinFocalLength=18.34, MaxFocalLength=253.98,
            MaxApertureAtMinFocal=3.564, MaxApertureAtMaxFocal=6.35, MCUVersion=75, LensType=14,
        )
    )  # fmt: skip
    assert summary["lens_model"] == "Sigma 18-250mm F3.5-6.3 DC Macro OS HSM"


@pytest.mark.parametrize(
    ("code", "focal_mm", "lens"),
    [
        # Two lenses are similar to the code, which rounds their focal length to 302 mm.
        ("0A 48 8E 8E 24 24 04 00", 300.0, "AF Nikkor 300mm f/2.8 IF-ED"),
        # With a teleconverter of 1.4x.
        ("0A 48 8E 8E 24 24 04 00", 420.0, "AF Nikkor 300mm f/2.8 IF-ED"),
        # Two lenses from 19 to 35 mm have this code, which says 20 to 36.7 mm.
        ("07 40 30 45 2D 35 03 02", 24.0, "Tamron AF 19-35mm f/3.5-4.5 (A10)"),
    ],
)
def test_summarize__nikon_lens_with_rounded_focal_lengths__has_a_name(code, focal_mm, lens):
    number, stops, shortest, longest, wide, narrow, mcu_version, lens_type = bytes.fromhex(code)
    summary = summarize(
        tags(
            "NIKON CORPORATION",
            LensIDNumber=number,
            LensFStops=stops / 12,
            MinFocalLength=5 * 2 ** (shortest / 24),
            MaxFocalLength=5 * 2 ** (longest / 24),
            MaxApertureAtMinFocal=2 ** (wide / 24),
            MaxApertureAtMaxFocal=2 ** (narrow / 24),
            MCUVersion=mcu_version,
            LensType=lens_type,
            FocalLength=focal_mm,
        )
    )
    assert summary.get("lens_model") == lens


def test_summarize__settings_and_serial_numbers__are_taken_without_placeholders():
    summary = summarize(
        tags(
            SerialNumber="  ", InternalSerialNumber="XY12345", WhiteBalance=(0, "Auto"), MeteringMode=(3, "Evaluative"),
            CanonExposureMode=(99, "Unknown (99)"), ExposureProgram=(1, "Program AE"), ShutterCount=4711,
            FocusMode=(7, "7"),
            SubjectDistance=2.5, OwnerName="unknown",
        )
    )  # fmt: skip
    assert summary == {
        "camera_serial": "XY12345",
        "white_balance": "Auto",
        "metering": "Evaluative",
        "exposure_mode": "Program AE",
        "shutter_count": 4711,
        "subject_distance_metres": 2.5,
    }


def test_summarize__photo_without_a_note__is_empty():
    assert summarize({"Image Make": {"values": "Canon", "printable": "Canon"}}) == {}


# The names that one number may stand for.
NAMES = [
    "Sigma or Tamron Lens (7)",
    "Sigma 10-20mm F4-5.6 EX DC",
    "Tamron 28-75mm f/2.8 XR Di",
    "Tamron 28-75mm f/4 macro",
    "Sigma 50mm F2.8",
]


@pytest.mark.parametrize(
    ("optics", "model", "name"),
    [
        (Optics(10, 20), "", NAMES[1]),
        (Optics(28, 75, 2.8), "", NAMES[2]),
        (Optics(28, 75, 4.0), "", NAMES[3]),
        (Optics(focal_mm=14.0), "", NAMES[1]),
        (Optics(200, 400), "", None),
        (Optics(), "50mm F2.8", NAMES[4]),
        (Optics(28, 75, 9.0), "", NAMES[2]),
        (Optics(28, 75, 4.0), "75mm", NAMES[3]),
    ],
)
def test_choose__several_lenses__gives_the_one_that_fits_the_optics(optics, model, name):
    assert lenses.choose(NAMES, optics, model) == name


@pytest.mark.parametrize(
    ("focal_mm", "aperture", "name"),
    [
        (110.0, 4.36, "Sigma AF 28-300mm F3.5-5.6 DL IF"),
        (110.0, 4.9, "Sigma AF 55-200mm F4-5.6 DC"),
        (60.0, 4.2, "smc PENTAX-F 28-80mm F3.5-4.5"),
        (45.0, 2.7, "Tokina AT-X PRO 28-70mm F2.6-2.8"),
    ],
)
def test_choose__zooms_with_overlapping_ranges__gives_the_one_with_the_aperture_at_the_focal_length(
    focal_mm, aperture, name
):
    names = [
        "Sigma AF 55-200mm F4-5.6 DC",
        "Sigma AF 28-300mm F3.5-5.6 DL IF",
        "Tokina AT-X PRO 28-70mm F2.6-2.8",
        "smc PENTAX-F 28-80mm F3.5-4.5",
    ]
    optics = Optics(max_aperture=aperture, focal_mm=focal_mm, aperture_at_focal=aperture)
    assert lenses.choose(names, optics) == name


@pytest.mark.parametrize(
    ("name", "aperture"),
    [
        ("Tamron AF 28-75mm f/2.8", "2.8"),
        ("smc PENTAX-F 50mm F1.7", "1.7"),
        ("Canon RF 800mm F5.6L IS USM + RF2x", "5.6"),
        ("Soligor 100-400mm 1:4.5-6.7 MC", "4.5"),
        ("Lensbaby 3G", None),
    ],
)
def test_aperture__name_of_a_lens__contains_its_f_number(name, aperture):
    match = lenses.APERTURE.search(name)
    assert (match[1] if match else None) == aperture


@pytest.mark.parametrize("name", ["n/a", "None", "Unknown (8 01 10)", "----", "M-42 or No Lens", "Manual Lens No CPU"])
def test_choose__placeholder__gives_no_lens(name):
    assert lenses.choose([name], Optics()) is None


@pytest.mark.parametrize(
    ("text", "stored", "value"),
    [
        ("lin 0.1 0", [35], [3.5]),
        ("none 0;lin 0.01 0", [0], None),
        ("none 0;lin 0.01 0", [142], [1.42]),
        ("mask 0x70 4", [0x5A], [5]),
        ("pow2 0.5 0 1", [4], [4.0]),
        ("pow2 1 0 1", [4000], None),
        ("inv 2048", [0], [0]),
        ("inv 2048", [20], [102.4]),
        ("fix 0=7;lin 2 0", [0], 7),
        ("canon_ev", [0x0C], [1 / 3]),
        ("canon_ev", [-0x14], [-2 / 3]),
        ("nikon_fraction", b"\xf6\x01\x06\x00", -10 / 6),
        ("packed_date", [131204609], "2002:06:01"),
        ("unix_time", [0], None),
        ("bcd_date", [0x2011, 0x0110], "2011:01:10"),
        ("pentax_lens", [131, 0, 0, 44], [3, 44]),
    ],
)  # fmt: skip
def test_compile_conversion__steps__give_the_value(text, stored, value):
    result = compile_conversion(text)(stored, ">")
    assert result == (pytest.approx(value) if isinstance(value, list | float) else value)


def test_compile_conversion__unknown_step__raises_key_error():
    with pytest.raises(KeyError):
        compile_conversion("frobnicate 3")


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        ("exposure", 0.008, "1/125"), ("exposure", 0.5, "0.5"), ("exposure", 30, "30"), ("exposure", 0, "0"),
        ("exposure", 1e-320, "0"), ("fraction", 1 / 3, "+1/3"), ("fraction", -1, "-1"), ("fraction", 0, "0"),
        ("{:.1f} mm", 18.34, "18.3 mm"), ("{:.1f} mm", "text", "text"),
    ],
)  # fmt: skip
def test_compile_print__each_form__gives_the_printable_value(form, value, text):
    assert compile_print(form)(value) == text
