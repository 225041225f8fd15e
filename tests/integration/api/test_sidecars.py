"""Photos with sidecars, and stacks of files, through the API."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import pytest

from exifinator.config import Config
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from tests.integration.api.fixtures import open_api
from tests.unit.families.records import photo, resolve_all, xmp


def test_get_photos__sidecars__are_merged_or_found_as_orphans(own_library: Config) -> None:
    taken = datetime(2024, 5, 1, 12)
    records = [
        photo("b/f/IMG_1.CR2", rating=1),
        xmp("b/f/IMG_1.xmp", rating=5, taken_at=taken, taken_local=taken),
        xmp("b/f/IMG_2.xmp", rating=4),
    ]
    with closing(connect_mongodb(own_library)) as client, open_api(own_library) as api:
        store = Store(client, own_library)
        store.records.collection.insert_many([{**record, "bucket": "b"} for record in resolve_all(records).values()])
        assert store.records.families.count_orphans() == 1

        def ids(**params: str) -> list[str]:
            return [photo["id"] for photo in api.get("/photos", bucket="b", **params).json()["photos"]]

        assert ids(sidecar="orphan") == ["b/f/IMG_2.xmp"]
        assert ids(sidecar="merged") == ["b/f/IMG_1.xmp"]
        assert ids() == ids(primary="true") == ["b/f/IMG_1.CR2"]
        assert ids(has="sidecar") == ids(rating="5") == ["b/f/IMG_1.CR2"]
        result = api.get("/photos/b%2Ff%2FIMG_1.CR2").json()
        assert result["sidecars"][0]["id"] == "b/f/IMG_1.xmp"
        assert result["own_photo"] == {"media_type": "image", "rating": 1}
        assert result["photo"]["taken_local"] == "2024-05-01T12:00:00"
        assert result["tags"] == {}
        sidecar = api.get("/photos/b%2Ff%2FIMG_1.xmp").json()
        assert sidecar["sidecar"]["of"] == ["b/f/IMG_1.CR2"]
        assert sidecar["sidecar"]["values"]["taken_local"] == "2024-05-01T12:00:00"


NOON = datetime(2024, 5, 1, 12)
# (name, extension, camera) of each file. Files with the same name form a stack, which has one primary file.
FILES = [
    ("IMG_1", "CR2", "R5"), ("IMG_1", "JPG", "R5"), ("IMG_2", "CR2", "R5"), ("IMG_2", "JPG", "R5"),
    ("IMG_3", "JPG", "R5"), ("IMG_4", "HEIC", "iPhone"), ("IMG_4", "MOV", "iPhone"), ("IMG_5", "CR2", "X-T4"),
]  # fmt: skip
FACETS = "camera,format,taken,media_type,gps,keyword,rating,kind,label"


@pytest.mark.parametrize(
    ("filters", "primaries", "in_stacks"),
    [
        ({}, ["IMG_1.JPG", "IMG_2.JPG", "IMG_3.JPG", "IMG_4.HEIC", "IMG_5.CR2"], 3),
        ({"camera": "R5"}, ["IMG_1.JPG", "IMG_2.JPG", "IMG_3.JPG"], 2),
        ({"format": "cr2"}, ["IMG_5.CR2"], 2),
        ({"kind": "raw", "camera": "R5"}, [], 2),
        ({"bucket": "b", "prefix": "f/IMG_4"}, ["IMG_4.HEIC"], 1),
    ],
    ids=str,
)
def test_get_photos__only_primary_files__are_the_same_in_lists_and_counts(
    own_library: Config, filters: dict[str, str], primaries: list[str], in_stacks: int
) -> None:
    """Lists, facets and statistics cover the same files, and report how many other files of stacks they omit."""
    records = []
    for hour, (name, extension, camera) in enumerate(FILES):
        media_type = "video" if extension == "MOV" else "image"
        taken = NOON + timedelta(days=int(name[-1]), milliseconds=hour)
        fields = {"camera_model": camera, "media_type": media_type, "rating": hour % 3, "keywords": [name, "all"]}
        record = photo(f"b/f/{name}.{extension}", taken, **fields)
        record["format"] = extension.lower()
        records.append({**record, "kinds": ["raw"]} if extension == "CR2" else record)
    records.append(xmp("b/f/IMG_9.xmp", rating=5))
    resolved_records = [{**record, "bucket": "b", "folders": ["b/f/"]} for record in resolve_all(records).values()]
    with closing(connect_mongodb(own_library)) as client, open_api(own_library) as api:
        collection = Store(client, own_library).records.collection
        collection.delete_many({})
        collection.insert_many(resolved_records)

        def facets(**params: str) -> dict[str, Any]:
            return api.get("/facets", **params, fields=FACETS).json()  # type: ignore[no-any-return]

        shown = api.get("/photos", **filters, primary="true", sort="key").json()["photos"]
        assert [record["id"].removeprefix("b/f/") for record in shown] == primaries
        newest = api.get("/photos", **filters, primary="true", limit="1").json()["photos"]
        assert [record["id"].removeprefix("b/f/") for record in newest] == primaries[-1:]
        counts, every_file = facets(**filters, primary="true"), facets(**filters)
        assert (counts["total"], counts["files_in_stacks"]) == (len(primaries), in_stacks)
        assert (every_file["total"], every_file["files_in_stacks"]) == (len(primaries) + in_stacks, None)
        # This filter matches the same photos, but its counts are not cached.
        assert facets(**filters, primary="true", taken="2024")["facets"] == counts["facets"]
        cameras = [record["photo"]["camera_model"] for record in shown]
        assert {row["value"]: row["count"] for row in counts["facets"]["camera"]} == {
            camera: cameras.count(camera) for camera in cameras
        }
        totals = api.get("/statistics", **filters, primary="true").json()
        assert (totals["total"], totals["files_in_stacks"]) == (len(primaries), in_stacks)
