"""GET /duplicates: groups of photos with the same fingerprint, sorted by the bytes that the copies waste."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pymongo
import pytest

from api.aggregations.duplicates import group_stages
from api.query.filters import PHOTOS_ONLY
from exifinator.config import Config
from exifinator.storage.mongodb import connect_mongodb
from exifinator.storage.store import Store
from tests.integration.api.fixtures import Api, open_api
from tests.integration.api.library import make_record
from tests.waiting import eventually

Fail = Callable[..., None]
# File -> (number of copies, bytes of each). The groups b, d and e waste equally many bytes.
COPIES = {"a": (2, 100), "b": (3, 900), "c": (1, 5000), "d": (2, 1800), "e": (4, 600), "f": (13, 1)}
# (first letter of the fingerprint, number of copies, bytes of each, wasted bytes)
EXPECTED = [("b", 3, 900, 1800), ("d", 2, 1800, 1800), ("e", 4, 600, 1800), ("a", 2, 100, 100), ("f", 13, 1, 12)]


def store_copies(config: Config) -> None:
    records: list[dict[str, Any]] = []
    for letter, (count, size) in COPIES.items():
        for number in range(count):
            record = make_record("copies", f"{letter}{number:02}.jpg", len(records), photo={})
            records.append({**record, "fingerprint": letter * 24, "size": size})
    # A file that is neither a photo nor a video, and records of another program whose size is not a number.
    records.append({**make_record("copies", "a.pdf", 0, photo={"media_type": "other"}), "fingerprint": "a" * 24})
    records += [{**make_record("odd", f"{at}", 0, photo={}), "fingerprint": "0" * 24, "size": "?"} for at in range(2)]
    with pymongo.MongoClient[dict[str, Any]](config.mongodb_uri.get_secret_value()) as client:
        client[config.mongodb_database][config.mongodb_collection].insert_many(records)


def rows(answer: dict[str, Any]) -> list[tuple[str, int, int, int]]:
    """Return the groups of a response as rows like those of EXPECTED."""
    return [(row["fingerprint"][0], row["count"], row["size"], row["wasted_bytes"]) for row in answer["groups"]]


def test_duplicates__in_pages__list_each_group_once_by_wasted_bytes(own_library: Config) -> None:
    store_copies(own_library)
    with open_api(own_library) as api:
        answer = api.get("/duplicates", bucket="copies").json()
        assert rows(answer) == EXPECTED
        assert (answer["total"], answer["extra_copies"], answer["wasted_bytes"]) == (5, 19, 5512)
        assert (answer["partial"], answer["next"]) == (False, None)
        assert [photo["id"] for photo in answer["groups"][1]["photos"]] == ["copies/d01.jpg", "copies/d00.jpg"]
        assert len(answer["groups"][4]["photos"]) == 10

        seen: list[tuple[str, int, int, int]] = []
        after: str | None = None
        for _ in range(6):
            given: dict[str, str] = {"after": after} if after else {}
            page = api.get("/duplicates", bucket="copies", limit=1, **given).json()
            seen += rows(page)
            if not (after := page["next"]):
                break
        assert seen == EXPECTED
        everything = api.get("/duplicates").json()
        assert rows(everything) == [*EXPECTED, ("0", 2, 0, 0)]
        # Copies that the filters exclude do not count, so a single match is no group.
        one = api.get("/duplicates", bucket="copies", prefix="b00").json()
        assert (one["groups"], one["total"], one["wasted_bytes"]) == ([], 0, 0)


@pytest.mark.parametrize("after", ["", "x", "-1-a", "1", "1-", "9" * 19 + "-a", "1-A"])
def test_duplicates__invalid_cursor__is_refused(api: Api, after: str) -> None:
    answer = api.get("/duplicates", after=after)
    assert (answer.status_code, answer.json()["parameter"]) == (400, "after")


def test_duplicates__query_exceeds_its_time_limit__are_sampled_until_counted_in_the_background(
    failing_library: Config, fail: Fail, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_copies(failing_library)
    monkeypatch.setattr("api.aggregations.sampling.SAMPLE_SIZES", (10, 5))
    answers: list[dict[str, Any]] = []
    with open_api(failing_library) as api:
        fail("failCommand", mode={"times": 1}, failCommands=["aggregate"], errorCode=50)

        def is_complete() -> bool:
            answers.append(api.get("/duplicates", bucket="copies").json())
            return not answers[-1]["partial"]

        eventually(is_complete)
    assert answers[0]["partial"]
    assert rows(answers[-1]) == EXPECTED


def test_duplicates__without_filters__reads_only_the_index(own_library: Config) -> None:
    store_copies(own_library)
    client = connect_mongodb(own_library)
    with client:
        store = Store(client, own_library)
        store.ensure_indexes()
        photos = store.records.collection
        command = {
            "aggregate": photos.name,
            "pipeline": group_stages(PHOTOS_ONLY, sample_size=0, max_groups=10),
            "cursor": {},
        }
        plan = photos.database.command("explain", command, verbosity="executionStats")
    text = str(plan["stages"][0]["$cursor"]["queryPlanner"]["winningPlan"])
    assert "copies_taken_local" in text
    assert "PROJECTION_COVERED" in text
    assert "FETCH" not in text
