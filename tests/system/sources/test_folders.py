"""A folder of photos with awkward names, through `run` and a real worker."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from exifinator.sources.folders.names import to_key
from tests.photos import make_jpeg
from tests.system.checkout import Checkout

# File names that programs which pass files on may change, hide or reject.
NAMES = [
    b"a b", b"a+b", b"a%20b", b"100%", "ünï".encode(), "u\u0308nfd".encode(), "emoji😀".encode(), b"tab\there",
    b"new\nline", b"q?x=1", b"h#f", b"back\\slash", b"trailing ", b"~t", b"star*", b"del\x7f", "bidi\u202e".encode(),
    b"x" * 240, "fullwidth／slash".encode(), "\u201bquote".encode(), "␀nul".encode(), b"cr\rx", b"esc\x1bx",
    "�".encode(), b"%FF", b"bad\xff", b"bad\xfe", b"sjis\x93\x8c", rb"\xFF",
]  # fmt: skip


def test_run__folder_with_awkward_names__indexes_each_file_under_its_name(
    checkout: Callable[..., Checkout], tmp_path: Path, mongodb_uri: str, redis_url: str
) -> None:
    site = checkout(
        MONGODB_URI=mongodb_uri, REDIS_URL=redis_url, MONGODB_DATABASE="folders", MRQ_DATABASE="folders-mrq"
    )
    photos = tmp_path / "photos"
    (photos / os.fsdecode(b"sub/caf\xe9")).mkdir(parents=True)
    names = [os.fsdecode(name) + ".jpg" for name in NAMES]
    names += [".hidden.jpg", os.fsdecode(b"sub/caf\xe9/ok.jpg"), "noext"]
    for number, name in enumerate(names):
        (photos / name).write_bytes(make_jpeg(seed=number))
    os.utime(photos / "100%.jpg", (-86_400, -86_400))
    os.utime(photos / "a+b.jpg", (32_503_680_000, 32_503_680_000))

    first = site.command("run", "--json", str(photos))
    second = site.command("run", "--json", str(photos))
    pruned = site.command("run", "--json", "--prune", "--yes", str(photos))

    assert first.returncode == 0, first.stderr + site.logs()
    assert json.loads(first.stdout)["stored"] == len(names)
    assert json.loads(second.stdout)["unchanged"] == len(names), second.stderr
    assert json.loads(pruned.stdout)["records"] == 0, pruned.stderr
    page = json.loads(site.ask("API", "/folders/exif_data?limit=100"))
    [bucket] = {record["bucket"] for record in page}
    iso = {record["_id"]: record["EXIF ISOSpeedRatings"]["printable"] for record in page}
    assert iso == {f"{bucket}/{to_key(name)}": str(100 + number) for number, name in enumerate(names)}
    for id_ in iso:
        assert json.loads(site.ask("API", f"/photos/{quote(id_)}"))["id"] == id_
