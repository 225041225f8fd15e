"""Record what npm's mongodb-rest answers, for tests/integration/api/test_mongodb_rest.py.

    venv/bin/python -m tests.data.mongodb_rest.record

This installs mongodb-rest with npm into a temporary folder, in the versions of package-lock.json, and runs it over a
MongoDB with a few records. The tests compare the API with answers.json, so they need neither npm nor a network.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

import pymongo

from tests.servers import NO_PROXY, reserve_port, run_mongod, running

FOLDER = Path(__file__).parent
ANSWERS = FOLDER / "answers.json"
COLLECTION = "/waldo/exif_data"

# What browsers' programs send, and what people type. `count` is not among it: the version on npm does not have it.
REQUESTS = (
    "/dbs",
    "/waldo",
    COLLECTION,
    *(
        f"{COLLECTION}?{query}"
        for query in (
            "limit=3",
            "limit=0",
            "limit=5000",
            "skip=57",
            "skip=2&limit=2",
            "skip=1000",
            "_=1700000000000",
            "callback=jQuery111&limit=2&_=1",
            "unknown=1&unknown=2&limit=1",
            'query={"size":1003}',
            'query={"size":1003}&callback=x',
            'query={"key":"nothing"}',
            "query=&limit=1",
            'fields={"key":1}&limit=2',
            'fields={"photo":0}&skip=1&limit=2',
            'fields={"photo.taken_at":1}',
            'sort={"size":-1}&limit=2',
            'sort=[["size",1]]&limit=2',
            'hint={"_id":1}&limit=1',
            "output=json&limit=2",
            "output=csv",
            "output=csv&limit=0",
            "output=csv&limit=2&_=1",
            'output=csv&query={"key":"nothing"}',
        )
    ),
)


def make_records() -> list[dict[str, Any]]:
    """Return 60 records with the same fields, and dates with and without milliseconds."""
    return [
        {
            "_id": f"holiday/2024/{at:02}.jpg",
            "key": f'2024/{at:02} "é", ü.jpg',
            "size": 1000 + at,
            "ratio": at / 4,
            "seen_at": datetime(2024, 5, 1 + at % 28, 12, at, 0, (at % 3) * 222_000),
            "photo": {"iso": 100 * at, "taken_at": datetime(1999 + at % 30, 12, 31), "tags": ["a", at]},
            "nothing": None,
        }
        for at in range(60)
    ]


def fill(uri: str, database: str) -> None:
    """Store the records."""
    with pymongo.MongoClient[Any](uri) as client:
        client[database].exif_data.insert_many(make_records())


def main() -> None:
    """Install and run mongodb-rest, and write its answers."""
    with tempfile.TemporaryDirectory() as name, run_mongod() as uri:
        folder = Path(name)
        for file in ("package.json", "package-lock.json", "serve.js"):
            shutil.copy(FOLDER / file, folder)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True)
        fill(uri, "waldo")
        port = reserve_port()
        with running(["node", str(folder / "serve.js"), uri, str(port)], port, folder / "log"):
            answers = [{"request": request, **_ask(port, request)} for request in REQUESTS]
    ANSWERS.write_text(json.dumps(answers, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(f"{len(answers)} answers in {ANSWERS}")


def _ask(port: int, request: str) -> dict[str, Any]:
    address = f"http://127.0.0.1:{port}{quote(request, safe='/?=&')}"
    try:
        with NO_PROXY.open(address, timeout=10) as answer:
            kind, text = answer.headers.get_content_type(), answer.read().decode()
    except HTTPError as error:
        return {"status": error.code}
    return {"status": 200, "type": kind, "body": json.loads(text) if kind == "application/json" else text}


if __name__ == "__main__":
    main()
