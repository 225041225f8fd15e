"""Check that hostile texts in photos and keys are handled as data wherever they appear.

The texts go from S3 to MongoDB, the API, CSV, the dashboard, the logs and the terminal.
"""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from pymongo import MongoClient

from tests.data.build import (
    ASCII,
    XMP_PACKET,
    exif_segment,
    iptc,
    itxt_xmp,
    jpeg,
    png,
    resources,
    segment,
    tiff,
    xmp_segment,
)
from tests.integration.conftest import Bucket
from tests.servers import find_chromium
from tests.system.checkout import Checkout

# One fixture runs four commands and all the programs, one after the other.
pytestmark = pytest.mark.timeout(1800)

SCRIPT = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
# These set a terminal's title, clear the terminal, and reverse the text around them.
ESCAPES = "\x1b]0;taken\x07\x1b[2J\x9b31m\u202egpj.exe"
TEXTS = {
    "script": SCRIPT,
    "escapes": ESCAPES,
    "where": '{"$where": "sleep(9999)||true"}',
    "operator": "$ne",
    "names": "a.b.$c",
    "path": "../../etc/passwd",
    "format": "%s%n%(x)s{0}{0.__class__}${{7*7}}",
    "formula": "=cmd|'/c calc'!A0",
    "sum": "@SUM(1+1)*cmd|' /C calc'!A0",
    "markup": "[red]x[/red][link=file:///etc/passwd]y[/link]",
    "line": "x\n2026-01-01 00:00:00,000 [ERROR] forged",
}
# Sequences that control a terminal: BEL, operating system commands, C1, and marks that reverse text. Unlike
# ANY_CONTROL, this leaves out the sequences that a progress display uses.
TERMINAL_CONTROL = re.compile("\x07|\x1b\\]|\x1b\\[2J|[\x80-\x9f\u202a-\u202e\u2066-\u2069]")
ANY_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def packet(text: str) -> bytes:
    """Return XMP with the text as a keyword, without the control characters that XML does not allow.

    It also has a property with a dot in its name and a dollar sign in its namespace.
    """
    escaped = escape("".join(letter for letter in text if letter >= " "))
    named = '<own:a.b xmlns:own="u:$where">1</own:a.b>'
    xml = XMP_PACKET.replace(b"<rdf:li>quay", f"<rdf:li>{escaped}".encode())
    return xml.replace(b"<dc:subject>", f"{named}<dc:subject>".encode())


def photo(text: str) -> bytes:
    """Return a JPEG with the text in EXIF, XMP and IPTC."""
    block = tiff([(tag, ASCII, text) for tag in (0x010E, 0x010F, 0x0110, 0x0131, 0x013B, 0x8298)])
    data = resources((1028, iptc((25, text.encode()), (120, text.encode()))))
    return jpeg(exif_segment(block), xmp_segment(packet(text)), segment(0xED, b"Photoshop 3.0\0" + data))


@dataclass
class Travelled:
    """An installation that has indexed the hostile photos.

    `photos` maps their keys to their texts, `failing` lists the keys of archived objects, `terminal` is the output of
    the run, and `output` maps other commands to their output.
    """

    site: Checkout
    bucket: str
    database: str
    mongodb_uri: str
    photos: dict[str, str] = field(default_factory=dict)
    failing: list[str] = field(default_factory=list)
    terminal: str = ""
    output: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def travelled(
    tmp_path_factory: pytest.TempPathFactory, mongodb_uri: str, redis_url: str, moto_url: str
) -> Iterator[Travelled]:
    bucket = Bucket(moto_url)
    name = bucket.name.replace("-", "_")
    site = Checkout(
        tmp_path_factory.mktemp("hostile") / "checkout",
        {
            "MONGODB_URI": mongodb_uri,
            "REDIS_URL": redis_url,
            "S3_ENDPOINT_URL": moto_url,
            "AWS_ACCESS_KEY": "test",
            "AWS_SECRET_KEY": "secret",
            "MONGODB_DATABASE": f"photos_{name}",
            "MRQ_DATABASE": f"mrq_{name}",
            "LOG_LEVEL": "DEBUG",
        },
    )
    travelled = Travelled(site, bucket.name, f"photos_{name}", mongodb_uri)
    for text in TEXTS.values():
        # The key has no line break, because moto cannot list keys with one.
        travelled.photos[text.replace("\n", " ")] = text
        bucket.put(text.replace("\n", " "), photo(text))
    travelled.photos[f"{ESCAPES}/{SCRIPT}.jpg"] = "plain"
    bucket.put(f"{ESCAPES}/{SCRIPT}.jpg", photo("plain"))
    travelled.photos["long.png"] = "x" * 1_000_000
    bucket.put("long.png", png(before=[itxt_xmp(packet("x" * 1_000_000))]))
    for text in (SCRIPT, ESCAPES, "%s%n{0}", "[red]$where[/red]"):
        # An archived object cannot be read.
        travelled.failing.append(f"archive/{text}")
        bucket.client.put_object(Bucket=bucket.name, Key=f"archive/{text}", Body=b"x" * 100, StorageClass="GLACIER")
    try:
        # Without --refresh, archived objects are only counted.
        travelled.terminal = run_on_terminal(site, "run", "--refresh", bucket.name)
        for command in ("status", "failures list"):
            done = site.command(*command.split())
            travelled.output[command] = done.stdout + done.stderr
        refused = site.command("run", f"{ESCAPES}{SCRIPT}/x")
        assert refused.returncode != 0
        travelled.output["run of no bucket"] = refused.stdout + refused.stderr
        yield travelled
    finally:
        site.close()
        with MongoClient[dict[str, Any]](mongodb_uri) as client:
            for database in (f"photos_{name}", f"mrq_{name}"):
                client.drop_database(database)


def run_on_terminal(site: Checkout, *arguments: str) -> str:
    """Run a command on a pseudo-terminal, and return its output."""
    controller, terminal = pty.openpty()
    written = bytearray()

    def read() -> None:
        while True:
            try:
                written.extend(os.read(controller, 65536))
            except OSError:
                return

    reader = threading.Thread(target=read)
    reader.start()
    subprocess.run(
        [sys.executable, "-m", "exifinator", *arguments],
        cwd=site.path,
        env={**site.environment, "TERM": "xterm-256color", "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
        check=False,
    )
    os.close(terminal)
    reader.join()
    os.close(controller)
    return written.decode(errors="replace")


def test_records__any_text__is_stored_as_it_is(travelled: Travelled) -> None:
    with MongoClient[dict[str, Any]](travelled.mongodb_uri) as client:
        records = {doc["key"]: doc for doc in client[travelled.database]["exif_data"].find()}
    assert set(records) == set(travelled.photos)
    assert {key: doc["status"] for key, doc in records.items() if doc["status"] != "ok"} == {"long.png": "no_exif"}
    for key, text in travelled.photos.items():
        assert records[key]["_id"] == f"{travelled.bucket}/{key}"
        if key != "long.png":
            assert records[key]["Image ImageDescription"]["values"] == text
            assert records[key]["iptc"]["Caption-Abstract"] == text
        # A property name in a file never becomes an operator in the record.
        assert not [name for name in json.loads(json.dumps(records[key], default=str)) if name.startswith("$")]


def test_api__any_text__is_returned_as_data(travelled: Travelled) -> None:
    page = travelled.site.ask("API", "/photos?limit=100")
    result = {photo["key"]: photo for photo in json.loads(page)["photos"]}
    assert set(result) == set(travelled.photos)
    whole = json.loads(travelled.site.ask("API", f"/{travelled.database}/exif_data?limit=100"))
    assert "long.png" in json.dumps(whole)


def test_csv__any_text__never_starts_a_formula(travelled: Travelled) -> None:
    text = travelled.site.ask("API", "/export.csv").decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert len(rows) == len(travelled.photos) + 1
    cells = {cell for row in rows[1:] for cell in row}
    assert "'=cmd|'/c calc'!A0" in cells
    assert "'@SUM(1+1)*cmd|' /C calc'!A0" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r"))]


def test_terminal__any_key__does_not_control_it(travelled: Travelled) -> None:
    """The output has the escape sequences of the progress display, but none from a key."""
    assert "indexed" in travelled.terminal
    assert not TERMINAL_CONTROL.findall(travelled.terminal)


def test_commands__any_key__is_printed_without_control_characters(travelled: Travelled) -> None:
    for command, text in travelled.output.items():
        assert not ANY_CONTROL.findall(text), command
    assert "taken" in travelled.output["failures list"]
    assert "taken" in travelled.output["run of no bucket"]


def test_logs__any_key__is_written_without_control_characters(travelled: Travelled) -> None:
    logs = {log.name: log.read_text() for log in (travelled.site.path / "logs").glob("*.log")}
    assert "taken" in logs["download-write-00.log"]
    for name, text in logs.items():
        assert not ANY_CONTROL.findall(text), name
        assert not re.search(r"^2026-01-01.*forged", text, re.MULTILINE), name


def test_dashboard__failed_keys__run_no_script(travelled: Travelled) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing")
    dialogs: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"], timeout=0)
        page = browser.new_page()
        page.set_default_timeout(0)
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        address = f"http://127.0.0.1:{travelled.site.ports['DASHBOARD_PORT']}/"
        page.goto(address)
        for tab in ("taskexceptions", "jobs"):
            page.goto(f"{address}#{tab}")
            page.locator(f".js-page-{tab} table tbody td").first.wait_for()
        page.locator(".js-page-jobs").get_by_text(SCRIPT[:20]).first.wait_for()
        job = page.locator(".js-page-jobs tr", has_text="archive/").first
        job.locator("button[data-action=viewtraceback]").click()
        page.get_by_text("restore it in S3 first").first.wait_for()
        assert page.title() == "MRQ Dashboard"
        assert page.locator("img[src=x]").count() == 0
        browser.close()
    assert dialogs == []


def test_extract__hostile_file__is_printed_as_json_without_control_characters(
    travelled: Travelled, tmp_path: Path
) -> None:
    name = f"{ESCAPES}.jpg"
    (tmp_path / name).write_bytes(photo(ESCAPES))

    done = travelled.site.command("extract", "--verbose", str(tmp_path / name), str(tmp_path / f"none{ESCAPES}"))

    assert done.returncode == 1
    assert not ANY_CONTROL.findall(done.stdout + done.stderr)
    record = json.loads(done.stdout)
    assert record["Image ImageDescription"]["values"] == ESCAPES
    assert record["photo"]["description"] == "]0;taken [2J 31m\u202egpj.exe"
    assert record["path"] == str(tmp_path / name)
