"""Turn the elements of Matroska files into tags with ExifTool's names.

The names and types come from the tables Matroska::Main and Matroska::StdTag of `exiftool -listx`. The tags of a track
have the group `Track1`, `Track2` and so on, and other tags the group `Matroska`.
"""

from __future__ import annotations

import math
import re
import struct
from datetime import datetime, timedelta
from typing import Any

from exifinator.metadata.containers.container_tags import ContainerTags
from exifinator.metadata.containers.ebml import split_elements
from exifinator.metadata.containers.range_buffer import LocatedMetadata
from exifinator.metadata.containers.video_tables import VideoTag, find_tag, get_tags
from exifinator.metadata.containers.video_values import label_of
from exifinator.metadata.quicktime.movie_tags import duration_text
from exifinator.metadata.text_decoding import decode_text

GROUP = "Matroska"
TRACK, TRACK_TYPE, TRACK_UID = 0xAE, 0x83, 0x73C5
DURATION, TIME_SCALE, DATE = 0x4489, 0x2AD7B1, 0x4461
TAG, TARGETS, SIMPLE_TAG, TAG_NAME, TAG_TEXT, TAG_TRACK = 0x7373, 0x63C0, 0x67C8, 0x45A3, 0x4487, 0x63C5
DEFAULT_DURATION, WIDTH, HEIGHT = 0x23E383, 0xB0, 0xBA
PICTURE, SOUND = 0xE0, 0xE1
VIDEO, AUDIO = 1, 2
MAX_TRACKS, MAX_TAGS, MAX_DEPTH = 32, 200, 3
MAX_TEXT_BYTES = 4096
MAX_SECONDS = 1e9
MIN_BYTES_PER_SECOND = 1000
DEFAULT_SCALE = 1_000_000
EPOCH = datetime(2001, 1, 1)
WORDS = re.compile(r"[^A-Za-z0-9]+")
DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?)?")


def _unsigned(data: bytes) -> int:
    return int.from_bytes(data[:8], "big")


def _float(data: bytes) -> float | None:
    if len(data) not in (4, 8):
        return None
    value: float = struct.unpack(">f" if len(data) == 4 else ">d", data)[0]
    return value if math.isfinite(value) else None


def _definitions(kind: int) -> tuple[VideoTag, ...]:
    """Return the definitions of an element. In the table, ids lack the marker bit that encodes their length."""
    marker = 1 << (7 * ((kind.bit_length() + 7) // 8))
    return get_tags("Matroska::Main").get(str(kind & (marker - 1)), ())


class MatroskaTags:
    """Collects the tags of one file.

    Attributes:
        doc_type: The type of the file, "matroska" or "webm".
        track_types: The types of the tracks.
    """

    def __init__(self) -> None:
        self.doc_type = ""
        self.track_types: set[int] = set()
        self._tags = ContainerTags()
        self._groups: dict[bytes, str] = {}
        self._size: tuple[int, int] | None = None
        self._seconds = 0.0

    @property
    def is_audio(self) -> bool:
        """Whether the file has sound, and no pictures."""
        return AUDIO in self.track_types and VIDEO not in self.track_types

    def add_to(self, metadata: LocatedMetadata) -> None:
        """Add the tags and the size of the picture."""
        if self._size is not None:
            metadata.width_pixels, metadata.height_pixels = self._size
        self._tags.add_to(metadata)

    def add_bit_rate(self, total_bytes: int) -> None:
        """Add the average bit rate, if the duration is known."""
        # A lower rate means that the file is truncated.
        if self._seconds >= 1 and total_bytes >= MIN_BYTES_PER_SECOND * self._seconds:
            self._tags.add("Composite AvgBitrate", round(8 * total_bytes / self._seconds))

    def read_header(self, data: bytes) -> None:
        """Read the EBML header."""
        for kind, body in split_elements(data):
            self._add(GROUP, kind, body)
        self.doc_type = str(self._tags.get(f"{GROUP} DocType") or "")

    def read_info(self, data: bytes) -> None:
        """Read the element Info."""
        elements = dict(split_elements(data))
        scale = _unsigned(elements.get(TIME_SCALE, b"")) or DEFAULT_SCALE
        for kind, body in split_elements(data):
            if kind == DURATION:
                seconds = (_float(body) or 0.0) * scale / 1e9
                if 0 < seconds < MAX_SECONDS:
                    self._seconds = round(seconds, 6)
                    self._tags.add(f"{GROUP} Duration", self._seconds, duration_text(seconds))
            elif kind == DATE and len(body) == 8:
                self._add_date(body)
            elif kind == TIME_SCALE:
                self._tags.add(f"{GROUP} TimecodeScale", scale, f"{scale / 1e6:g} ms")
            else:
                self._add(GROUP, kind, body)

    def _add_date(self, data: bytes) -> None:
        """Add the date: nanoseconds since 2001, in UTC."""
        try:
            date = EPOCH + timedelta(microseconds=int.from_bytes(data, "big", signed=True) // 1000)
        except OverflowError:
            return
        self._tags.add(f"{GROUP} DateTimeOriginal", f"{date:%Y:%m:%d %H:%M:%S}Z")

    def read_tracks(self, data: bytes) -> None:
        """Read the element Tracks."""
        number = 0
        for kind, body in split_elements(data):
            if kind == TRACK and number < MAX_TRACKS:
                number += 1
                self._read_track(f"Track{number}", body)

    def _read_track(self, group: str, data: bytes) -> None:
        elements = dict(split_elements(data))
        track_type = _unsigned(elements.get(TRACK_TYPE, b""))
        self.track_types.add(track_type)
        self._groups.setdefault(elements.get(TRACK_UID, b""), group)
        for kind, body in split_elements(data):
            if kind in (PICTURE, SOUND):
                if kind == PICTURE:
                    self._read_size(dict(split_elements(body)))
                for inner, value in split_elements(body):
                    self._add(group, inner, value, track_type)
            elif kind == DEFAULT_DURATION:
                self._add_frame_rate(group, _unsigned(body), track_type)
            else:
                self._add(group, kind, body, track_type)

    def _read_size(self, elements: dict[int, bytes]) -> None:
        width, height = _unsigned(elements.get(WIDTH, b"")), _unsigned(elements.get(HEIGHT, b""))
        if self._size is None and 0 < width < 1 << 16 and 0 < height < 1 << 16:
            self._size = width, height

    def _add_frame_rate(self, group: str, nanoseconds: int, track_type: int) -> None:
        """Add the duration of a frame, in nanoseconds. For a video track, add it as a frame rate."""
        if track_type == VIDEO and nanoseconds:
            rate = 1e9 / nanoseconds
            self._tags.add(f"{group} VideoFrameRate", round(rate, 6), f"{round(rate, 3):.9g}")
        elif nanoseconds:
            self._tags.add(f"{group} DefaultDuration", nanoseconds, f"{nanoseconds / 1e6:.10g} ms")

    def _add(self, group: str, kind: int, data: bytes, track_type: int = 0) -> None:
        """Decode an element by its type in the table, and add it. Leave out unknown elements and binary data."""
        definitions = _definitions(kind)
        if not definitions or len(data) > MAX_TEXT_BYTES:
            return
        # An element for codecs has three definitions: for video tracks, for audio tracks, and for other tracks.
        index = 0 if len(definitions) < 3 or track_type == VIDEO else 1 if track_type == AUDIO else 2
        tag = definitions[index]
        value: Any = None
        if tag.name.endswith("UID"):
            value = data[:32].hex()
        elif tag.kind == "unsigned" and len(data) <= 8:
            value = _unsigned(data)
        elif tag.kind == "signed" and len(data) <= 8:
            value = int.from_bytes(data, "big", signed=True)
        elif tag.kind == "float":
            value = _float(data)
        elif tag.kind in ("string", "utf8"):
            value = decode_text(data)
        if value is not None and tag.name != "CRC-32":
            self._tags.add(f"{group} {tag.name}", value, label_of(tag, value))

    def read_tags(self, data: bytes) -> None:
        """Read the element Tags, which has names and values for the file or for a track."""
        for index, (kind, body) in enumerate(split_elements(data)):
            if kind == TAG and index < MAX_TAGS:
                elements = list(split_elements(body))
                targets = next((value for inner, value in elements if inner == TARGETS), b"")
                track = dict(split_elements(targets)).get(TAG_TRACK, b"")
                group = self._groups.get(track, GROUP) if track.strip(b"\0") else GROUP
                for inner, value in split_elements(targets):
                    if inner == TAG_TRACK and group != GROUP:
                        self._add(group, inner, value)
                for inner, value in elements:
                    if inner == SIMPLE_TAG:
                        self._read_simple_tag(group, "", value, 0)

    def _read_simple_tag(self, group: str, prefix: str, data: bytes, depth: int) -> None:
        """Read a tag, and the tags inside it, whose names begin with its name."""
        elements = list(split_elements(data))
        names = [value for kind, value in elements if kind == TAG_NAME]
        if not names:
            return
        key = decode_text(names[0][:MAX_TEXT_BYTES])
        name = prefix + _name(key)
        for kind, value in elements:
            if kind == TAG_TEXT:
                text = decode_text(value[:MAX_TEXT_BYTES])
                self._tags.add(f"{group} {name}", _exif_date(text) if "Date" in name else text)
            elif kind == SIMPLE_TAG and depth < MAX_DEPTH:
                self._read_simple_tag(group, name, value, depth + 1)


def _name(key: str) -> str:
    """Return ExifTool's name for the key of a tag, or a name made of the words of the key."""
    tag = find_tag("Matroska::StdTag", key.upper())
    if tag is not None:
        return tag.name
    words = [word.lower() if word.isupper() else word for word in WORDS.split(key) if word]
    return "".join(word[:1].upper() + word[1:] for word in words)


def _exif_date(text: str) -> str:
    match = DAY.fullmatch(text.strip())
    if match is None:
        return text
    year, month, day, time, zone = match.groups()
    return f"{year}:{month}:{day}" + (f" {time}{zone or ''}" if time else "")
