"""Originals and previews: from a folder, from an S3 server, and from files that are damaged or too large."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pymongo
import pytest
from PIL import Image
from pydantic import SecretStr

from api.previews import maker, outcomes
from api.previews.decoder_pool import DecoderPool
from api.previews.outcomes import NoPreview
from exifinator.config import Config
from exifinator.sources.folders import registry
from exifinator.sources.local_files import file_etag
from tests.integration.api.fixtures import NOBODY, TOKEN, Api, guarded, open_api
from tests.integration.api.library import make_record
from tests.stub_s3 import StubS3, error, run_stub

FOLDER = "pictures_0a1b2c"
BUCKET = "shots"


def make_jpeg(width: int, height: int, **options: Any) -> bytes:
    """Make a JPEG whose left half is red and whose right half is blue."""
    image = Image.new("RGB", (width, height), "blue")
    image.paste("red", (0, 0, width // 2, height))
    output = io.BytesIO()
    image.save(output, "JPEG", **options)
    return output.getvalue()


def make_raf(jpeg: bytes) -> bytes:
    return b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + struct.pack(">II", 200, len(jpeg)).ljust(116, b"\0") + jpeg


def png_bomb() -> bytes:
    """Make a PNG that claims 30,000 by 30,000 pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


LARGE = make_jpeg(3000, 2000, quality=90)
HTML = b"<!doctype html><script>alert(1)</script>"
# File name -> (content, format and orientation in its record).
FILES: dict[str, tuple[bytes, str, int]] = {
    "large.jpg": (LARGE, "jpeg", 6),
    "raw.raf": (make_raf(make_jpeg(1600, 1200)), "raf", 8),
    "html.jpg": (HTML, "jpeg", 1),
    "page.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "svg", 1),
    "bomb.png": (png_bomb(), "png", 1),
    "movie.mp4": (bytes(range(256)) * 40, "mp4", 1),
    "sub/ümläut \"x\".gif": (b"GIF89a", "gif", 1),
    "long.jpg": (LARGE + bytes(2 * 1024 * 1024), "jpeg", 1),
}  # fmt: skip


@contextlib.contextmanager
def pictures(config: Config, folder: Path, **settings: Any) -> Iterator[Api]:
    """Run the API over FILES, stored in the registered folder and recorded for BUCKET of the stub S3 server too."""
    records = []
    for at, (name, (content, format_, orientation)) in enumerate(FILES.items()):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (1_700_000_000, 1_700_000_000))
        photo = {"orientation": orientation}
        etag = file_etag(path.stat())
        records.append(make_record(FOLDER, name, 500 + at, format=format_, photo=photo, etag=etag, size=len(content)))
        records.append(make_record(BUCKET, name, 600 + at, format=format_, photo=photo, etag="", size=len(content)))
    with pymongo.MongoClient[dict[str, Any]](config.mongodb_uri.get_secret_value()) as client:
        client[config.mongodb_database][config.mongodb_collection].insert_many(records)
    with open_api(config.model_copy(update=settings)) as api:
        yield api


@pytest.fixture
def registered_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is registered as the bucket FOLDER. The cache of previews is next to it."""
    folder = tmp_path / "photos"
    folder.mkdir()
    monkeypatch.setattr(registry, "lookup", lambda bucket, *_: folder if bucket == FOLDER else None)
    monkeypatch.setattr(maker, "CACHE_FOLDER", tmp_path / "cache")
    return folder


@pytest.fixture
def stub() -> Iterator[StubS3]:
    objects = {BUCKET: {name: content for name, (content, _, _) in FILES.items()}}
    with run_stub(StubS3(objects)) as running:
        yield running


def path_of(name: str, resource: str, bucket: str = FOLDER) -> str:
    return f"/photos/{quote(f'{bucket}/{name}', safe='')}/{resource}"


def load_image(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def test_preview__each_format_in_folder_and_s3__is_a_jpeg_or_a_reason(
    own_library: Config, registered_folder: Path, stub: StubS3, tmp_path: Path
) -> None:
    with pictures(own_library, registered_folder, s3_endpoint_url=stub.url, api_preview_max_mb=1) as api:
        for bucket in (FOLDER, BUCKET):
            tile = api.client.get(path_of("large.jpg", "preview?size=tile", bucket))
            assert tile.status_code == 200, tile.text
            image = load_image(tile.content)
            # The preview is turned upright: the red half is on the left of the original, and at the top of the preview.
            assert image.size == (320, 480)
            assert image.getpixel((160, 30))[0] > 200  # type: ignore[index]
            assert "exif" not in image.info

            raw = api.client.get(path_of("raw.raf", "preview", bucket))
            image = load_image(raw.content)
            assert image.size == (1600, 1200)  # as embedded: browsers turn it by its orientation
            assert image.getexif()[0x0112] == 8
            assert load_image(api.client.get(path_of("raw.raf", "preview?size=tile", bucket)).content).size == (
                360,
                480,
            )

            states = {
                name: (answer.status_code, answer.json()["code"])
                for name in ("html.jpg", "bomb.png", "movie.mp4", "page.svg", "long.jpg")
                for answer in [api.client.get(path_of(name, "preview?size=tile", bucket))]
            }
            assert states == {
                "html.jpg": (422, "preview_damaged"),
                "bomb.png": (422, "preview_too_large"),
                "movie.mp4": (404, "no_preview"),
                "page.svg": (404, "no_preview"),
                "long.jpg": (422, "preview_too_large"),
            }
            soft = api.client.get(path_of("html.jpg", "preview?soft=true", bucket))
            assert (soft.status_code, soft.json()["code"]) == (200, "preview_damaged")
            assert soft.headers["content-type"] == "application/problem+json"
        for name, value in {
            "content-type": "image/jpeg",
            "x-content-type-options": "nosniff",
            "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
            "cross-origin-resource-policy": "same-origin",
            "content-disposition": 'attachment; filename="preview.jpg"',
        }.items():
            assert tile.headers[name] == value
        # Everything is cached now, including the reasons of failures, so nothing is read again.
        n_requests = len(stub.seen)
        for name in ("large.jpg", "html.jpg", "long.jpg"):
            api.client.get(path_of(name, "preview?size=tile", BUCKET))
        assert len(stub.seen) == n_requests
        assert n_requests < 40


def test_preview__original_gone_or_changed_or_unreachable__has_a_code_for_each(
    own_library: Config, registered_folder: Path, stub: StubS3
) -> None:
    with pictures(own_library, registered_folder, s3_endpoint_url=stub.url) as api:
        (registered_folder / "large.jpg").write_bytes(make_jpeg(100, 100))
        os.utime(registered_folder / "large.jpg", (1_700_000_001, 1_700_000_001))
        (registered_folder / "raw.raf").unlink()
        (registered_folder / "html.jpg").unlink()
        (registered_folder / "html.jpg").symlink_to("/etc/passwd")
        stub.on_get[BUCKET] = lambda request, reply: error(403, "AccessDenied")

        def code(name: str, bucket: str = FOLDER) -> str:
            answer = api.client.get(path_of(name, "preview", bucket))
            return str(answer.json()["code"])

        assert code("large.jpg") == "original_changed"
        assert code("raw.raf") == code("html.jpg") == "original_gone"
        assert code("large.jpg", BUCKET) == "access_denied"
        assert api.client.get(path_of("none.jpg", "preview")).json()["code"] == "not_found"
        stub.on_get.clear()
        # A failure of S3 is not cached: the next request succeeds.
        assert api.client.get(path_of("large.jpg", "preview", BUCKET)).status_code == 200
    with open_api(own_library.model_copy(update={"s3_endpoint_url": NOBODY, "api_preview_max_mb": 2})) as api:
        answer = api.client.get(path_of("raw.raf", "preview", BUCKET))
        assert (answer.status_code, answer.json()["code"]) == (503, "s3_unavailable")


def test_content__file_in_a_folder__supports_ranges_and_has_safe_headers(
    own_library: Config, registered_folder: Path
) -> None:
    movie = FILES["movie.mp4"][0]
    with pictures(own_library, registered_folder) as api:
        original = api.client.get(path_of("movie.mp4", "original")).json()
        assert original == {"url": path_of("movie.mp4", "content"), "seconds": 600}
        whole = api.client.get(original["url"])
        assert whole.content == movie
        etag = whole.headers["etag"]

        def get(value: str, **headers: str) -> tuple[int, bytes, str | None]:
            answer = api.client.get(original["url"], headers={"Range": value, **headers})
            return answer.status_code, answer.content, answer.headers.get("content-range")

        n = len(movie)
        assert get("bytes=0-9") == (206, movie[:10], f"bytes 0-9/{n}")
        assert get("bytes=10000-") == (206, movie[10_000:], f"bytes 10000-{n - 1}/{n}")
        assert get("bytes=-5") == (206, movie[-5:], f"bytes {n - 5}-{n - 1}/{n}")
        assert get("bytes=5-999999")[:2] == (206, movie[5:])
        assert get("bytes=0-9", **{"If-Range": etag})[0] == 206
        assert get("bytes=0-9", **{"If-Range": '"old"'})[:2] == (200, movie)
        # A header that is invalid or names several ranges is ignored (RFC 9110, 14.2).
        for value in ("bytes=-", "items=0-1", "bytes=0-1,4-5", "bytes=a-b"):
            assert get(value)[:2] == (200, movie)
        for value in (f"bytes={n}-", "bytes=9-5", "bytes=-0"):
            assert get(value)[::2] == (416, f"bytes */{n}")
        head = api.client.head(original["url"], headers={"Range": "bytes=0-9"})
        assert (head.status_code, head.headers["content-length"], head.content) == (206, "10", b"")

        content_types = {}
        for name in ("movie.mp4", "html.jpg", "page.svg", 'sub/ümläut "x".gif'):
            answer = api.client.get(path_of(name, "content"), headers={"Accept-Encoding": "gzip"})
            assert answer.content == FILES[name][0]
            content_types[name] = answer.headers["content-type"]
            assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert list(content_types.values()) == ["video/mp4", "image/jpeg", "application/octet-stream", "image/gif"]
        assert answer.headers["content-disposition"].endswith("''%C3%BCml%C3%A4ut%20%22x%22.gif")

        assert api.client.get(path_of("movie.mp4", "content", BUCKET)).status_code == 404


@pytest.mark.parametrize("key", ["../secret.jpg", "sub/../../secret.jpg", "link/secret.jpg", "link.jpg", "pipe.jpg"])
def test_content__key_that_leads_out_of_the_folder__is_not_served(
    own_library: Config, registered_folder: Path, key: str
) -> None:
    secret = registered_folder.parent / "secret.jpg"
    secret.write_bytes(LARGE)
    (registered_folder / "link").symlink_to(registered_folder.parent)
    (registered_folder / "link.jpg").symlink_to(secret)
    os.mkfifo(registered_folder / "pipe.jpg")
    with pymongo.MongoClient[dict[str, Any]](own_library.mongodb_uri.get_secret_value()) as client:
        record = make_record(FOLDER, key, 700, etag="")
        client[own_library.mongodb_database][own_library.mongodb_collection].insert_one(record)
    with open_api(own_library) as api:
        for resource in ("content", "preview"):
            answer = api.client.get(path_of(key, resource))
            assert (answer.status_code, answer.json()["code"]) == (404, "original_gone")


def test_pictures__token_is_configured__is_required_except_by_signed_links(
    own_library: Config, registered_folder: Path
) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with pictures(guarded(own_library), registered_folder) as api:
        for resource in ("content", "preview", "original"):
            assert api.client.get(path_of("large.jpg", resource)).status_code == 401
            assert api.client.get(path_of("large.jpg", resource), headers=headers).status_code in (200, 303)
        url = api.client.get(path_of("large.jpg", "original"), headers=headers).json()["url"]
        # The link needs no token, because <img> and <video> cannot send one. A changed link is rejected.
        assert api.client.get(url, headers={"Range": "bytes=0-9"}).content == LARGE[:10]
        assert TOKEN not in url
        query = urlsplit(url).query
        for other in (
            path_of("raw.raf", f"content?{query}"),
            path_of("large.jpg", f"preview?{query}"),
            url.replace("expires=", "expires=9"),
            url[:-1] + ("0" if url[-1] != "0" else "1"),
            path_of("large.jpg", "content?expires=1&signature=é"),
        ):
            assert api.client.get(other).status_code in (400, 401)
    public = guarded(own_library).model_copy(update={"api_public_read": True})
    with open_api(public) as api:
        assert api.client.get(path_of("large.jpg", "preview")).status_code == 200
    with open_api(guarded(own_library).model_copy(update={"api_token": SecretStr("another")})) as api:
        assert api.client.get(url).status_code == 401


def test_pictures__page_of_another_origin__cannot_load_them(own_library: Config, registered_folder: Path) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Referer": "https://evil.example/"}
    with pictures(own_library, registered_folder, api_cors_origins=("https://photos.example",)) as api:
        for resource in ("content", "preview", "original"):
            answer = api.client.get(path_of("large.jpg", resource), headers=foreign)
            assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
        friend = {"Sec-Fetch-Site": "cross-site", "Origin": "https://photos.example"}
        assert api.client.get(path_of("large.jpg", "preview"), headers=friend).status_code == 200


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({}, 200),
        ({"api_sign_originals": False}, 403),
        ({"api_allowed_hosts": ("photos.example",), "api_token": SecretStr(TOKEN)}, 403),
        ({"api_allowed_hosts": ("photos.example",), "api_token": SecretStr(TOKEN), "api_sign_originals": True}, 200),
    ],
    ids=["loopback", "off", "shared", "shared-and-on"],
)
def test_originals__setting_is_unset__are_served_only_to_this_machine(
    own_library: Config, registered_folder: Path, settings: dict[str, Any], status: int
) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with pictures(own_library, registered_folder, **settings) as api:
        answers = [
            api.client.get(path_of("large.jpg", "original"), headers=headers),
            api.client.get(path_of("large.jpg", "original", BUCKET), headers=headers),
            api.client.get(path_of("large.jpg", "content"), headers=headers),
        ]
        assert [answer.status_code for answer in answers] == [status] * 3
        if status == 200:
            query = urlsplit(answers[1].json()["url"]).query
            assert "response-content-disposition=attachment" in query
            assert "response-content-type=image%2Fjpeg" in query


def test_preview__previews_are_disabled__is_403(own_library: Config, registered_folder: Path) -> None:
    with pictures(own_library, registered_folder, api_previews=False) as api:
        answer = api.client.get(path_of("large.jpg", "preview"))
        assert (answer.status_code, answer.json()["code"]) == (403, "previews_disabled")


@pytest.mark.parametrize(("memory_mb", "wall_seconds"), [(1, 60.0), (512, 0.0)], ids=["too much memory", "too long"])
def test_decoder_pool__picture_exceeds_a_limit__is_too_large(memory_mb: int, wall_seconds: float) -> None:
    pool = DecoderPool(memory_mb=memory_mb, cpu_seconds=20, wall_seconds=wall_seconds)
    output = io.BytesIO()
    Image.new("RGB", (7000, 7000)).save(output, "PNG", compress_level=1)
    with pytest.raises(NoPreview) as caught:
        pool.shrink(output.getvalue(), decoder="PNG", max_side_pixels=480, orientation=1)
    assert caught.value.reason == outcomes.TOO_LARGE
    if wall_seconds:
        small = pool.shrink(make_jpeg(100, 50), decoder="JPEG", max_side_pixels=480, orientation=1)
        assert load_image(small).size == (100, 50)
    pool.close()
