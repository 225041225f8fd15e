"""List the sources of the date of a photo or video, in the order of precedence."""

from __future__ import annotations

from exifinator.metadata.photo.sources import container_text, iptc, note, tag, tags, xmp
from exifinator.metadata.photo.taken import (
    date_in_parts,
    gps_date,
    in_utc,
    iptc_date,
    movie_date,
    movie_date_in_zone,
    written_date,
)

# The tags that name the maker of the device, which decides whether the date in a movie's header is UTC or local time.
_MAKER_TAGS = (
    "Keys Make", "UserData Make", "MakerNote Make", "Image Make", "Keys AndroidMake", "XML DeviceManufacturer",
    "QuickTime MajorBrand", "Track1 HandlerDescription",
)  # fmt: skip

DATES = (
    # Apple's CreationDate is the date of the recording, with an offset. A movie's EXIF may describe an edited copy.
    tag("Keys CreationDate", read=written_date),
    tag("EXIF DateTimeOriginal", "EXIF SubSecTimeOriginal", "EXIF OffsetTimeOriginal", "EXIF OffsetTime"),
    tag("EXIF DateTimeDigitized", "EXIF SubSecTimeDigitized", "EXIF OffsetTimeDigitized", "EXIF OffsetTime"),
    tag("Image DateTimeOriginal", "Image SubSecTimeOriginal", "EXIF OffsetTimeOriginal"),
    xmp("exif:DateTimeOriginal", "exif:SubSecTimeOriginal", "exifEX:OffsetTimeOriginal"),
    xmp("photoshop:DateCreated", read=written_date),
    tag("GPS GPSDate", "GPS GPSTimeStamp", read=gps_date),
    xmp("exif:GPSTimeStamp", read=in_utc),
    xmp("exif:DateTimeDigitized", "exif:SubSecTimeDigitized", "exifEX:OffsetTimeDigitized"),
    xmp("xmp:CreateDate", read=written_date),
    iptc("DateCreated", "TimeCreated", read=iptc_date),
    iptc("DigitalCreationDate", "DigitalCreationTime", read=iptc_date),
    note("DateTimeOriginal", "SubSecTimeOriginal", "OffsetTimeOriginal"),
    note("YearCreated", "MonthDayCreated", "TimeCreated", read=date_in_parts),
    note("CreateDate", read=written_date),
    note("DateTimeCreated", read=written_date),
    *tags("DateTimeOriginal", "QuickTime", "XML", "UserData", "RIFF", "H264", read=written_date),
    note("DateTime1", read=written_date),
    tag("XML CreationDateValue", read=written_date),
    tag("Sony DateTime", read=written_date),
    tag("Matroska DateTimeOriginal", read=in_utc),
    tag("UserData ContentCreateDate", read=written_date),
    tag("GoPro GPSDateTime", read=in_utc),
    tag("QuickTime CreateDate", "Keys AndroidTimeZone", read=movie_date_in_zone),
    tag("QuickTime CreateDate", *_MAKER_TAGS, read=movie_date),
    tag("ItemList ContentCreateDate", read=written_date),
    tag("RIFF DateCreated", read=written_date),
    container_text("Creation Time", read=written_date),
    tag("Image DateTime", "EXIF SubSecTime", "EXIF OffsetTime"),
    xmp("tiff:DateTime", read=written_date),
    container_text("tIME", read=in_utc),
)
