"""Photos with sidecars, through the API."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime

from exifinator.config import Config
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from tests.integration.api.fixtures import open_api
from tests.unit.families.records import photo, settle, xmp


def test_get_photos__sidecars__are_listed_and_orphans_found(own_library: Config) -> None:
    taken = datetime(2024, 5, 1, 12)
    records = [
        photo("b/f/IMG_1.CR2", rating=1),
        xmp("b/f/IMG_1.xmp", rating=5, taken_at=taken, taken_local=taken),
        xmp("b/f/IMG_2.xmp", rating=4),
    ]
    with closing(connect_mongodb(own_library)) as client, open_api(own_library) as api:
        store = Store(client, own_library)
        store.records.collection.insert_many([{**record, "bucket": "b"} for record in settle(records).values()])
        assert store.records.families.count_orphans() == 1

        def ids(**params: str) -> list[str]:
            return [found["id"] for found in api.get("/photos", bucket="b", **params).json()["photos"]]

        assert ids(sidecar="orphan") == ["b/f/IMG_2.xmp"]
        assert ids(sidecar="merged") == ["b/f/IMG_1.xmp"]
        assert ids(has="sidecar") == ids(rating="5") == ["b/f/IMG_1.CR2"]
        found = api.get("/photos/b%2Ff%2FIMG_1.CR2").json()
        assert found["sidecars"][0]["id"] == "b/f/IMG_1.xmp"
        assert found["own_photo"] == {"media_type": "image", "rating": 1}
        assert found["photo"]["taken_local"] == "2024-05-01T12:00:00"
        assert found["tags"] == {}
        sidecar = api.get("/photos/b%2Ff%2FIMG_1.xmp").json()
        assert sidecar["sidecar"]["of"] == ["b/f/IMG_1.CR2"]
        assert sidecar["sidecar"]["values"]["taken_local"] == "2024-05-01T12:00:00"
