"""Decode the headers of a movie and of its tracks.

Sources: ISO/IEC 14496-12, clauses 8 and 12; QuickTime File Format Specification, 2001, chapters 2 and 3. The tags
have the names of ExifTool 13.59.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from exifinator.metadata.quicktime.boxes import boxes_in, find_box, fixed, four_characters, uint
from exifinator.metadata.quicktime.movie_tags import MovieTags, date_text, duration_text, number_text, table, whole
from exifinator.metadata.quicktime.sample_descriptions import read_sample_descriptions

QUICKTIME = "QuickTime"
# A duration of all ones is unknown. Source: ISO/IEC 14496-12, 8.2.2.
UNKNOWN_DURATIONS = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
MAX_SIDE_PIXELS = 1 << 16


@dataclass(slots=True)
class Track:
    """The properties of a track.

    Attributes:
        group: The group of the track's tags, such as "Track1".
        handler: The code of the kind of media, such as "vide".
        codec: The code of the format, such as "avc1".
        frame_rate: Frames per second; None if unknown.
        seconds: Duration of the media.
    """

    group: str
    handler: str = ""
    codec: str = ""
    frame_rate: float | None = None
    seconds: float = 0


class _Times(NamedTuple):
    """The start of a movie, track or media header, whose fields have 32 or 64 bits."""

    version: int
    created: int
    modified: int
    scale_or_id: int
    duration: int
    end: int


def _times(body: bytes, gap: int = 0) -> _Times:
    """Return the fields up to the duration. `gap` is the number of reserved bytes before the duration."""
    version = uint(body, 0, 1)
    size = 8 if version == 1 else 4
    created, modified = uint(body, 4, size), uint(body, 4 + size, size)
    scale_at = 4 + 2 * size
    scale_or_id, duration = uint(body, scale_at, 4), uint(body, scale_at + 4 + gap, size)
    return _Times(version, created, modified, scale_or_id, duration, scale_at + 4 + gap + size)


def _matrix(body: bytes, offset: int) -> list[float]:
    """Return the nine numbers of a transformation matrix. The third column has 30 bits of fraction."""
    numbers = [fixed(body, offset + 4 * index, 30 if index % 3 == 2 else 16) for index in range(9)]
    return list(map(whole, numbers))


def read_movie_header(body: bytes, tags: MovieTags) -> float:
    """Add the tags of a movie header (`mvhd`), and return the duration in seconds."""
    times = _times(body)
    scale = times.scale_or_id
    tags.add(QUICKTIME, "MovieHeaderVersion", times.version)
    tags.add(QUICKTIME, "CreateDate", date_text(times.created))
    tags.add(QUICKTIME, "ModifyDate", date_text(times.modified))
    tags.add(QUICKTIME, "TimeScale", scale)
    seconds = _seconds(times.duration, scale)
    tags.add(QUICKTIME, "Duration", seconds, duration_text(seconds))
    rest = times.end
    if len(body) >= rest + 80:
        tags.add(QUICKTIME, "PreferredRate", fixed(body, rest))
        volume = uint(body, rest + 4, 2) / 256
        tags.add(QUICKTIME, "PreferredVolume", volume, f"{100 * volume:.2f}%")
        tags.add(QUICKTIME, "MatrixStructure", _matrix(body, rest + 16))
        names = ("PreviewTime", "PreviewDuration", "PosterTime", "SelectionTime", "SelectionDuration", "CurrentTime")
        for index, name in enumerate(names):
            value = _seconds(uint(body, rest + 52 + 4 * index, 4), scale)
            tags.add(QUICKTIME, name, value, duration_text(value))
        tags.add(QUICKTIME, "NextTrackID", uint(body, rest + 76, 4))
    return seconds


def _seconds(duration: int, scale: int) -> float:
    return duration / scale if scale and duration not in UNKNOWN_DURATIONS else 0.0


def read_track(body: bytes, number: int, movie_scale: int, tags: MovieTags) -> Track:
    """Add the tags of a track's headers, and return the properties of the track.

    Args:
        body: The body of the `trak` box.
        number: 1 for the first track.
        movie_scale: Units per second of the movie's clock.
        tags: The tags of the movie.
    """
    track = Track(f"Track{number}")
    for kind, inner in boxes_in(body):
        if kind == b"tkhd":
            _read_track_header(inner, track, movie_scale, tags)
        elif kind == b"tapt":
            _read_apertures(inner, track, tags)
        elif kind == b"tref":
            _read_references(inner, track, tags)
        elif kind == b"mdia":
            _read_media(inner, track, tags)
    return track


def _read_track_header(body: bytes, track: Track, movie_scale: int, tags: MovieTags) -> None:
    times, group = _times(body, gap=4), track.group
    tags.add(group, "TrackHeaderVersion", times.version)
    tags.add(group, "TrackCreateDate", date_text(times.created))
    tags.add(group, "TrackModifyDate", date_text(times.modified))
    tags.add(group, "TrackID", times.scale_or_id)
    seconds = _seconds(times.duration, movie_scale)
    tags.add(group, "TrackDuration", seconds, duration_text(seconds))
    rest = times.end
    tags.add(group, "TrackLayer", uint(body, rest + 8, 2))
    volume = uint(body, rest + 12, 2) / 256
    tags.add(group, "TrackVolume", volume, f"{100 * volume:.2f}%")
    tags.add(group, "MatrixStructure", _matrix(body, rest + 16))
    width, height = fixed(body, rest + 52), fixed(body, rest + 56)
    if width and height:
        tags.add(group, "ImageWidth", whole(width))
        tags.add(group, "ImageHeight", whole(height))


def displayed_size(movie: bytes) -> tuple[int | None, int | None]:
    """Return width and height of a movie after rotation, in pixels, from the first track that has a picture."""
    other: tuple[int | None, int | None] = (None, None)
    for kind, body in boxes_in(find_box(movie, b"moov") or b""):
        header = find_box(body, b"tkhd") if kind == b"trak" else None
        size = _displayed_size(header) if header else None
        if size is None:
            continue
        if four_characters(find_box(body, b"mdia", b"hdlr") or b"", 8) == "vide":
            return size
        if other[0] is None:
            other = size
    return other


def _displayed_size(header: bytes) -> tuple[int, int] | None:
    """Return width and height from a track header, after the rotation by its matrix; None without a size."""
    rest = _times(header, gap=4).end
    width, height = round(fixed(header, rest + 52)), round(fixed(header, rest + 56))
    if not (0 < width < MAX_SIDE_PIXELS and 0 < height < MAX_SIDE_PIXELS):
        return None
    matrix = _matrix(header, rest + 16)
    is_turned = abs(matrix[1]) > abs(matrix[0]) and abs(matrix[3]) > abs(matrix[4])
    return (height, width) if is_turned else (width, height)


def _read_apertures(body: bytes, track: Track, tags: MovieTags) -> None:
    names = {b"clef": "CleanAperture", b"prof": "ProductionAperture", b"enof": "EncodedPixels"}
    for kind, inner in boxes_in(body):
        if kind in names:
            width, height = (number_text(fixed(inner, offset)) for offset in (4, 8))
            tags.add(track.group, f"{names[kind]}Dimensions", f"{width}x{height}")


def _read_references(body: bytes, track: Track, tags: MovieTags) -> None:
    for kind, inner in boxes_in(body):
        row = table("TrackRef").get(kind.decode("latin-1"))
        if row and len(inner) >= 4:
            ids = [uint(inner, offset, 4) for offset in range(0, min(len(inner), 64) - 3, 4)]
            tags.add(track.group, row[0], ids, f"Track {' '.join(map(str, ids))}")


def _read_media(body: bytes, track: Track, tags: MovieTags) -> None:
    group, scale = track.group, 0
    for kind, inner in boxes_in(body):
        if kind == b"mdhd":
            times = _times(inner)
            scale, track.seconds = times.scale_or_id, _seconds(times.duration, times.scale_or_id)
            tags.add(group, "MediaHeaderVersion", times.version)
            tags.add(group, "MediaCreateDate", date_text(times.created))
            tags.add(group, "MediaModifyDate", date_text(times.modified))
            tags.add(group, "MediaTimeScale", scale)
            tags.add(group, "MediaDuration", track.seconds, duration_text(track.seconds))
            if code := uint(inner, times.end, 2):
                tags.add(group, "MediaLanguageCode", language(code) or f"Unknown ({code})")
        elif kind == b"hdlr":
            track.handler = track.handler or four_characters(inner, 8)
            read_handler(inner, group, tags)
        elif kind == b"minf":
            _read_media_information(inner, track, scale, tags)


def language(code: int) -> str:
    """Return the language for a packed code of ISO 639-2/T; "" for a code of the Macintosh."""
    if code < 0x400 or code == 0x7FFF:
        return ""
    return "".join(chr((code >> shift & 31) + 0x60) for shift in (10, 5, 0))


def read_handler(body: bytes, group: str, tags: MovieTags) -> None:
    """Add the tags of a handler (`hdlr`): the kind of a track's media or of metadata."""
    for offset, name, names in ((4, "HandlerClass", "handler_class"), (8, "HandlerType", "handler"),
                                (12, "HandlerVendorID", "vendor")):  # fmt: skip
        code = four_characters(body, offset)
        if code.strip("\0"):
            tags.add_named(group, name, code, names)
    text = body[24:]
    if text and text[0] < len(text) and (text[0] == len(text) - 1 or text[0] < 32):
        # QuickTime's text begins with its length.
        text = text[1 : 1 + text[0]]
    description = text.split(b"\0")[0].decode("utf-8", "replace")
    if description:
        tags.add(group, "HandlerDescription", description)


def _read_media_information(body: bytes, track: Track, scale: int, tags: MovieTags) -> None:
    group = track.group
    for kind, inner in boxes_in(body):
        if kind == b"vmhd":
            tags.add_named(group, "GraphicsMode", uint(inner, 4, 2), "graphics_mode")
            tags.add(group, "OpColor", [uint(inner, 6 + 2 * index, 2) for index in range(3)])
        elif kind == b"smhd":
            tags.add(group, "Balance", _balance(inner, 4))
        elif kind == b"gmhd":
            generic = find_box(inner, b"gmin") or b""
            if len(generic) >= 14:
                tags.add(group, "GenMediaVersion", generic[0])
                tags.add(group, "GenFlags", list(generic[1:4]))
                tags.add_named(group, "GenGraphicsMode", uint(generic, 4, 2), "graphics_mode")
                tags.add(group, "GenOpColor", [uint(generic, 6 + 2 * index, 2) for index in range(3)])
                tags.add(group, "GenBalance", _balance(generic, 12))
        elif kind == b"hdlr":
            read_handler(inner, group, tags)
        elif kind == b"stbl":
            _read_sample_table(inner, track, scale, tags)


def _balance(body: bytes, offset: int) -> float:
    return whole(int.from_bytes(body[offset : offset + 2], "big", signed=True) / 256)


def _read_sample_table(body: bytes, track: Track, scale: int, tags: MovieTags) -> None:
    times = samples = b""
    for kind, inner in boxes_in(body):
        if kind == b"stsd":
            track.codec = track.codec or read_sample_descriptions(inner, track.group, track.handler, tags)
        elif kind == b"stts":
            times = times or inner
        elif kind == b"stsz":
            samples = samples or inner
    if track.handler == "vide":
        track.frame_rate = _frame_rate(times, samples, track.seconds, scale)
        if track.frame_rate:
            tags.add(track.group, "VideoFrameRate", track.frame_rate)


def _frame_rate(times: bytes, samples: bytes, seconds: float, scale: int) -> float | None:
    """Return the frames per second; None if they are unknown.

    Compute them from the table of times (`stts`). If only the start of this table has been read, use the number of
    samples (`stsz`) and the duration.
    """
    n_entries, n_samples = uint(times, 4, 4), uint(samples, 8, 4)
    n_read = min(n_entries, (len(times) - 8) // 8)
    if n_read < n_entries and n_samples and seconds:
        return round(n_samples / seconds, 3)
    count = units = 0
    for offset in range(8, 8 + 8 * n_read, 8):
        entry = uint(times, offset, 4)
        count, units = count + entry, units + entry * uint(times, offset + 4, 4)
    return round(count * scale / units, 3) if count and units and scale else None
