"""GET /cameras: camera bodies by serial number, compared with summaries that this module computes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pymongo
import pytest

from exifinator.config import Config
from tests.integration.api.fixtures import Api, open_api
from tests.integration.api.library import make_record, make_records
from tests.waiting import eventually

RECORDS = make_records()
Fail = Callable[..., None]
# MongoDB reports error 50 (MaxTimeMSExpired) for a command that exceeds its time limit.
TIMEOUT: dict[str, Any] = {"failCommands": ["aggregate"], "errorCode": 50}


def summarize(records: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the expected summary of each camera body, by (serial number, model)."""
    bodies: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        if serial := record["photo"].get("camera_serial"):
            bodies[serial, record["photo"]["camera_model"]].append(record["photo"])
    return {
        key: {
            "make": photos[0]["camera_make"],
            "photos": len(photos),
            "first": min(photo["taken_local"] for photo in photos).replace(tzinfo=None).isoformat(),
            "last": max(photo["taken_local"] for photo in photos).replace(tzinfo=None).isoformat(),
            "shutter_count": max(photo["shutter_count"] for photo in photos),
            "owners": Counter(photo["owner"] for photo in photos),
            "lenses": Counter(photo["lens_model"] for photo in photos if photo.get("lens_model")),
        }
        for key, photos in bodies.items()
    }


def by_serial_and_model(answer: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the summaries in a response of the API, in the form of `summarize`."""
    bodies = {}
    for body in answer["cameras"]:
        for name in ("owners", "lenses"):
            body[name] = {row["value"]: row["count"] for row in body[name]}
        bodies[body.pop("serial"), body.pop("model")] = body
    return bodies


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        ({}, lambda record: True),
        ({"camera": "X-T4"}, lambda record: record["photo"].get("camera_model") == "X-T4"),
        (
            {"bucket": "holiday", "prefix": "2024/IMG_00"},
            lambda record: record["_id"].startswith("holiday/2024/IMG_00"),
        ),
        ({"flash": "true"}, lambda record: record["photo"].get("flash_fired")),
    ],
    ids=["everything", "one camera", "folder", "flash"],
)
def test_list_cameras__with_filters__summarizes_the_bodies_of_matching_photos(
    api: Api, filters: dict[str, str], matches: Callable[[dict[str, Any]], bool]
) -> None:
    expected = summarize([record for record in RECORDS if matches(record)])
    answer = api.get("/cameras", **filters).json()
    counts = [body["photos"] for body in answer["cameras"]]
    assert counts == sorted(counts, reverse=True)
    assert (answer["total"], answer["partial"]) == (len(expected), False)
    assert by_serial_and_model(answer) == expected
    assert expected


def test_list_cameras__with_a_limit__returns_the_most_used(api: Api) -> None:
    everything = api.get("/cameras").json()
    answer = api.get("/cameras", limit=2).json()
    assert answer["total"] == len(everything["cameras"]) == 3
    assert answer["cameras"] == everything["cameras"][:2]
    assert api.get("/cameras", camera="none such").json() == {"cameras": [], "total": 0, "partial": False}
    for limit in (0, 501):
        assert api.get("/cameras", limit=limit).status_code == 400


def test_list_cameras__unusual_bodies__are_distinguished(own_library: Config) -> None:
    """One serial number on two models is two bodies, suspect dates are left out, and at most ten lenses are listed."""
    taken = datetime(2020, 5, 1, 12)
    photos: list[dict[str, Any]] = [
        {"camera_model": "One", "camera_serial": "7", "taken_local": taken, "lens_model": f"Lens {at:02}"}
        for at in range(15)
    ]
    photos += [
        {"camera_model": "One", "camera_serial": "7", "taken_local": datetime(2222, 1, 1), "date_suspect": "future"},
        {
            "camera_model": "Two",
            "camera_serial": "7",
            "taken_local": datetime(1980, 1, 1),
            "date_suspect": "camera_default",
        },
        {"camera_serial": "$7"},
        {"camera_serial": ["a", 1], "camera_model": {"b": 2}, "lens_model": ["c"], "taken_local": "soon"},
    ]
    with pymongo.MongoClient[dict[str, Any]](own_library.mongodb_uri.get_secret_value()) as client:
        collection = client[own_library.mongodb_database][own_library.mongodb_collection]
        collection.insert_many([make_record("bodies", f"{at}.jpg", at, photo=photo) for at, photo in enumerate(photos)])
    with open_api(own_library) as api:
        bodies = by_serial_and_model(api.get("/cameras", bucket="bodies").json())
    assert set(bodies) == {("7", "One"), ("7", "Two"), ("$7", None), ("['a', 1]", "{'b': 2}")}
    assert bodies["7", "One"]["photos"] == 16
    assert bodies["7", "One"]["first"] == bodies["7", "One"]["last"] == "2020-05-01T12:00:00"
    assert list(bodies["7", "One"]["lenses"]) == [f"Lens {at:02}" for at in range(10)]
    assert (bodies["7", "Two"]["first"], bodies["7", "Two"]["last"]) == (None, None)
    assert bodies["$7", None]["make"] is None
    assert bodies["$7", None]["shutter_count"] is None


def test_list_cameras__query_exceeds_its_time_limit__is_sampled_until_counted_in_the_background(
    failing_library: Config, fail: Fail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.aggregations.sampling.SAMPLE_SIZES", (10, 5))
    expected = summarize([record for record in RECORDS if record["bucket"] == "holiday"])
    answers: list[dict[str, Any]] = []
    with open_api(failing_library) as api:
        fail("failCommand", mode={"times": 1}, **TIMEOUT)

        def is_complete() -> bool:
            answers.append(api.get("/cameras", bucket="holiday").json())
            return not answers[-1]["partial"]

        eventually(is_complete)
        assert sum(body["photos"] for body in answers[0]["cameras"]) == 10
        assert answers[0]["partial"] is True
        assert by_serial_and_model(answers[-1]) == expected
        fail("failCommand", **TIMEOUT)
        assert api.get("/cameras", bucket="archive").status_code == 503
