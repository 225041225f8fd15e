"""Encode the metadata of a shot: a TIFF structure with a thumbnail, and an XMP packet.

Pillow's directory writer encodes the directories. Pillow's Image.Exif is not used, because it cannot write a second
directory and encodes signed rationals as unsigned. _TAG_TYPES has the types that the directory writer would get wrong.
"""

from __future__ import annotations

import struct
from datetime import UTC, timedelta
from fractions import Fraction
from math import log2
from typing import Any
from xml.sax.saxutils import escape  # nosec B406  # it only writes

from PIL.ExifTags import GPS, IFD, Base
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2
from PIL.TiffTags import ASCII, BYTE, LONG, RATIONAL, SHORT, SIGNED_RATIONAL, UNDEFINED

from exifinator.demo.shots import Shot

Directory = dict[int, Any]  # tag -> value

_HEADERS = {"little": b"II*\x00\x08\x00\x00\x00", "big": b"MM\x00*\x00\x00\x00\x08"}
_RATING_PERCENT = (0, 1, 25, 50, 75, 99)

# TIFF type by the Python type of a value. _TAG_TYPES has the tags that need another type. Source: Exif 3.0.
_TYPES = {str: ASCII, bytes: UNDEFINED, int: SHORT, IFDRational: RATIONAL, tuple: RATIONAL}
_TAG_TYPES: dict[int, int] = {
    Base.ShutterSpeedValue: SIGNED_RATIONAL, Base.ExposureBiasValue: SIGNED_RATIONAL, Base.XPKeywords: BYTE,
    IFD.Exif: LONG, IFD.GPSInfo: LONG, Base.ExifImageWidth: LONG, Base.ExifImageHeight: LONG,
    Base.JpegIFOffset: LONG, Base.JpegIFByteCount: LONG, GPS.GPSVersionID: BYTE, GPS.GPSAltitudeRef: BYTE,
}  # fmt: skip


def _encode(header: bytes, directory: Directory, offset: int) -> bytes:
    """Return the bytes of a directory that starts `offset` bytes after the start of the TIFF structure."""
    ifd = ImageFileDirectory_v2(header)
    for tag, value in directory.items():
        ifd.tagtype[tag] = _TAG_TYPES.get(tag) or _TYPES[type(value)]
        # By the specification, text in EXIF is ASCII, but cameras and editors write UTF-8.
        ifd[tag] = value.encode() if isinstance(value, str) else value
    return ifd.tobytes(offset)


def build_exif(shot: Shot, size: tuple[int, int], thumbnail: bytes) -> bytes:
    """Return the TIFF structure of a shot, without the identifier "Exif" that precedes it in a JPEG.

    Args:
        shot: The shot.
        size: Width and height of the stored picture in pixels.
        thumbnail: The thumbnail, a JPEG that gets a directory of its own. b"" for none.
    """
    header = _HEADERS[shot.camera.byte_order]
    main, exif = _main_directory(shot), _exif_directory(shot, size)
    gps = _gps_directory(shot) if shot.camera.gps else {}
    main[IFD.Exif] = 0
    if gps:
        main[IFD.GPSInfo] = 0
    # Pointers have a fixed size, so encoding once with placeholders gives the final offsets.
    exif_at = 8 + len(_encode(header, main, 8))
    tail = _encode(header, exif, exif_at)
    main[IFD.Exif] = exif_at
    if gps:
        main[IFD.GPSInfo] = exif_at + len(tail)
        tail += _encode(header, gps, exif_at + len(tail))
    block = bytearray(header + _encode(header, main, 8) + tail)
    if thumbnail:
        start = len(block)
        second: Directory = {
            Base.Compression: 6, Base.XResolution: IFDRational(72, 1), Base.YResolution: IFDRational(72, 1),
            Base.ResolutionUnit: 2, Base.JpegIFOffset: 0, Base.JpegIFByteCount: len(thumbnail),
        }  # fmt: skip
        second[Base.JpegIFOffset] = start + len(_encode(header, second, start))
        block += _encode(header, second, start) + thumbnail
        # Link the two directories: the last four bytes of a directory are the offset of the next one.
        struct.pack_into("<I" if header[:2] == b"II" else ">I", block, 8 + 2 + 12 * len(main), start)
    return bytes(block)


def _ratio(value: float, denominator: int = 100) -> IFDRational:
    return IFDRational(round(value * denominator), denominator)


def _without_blanks(directory: Directory) -> Directory:
    return {tag: value for tag, value in directory.items() if value not in ("", b"")}


def _main_directory(shot: Shot) -> Directory:
    camera = shot.camera
    resolution = IFDRational(72 if camera.fixed_iris else 350, 1)
    directory: Directory = {
        Base.ImageDescription: describe(shot) if shot.described else "",
        Base.Make: camera.make,
        Base.Model: camera.model,
        Base.Orientation: shot.orientation,
        Base.XResolution: resolution,
        Base.YResolution: resolution,
        Base.ResolutionUnit: 2,
        Base.Software: camera.software,
        Base.DateTime: f"{shot.taken:%Y:%m:%d %H:%M:%S}",
        Base.Artist: shot.artist,
        Base.YCbCrPositioning: 2,
        Base.Copyright: shot.copyright,
    }
    if shot.rating:
        directory[Base.Rating] = shot.rating
        directory[Base.RatingPercent] = _RATING_PERCENT[shot.rating]
    if shot.described:
        directory[Base.XPKeywords] = (";".join(shot.keywords) + "\0").encode("utf-16-le")
    return _without_blanks(directory)


def _exif_directory(shot: Shot, size: tuple[int, int]) -> Directory:
    camera, exposure, lens = shot.camera, shot.exposure, shot.exposure.lens
    when = f"{shot.taken:%Y:%m:%d %H:%M:%S}"
    tenths = 100 if camera.fixed_iris else 10
    zone = f"{shot.taken:%z}"
    offset = f"{zone[:3]}:{zone[3:]}" if camera.writes_offset else ""
    subseconds = f"{shot.taken.microsecond:06}"[: camera.subsecond_digits]
    return _without_blanks({
        Base.ExposureTime: IFDRational(*exposure.seconds),
        Base.FNumber: _ratio(exposure.f_number, tenths),
        Base.ExposureProgram: 2 if camera.fixed_iris else 3,
        Base.ISOSpeedRatings: exposure.iso,
        Base.SensitivityType: 2,
        Base.ExifVersion: camera.exif_version,
        Base.DateTimeOriginal: when,
        Base.DateTimeDigitized: when,
        Base.ComponentsConfiguration: b"\x01\x02\x03\x00",
        Base.ShutterSpeedValue: _ratio(-log2(Fraction(*exposure.seconds)), 1000),
        Base.ApertureValue: _ratio(2 * log2(exposure.f_number), 1000),
        Base.ExposureBiasValue: IFDRational((0, 0, 0, -1, 1)[len(shot.seed) % 5], 3),
        Base.MaxApertureValue: _ratio(2 * log2(lens.min_f_short), 1000),
        Base.MeteringMode: 5,
        Base.LightSource: 0,
        Base.Flash: 0x09 if shot.scene == "blossom" and shot.rating else 0x10,
        Base.FocalLength: _ratio(exposure.focal_mm, tenths),
        Base.FlashPixVersion: b"0100",
        Base.ColorSpace: 1,
        Base.ExifImageWidth: size[0],
        Base.ExifImageHeight: size[1],
        Base.ExposureMode: 0,
        Base.WhiteBalance: 0,
        Base.FocalLengthIn35mmFilm: round(exposure.focal_mm * camera.crop),
        Base.SceneCaptureType: 0,
        Base.BodySerialNumber: camera.serial,
        Base.LensSpecification: tuple(map(_ratio, (lens.short_mm, lens.long_mm, lens.min_f_short, lens.min_f_long))),
        Base.LensMake: lens.make,
        Base.LensModel: lens.model,
        Base.OffsetTime: offset,
        Base.OffsetTimeOriginal: offset,
        Base.OffsetTimeDigitized: offset,
        Base.SubsecTimeOriginal: subseconds,
        Base.SubsecTimeDigitized: subseconds,
    })  # fmt: skip


def _gps_directory(shot: Shot) -> Directory:
    utc = shot.taken.astimezone(UTC)
    return {
        GPS.GPSVersionID: b"\x02\x03\x00\x00",
        GPS.GPSLatitudeRef: "N" if shot.latitude >= 0 else "S",
        GPS.GPSLatitude: _degrees(shot.latitude),
        GPS.GPSLongitudeRef: "E" if shot.longitude >= 0 else "W",
        GPS.GPSLongitude: _degrees(shot.longitude),
        GPS.GPSAltitudeRef: b"\x00" if shot.altitude >= 0 else b"\x01",
        GPS.GPSAltitude: _ratio(abs(shot.altitude), 10),
        GPS.GPSTimeStamp: tuple(IFDRational(part, 1) for part in (utc.hour, utc.minute, utc.second)),
        GPS.GPSImgDirectionRef: "T",
        GPS.GPSImgDirection: _ratio(shot.direction, 10),
        GPS.GPSMapDatum: "WGS-84",
        GPS.GPSDateStamp: f"{utc:%Y:%m:%d}",
    }


def _degrees(value: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    """Return degrees, minutes and seconds, with a precision of a ten-thousandth of a second (3 mm)."""
    degrees, rest = divmod(round(abs(value) * 3600 * 10_000), 3600 * 10_000)
    minutes, seconds = divmod(rest, 60 * 10_000)
    return IFDRational(degrees, 1), IFDRational(minutes, 1), IFDRational(seconds, 10_000)


def describe(shot: Shot) -> str:
    """Return a caption such as "Mountains, Lago di Braies, Italy (low sun)"."""
    hours = ((-8, "night"), (0, "dusk or dawn"), (8, "low sun"), (91, "day"))
    hour = next(name for below, name in hours if shot.elevation < below)
    return f"{shot.keywords[0].capitalize()}, {shot.trip.place}, {shot.trip.country} ({hour})"


def build_xmp(shot: Shot) -> bytes:
    """Return an XMP packet with rating, dates, caption, keywords, author and place.

    Source: XMP specification part 1 (ISO 16684-1). The packet wrapper is described in 7.3.
    """
    words = "".join(f"<rdf:li>{escape(word)}</rdf:li>" for word in shot.keywords)
    creator = (
        f"<dc:creator><rdf:Seq><rdf:li>{escape(shot.artist)}</rdf:li></rdf:Seq></dc:creator>" if shot.artist else ""
    )
    rights = (
        f'<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">{escape(shot.copyright)}</rdf:li></rdf:Alt></dc:rights>'
        if shot.copyright
        else ""
    )
    edited = shot.taken + timedelta(days=3, hours=2)
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmp:Rating="{shot.rating}"
 xmp:CreateDate="{shot.taken.isoformat(timespec="seconds")}" xmp:ModifyDate="{edited.isoformat(timespec="seconds")}"
 photoshop:City="{escape(shot.trip.place, {'"': "&quot;"})}" photoshop:Country="{escape(shot.trip.country)}">
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{escape(describe(shot))}</rdf:li></rdf:Alt></dc:description>
<dc:subject><rdf:Bag>{words}</rdf:Bag></dc:subject>{creator}{rights}
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>""".encode()
