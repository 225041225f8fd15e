"""Define the fields of `photo` in a table: the meaning of each field, and the sources of its value.

The sources of a field are in order of precedence: EXIF, then XMP, IPTC, MakerNotes and the container, as the Metadata
Working Group recommends (Guidelines for Handling Image Metadata 2.0). The reference of records is generated from this
table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from exifinator.metadata.photo import codes, texts
from exifinator.metadata.photo.date_sources import DATES
from exifinator.metadata.photo.lens import known_lens_name, lens_data, lens_name, proper_lens_name
from exifinator.metadata.photo.lists import join, keyword_tree, keywords, names, paths, separated_keywords
from exifinator.metadata.photo.media import (
    audio_codec,
    bits_per_second,
    coordinates,
    coordinates_altitude,
    degrees,
    seconds,
    signed_altitude,
    video_codec,
)
from exifinator.metadata.photo.picture import (
    bits_per_sample,
    canon_iso,
    first_rating,
    iso,
    metres,
    stars,
    stars_from_percent,
)
from exifinator.metadata.photo.position import altitude, position, speed
from exifinator.metadata.photo.readers import (
    apex,
    code,
    flash,
    in_range,
    integer,
    joined_texts,
    one_of,
    positive,
    present,
    text,
    text_unless,
    whole_number,
    word,
    yes,
)
from exifinator.metadata.photo.regions import (
    iptc_regions,
    join_regions,
    microsoft_regions,
    mwg_regions,
    people_in_detail,
)
from exifinator.metadata.photo.sources import (
    Raw,
    Source,
    container_text,
    icc,
    iptc,
    note,
    printed,
    printed_note,
    summary,
    tag,
    tags,
    xmp,
)
from exifinator.metadata.photo.taken import exif_date

Type = Literal["string", "integer", "double", "boolean", "date", "array of strings", "array of objects", "object"]


@dataclass(frozen=True)
class Field:
    """One row of the table.

    Attributes:
        read: Reader for the sources that have no reader of their own.
        combine: Function that combines the values of all sources into one. Without it, the first value is used.
        unit: Unit of the value, for the documentation.
        last_resort: Reader that accepts weaker values. If no source has a value, it reads the sources again that have
            no reader of their own.
    """

    name: str
    type: Type
    description: str
    sources: tuple[Source, ...]
    read: Callable[..., Any] = text
    combine: Callable[[list[Any]], Any] | None = None
    unit: str = ""
    last_resort: Callable[..., Any] | None = None


_CREATED = "Iptc4xmpExt:LocationCreated"
_SHOWN = "Iptc4xmpExt:LocationShown"


def _interoperability(raw: Raw) -> str | None:
    """Read the colour space for an index of EXIF's interoperability rules."""
    return codes.INTEROPERABILITY.get(text(raw) or "")


# The groups of tags of videos, in the order of precedence.
_MOVIE = ("Keys", "UserData", "ItemList", "RIFF", "H264", "Matroska")
# The groups of what cameras record for each frame.
_FRAMES = ("Sony", "DJI")

FIELDS: tuple[Field, ...] = (
    Field("taken_at", "date",
          "When the photo was taken: in UTC if `taken_offset` is present, else in the camera's local time.",
          DATES, exif_date, unit="ms"),
    Field("camera_make", "string", "The maker of the camera.",
          (tag("Image Make"), xmp("tiff:Make"), xmp("exif:Make"), *tags("Make", *_MOVIE),
           tag("Keys AndroidMake"), tag("XML DeviceManufacturer"), note("Make"), summary("camera_make")),
           texts.name),
    Field("camera_model", "string", "The model of the camera.",
          (tag("Image Model"), xmp("tiff:Model"), xmp("exif:Model"), *tags("Model", *_MOVIE), tag("Keys AndroidModel"),
           tag("XML DeviceModelName"), tag("Samsung SamsungModel"), note("Model"), tag("DJI Model"),
           tag("Sony SerialNumber", read=texts.model_of_attributes),
           tag("Image UniqueCameraModel"), tag("Image Tag 0xC614")), texts.name),
    Field("camera_serial", "string", "The serial number of the camera.",
          (tag("EXIF BodySerialNumber"), tag("Image SerialNumber"), tag("Image CameraSerialNumber"),
           tag("Image Tag 0xC62F"), xmp("exifEX:BodySerialNumber"), xmp("aux:SerialNumber"), summary("camera_serial"),
           *tags("SerialNumber", *_MOVIE), tag("XML DeviceSerialNo"), tag("DJI SerialNumber"),
           tag("Sony SerialNumber", read=texts.serial_of_attributes),
           note("SerialNumber"), note("InternalSerialNumber")), texts.serial_number),
    Field("owner", "string", "The owner of the camera, as set in the camera.",
          (tag("EXIF CameraOwnerName"), tag("Image OwnerName"), xmp("exifEX:CameraOwnerName"), xmp("aux:OwnerName"),
           summary("owner"), note("OwnerName")), texts.name),
    Field("lens_make", "string", "The maker of the lens.",
          (tag("EXIF LensMake"), xmp("exifEX:LensMake"), note("LensMake")), texts.name),
    Field("lens_model", "string", "The lens. A lens without a name is described by its focal lengths and apertures.",
          (tag("EXIF LensModel", read=proper_lens_name), tag("Image LensModel", read=proper_lens_name),
           xmp("exifEX:LensModel", read=proper_lens_name), tag("VideoKeys LensModel", read=proper_lens_name),
           tag("VideoKeys LensModel-eng", read=proper_lens_name), tag("Keys LensModel", read=proper_lens_name),
           tag("XML LensModelName", read=proper_lens_name),
           summary("lens_model", read=proper_lens_name),
           printed_note("LensID", read=known_lens_name), note("LensModel", read=proper_lens_name),
           printed_note("LensType", read=known_lens_name), printed_note("LensType2", read=known_lens_name),
           printed_note("Lens", read=known_lens_name), xmp("aux:Lens", read=proper_lens_name),
           tag("EXIF LensModel"), xmp("exifEX:LensModel"), xmp("aux:Lens"), summary("lens_model"),
           printed_note("LensID"),
           tag("EXIF LensSpecification", read=lens_data), tag("Image LensInfo", read=lens_data),
           tag("Image Tag 0xC630", read=lens_data), xmp("exifEX:LensSpecification", read=lens_data),
           xmp("aux:LensInfo", read=lens_data), note("LensMinMaxFocalMaxAperture", read=lens_data),
           note("LensInfo", read=lens_data), note("Lens", read=lens_data), note("Lens")), lens_name),
    Field("lens_serial", "string", "The serial number of the lens.",
          (tag("EXIF LensSerialNumber"), xmp("exifEX:LensSerialNumber"), xmp("aux:LensSerialNumber"),
           summary("lens_serial"), note("LensSerialNumber")), texts.serial_number),
    Field("iso", "integer", "The ISO speed.",
          (tag("EXIF ISOSpeedRatings"), tag("Image ISOSpeedRatings"), tag("EXIF RecommendedExposureIndex"),
           tag("EXIF ISOSpeed"), tag("EXIF StandardOutputSensitivity"), tag("EXIF Tag 0x8831"),
           xmp("exifEX:PhotographicSensitivity"), xmp("exif:ISOSpeedRatings"), xmp("exifEX:RecommendedExposureIndex"),
           summary("iso"), note("AutoISO", "BaseISO", read=canon_iso), note("ISOSpeedRequested"),
           # The tag of Panasonic's RAW files.
           tag("Image Tag 0x0017"), tag("EXIF ExposureIndex"), *tags("ISO", *_FRAMES)),
          iso, unit="ISO", last_resort=integer),
    Field("f_number", "double", "The aperture: 2.8 for f/2.8.",
          (tag("EXIF FNumber"), tag("Image FNumber"), tag("EXIF ApertureValue", read=apex(0.5)), xmp("exif:FNumber"),
           xmp("exif:ApertureValue", read=apex(0.5)), note("FNumber"), *tags("FNumber", "RIFF", "H264", *_FRAMES)),
          positive, unit="f-number"),
    Field("exposure_seconds", "double", "The exposure time.",
          (tag("EXIF ExposureTime"), tag("Image ExposureTime"), tag("EXIF ShutterSpeedValue", read=apex(-1)),
           xmp("exif:ExposureTime"), xmp("exif:ShutterSpeedValue", read=apex(-1)), note("ExposureTime"),
           *tags("ExposureTime", "RIFF", "H264", "Sony"), tag("DJI ShutterSpeed")),
           positive, unit="s"),
    Field("exposure_bias", "double", "The exposure compensation.",
          (tag("EXIF ExposureBiasValue"), xmp("exif:ExposureBiasValue"), note("ExposureCompensation")),
          in_range(-20, 20, digits=3), unit="EV"),
    Field("exposure_mode", "string", "`auto`, `manual` or `auto bracket`, or the mode in the MakerNote.",
          (tag("EXIF ExposureMode"), xmp("exif:ExposureMode"), summary("exposure_mode", read=word)),
           code(codes.EXPOSURE_MODE)),
    Field("metering", "string", "How the camera metered the light, as in `spot`.",
          (tag("EXIF MeteringMode"), xmp("exif:MeteringMode"), summary("metering", read=word),
           printed_note("MeteringMode", read=word)),
           code(codes.METERING)),
    Field("white_balance", "string", "The white balance: `auto`, `manual`, or a kind of light such as `daylight`.",
          (tag("EXIF LightSource", read=code(codes.LIGHT_SOURCE)), tag("EXIF WhiteBalance"),
           xmp("exif:LightSource", read=code(codes.LIGHT_SOURCE)), xmp("exif:WhiteBalance"),
           summary("white_balance", read=word), printed_note("WhiteBalance", read=word)), code(codes.WHITE_BALANCE)),
    Field("focal_length_mm", "double", "The focal length.",
          (tag("EXIF FocalLength"), tag("Image FocalLength"), xmp("exif:FocalLength"), note("FocalLength"),
           *tags("FocalLength", "RIFF", "H264")),
           positive, unit="mm"),
    Field("focal_length_35mm", "integer", "The focal length that gives the same field of view on 35 mm film.",
          (tag("EXIF FocalLengthIn35mmFilm"), xmp("exif:FocalLengthIn35mmFilm"), note("FocalLengthIn35mmFormat"),
           tag("VideoKeys FocalLengthIn35mmFormat")),
           integer, unit="mm"),
    Field("subject_distance_metres", "double", "The distance to the subject.",
          (tag("EXIF SubjectDistance"), xmp("exif:SubjectDistance"), xmp("aux:ApproximateFocusDistance"),
           summary("subject_distance_metres"), printed_note("FocusDistance", read=metres)),
           in_range(0.0001, 100_000, digits=4), unit="m"),
    Field("flash_fired", "boolean", "Whether the flash fired.",
          (tag("EXIF Flash"), xmp("exif:Flash/exif:Fired"), xmp("exif:Flash")), flash),
    Field("shutter_count", "integer", "How many times the camera's shutter had been released.",
          (summary("shutter_count"), note("ShutterCount"), note("TotalShutterReleases"), note("ShutterCount2"),
           note("ShutterCount3"),
           xmp("aux:ImageNumber")), integer),
    Field("is_hdr", "boolean", "True if a tag says that the photo is merged from several exposures, or has a gain map.",
          (tag("EXIF CustomRendered", read=one_of(*codes.HDR_RENDERED)),
           xmp("hdrgm:Version", read=present), xmp("HDRGainMap:HDRGainMapVersion", read=present),
           note("HDRImageType", read=one_of(*codes.APPLE_HDR)), printed_note("HDR")), yes),
    Field("is_panorama", "boolean", "True if a tag says that the photo is a panorama.",
          (tag("EXIF CustomRendered", read=one_of(*codes.PANORAMA_RENDERED)),
           xmp("GPano:ProjectionType", read=present), xmp("GPano:UsePanoramaViewer"), printed_note("PanoramaMode"),
           printed_note("Panorama")), yes),
    Field("is_burst", "boolean", "True if a tag says that the photo is one of a burst.",
          (xmp("GCamera:BurstID", read=present), note("BurstUUID", read=present), printed_note("BurstMode")), yes),
    Field("is_motion_photo", "boolean", "True if a tag says that the file has a short video after the photo.",
          (xmp("GCamera:MotionPhoto"), xmp("GCamera:MicroVideo"), summary("motion_video", read=bool)), yes),
    Field("motion_video", "object",
          "The video in the file of a motion photo: its `offset` and its `length` in bytes.",
          (summary("motion_video"),), dict),
    Field("orientation", "integer",
          "How to rotate or mirror the stored image data for display: EXIF's orientation, 1 to 8.",
          (tag("Image Orientation"), xmp("tiff:Orientation"), note("Orientation")), whole_number(1, 8)),
    Field("color_space", "string", "The colour space, as in `sRGB` and `Adobe RGB`, or the name of the ICC profile.",
          (tag("EXIF ColorSpace"), tag("Interoperability InteroperabilityIndex", read=_interoperability),
           xmp("exif:ColorSpace"),
           icc("name", read=text), xmp("photoshop:ICCProfile", read=text),
           tag("EXIF ColorSpace", read=code(codes.UNCALIBRATED))), code(codes.COLOR_SPACE)),
    Field("bits_per_sample", "integer", "The number of bits of each colour of a pixel.",
          (tag("Image BitsPerSample"), xmp("tiff:BitsPerSample")), bits_per_sample, unit="bits"),
    Field("duration_seconds", "double",
          "The duration of a video or of an animated picture.",
          (summary("duration_seconds"), container_text("Duration"),
           *tags("Duration", "RIFF", "Matroska", "M2TS", "H264", "QuickTime")), seconds, unit="s"),
    Field("frame_rate", "double", "The frames per second of a video.",
          (summary("frame_rate"), *tags("VideoFrameRate", "RIFF", "H264", "Matroska", "M2TS"),
           *tags("FrameRate", "RIFF", "Matroska"), *tags("VideoFrameRate", "Track1", "Track2")),
          in_range(0.001, 100_000, digits=3), unit="frames/s"),
    Field("video_codec", "string", "The codec of the picture of a video, such as `H.264` and `HEVC`.",
          (summary("video_codec"), *tags("VideoCodec", "RIFF", "Matroska"), tag("RIFF Compression"),
           *tags("VideoCodecID", "Matroska", "Track1", "Track2"), printed("M2TS VideoStreamType")),
          video_codec),
    Field("audio_codec", "string", "The codec of the sound of a video, such as `AAC` and `PCM`.",
          (summary("audio_codec"), *tags("AudioCodec", "RIFF", "Matroska"), printed("RIFF Encoding"),
           *tags("AudioCodecID", "Matroska", "Track1", "Track2"), printed("M2TS AudioStreamType")),
          audio_codec),
    Field("bit_rate", "integer", "The average number of bits per second of a video.",
          (summary("bit_rate"), *tags("AvgBitrate", "RIFF", "Matroska", "M2TS", "Composite")), bits_per_second,
          unit="bits/s"),
    Field("location", "object",
          "Where the photo was taken: a GeoJSON Point of longitude and latitude. (0, 0) is ignored.",
          (tag("GPS GPSLatitude", "GPS GPSLatitudeRef", "GPS GPSLongitude", "GPS GPSLongitudeRef"),
           xmp("exif:GPSLatitude", "exif:GPSLatitudeRef", "exif:GPSLongitude", "exif:GPSLongitudeRef"),
           *tags("GPSCoordinates", *_MOVIE, read=coordinates), tag("UserData LocationCoordinates", read=coordinates),
           tag("GoPro GPSLatitude", "GoPro GPSLongitude", read=degrees),
           tag("DJI GPSLatitude", "DJI GPSLongitude", read=degrees),
           tag("H264 GPSLatitude", "H264 GPSLatitudeRef", "H264 GPSLongitude", "H264 GPSLongitudeRef")), position,
           unit="degrees (WGS 84)"),
    Field("altitude_metres", "double", "The altitude above sea level; negative below it.",
          (tag("GPS GPSAltitude", "GPS GPSAltitudeRef"), xmp("exif:GPSAltitude", "exif:GPSAltitudeRef"),
           *tags("GPSCoordinates", *_MOVIE, read=coordinates_altitude),
           tag("UserData LocationCoordinates", read=coordinates_altitude),
           *tags("GPSAltitude", "GoPro", "DJI", read=signed_altitude),
           tag("DJI AbsoluteAltitude", read=signed_altitude)), altitude, unit="m"),
    Field("direction_degrees", "double", "The direction in which the camera pointed, clockwise from north.",
          (tag("GPS GPSImgDirection"), xmp("exif:GPSImgDirection")), in_range(0, 360, digits=3), unit="degrees"),
    Field("speed", "double", "The speed at which the camera moved, by GPS.",
          (tag("GPS GPSSpeed", "GPS GPSSpeedRef"), xmp("exif:GPSSpeed", "exif:GPSSpeedRef")), speed, unit="km/h"),
    Field("country", "string", "The country, as the file names it.",
          (xmp("photoshop:Country"), xmp(_CREATED, read=texts.location_part("CountryName")),
           xmp(_SHOWN, read=texts.location_part("CountryName")), iptc("Country-PrimaryLocationName"), note("Country")),
           texts.place),
    Field("state", "string", "The state or province, as the file names it.",
          (xmp("photoshop:State"), xmp(_CREATED, read=texts.location_part("ProvinceState")),
           xmp(_SHOWN, read=texts.location_part("ProvinceState")), iptc("Province-State"), note("State")), texts.place),
    Field("city", "string", "The city, as the file names it.",
          (xmp("photoshop:City"), xmp(_CREATED, read=texts.location_part("City")),
           xmp(_SHOWN, read=texts.location_part("City")), iptc("City"), note("City")), texts.place),
    Field("sublocation", "string", "The place within the city, as the file names it.",
          (xmp("Iptc4xmpCore:Location"), xmp(_CREATED, read=texts.location_part("Sublocation")),
           xmp(_SHOWN, read=texts.location_part("Sublocation")), iptc("Sub-location"), note("Landmark")), texts.place),
    Field("title", "string", "The title.",
          (tag("EXIF ImageTitle"), tag("EXIF Tag 0xA436"), xmp("dc:title"), iptc("ObjectName"), tag("Image XPTitle"),
           container_text("Title"), xmp("pdf:Title"), *tags("Title", *_MOVIE)), texts.title),
    Field("headline", "string", "The headline.", (xmp("photoshop:Headline"), iptc("Headline")), texts.title),
    Field("description", "string", "The caption. Texts that cameras write by themselves are ignored.",
          (tag("Image ImageDescription"), xmp("dc:description"), xmp("tiff:ImageDescription"), iptc("Caption-Abstract"),
           container_text("Description"), tag("Image XPComment"), tag("EXIF UserComment"), xmp("exif:UserComment"),
           tag("Image XPSubject"), container_text("Comment"), *tags("Description", *_MOVIE), *tags("Comment", *_MOVIE)),
          texts.description, texts.most_complete, last_resort=texts.weak_description),
    Field("keywords", "array of strings",
          "The keywords. A path in a hierarchy is kept as `A|B`, and its parts are keywords too.",
          (tag("Image XPKeywords", read=separated_keywords), xmp("dc:subject"), iptc("Keywords"),
           xmp("lr:hierarchicalSubject", read=paths("|")), xmp("digiKam:TagsList", read=paths("/")),
           xmp("MicrosoftPhoto:LastKeywordXMP", read=paths("/")), xmp("MicrosoftPhoto:LastKeywordIPTC"),
           xmp("mediapro:CatalogSets", read=paths("|")), xmp("mwg-kw:Keywords/mwg-kw:Hierarchy", read=keyword_tree),
           *tags("Keywords", *_MOVIE, read=separated_keywords), tag("ItemList Keyword", read=separated_keywords)),
           keywords, join),
    Field("people", "array of strings", "The names of the people in the photo, from regions and lists of names.",
          (xmp("Iptc4xmpExt:PersonInImage"), xmp("Iptc4xmpExt:PersonInImageWDetails", read=people_in_detail)), names,
           join),
    Field("regions", "array of objects",
          "Areas of the photo: `name`, `type` such as `Face`, and `area` with its centre `x`, `y` and its size `w`, "
          "`h` as fractions of the photo's width and height.",
          (xmp("mwg-rs:Regions/mwg-rs:RegionList", "mwg-rs:Regions/mwg-rs:AppliedToDimensions/stDim:w",
               "mwg-rs:Regions/mwg-rs:AppliedToDimensions/stDim:h"),
           xmp("MP:RegionInfo/MPRI:Regions", read=microsoft_regions), xmp("Iptc4xmpExt:ImageRegion",
           read=iptc_regions)),
          mwg_regions, join_regions),
    Field("artist", "string", "The photographer.",
          (tag("Image Artist"), tag("EXIF Photographer"), tag("EXIF Tag 0xA437"),
           xmp("dc:creator", read=texts.joined_names), xmp("tiff:Artist"), iptc("By-line", read=texts.joined_names),
           tag("Image XPAuthor"), container_text("Author"), *tags("Artist", *_MOVIE), *tags("Author", *_MOVIE)),
          texts.name, last_resort=text_unless()),
    Field("creators", "array of strings", "All creators that the file names.",
          (tag("Image Artist"), tag("EXIF Photographer"), tag("EXIF Tag 0xA437"), xmp("dc:creator"), xmp("tiff:Artist"),
           iptc("By-line"), tag("Image XPAuthor"), container_text("Author"), *tags("Artist", *_MOVIE),
           *tags("Author", *_MOVIE)), names, join),
    Field("copyright", "string", "The copyright notice.",
          (tag("Image Copyright"), xmp("dc:rights", read=joined_texts), xmp("tiff:Copyright"), iptc("CopyrightNotice"),
           container_text("Copyright"), *tags("Copyright", *_MOVIE)), texts.copyright_notice),
    Field("software", "string", "The program that wrote the file.",
          (tag("Image Software"), xmp("tiff:Software"), container_text("Software"), note("Software"),
           xmp("xmp:CreatorTool"),
           iptc("OriginatingProgram"), *tags("Software", *_MOVIE), tag("UserData SoftwareVersion")), text_unless()),
    Field("rating", "integer", "Stars, 1 to 5; 0 for none, -1 for rejected. Ratings in percent are converted.",
          (tag("Image Rating"), tag("EXIF Rating"), xmp("xmp:Rating"),
           tag("Image RatingPercent", read=stars_from_percent), tag("Image Tag 0x4749", read=stars_from_percent),
           xmp("MicrosoftPhoto:Rating", read=stars_from_percent), note("Rating")), stars,
           first_rating),
    Field("label", "string", "The colour label, as the program names it.", (xmp("xmp:Label"),), text_unless()),
)  # fmt: skip

# Fields that are computed from other fields and from the container, with their descriptions.
DERIVED: tuple[Field, ...] = (
    Field("media_type", "string", "`image`, `video` or `other`. Every record has it.", ()),
    Field("taken_local", "date", "When the photo was taken, on the camera's clock.", (), unit="ms"),
    Field("taken_offset", "string", "The camera's offset from UTC, as in `+02:00`.", ()),
    Field("taken_offset_inferred", "boolean",
          "True if the file has no offset, and `taken_offset` follows from the position or the file name.", ()),
    Field("taken_precision", "string", "How precise the date is: `year`, `month`, `day`, `minute` or `second`.", ()),
    Field("taken_source", "string",
          "The source of the date: a tag, property or text among the sources of `taken_at`, or `file name`. The date "
          "of a movie's header is followed by its clock: `(UTC)`, `(UTC assumed)` or `(camera clock)`.", ()),
    Field("date_suspect", "string",
          "Why the date is probably wrong: `future`, `before_digital` (before 1990, from a digital "
          "camera), `camera_default` (a date at which clocks start) or `midnight`. Absent if it is plausible.", ()),
    Field("time_zone", "string", "The time zone of the position: its name in the IANA database.", ()),
    Field("place", "object",
          "The populated place nearest to the position: `name`, `city` if the place is part of a larger one, `region`, "
          "`country`, `country_code`, and `distance_km` from its centre. Absent at sea and in the wilderness.", ()),
    Field("width_pixels", "integer", "The width as displayed, after rotation.", (), unit="pixels"),
    Field("height_pixels", "integer", "The height as displayed, after rotation.", (), unit="pixels"),
    Field("megapixels", "double", "The size in millions of pixels.", (), unit="megapixels"),
)  # fmt: skip
