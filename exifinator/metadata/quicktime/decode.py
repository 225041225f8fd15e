"""Decode the boxes of a movie into tags under ExifTool's names, and find the other metadata in them.

containers/quicktime.py copies the boxes from the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from exifinator.metadata.containers.iso_bmff import CANON_UUID, XMP_UUID
from exifinator.metadata.limits import MemoryBudget
from exifinator.metadata.quicktime.boxes import boxes_in, find_box, four_characters, uint
from exifinator.metadata.quicktime.item_lists import read_meta
from exifinator.metadata.quicktime.makers import maker_blocks
from exifinator.metadata.quicktime.movie_tags import MovieTags, table
from exifinator.metadata.quicktime.samples import SAMPLE_FORMATS
from exifinator.metadata.quicktime.sony import USMT_UUID, read_usmt
from exifinator.metadata.quicktime.tracks import QUICKTIME, Track, read_movie_header, read_track
from exifinator.metadata.quicktime.user_data import read_user_data
from exifinator.models import Block

EXIF_UUID = b"JpgTiffExif->JP2"
MAX_TRACKS = 64
MAX_BRANDS = 50
# Kinds of blocks that a record is built from. The others are makers' boxes.
BLOCK_KINDS = frozenset({"xmp", "exif", "thumbnail"})
# Box that only one maker writes -> the maker, whose movies do not contain its name.
MAKERS = {"GPMF": "GoPro", "smta": "Samsung"}
# Makers whose timed metadata name the camera, with a tag that all of them have.
FRAME_MAKERS = {"DJI": "Protocol", "Sony": "FNumber"}
KEY_GROUPS = {"vide": "VideoKeys", "soun": "AudioKeys"}


@dataclass(slots=True)
class Movie:
    """What the boxes of a movie contain.

    Attributes:
        tags: The tags by group and name, in the form that the record stores.
        summary: Values for `photo`: `duration_seconds`, `frame_rate`, `video_codec`, `audio_codec`, `bit_rate`
            and `camera_make`.
        blocks: The other metadata: XMP, EXIF, thumbnails, and structures of makers.
    """

    tags: dict[str, dict[str, Any]]
    summary: dict[str, Any] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)


def decode_movie(data: bytes, budget: MemoryBudget) -> Movie:
    """Decode the boxes of a movie.

    Args:
        data: The boxes.
        budget: Limit on the memory that the values take.

    Raises:
        MemoryExceeded: If the values would take more memory.
    """
    return _Decoder(MovieTags(budget)).decode(data)


class _Decoder:
    def __init__(self, tags: MovieTags) -> None:
        self.tags = tags
        self.found: list[tuple[str, bytes]] = []
        self.tracks: list[Track] = []
        self.seconds = 0.0
        self.media_bytes = 0

    def decode(self, data: bytes) -> Movie:
        media: list[tuple[int, int]] = []
        for kind, body in boxes_in(data):
            if kind == b"ftyp":
                _read_file_type(body, self.tags)
            elif kind == b"mdat":
                media.append((uint(body, 0, 8), uint(body, 8, 8)))
            elif kind == b"moov":
                self._read_movie(body)
            elif kind == b"sidx":
                self._read_index(body)
            elif kind in SAMPLE_FORMATS:
                SAMPLE_FORMATS[kind].read(body, self.tags)
            else:
                self._read_other(kind, body, "Keys")
        if media:
            # Like ExifTool, show the size of the last media data, and the total only in the bit rate.
            self.media_bytes = sum(size for _, size in media)
            self.tags.add(QUICKTIME, "MediaDataSize", media[-1][1])
            self.tags.add(QUICKTIME, "MediaDataOffset", media[-1][0])
        blocks = [Block(kind, {0: data}) for kind, data in self.found if kind in BLOCK_KINDS]
        blocks += maker_blocks([(kind, data) for kind, data in self.found if kind not in BLOCK_KINDS], self.tags)
        return Movie(self.tags.tags, self._summary(), blocks)

    def _read_movie(self, body: bytes) -> None:
        scale, number = 0, 0
        for kind, inner in boxes_in(body):
            if kind == b"mvhd":
                self.seconds = read_movie_header(inner, self.tags)
                scale = uint(inner, 20 if inner[:1] == b"\1" else 12, 4)
            elif kind == b"trak":
                number += 1
                if number <= MAX_TRACKS:
                    self._read_track(inner, number, scale)
            elif kind == b"mvex":
                # The movie header of a fragmented file has no duration.
                header = find_box(inner, b"mehd")
                if header and scale and not self.seconds:
                    self.seconds = uint(header, 4, 8 if header[:1] == b"\1" else 4) / scale
            else:
                self._read_other(kind, inner, "Keys")

    def _read_track(self, body: bytes, number: int, scale: int) -> None:
        track = read_track(body, number, scale, self.tags)
        self.tracks.append(track)
        for kind, inner in boxes_in(body):
            if kind in (b"udta", b"meta", b"uuid"):
                self._read_other(kind, inner, KEY_GROUPS.get(track.handler, "Keys"), track.group)

    def _read_other(self, kind: bytes, body: bytes, key_group: str, group: str = QUICKTIME) -> None:
        if kind == b"udta":
            self.found += [(block.kind, block.data) for block in read_user_data(body, key_group, self.tags)]
        elif kind == b"meta":
            self.found += read_meta(body, group, key_group, self.tags)
        elif kind == b"uuid":
            if body[:16] == XMP_UUID:
                self.found.append(("xmp", body[16:]))
            elif body[:16] == EXIF_UUID:
                self.found.append(("exif", body[16:].removeprefix(b"Exif\0\0")))
            elif body[:16] == USMT_UUID:
                read_usmt(body[16:], group, self.tags)
            elif body[:16] == CANON_UUID:
                self.found.append(("canon", body[16:]))
        elif kind in (b"thum", b"thm "):
            self.found.append(("thumbnail", body))
        elif kind == b"IDIT":
            self.tags.add(QUICKTIME, "DateTimeOriginal", body.decode("latin-1").strip("\0\r\n "))
        else:
            self.found.append((kind.decode("latin-1"), body))

    def _read_index(self, body: bytes) -> None:
        """Read the duration from a segment index, if the movie header has none. Source: ISO/IEC 14496-12, 8.16.3."""
        scale, counts_at = uint(body, 8, 4), 20 if body[:1] == b"\0" else 28
        count = uint(body, counts_at + 2, 2)
        units = sum(uint(body, counts_at + 4 + 12 * index + 4, 4) for index in range(count))
        if scale and units and not self.seconds:
            self.seconds = units / scale

    def _summary(self) -> dict[str, Any]:
        video = next((track for track in self.tracks if track.handler == "vide"), None)
        audio = next((track for track in self.tracks if track.handler == "soun"), None)
        seconds = self.seconds or max((track.seconds for track in self.tracks), default=0)
        rate = 8 * self.media_bytes / seconds if seconds else 0
        summary = {
            "duration_seconds": round(seconds, 6),
            "frame_rate": video.frame_rate if video else None,
            "video_codec": video.codec if video else None,
            "audio_codec": audio.codec if audio else None,
            "bit_rate": round(rate),
            "camera_make": next((MAKERS[kind] for kind, _ in self.found if kind in MAKERS), None)
            or next((make for make in FRAME_MAKERS if f"{make} {FRAME_MAKERS[make]}" in self.tags.tags), None),
        }
        return {name: value for name, value in summary.items() if value}


def _read_file_type(body: bytes, tags: MovieTags) -> None:
    brand = four_characters(body, 0)
    tags.add(QUICKTIME, "MajorBrand", brand, _brand_name(brand))
    if len(body) >= 8:
        tags.add(QUICKTIME, "MinorVersion", f"{uint(body, 4, 2):x}.{body[6]:x}.{body[7]:x}")
    codes = [four_characters(body, offset) for offset in range(8, min(len(body), 8 + 4 * MAX_BRANDS) - 3, 4)]
    if brands := [code.rstrip() for code in codes if code.strip("\0 ")]:
        tags.add(QUICKTIME, "CompatibleBrands", brands)


def _brand_name(brand: str) -> str:
    names = table("brand")
    return str(names.get(brand) or names.get(brand.strip()) or f"Unknown ({brand})")
