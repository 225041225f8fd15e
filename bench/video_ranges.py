"""Measure the requests and bytes that large videos take, by container, with sparse files behind an S3 server (rclone).

python -m bench.video_ranges     writes bench/VIDEO_RANGES.md
"""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

from exifinator.config import build_config
from exifinator.metadata.fetch import fetch_metadata
from exifinator.metadata.parse import build_record
from exifinator.models import ImageRef
from exifinator.sources.s3.client import S3Client
from tests.data import movie, video
from tests.data.build import box
from tests.servers import run_rclone

GIB = 1 << 30
FILE_BYTES = 4 * GIB
RESULTS = Path(__file__).with_name("VIDEO_RANGES.md")
BUCKET = "videos"
HEAD = """# Requests and bytes of large videos

Each file is 4 GiB long and sparse: only its headers have content. rclone serves the files as S3 objects.
`python -m bench.video_ranges` writes this page. The last column shows what the record contains.

| File | Requests | KiB read | Found |
|---|--:|--:|---|
"""

Pieces = dict[int, bytes]


def movie_box(samples: int, *, user_data_first: bool = False) -> bytes:
    """Return a movie box with a video and an audio track of this many samples, and Apple's metadata."""
    tracks = movie.track(samples=samples) + movie.track(b"soun", b"mp4a", samples)
    parts = movie.APPLE + tracks if user_data_first else tracks + movie.APPLE
    return box(b"moov", movie.mvhd() + parts)


def movie_at_end(moov: bytes) -> Pieces:
    """Return a movie whose movie box is at the end, as most cameras write it."""
    start = FILE_BYTES - len(moov)
    return {0: movie.FTYP + struct.pack(">I4sQ", 1, b"mdat", start - len(movie.FTYP)), start: moov}


def movie_at_start(moov: bytes) -> Pieces:
    """Return a movie whose movie box is at the start, as programs write it for streaming."""
    head = movie.FTYP + moov
    return {0: head + struct.pack(">I4sQ", 1, b"mdat", FILE_BYTES - len(head))}


def fragmented_movie() -> Pieces:
    """Return a fragmented movie: after the movie box, one fragment follows another."""
    extends = box(b"mvex", movie.full(b"mehd", struct.pack(">I", 60_000)))
    head = movie.FTYP + box(b"moov", movie.mvhd(0) + movie.track(samples=0) + extends + movie.APPLE)
    fragment_bytes = 64 * 1024 * 1024
    fragment = box(b"moof", bytes(1000)) + struct.pack(">I4s", fragment_bytes - 1008, b"mdat")
    return {0: head} | dict.fromkeys(range(len(head), FILE_BYTES - fragment_bytes, fragment_bytes), fragment)


def avi() -> Pieces:
    """Return an AVI file with its index at the end of the first 2 GiB."""
    head = video.avi_headers()
    frames_bytes = 2 * GIB - len(head) - 64 * 1024
    data = b"RIFF" + struct.pack("<I", 2 * GIB) + b"AVI " + head + b"LIST" + struct.pack("<I", frames_bytes) + b"movi"
    return {0: data, len(data) - 4 + frames_bytes: b"idx1" + struct.pack("<I", 16) + bytes(16)}


def transport_stream() -> Pieces:
    """Return an AVCHD file, whose last packets have the last clock."""
    last = video.packet(0x1001, clock=27_000_000 * 600) * 20
    return {0: video.transport_start(b"\0\0\1\x09\xf0"), FILE_BYTES // 192 * 192 - len(last): last}


def matroska() -> Pieces:
    """Return a Matroska file whose tags follow the frames. Its SeekHead has the position of the tags."""
    tags = video.matroska_tags(("TITLE", "Beach"))
    tags_at = FILE_BYTES - len(tags)
    body = video.matroska_info() + video.matroska_tracks()
    header = video.matroska_header()
    segment = b"\x18\x53\x80\x67\x01" + (FILE_BYTES - len(header) - 12).to_bytes(7, "big")
    first = video.seek_head((0x1254C367, tags_at - len(header) - len(segment)))
    head = header + segment + first + body
    cluster = b"\x1f\x43\xb6\x75\x01" + (tags_at - len(head) - 12).to_bytes(7, "big")
    return {0: head + cluster, tags_at: tags}


FILES: dict[str, Pieces] = {
    "MOV, movie box of 6 KB at the end": movie_at_end(movie_box(500)),
    "MOV, movie box of 160 KB at the end": movie_at_end(movie_box(20_000)),
    "MOV, movie box of 750 KB at the end": movie_at_end(movie_box(95_000)),
    "MOV, movie box of 750 KB at the end, metadata before the tracks": movie_at_end(
        movie_box(95_000, user_data_first=True)
    ),
    "MOV, movie box of 40 MB at the end": movie_at_end(movie_box(5_000_000)),
    "MP4, movie box of 750 KB at the start": movie_at_start(movie_box(95_000)),
    "MP4, movie box of 40 MB at the start": movie_at_start(movie_box(5_000_000)),
    "MP4, fragmented": fragmented_movie(),
    "AVI": avi(),
    "MTS (AVCHD)": transport_stream(),
    "MKV, tags at the end": matroska(),
}
SHOWN_FIELDS = ("camera_model", "taken_at", "duration_seconds", "video_codec", "audio_codec", "width_pixels", "title")


def write_sparse(path: Path, pieces: Pieces) -> None:
    """Write a sparse file of FILE_BYTES. `pieces` is its content by offset."""
    with path.open("wb") as file:
        file.truncate(FILE_BYTES)
        for start, piece in pieces.items():
            file.seek(start)
            file.write(piece)


def measure(s3: S3Client, ref: ImageRef) -> str:
    """Return the cells of a row: requests, KiB read, and which of SHOWN_FIELDS the record has."""
    fetched = fetch_metadata(s3, ref)
    photo = build_record(fetched).document["photo"]
    fields = ", ".join(f"`{name}`" for name in SHOWN_FIELDS if name in photo)
    return f"{fetched.requests} | {fetched.bytes_read / 1024:.0f} | {fields or fetched.problem}"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "buckets"
        (root / BUCKET).mkdir(parents=True)
        for number, pieces in enumerate(FILES.values()):
            write_sparse(root / BUCKET / f"{number}.video", pieces)
        with run_rclone(root) as url:
            settings = {"S3_ENDPOINT_URL": url, "AWS_ACCESS_KEY": "test", "AWS_SECRET_KEY": "secret"}
            s3 = S3Client(build_config(settings, {}))
            refs = {ref.key: ref for ref in s3.list_page(BUCKET, "", None).refs}
            rows = [f"| {name} | {measure(s3, refs[f'{number}.video'])} |\n" for number, name in enumerate(FILES)]
            s3.close()
    RESULTS.write_text(HEAD + "".join(rows), encoding="utf-8")
    print("".join(rows), end="")


if __name__ == "__main__":
    main()
