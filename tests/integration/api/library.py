"""A small library for the API tests: records as the pipeline stores them, with every kind of odd key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo

from exifinator.config import Config
from exifinator.search_keys.folders import folders_of
from exifinator.search_keys.geo_cells import cells_of_photo
from exifinator.search_keys.kinds import kinds_of
from exifinator.search_keys.place_names import place_names
from exifinator.search_keys.search_text import search_terms
from exifinator.storage.indexes import INDEXES

ODD_KEYS = {
    "spaces": "my photos/a b.jpg",
    "plus": "a+b.jpg",
    "percent": "100%.jpg",
    "percent-encoded": "100%25 %2F.jpg",
    "hash": "a#b.jpg",
    "question": "a?b=c&d.jpg",
    "double-slash": "a//b.jpg",
    "leading-slash": "/a.jpg",
    "dots": "../../etc/passwd",
    "dot": "./a.jpg",
    "ends-in-dots": "a/..",
    "newline": "a\nb.jpg",
    "ends-in-newline": "a.jpg\n",
    "emoji": "🏔️/été ☃.jpg",
    "long": "é" * 512,
    "quotes": "\"a' <b>.jpg",
    "backslash": "a\\b.jpg",
    "operator": "$where",
    "like-a-subresource": "a/thumbnail",
    "like-a-tag": "a/tags/Image Make",
    "regex": "/x/i",
    "control": "a\x01\x7fb.jpg",
    "semicolon": "a;b,c=d:e@f.jpg",
}
CAMERAS = [
    ("SONY", "ILCE-7M3", "FE 24-70mm F2.8 GM"),
    ("Canon", "Canon EOS R5", "RF50mm F1.2 L USM"),
    ("FUJIFILM", "X-T4", None),
]
PLACES = [(2.3522, 48.8566), (-122.4194, 37.7749), (139.6917, 35.6895), (179.9, -16.5), (-179.9, -16.6)]


def make_record(bucket: str, key: str, at: int, **changes: Any) -> dict[str, Any]:
    """Make a record. Its number `at` determines the camera, the exposure, the date and the place."""
    make, model, lens = CAMERAS[at % 3]
    taken = datetime(2024, 1, 1, 12, tzinfo=UTC) + timedelta(days=at, minutes=at)
    photo: dict[str, Any] = {
        "taken_at": taken,
        "taken_local": taken + timedelta(hours=2 * (at % 2)),
        "taken_offset": "+02:00" if at % 2 else None,
        "camera_make": make,
        "camera_model": model,
        "lens_model": lens,
        "iso": [100, 200, 400, 800, 6400][at % 5],
        "f_number": [1.2, 2.8, 4.0, 8.0][at % 4],
        "exposure_seconds": [1 / 4000, 1 / 250, 1 / 60, 1 / 30, 2.0][at % 5],
        "focal_length_mm": [24.0, 35.0, 50.0, 70.0][at % 4],
        "focal_length_35mm": [24, 35, 50, 70][at % 4],
        "flash_fired": at % 7 == 0,
        "orientation": [1, 6, 8][at % 3],
        "width_pixels": 6000,
        "height_pixels": 4000,
        "description": f"Photo number {at}",
        "keywords": ["holiday", "beach"] if at % 3 else ["work"],
        "rating": at % 6,
        "media_type": "image",
    }
    if at % 6 == 5:
        photo |= {"media_type": "video", "duration_seconds": round(1 + at * 1.37, 3), "bit_rate": 8_000_000 + at}
        photo |= {"frame_rate": (25.0, 29.97, 59.94)[at // 6 % 3], "video_codec": ("H.264", "HEVC")[at // 6 % 2]}
    if at % 4 == 1:
        photo |= {"label": "Red", "software": "darktable 4.8", "camera_serial": f"serial {at % 3}", "is_panorama": True}
        photo |= {"white_balance": "daylight", "creators": ["Ada", "Ben"], "date_suspect": "midnight"}
        photo |= {"owner": f"Owner {at % 8}", "shutter_count": 1000 + at}
        photo |= {"copyright": "© Ada & Ben, 2024"}
    if at % 2 == 0:
        lng, lat = PLACES[at // 2 % len(PLACES)]
        photo["location"] = {"type": "Point", "coordinates": [lng, lat]}
        photo["altitude_metres"] = 35.5
        photo["place"] = {"name": f"Town {at % 5}", "city": "Metropolis", "country": "Spain", "country_code": "ES"}
    record = {
        "_id": f"{bucket}/{key}",
        "bucket": bucket,
        "key": key,
        "etag": f"etag-{at // 2}",
        "size": 1_000_000 + at,
        "last_modified": datetime(2025, 1, 1, tzinfo=UTC),
        "format": "jpeg",
        "status": "ok",
        "extracted_at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=at),
        "extractor_version": 1,
        "photo": {name: value for name, value in photo.items() if value is not None},
        "Image Make": {"printable": make, "tag": 271, "field_type": 2, "field_length": len(make), "values": make},
        "Image Model": {"printable": model, "tag": 272, "field_type": 2, "field_length": len(model), "values": model},
        "EXIF ISOSpeedRatings": {"printable": str(photo["iso"]), "tag": 34855, "field_type": 3, "values": photo["iso"]},
    }
    record["folders"] = folders_of(record["_id"])
    if cells := cells_of_photo(photo):
        record["cells"] = cells
    record |= place_names(photo)
    if kinds := kinds_of(record["format"], photo):
        record["kinds"] = kinds
    record |= search_terms(key, changes.get("photo", record["photo"]))
    return {**record, **changes}


def make_records() -> list[dict[str, Any]]:
    """Make the 156 records of the library: 121 in `holiday`, 23 in `odd-keys`, and 12 without Exif in `archive`."""
    records = [make_record("holiday", f"2024/IMG_{at:04}.jpg", at) for at in range(120)]
    records += [make_record("odd-keys", key, 200 + at) for at, key in enumerate(ODD_KEYS.values())]
    for at in range(12):
        status = ("no_exif", "unsupported", "damaged")[at % 3]
        bare = make_record("archive", f"scan {at}.png", 300 + at, status=status, format="png", photo={})
        records.append({name: value for name, value in bare.items() if not name.startswith(("Image", "EXIF"))})
    formula = make_record("holiday", "=cmd.csv", 400)
    formula["photo"]["description"] = '=HYPERLINK("http://example.org","x")'
    formula["photo"]["camera_model"] = "@SUM(1+1)"
    formula["photo"]["artist"] = "\t-1+1"
    return [*records, formula]


def make_jobs() -> list[dict[str, Any]]:
    """Make jobs as MRQ stores them: 12 that failed for two causes, one in progress, and one of another program."""
    path = "exifinator.worker.tasks.Download"
    jobs = []
    for at in range(12):
        cause = "AccessDenied" if at < 8 else "ObjectGone"
        params = {"bucket": "holiday" if at % 2 else "archive", "key": f"2024/lost {at}.jpg", "etag": "", "size": 1}
        traceback = f"Traceback (most recent call last):\n  ...\nexifinator.errors.{cause}: S3 refuses image {at}"
        jobs.append(
            {"status": "failed", "path": path, "params": params, "exceptiontype": cause, "traceback": traceback}
        )
    jobs.append({"status": "started", "path": path, "params": {"bucket": "holiday", "key": "2024/now.jpg"}})
    jobs.append({"status": "failed", "path": "some.other.Task", "params": {}, "exceptiontype": "KeyError"})
    return [{"queue": "download", "datequeued": datetime(2026, 1, 1, tzinfo=UTC), **job} for job in jobs]


def make_library(client: pymongo.MongoClient[dict[str, Any]], config: Config, *, private: str) -> None:
    """Store the library in the database of the settings, and a secret there and in the database named `private`."""
    database = client[config.mongodb_database]
    collection = database[config.mongodb_collection]
    collection.insert_many(make_records())
    client[config.mrq_database]["mrq_jobs"].insert_many(make_jobs())
    for index in INDEXES:
        collection.create_index(list(index.keys), name=index.name, **index.options)
    pictured = {"_id": "holiday/2024/IMG_0001.jpg"}
    database["thumbnails"].insert_one({**pictured, "data": b"\xff\xd8\xff\xd9", "etag": "etag-0"})
    collection.update_one(pictured, {"$set": {"thumbnail_bytes": 4}})
    database["exifinator_batches"].insert_one({"_id": "20240101-000000-abcdef", "sources": ["s3://holiday/2024/"]})
    database["secrets"].insert_one({"_id": "secret", "value": "hidden-treasure"})
    client[private]["secrets"].insert_one({"_id": "secret", "value": "hidden-treasure"})
