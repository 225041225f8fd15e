"""Decode sample descriptions: the format of a track's media, such as the codec.

Sources: ISO/IEC 14496-12, 8.5.2 and 12; QuickTime File Format Specification, 2001, chapter 3. The tags have the
names of ExifTool 13.59.
"""

from __future__ import annotations

from exifinator.metadata.quicktime.boxes import boxes_in, find_box, four_characters, uint
from exifinator.metadata.quicktime.movie_tags import MovieTags, whole

MAX_DESCRIPTIONS = 8
# Version of a sound description -> its length in bytes. Boxes may follow it.
SOUND_BYTES = {0: 36, 1: 52, 2: 72}
VIDEO_BYTES = 86


def read_sample_descriptions(body: bytes, group: str, handler: str, tags: MovieTags) -> str:
    """Add the tags of sample descriptions (`stsd`), and return the code of the first format, such as "avc1"."""
    codec, offset = "", 8
    for _ in range(min(uint(body, 4, 4), MAX_DESCRIPTIONS)):
        size = uint(body, offset, 4)
        if size < 16 or offset + 8 > len(body):
            break
        entry = body[offset : offset + size]
        codec = codec or four_characters(entry, 4)
        if handler == "vide":
            _read_video(entry, group, tags)
        elif handler == "soun":
            _read_sound(entry, group, tags)
        elif handler == "meta":
            tags.add(group, "MetaFormat", four_characters(entry, 4))
        elif handler not in ("hint", ""):
            tags.add(group, "OtherFormat", four_characters(entry, 4))
        offset += size
    return codec


def _rate(entry: bytes, offset: int) -> float:
    """Return the unsigned number with 16 fraction bits at an offset."""
    return whole(uint(entry, offset, 4) / 65536)


def _read_video(entry: bytes, group: str, tags: MovieTags) -> None:
    tags.add(group, "CompressorID", four_characters(entry, 4))
    if len(entry) < VIDEO_BYTES - 2:
        return
    vendor = four_characters(entry, 20)
    if vendor.strip("\0"):
        tags.add_named(group, "VendorID", vendor, "vendor")
    tags.add(group, "SourceImageWidth", uint(entry, 32, 2))
    tags.add(group, "SourceImageHeight", uint(entry, 34, 2))
    tags.add(group, "XResolution", _rate(entry, 36))
    tags.add(group, "YResolution", _rate(entry, 40))
    name = entry[51 : 51 + min(entry[50], 31)].split(b"\0")[0].decode("utf-8", "replace")
    if name:
        tags.add(group, "CompressorName", name)
    tags.add(group, "BitDepth", uint(entry, 82, 2))
    for kind, body in boxes_in(entry, VIDEO_BYTES):
        _read_video_extension(kind, body, group, tags)


def _read_video_extension(kind: bytes, body: bytes, group: str, tags: MovieTags) -> None:
    if kind == b"pasp" and len(body) >= 8:
        tags.add(group, "PixelAspectRatio", f"{uint(body, 0, 4)}:{uint(body, 4, 4)}")
    elif kind == b"btrt" and len(body) >= 12:
        _read_bit_rates(body, group, tags)
    elif kind == b"colr":
        _read_colors(body, group, tags)
    elif kind == b"gama" and len(body) >= 4:
        tags.add(group, "Gamma", _rate(body, 0))
    elif kind == b"fiel" and body:
        tags.add_named(group, "VideoFieldOrder", body[0], "field_order")


def _read_bit_rates(body: bytes, group: str, tags: MovieTags) -> None:
    tags.add(group, "BufferSize", uint(body, 0, 4))
    for name, offset in (("MaxBitrate", 4), ("AverageBitrate", 8)):
        rate = uint(body, offset, 4)
        tags.add(group, name, rate, bit_rate_text(rate))


def bit_rate_text(rate: float) -> str:
    """Return a bit rate with its unit in three digits, as ExifTool prints it: "9.64 Mbps"."""
    unit = "bps"
    for larger in ("kbps", "Mbps", "Gbps"):
        if rate < 1000:
            break
        rate, unit = rate / 1000, larger
    return f"{rate:.3g} {unit}" if rate < 100 else f"{rate:.0f} {unit}"


def _read_colors(body: bytes, group: str, tags: MovieTags) -> None:
    profile = four_characters(body, 0)
    tags.add(group, "ColorProfiles", profile)
    if profile not in ("nclx", "nclc") or len(body) < 10:
        return
    for name, offset, names in (("ColorPrimaries", 4, "primaries"), ("TransferCharacteristics", 6, "transfer"),
                                ("MatrixCoefficients", 8, "matrix")):  # fmt: skip
        tags.add_named(group, name, uint(body, offset, 2), names)
    if len(body) > 10:
        full = body[10] >> 7
        tags.add(group, "VideoFullRangeFlag", full, "Full" if full else "Limited")


def _read_sound(entry: bytes, group: str, tags: MovieTags) -> None:
    tags.add(group, "AudioFormat", four_characters(entry, 4))
    if len(entry) < 36:
        return
    vendor = four_characters(entry, 20)
    if vendor.strip("\0"):
        tags.add_named(group, "AudioVendorID", vendor, "vendor")
    tags.add(group, "AudioChannels", uint(entry, 24, 2))
    tags.add(group, "AudioBitsPerSample", uint(entry, 26, 2))
    tags.add(group, "AudioSampleRate", _rate(entry, 32))
    for kind, body in boxes_in(entry, SOUND_BYTES.get(uint(entry, 16, 2), len(entry))):
        if kind == b"wave" and (original := find_box(body, b"frma")):
            tags.add(group, "PurchaseFileFormat", four_characters(original, 0))
        elif kind == b"chan" and len(body) >= 8:
            tags.add_named(group, "LayoutFlags", uint(body, 4, 2), "channel_layout")
        elif kind == b"btrt" and len(body) >= 12:
            _read_bit_rates(body, group, tags)
