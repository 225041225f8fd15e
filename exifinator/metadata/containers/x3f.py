"""Read Sigma's X3F.

The file ends with a list of its sections. One section may be a JPEG with EXIF, another a list of properties.

Source: Foveon, X3F Raw File Format 1.0; the tables SigmaRaw of `exiftool -listx`.
"""

from __future__ import annotations

import re
import struct
from datetime import UTC, datetime

from exifinator.metadata.containers.note_segments import NOTE
from exifinator.metadata.containers.range_buffer import DamagedFile, LocatedMetadata, RangeBuffer
from exifinator.metadata.containers.raw import read_embedded_jpeg
from exifinator.metadata.containers.tiff_writer import SHORT, TiffDirectory, exif_directories, write_tiff

TAIL_BYTES = 1024
JPEG_FORMAT = 18
MAX_SECTIONS = 64
# A file has one or two previews, and the image data of the sensor. The EXIF of a preview is in its first bytes.
MAX_PICTURES, PREVIEW_BYTES = 4, 16 * 1024
MAX_PROPERTIES, MAX_PROPERTIES_BYTES = 200, 64 * 1024
MAX_PROPERTY_CHARACTERS = 256
# Offset of width, height and rotation in the header, in bytes: in versions before 4, and in version 4 and later.
SIZE_OFFSET, SIZE_OFFSET_4 = 28, 40
# Rotation in degrees -> EXIF's orientation.
ORIENTATIONS = {90: 6, 180: 3, 270: 8}
# Properties that are also decoded by a MakerNote table: the camera, and the number of the lens.
NOTE_PROPERTIES = ("CAMMANUF", "CAMMODEL", "LENSMODEL")
NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
# Value of a property -> value of the EXIF tag.
EXPOSURE_PROGRAMS = {"P": 2, "A": 3, "S": 4, "M": 1}
METERING_MODES = {"8": 5, "A": 1, "C": 2}


def read_x3f(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Locate the EXIF of the preview and the properties, and read the size of the photo."""
    metadata.format = "x3f"
    header = file.read_exact(0, 52)
    tail_start = max(0, file.total_bytes - TAIL_BYTES)
    tail = file.read(tail_start, TAIL_BYTES)
    start = int.from_bytes(tail[-4:], "little")
    head = file.read_exact(start, 12)
    if head[:4] != b"SECd":
        raise DamagedFile("The section list is missing.")
    count = min(int.from_bytes(head[8:], "little"), MAX_SECTIONS)
    table = file.read_exact(start + 12, 12 * count)
    is_version_4 = int.from_bytes(header[6:8], "little") >= 4
    width, height, rotation = struct.unpack_from("<III", header, SIZE_OFFSET_4 if is_version_4 else SIZE_OFFSET)
    if 0 < width < 1 << 16 and 0 < height < 1 << 16:
        metadata.width_pixels, metadata.height_pixels = width, height
    sections = list(struct.iter_unpack("<II4s", table))
    # Request the properties together with the starts of the pictures, one of which is the preview with EXIF.
    properties_at = next(((offset, length) for offset, length, kind in sections if kind == b"PROP"), None)
    if properties_at:
        file.has_or_request(properties_at[0], min(properties_at[1], MAX_PROPERTIES_BYTES))
    pictures = [offset for offset, _, kind in sections if kind[:3] == b"IMA"][:MAX_PICTURES]
    for offset in pictures:
        file.has_or_request(offset, PREVIEW_BYTES)
    _add_preview(file, metadata, pictures)
    if properties_at:
        section = file.read(properties_at[0], min(properties_at[1], MAX_PROPERTIES_BYTES))
        _add_properties(_properties(section), rotation, metadata)


def _add_preview(file: RangeBuffer, metadata: LocatedMetadata, offsets: list[int]) -> None:
    """Add the metadata of the first picture that is a JPEG."""
    for offset in offsets:
        image = file.read_exact(offset, 30, PREVIEW_BYTES)
        if int.from_bytes(image[12:16], "little") == JPEG_FORMAT and image[28:30] == b"\xff\xd8":
            read_embedded_jpeg(file, metadata, offset + 28)
            return


def _properties(section: bytes) -> dict[str, str]:
    """Return the properties in a PROP section: offsets of names and values, and then their text in UTF-16."""
    if section[:4] != b"SECp" or len(section) < 24:
        return {}
    count = min(int.from_bytes(section[8:12], "little"), MAX_PROPERTIES)
    text_data = section[24 + 8 * int.from_bytes(section[8:12], "little") :]
    properties: dict[str, str] = {}
    for name_at, value_at in struct.iter_unpack("<II", section[24 : 24 + 8 * count][: len(section[24:]) // 8 * 8]):
        name, value = _text(text_data, name_at), _text(text_data, value_at)
        if name and value:
            properties[name] = value
    return properties


def _text(text_data: bytes, start: int) -> str:
    """Return the text that starts at the UTF-16 code unit `start` and ends before a NUL."""
    part = text_data[2 * start : 2 * (start + MAX_PROPERTY_CHARACTERS)]
    return part.decode("utf-16-le", "replace").split("\0", 1)[0].strip()


def _number(text: str | None, limit: float = 1e6) -> float | None:
    """Return the number with which a string begins; None if there is none, or its absolute value is `limit` or more."""
    match = NUMBER.match(text) if text else None
    number = float(match[0]) if match else None
    return number if number is not None and abs(number) < limit else None


def _add_properties(properties: dict[str, str], rotation: int, metadata: LocatedMetadata) -> None:
    """Add all properties as strings under their own names, and also as EXIF where EXIF has a tag."""
    for name, value in properties.items():
        metadata.add_text(name, value)
    lines = "\n".join(f"{name}={properties[name]}" for name in NOTE_PROPERTIES if name in properties)
    metadata.add(f"{NOTE}SigmaRaw::Properties", lines.encode("latin-1", "replace"))
    if not properties:
        return
    image, exif = exif_directories()
    for tag, name in ((0x010F, "CAMMANUF"), (0x0110, "CAMMODEL"), (0x0131, "FIRMVERS")):
        image.add_text(tag, properties.get(name, ""))
    if rotation in ORIENTATIONS:
        image.add_numbers(0x0112, SHORT, ORIENTATIONS[rotation])
    for tag, name in ((0x829A, "SHUTTER"), (0x829D, "APERTURE"), (0x9204, "EXPCOMP"), (0x920A, "FLENGTH")):
        number = _number(properties.get(name))
        if number is not None:
            exif.add_ratio(tag, number)
    for tag, name in ((0x8827, "ISO"), (0xA405, "FLEQ35MM")):
        number = _number(properties.get(name), 1 << 16)
        if number is not None and number > 0:
            exif.add_numbers(tag, SHORT, round(number))
    for tag, name, meanings in ((0x8822, "PMODE", EXPOSURE_PROGRAMS), (0x9207, "AEMODE", METERING_MODES)):
        if properties.get(name) in meanings:
            exif.add_numbers(tag, SHORT, meanings[properties[name]])
    if properties.get("FLASH"):
        exif.add_numbers(0x9209, SHORT, 0 if properties["FLASH"] == "OFF" else 1)
    seconds = _number(properties.get("TIME"), 1 << 32)
    if seconds:
        # Seconds since 1970 on the camera's clock, which shows local time.
        exif.add_text(0x9003, datetime.fromtimestamp(seconds, UTC).strftime("%Y:%m:%d %H:%M:%S"))
    exif.add_text(0xA431, properties.get("CAMSERIAL", ""))
    _add_lens(properties, exif)
    metadata.add("exif", write_tiff(image))


def _add_lens(properties: dict[str, str], exif: TiffDirectory) -> None:
    """Add the focal lengths of the lens, and the largest aperture of a prime lens.

    For a zoom lens, the property has the apertures at the photo's focal length, which are not the lens's limits.
    """
    lengths = [float(text) for text in NUMBER.findall(properties.get("LENSFRANGE", ""))[:2]]
    apertures = [float(text) for text in NUMBER.findall(properties.get("LENSARANGE", ""))[:2]]
    numbers = [*lengths, *apertures]
    if lengths and all(0 < number < 10_000 for number in numbers):
        widest = min(apertures, default=0) if lengths[0] == lengths[-1] else 0
        exif.add_ratio(0xA432, lengths[0], lengths[-1], widest, 0)
