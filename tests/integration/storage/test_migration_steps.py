"""What each migration changes in the records and jobs of earlier schemas."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from exifinator.metadata.limits import MemoryBudget
from exifinator.metadata.sidecars import read_sidecar
from exifinator.models import ExifRecord
from exifinator.search_keys.geo_cells import cells_of
from exifinator.storage import migrations
from exifinator.storage.jobs import DOWNLOAD_TASK, WRITE_TASK, image_job_id
from exifinator.storage.migrations import (
    META_COLLECTION,
    migrate,
)
from tests.integration.storage.old_records import Install, fill


def test_migrate__to_schema_2__adds_cells_and_thumbnail_bytes(install: Install) -> None:
    installation = install()
    place = {"location": {"type": "Point", "coordinates": [2.35, 48.86]}}
    installation.store.records.collection.insert_many(
        [
            {"_id": "b/both", "photo": place},
            {"_id": "b/neither", "photo": {}},
            {"_id": "b/other program's", "photo": "none"},
        ]
    )
    installation.store.records.thumbnails.insert_one({"_id": "b/both", "data": b"\xff\xd8jpeg"})

    for _ in range(2):  # Run it again, as after a kill before the progress was saved.
        list(migrate(installation.store, migrations=migrations.MIGRATIONS[:1]))
        installation.store.records.collection.database[META_COLLECTION].delete_one({"_id": "schema"})

    records = {record.pop("_id"): record for record in installation.store.records.collection.find()}
    assert records == {
        "b/both": {"photo": place, "cells": cells_of(2.35, 48.86), "thumbnail_bytes": 6},
        "b/neither": {"photo": {}},
        "b/other program's": {"photo": "none"},
    }


def test_migrate__to_schema_3__adds_the_folders(install: Install) -> None:
    installation = install()
    ids: list[Any] = ["b/2024/05/a.jpg", "b/top.jpg", "other program's", 5, ObjectId()]
    installation.store.records.collection.insert_many([{"_id": id_} for id_ in ids])
    list(migrate(installation.store, migrations=migrations.MIGRATIONS[:2]))
    records = {record["_id"]: record.get("folders") for record in installation.store.records.collection.find()}
    assert records == {ids[0]: ["b/2024/", "b/2024/05/"], **dict.fromkeys(ids[1:])}


def test_migrate__to_schema_4__renames_the_tasks_of_stored_jobs(install: Install) -> None:
    installation = install()
    fill(installation, 1)
    jobs = installation.store.jobs.collection
    former = [{"path": f"exifinator.tasks.{name}", "params": {"bucket": "b"}} for name in ("Download", "Write")] * 3
    jobs.insert_many([dict(job) for job in former])
    others = [DOWNLOAD_TASK, "another.program.Task", "exifinator.tasks.Another"]
    jobs.insert_many([{"path": path} for path in others])
    installation.store.records.collection.database[META_COLLECTION].insert_one({"_id": "schema", "version": 3})

    steps = list(migrate(installation.store, migrations=migrations.MIGRATIONS[:3], documents_per_range=4))

    assert [(schema.version, schema.documents) for schema in steps] == [(3, 4), (3, 6), (4, 0)]
    assert sorted(job["path"] for job in jobs.find()) == sorted([DOWNLOAD_TASK, WRITE_TASK] * 3 + others)
    assert jobs.count_documents({"params.bucket": "b"}) == 6, "a job's other fields have to stay"


def test_migrate__to_schema_5__adds_the_date_on_the_camera_s_clock(install: Install) -> None:
    installation = install()
    taken = datetime(2024, 1, 1, 7, 30)
    photos = {
        "b/offset": {"taken_at": taken, "taken_offset": "-08:00"},
        "b/local": {"taken_at": taken},
        "b/new": {"taken_at": taken, "taken_offset": "-08:00", "taken_local": datetime(2024, 1, 1)},
        "b/odd": {"taken_at": taken, "taken_offset": 7},
        "b/undated": {"iso": 100},
        "b/text": "none",
    }
    installation.store.records.collection.insert_many([{"_id": id_, "photo": photo} for id_, photo in photos.items()])
    installation.store.records.collection.database[META_COLLECTION].insert_one({"_id": "schema", "version": 4})

    list(migrate(installation.store, migrations=migrations.MIGRATIONS[:4]))

    records = {record["_id"]: record["photo"] for record in installation.store.records.collection.find()}
    local = {id_: photo.get("taken_local") for id_, photo in records.items() if isinstance(photo, dict)}
    shown = {id_: date.replace(tzinfo=None) if date else None for id_, date in local.items()}
    assert shown == {
        "b/offset": datetime(2023, 12, 31, 23, 30),
        "b/local": taken,
        "b/new": datetime(2024, 1, 1),
        "b/odd": taken,
        "b/undated": None,
    }


def test_migrate__to_schema_6__adds_the_media_type(install: Install) -> None:
    installation = install()
    files = {"a.JPG": "jpeg", "b.mov": "mov", "c.xmp": "xmp", "empty.heic": "unknown", "noise": "unknown"}
    installation.store.records.collection.insert_many(
        [{"_id": f"b/{key}", "key": key, "format": form, "photo": {"iso": 100}} for key, form in files.items()]
        + [{"_id": "other program's", "photo": "none"}]
    )
    meta = installation.store.records.collection.database[META_COLLECTION]
    for _ in range(2):  # Run it again, as after a kill before the progress was saved.
        meta.replace_one({"_id": "schema"}, {"version": 5}, upsert=True)
        list(migrate(installation.store, migrations=migrations.MIGRATIONS[:5]))

    records = {record["_id"]: record["photo"] for record in installation.store.records.collection.find()}
    assert records.pop("other program's") == "none"
    assert {photo["iso"] for photo in records.values()} == {100}
    assert {id_[2:]: photo["media_type"] for id_, photo in records.items()} == {
        "a.JPG": "image", "b.mov": "video", "c.xmp": "other", "empty.heic": "image", "noise": "other",
    }  # fmt: skip


def test_migrate__to_schema_5__adds_places_and_kinds(install: Install) -> None:
    installation = install()
    taken = datetime(2024, 7, 1, 12)
    girona = {"type": "Point", "coordinates": [2.82493, 41.98311]}
    photos: dict[str, dict[str, Any]] = {
        "b/local.jpg": {"taken_at": taken, "location": girona, "description": "Onyar", "people": ["Anna"]},
        "b/offset.jpg": {"taken_at": taken, "taken_offset": "+09:00", "location": girona},
        "b/sea.jpg": {"location": {"type": "Point", "coordinates": [-30.0, 0.5]}},
        "b/raw.nef": {"iso": 100},
    }
    installation.store.records.collection.insert_many(
        [
            {"_id": id_, "key": id_[2:], "format": id_[-3:], "photo": photo, "xmp": {"dc:title[de-DE]": "Boot"}}
            for id_, photo in photos.items()
        ]
    )
    meta = installation.store.records.collection.database[META_COLLECTION]
    for _ in range(2):  # Run it again, as after a kill before the progress was saved.
        meta.replace_one({"_id": "schema"}, {"version": 4}, upsert=True)
        list(migrate(installation.store, migrations=migrations.MIGRATIONS[:4]))

    records = {record["_id"]: record for record in installation.store.records.collection.find()}
    local = records["b/local.jpg"]
    assert local["photo"]["taken_at"] == datetime(2024, 7, 1, 10, tzinfo=UTC)
    assert local["photo"]["taken_local"].replace(tzinfo=None) == taken
    assert (local["photo"]["taken_offset"], local["photo"]["taken_offset_inferred"]) == ("+02:00", True)
    assert (local["photo"]["time_zone"], local["photo"]["place"]["name"]) == ("Europe/Madrid", "Girona")
    assert (local["countries"], local["states"], local["cities"]) == (["Spain"], ["Catalonia"], ["Girona"])
    offset = records["b/offset.jpg"]["photo"]
    assert (offset["taken_at"].replace(tzinfo=None), offset["taken_offset"]) == (taken, "+09:00")
    assert "taken_offset_inferred" not in offset
    assert records["b/sea.jpg"]["photo"]["time_zone"] == "Etc/GMT+2"
    assert not {"place", "countries"} & (records["b/sea.jpg"].keys() | records["b/sea.jpg"]["photo"].keys())
    assert records["b/raw.nef"]["kinds"] == ["raw"]


def test_migrate__to_schema_6__renews_words_and_adds_the_search_text(install: Install) -> None:
    installation = install()
    place = {"name": "Girona", "region": "Catalonia", "country": "Spain"}
    photos: dict[str, Any] = {
        "b/DSC01314.jpg": {"title": "京都の秋", "people": ["Zoë"], "place": place, "camera_model": "X-T4"},
        "b/other.jpg": None,
    }
    records = installation.store.records.collection
    records.insert_many(
        {"_id": id_, "key": id_[2:], "photo": photo, "words": ["old"], "xmp": {"dc:title[de-DE]": "Boot"}}
        for id_, photo in photos.items()
    )
    meta = records.database[META_COLLECTION]
    seen = []
    for _ in range(2):  # Run it again, as after a kill before the progress was saved.
        meta.replace_one({"_id": "schema"}, {"version": 5}, upsert=True)
        list(migrate(installation.store))
        seen.append({record["_id"]: record for record in records.find()})

    assert seen[0] == seen[1]
    renewed = seen[0]["b/DSC01314.jpg"]
    assert {"dsc01314", "1314", "京都", "の秋", "zoe", "girona", "t4", "xt4", "boot"} <= set(renewed["words"])
    assert "|person: zoe " in renewed["search_text"]
    assert seen[0]["b/other.jpg"]["words"] == ["old"], "another program's record stays as it is"


def test_migrate__to_schema_6__lets_new_sidecars_find_photos_stored_before(install: Install) -> None:
    installation = install()
    ids = ["b/f/IMG_1.CR2", "b/f/img_2(1).jpg", "b/f/IMG_E1234.JPG"]
    installation.store.records.collection.insert_many(
        [{"_id": id_, "key": id_[2:], "photo": {"rating": 1}} for id_ in ids]
    )
    installation.store.records.collection.insert_one({"_id": ObjectId(), "photo": {}})
    meta = installation.store.records.collection.database[META_COLLECTION]
    for _ in range(2):  # Run it again, as after a kill before the progress was saved.
        meta.replace_one({"_id": "schema"}, {"version": 5}, upsert=True)
        list(migrate(installation.store, migrations=migrations.MIGRATIONS[:5]))

    result = {
        record["_id"]: record.get("family")
        for record in installation.store.records.collection.find({"key": {"$exists": 1}})
    }
    assert result == dict(zip(ids, ["b/f/img_1", "b/f/img_2(1)", "b/f/img_1234"], strict=True))
    assert {"family", "links", "sidecar"} <= installation.store.records.collection.index_information().keys()
    sidecar = read_sidecar("b/f/IMG_1.xmp", "xmp", {"xmp:Rating": "5"}, b"", MemoryBudget(1))
    installation.store.records.upsert(
        [ExifRecord({"_id": "b/f/IMG_1.xmp", "etag": "e", "status": "unsupported", **sidecar})]
    )
    assert installation.store.records.collection.find_one({"_id": ids[0]})["photo"]["rating"] == 5


def test_migrate__to_schema_6__moves_records_of_access_points_to_one_name(install: Install) -> None:
    installation = install()
    start = "arn:aws:s3:eu-west-1:123456789012:accesspoint"
    outpost = "arn:aws:s3-outposts:us-west-2:123456789012:outpost"
    records, thumbnails = installation.store.records.collection, installation.store.records.thumbnails
    records.insert_many(
        {"_id": f"{bucket}/{key}", "bucket": bucket, "key": key, "folders": ["old"], "photo": {"iso": iso}}
        for bucket, key, iso in [
            (f"{start}:ap", "f/a:b.jpg", 1),
            (f"{start}:ap", "new.jpg", 2),
            (f"{start}/ap", "new.jpg", 3),  # indexed again by a later version
            (f"{outpost}:op-1:accesspoint:ap", "c.jpg", 4),
            ("b", f"{start}:ap/d.jpg", 5),  # a key that looks like one
        ]
    )
    records.insert_one({"_id": "another program's", "bucket": f"{start}:ap"})
    thumbnails.insert_one({"_id": f"{start}:ap/f/a:b.jpg", "etag": "e", "data": b"\xff\xd8jpeg"})
    meta = records.database[META_COLLECTION]
    for _ in range(2):  # the second time as after a kill before the progress was saved
        meta.replace_one({"_id": "schema"}, {"version": 5}, upsert=True)
        list(migrate(installation.store, documents_per_range=2))

    result = {record["_id"]: record for record in records.find({"photo": {"$exists": True}})}
    assert {id_: record["photo"]["iso"] for id_, record in result.items()} == {
        f"{start}/ap/f/a:b.jpg": 1,
        f"{start}/ap/new.jpg": 3,
        f"{outpost}/op-1/accesspoint/ap/c.jpg": 4,
        f"b/{start}:ap/d.jpg": 5,
    }
    moved = result[f"{start}/ap/f/a:b.jpg"]
    assert (moved["bucket"], moved["key"]) == (f"{start}/ap", "f/a:b.jpg")
    assert moved["folders"] == [f"{start}/ap/", f"{start}/ap/f/"]
    assert moved["family"] == f"{start}/ap/f/a:b"
    assert moved["words"]
    assert list(thumbnails.find()) == [{"_id": f"{start}/ap/f/a:b.jpg", "etag": "e", "data": b"\xff\xd8jpeg"}]
    assert records.count_documents({"_id": "another program's"}) == 1


def test_migrate__to_schema_7__moves_jobs_of_access_points_to_one_name(install: Install) -> None:
    installation = install()
    start = "arn:aws:s3:eu-west-1:123456789012:accesspoint"
    outpost = "arn:aws:s3-outposts:us-west-2:123456789012:outpost"
    jobs = installation.store.jobs.collection
    logs = jobs.database["mrq_logs"]

    def job(bucket: str, key: str, note: int, id_: ObjectId | None = None) -> dict[str, Any]:
        id_ = id_ or image_job_id(f"{bucket}/{key}")
        params = {"bucket": bucket, "key": key, "note": note}
        return {"_id": id_, "path": DOWNLOAD_TASK, "params": params, "status": "failed"}

    by_hand = ObjectId()  # mrq-run gives jobs ids of their own
    jobs.insert_many(
        [
            job(f"{start}:ap", "a:b.jpg", 1),
            job(f"{start}:ap", "twice.jpg", 2),
            job(f"{start}/ap", "twice.jpg", 3),
            job(f"{outpost}:op-1:accesspoint:ap", "c.jpg", 4),
            job("b", f"{start}:ap/d.jpg", 5),
            job(f"{start}:ap", "e.jpg", 6, by_hand),
            {"path": "another.program.Task", "params": {"bucket": f"{start}:ap"}},
        ]
    )
    logs.insert_one({"job": image_job_id(f"{start}:ap/a:b.jpg"), "logs": "line"})
    meta = installation.store.records.collection.database[META_COLLECTION]
    for _ in range(2):  # the second time as after a kill before the progress was saved
        meta.replace_one({"_id": "schema"}, {"version": 6}, upsert=True)
        list(migrate(installation.store, documents_per_range=2))

    assert jobs.count_documents({"params.bucket": f"{start}:ap"}) == 1, "another program's job has to stay"
    result = {job["_id"]: (job["params"]["bucket"], job["params"]["note"]) for job in jobs.find({"status": "failed"})}
    outpost_name = f"{outpost}/op-1/accesspoint/ap"
    assert result == {
        image_job_id(f"{start}/ap/a:b.jpg"): (f"{start}/ap", 1),
        image_job_id(f"{start}/ap/twice.jpg"): (f"{start}/ap", 3),
        image_job_id(f"{outpost_name}/c.jpg"): (outpost_name, 4),
        image_job_id(f"b/{start}:ap/d.jpg"): ("b", 5),
        by_hand: (f"{start}/ap", 6),
    }
    assert installation.store.jobs.find_statuses([f"{start}/ap/a:b.jpg"]) == {f"{start}/ap/a:b.jpg": "failed"}
    assert logs.find_one({"logs": "line"})["job"] == image_job_id(f"{start}/ap/a:b.jpg")
