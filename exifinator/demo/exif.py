"""The metadata of a shot as bytes: a TIFF structure with a thumbnail, and an XMP packet.

Pillow's directory writer does the encoding; types are given, not guessed, because Image.Exif writes no second
directory and takes a rational for unsigned where a tag is signed.
"""

from __future__ import annotations

import struct
from datetime import UTC, timedelta
from fractions import Fraction
from math import log2
from typing import Any
from xml.sax.saxutils import escape  # nosec B406  # it writes

from PIL.ExifTags import GPS, IFD, Base
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2
from PIL.TiffTags import ASCII, BYTE, LONG, RATIONAL, SHORT, SIGNED_RATIONAL, UNDEFINED

from exifinator.demo.trips import Shot

# tag -> (TIFF type, value)
Directory = dict[int, tuple[int, Any]]

_HEADERS = {"little": b"II*\x00\x08\x00\x00\x00", "big": b"MM\x00*\x00\x00\x00\x08"}
_RATING_PERCENT = (0, 1, 25, 50, 75, 99)


def _text(value: str) -> tuple[int, bytes]:
    """EXIF's text is ASCII by its specification and UTF-8 in what cameras and editors write."""
    return ASCII, value.encode()


def _ratio(value: float, denominator: int = 100) -> IFDRational:
    return IFDRational(round(value * denominator), denominator)


def _encode(header: bytes, directory: Directory, offset: int) -> bytes:
    ifd = ImageFileDirectory_v2(header)
    for tag, (kind, value) in directory.items():
        ifd.tagtype[tag] = kind
        ifd[tag] = value
    return ifd.tobytes(offset)


def build_exif(shot: Shot, size: tuple[int, int], thumbnail: bytes) -> bytes:
    """The TIFF structure that describes the shot, without the "Exif" marker; `size` is of the stored pixels.

    thumbnail: a JPEG; empty: no second directory.
    """
    header = _HEADERS[shot.camera.order]
    main, exif = _main_directory(shot), _without_blanks(_exif_directory(shot, size))
    gps = _gps_directory(shot) if shot.camera.gps else {}
    main[IFD.Exif] = (LONG, 0)
    if gps:
        main[IFD.GPSInfo] = (LONG, 0)
    # The pointers are of fixed size, so a first encoding tells where everything will lie.
    exif_at = 8 + len(_encode(header, main, 8))
    gps_at = exif_at + len(_encode(header, exif, exif_at))
    main[IFD.Exif] = (LONG, exif_at)
    tail = _encode(header, exif, exif_at)
    if gps:
        main[IFD.GPSInfo] = (LONG, gps_at)
        tail += _encode(header, gps, gps_at)
    block = bytearray(header + _encode(header, main, 8) + tail)
    if thumbnail:
        _append_thumbnail(block, header, len(main), thumbnail)
    return bytes(block)


def _without_blanks(directory: Directory) -> Directory:
    return {tag: entry for tag, entry in directory.items() if entry[1] not in ("", b"")}


def _append_thumbnail(block: bytearray, header: bytes, main_entries: int, thumbnail: bytes) -> None:
    start = len(block)
    second: Directory = {
        Base.Compression: (SHORT, 6),
        Base.XResolution: (RATIONAL, IFDRational(72, 1)),
        Base.YResolution: (RATIONAL, IFDRational(72, 1)),
        Base.ResolutionUnit: (SHORT, 2),
        Base.JpegIFOffset: (LONG, 0),
        Base.JpegIFByteCount: (LONG, len(thumbnail)),
    }
    at = start + len(_encode(header, second, start))
    second[Base.JpegIFOffset] = (LONG, at)
    block += _encode(header, second, start) + thumbnail
    # The last four bytes of a directory point to the next one.
    struct.pack_into("<I" if header[:2] == b"II" else ">I", block, 8 + 2 + 12 * main_entries, start)


def _main_directory(shot: Shot) -> Directory:
    camera = shot.camera
    directory: Directory = {
        Base.ImageDescription: _text(describe(shot) if shot.described else ""),
        Base.Make: _text(camera.make),
        Base.Model: _text(camera.model),
        Base.Orientation: (SHORT, shot.orientation),
        Base.XResolution: (RATIONAL, IFDRational(72 if camera.fixed_iris else 350, 1)),
        Base.YResolution: (RATIONAL, IFDRational(72 if camera.fixed_iris else 350, 1)),
        Base.ResolutionUnit: (SHORT, 2),
        Base.Software: _text(camera.software),
        Base.DateTime: _text(f"{shot.taken:%Y:%m:%d %H:%M:%S}"),
        Base.Artist: _text(shot.artist),
        Base.YCbCrPositioning: (SHORT, 2),
        Base.Copyright: _text(shot.copyright),
    }
    if shot.rating:
        directory[Base.Rating] = (SHORT, shot.rating)
        directory[Base.RatingPercent] = (SHORT, _RATING_PERCENT[shot.rating])
    if shot.described:
        directory[Base.XPKeywords] = (BYTE, (";".join(shot.keywords) + "\0").encode("utf-16-le"))
    return _without_blanks(directory)


def _exif_directory(shot: Shot, size: tuple[int, int]) -> Directory:
    camera, exposure = shot.camera, shot.exposure
    seconds = Fraction(*exposure.seconds)
    when = f"{shot.taken:%Y:%m:%d %H:%M:%S}"
    f_number = _ratio(exposure.f_number, 100 if camera.fixed_iris else 10)
    focal = _ratio(exposure.focal_mm, 100 if camera.fixed_iris else 10)
    lens = exposure.lens
    directory: Directory = {
        Base.ExposureTime: (RATIONAL, IFDRational(*exposure.seconds)),
        Base.FNumber: (RATIONAL, f_number),
        Base.ExposureProgram: (SHORT, 2 if camera.fixed_iris else 3),
        Base.ISOSpeedRatings: (SHORT, exposure.iso),
        Base.SensitivityType: (SHORT, 2),
        Base.ExifVersion: (UNDEFINED, camera.exif_version),
        Base.DateTimeOriginal: _text(when),
        Base.DateTimeDigitized: _text(when),
        Base.ComponentsConfiguration: (UNDEFINED, b"\x01\x02\x03\x00"),
        Base.ShutterSpeedValue: (SIGNED_RATIONAL, _ratio(-log2(seconds), 1000)),
        Base.ApertureValue: (RATIONAL, _ratio(2 * log2(exposure.f_number), 1000)),
        Base.ExposureBiasValue: (SIGNED_RATIONAL, IFDRational((0, 0, 0, -1, 1)[len(shot.seed) % 5], 3)),
        Base.MaxApertureValue: (RATIONAL, _ratio(2 * log2(lens.open_short), 1000)),
        Base.MeteringMode: (SHORT, 5),
        Base.LightSource: (SHORT, 0),
        Base.Flash: (SHORT, 0x09 if shot.scene == "blossom" and shot.rating else 0x10),
        Base.FocalLength: (RATIONAL, focal),
        Base.FlashPixVersion: (UNDEFINED, b"0100"),
        Base.ColorSpace: (SHORT, 1),
        Base.ExifImageWidth: (LONG, size[0]),
        Base.ExifImageHeight: (LONG, size[1]),
        Base.ExposureMode: (SHORT, 0),
        Base.WhiteBalance: (SHORT, 0),
        Base.FocalLengthIn35mmFilm: (SHORT, round(exposure.focal_mm * camera.crop)),
        Base.SceneCaptureType: (SHORT, 0),
        Base.BodySerialNumber: _text(camera.serial),
        Base.LensSpecification: (
            RATIONAL,
            (_ratio(lens.short_mm), _ratio(lens.long_mm), _ratio(lens.open_short), _ratio(lens.open_long)),
        ),
        Base.LensMake: _text(lens.make),
        Base.LensModel: _text(lens.model),
    }
    if camera.offsets:
        zone = f"{shot.taken:%z}"
        for tag in (Base.OffsetTime, Base.OffsetTimeOriginal, Base.OffsetTimeDigitized):
            directory[tag] = _text(f"{zone[:3]}:{zone[3:]}")
    if camera.subseconds:
        part = f"{shot.taken.microsecond:06}"[: camera.subseconds]
        for tag in (Base.SubsecTimeOriginal, Base.SubsecTimeDigitized):
            directory[tag] = _text(part)
    return directory


def _gps_directory(shot: Shot) -> Directory:
    utc = shot.taken.astimezone(UTC)
    return {
        GPS.GPSVersionID: (BYTE, b"\x02\x03\x00\x00"),
        GPS.GPSLatitudeRef: _text("N" if shot.latitude >= 0 else "S"),
        GPS.GPSLatitude: (RATIONAL, _degrees(shot.latitude)),
        GPS.GPSLongitudeRef: _text("E" if shot.longitude >= 0 else "W"),
        GPS.GPSLongitude: (RATIONAL, _degrees(shot.longitude)),
        GPS.GPSAltitudeRef: (BYTE, b"\x00" if shot.altitude >= 0 else b"\x01"),
        GPS.GPSAltitude: (RATIONAL, _ratio(abs(shot.altitude), 10)),
        GPS.GPSTimeStamp: (RATIONAL, tuple(IFDRational(part, 1) for part in (utc.hour, utc.minute, utc.second))),
        GPS.GPSImgDirectionRef: _text("T"),
        GPS.GPSImgDirection: (RATIONAL, _ratio(shot.direction, 10)),
        GPS.GPSMapDatum: _text("WGS-84"),
        GPS.GPSDateStamp: _text(f"{utc:%Y:%m:%d}"),
    }


def _degrees(value: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    """Degrees, minutes, and seconds to a ten-thousandth, which is 3 mm."""
    units = round(abs(value) * 3600 * 10_000)
    degrees, rest = divmod(units, 3600 * 10_000)
    minutes, seconds = divmod(rest, 60 * 10_000)
    return IFDRational(degrees, 1), IFDRational(minutes, 1), IFDRational(seconds, 10_000)


def describe(shot: Shot) -> str:
    """A caption."""
    what = shot.keywords[0].capitalize()
    part = (
        "night"
        if shot.elevation < -8
        else "dusk or dawn"
        if shot.elevation < 0
        else "low sun"
        if shot.elevation < 8
        else "day"
    )
    return f"{what}, {shot.trip.place}, {shot.trip.country} ({part})"


def build_xmp(shot: Shot) -> bytes:
    """An XMP packet with rating, caption, keywords, author and place.

    Source: XMP specification part 1 (ISO 16684-1), 7.3: the packet wrapper.
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
