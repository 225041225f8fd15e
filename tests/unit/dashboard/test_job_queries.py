"""The guard validates parameters of MRQ's dashboard: an invalid filter matches no job, instead of all jobs."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import re
from pathlib import Path

import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from exifinator.dashboard import page_fixes
from exifinator.dashboard.guard import Guard

ID = "65a1b2c3d4e5f60718293a4b"
STATIC = Path(str(importlib.util.find_spec("mrq").origin)).parent / "dashboard"  # type: ignore[union-attr]


@Request.application
def mrq(request: Request) -> Response:
    """Respond with MRQ's files, or with all jobs, as MRQ does for a filter that it cannot parse."""
    if request.path == "/":
        return Response((STATIC / "templates/index.html").read_text(), mimetype="text/html")
    file = STATIC / request.path.removeprefix("/")
    if file.is_file():
        response = Response(file.read_text(), mimetype="text/plain", headers={"ETag": '"1"'})
        response.make_conditional(request)
        return response
    return Response('{"aaData": ["every job"], "reached": true}', mimetype="application/json")


@pytest.fixture
def guarded() -> Client:
    return Client(Guard(mrq, auth=None, bind_host="127.0.0.1"))


FILTERS = [
    ({"params": "gone/01.jpg"}, False),
    ({"params": '{"key": "gone/01.jpg"}'}, True),
    ({"params": '{"n": 5, "list": [1, null], "deep": {"a": true}}'}, True),
    ({"params": "{}"}, False),
    ({"params": "[]"}, False),
    ({"params": "5"}, False),
    ({"params": "null"}, False),
    ({"params": '"key"'}, False),
    ({"params": '{"key": {"$regex": "(a+)+$"}}'}, False),
    ({"params": '{"key": [{"$gt": ""}]}'}, False),
    ({"params": '{"$where": "1"}'}, False),
    ({"params": '{"a.$b": 1}'}, False),
    ({"params": '{"a": 99999999999999999999}'}, False),
    ({"params": "[" * 5000}, False),
    ({"id": ID}, True),
    ({"id": "vm.5863"}, False),
    ({"worker": ID.upper()}, True),
    ({"worker": "vm.5863"}, False),
    ({"worker": f"{ID}\n"}, False),
    ({"path": "exifinator.worker.tasks.Download"}, True),
    ({"path": "exifinator.*"}, True),
    ({"path": "(a+)+$*"}, False),
    ({"exceptiontype": "*" * 20}, False),
    ({"queue": "download", "status": "failed-retry", "id": "", "params": ""}, True),
]  # fmt: skip


@pytest.mark.parametrize(("filters", "passes"), FILTERS)
def test_jobs__filter__matches_no_job_if_it_is_invalid(guarded: Client, filters: dict[str, str], passes: bool) -> None:
    shown = guarded.get("/api/datatables/jobs", query_string={"sEcho": "7", **filters})
    assert shown.status_code == 200
    content = json.loads(shown.text)
    assert content["aaData"] == (["every job"] if passes else [])
    if not passes:
        assert (content["sEcho"], content["iTotalDisplayRecords"]) == ("7", 0)
    acted = guarded.post("/api/jobaction", data={"action": "cancel", **filters})
    assert acted.status_code == (200 if passes else 400)


@pytest.mark.parametrize(
    "form",
    [{}, {"status": "failed"}, {"action": "drop", "id": ID}, {"action": "cancel"}, {"action": "requeue", "id": ""}],
)
def test_jobaction__missing_action_or_filter__is_refused(guarded: Client, form: dict[str, str]) -> None:
    """Without a filter, MRQ would apply the action to all jobs."""
    assert guarded.post("/api/jobaction", data=form).status_code == 400


def test_jobaction__validated_body__is_still_readable_for_mrq() -> None:
    @Request.application
    def echo(request: Request) -> Response:
        return Response(request.form["id"])

    client = Client(Guard(echo, auth=None, bind_host="127.0.0.1"))
    assert client.post("/api/jobaction", data={"action": "requeue", "id": ID}).text == ID


@pytest.mark.parametrize(
    "address",
    [
        "/api/datatables/nothing?sEcho=1",
        "/api/datatables/jobs",
        "/api/datatables/jobs?sEcho=1&iDisplayStart=x",
        "/api/datatables/jobs?sEcho=1&iDisplayStart=-1",
        "/api/datatables/jobs?sEcho=1&iDisplayLength=99999999999",
        "/api/datatables/jobs?sEcho=1&iDisplayLength=1001",
        "/api/datatables/status?sEcho=1&iDisplayLength=٣",
        "/api/job/5/result",
        "/api/job/vm.5863/traceback",
        "/api/logs",
        "/api/logs?job=5",
        f"/api/logs?worker={ID}&min_log_id=x",
    ],
)
def test_read__invalid_parameter__is_refused_with_one_line(guarded: Client, address: str) -> None:
    response = guarded.get(address)
    assert response.status_code == 400
    assert response.text.count("\n") == 1


@pytest.mark.parametrize(
    "address", [f"/api/job/{ID}/result", f"/api/logs?job={ID}&last_log_id=", "/workers", "/api/workergroups"]
)
def test_read__request_of_the_page__reaches_mrq(guarded: Client, address: str) -> None:
    assert json.loads(guarded.get(address).text)["reached"]


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/api/datatables/jobs?sEcho=1", 403), ("/workers", 403)])
def test_read__request_from_another_site__may_only_open_the_page(guarded: Client, path: str, status: int) -> None:
    assert guarded.get(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == status


def test_body__transfer_encoding__is_refused_and_closes_the_connection(guarded: Client) -> None:
    for coding in ("chunked", "gzip, chunked", "identity"):
        response = guarded.post(
            "/api/jobaction", data={"action": "cancel", "id": ID}, headers={"Transfer-Encoding": coding}
        )
        assert (response.status_code, response.headers["Connection"]) == (411, "close")


def test_page__installed_mrq__has_only_scripts_that_the_security_policy_allows(guarded: Client) -> None:
    """The Content-Security-Policy blocks event handlers in attributes, and scripts whose hashes it does not list."""
    original = (STATIC / "templates/index.html").read_text()
    assert re.search(r"<textarea[^>]* onkeydown=", original)

    response = guarded.get("/")

    assert not re.findall(r"<[^>]*\son[a-z]+\s*=", response.text)
    assert '<textarea style="width:100%;height:400px;font-family:monospace;"></textarea>' in response.text
    scripts = re.findall(r"<script>(.*?)</script>", response.text, re.DOTALL)
    assert any(".js-page-workergroups textarea" in script for script in scripts)
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in response.headers["Content-Security-Policy"]


def test_files__script_of_the_installed_mrq__is_served_with_the_fixes(guarded: Client) -> None:
    """This test fails if a new version of MRQ changes the files that the fixes apply to."""
    assert 'src="static/bin/bundle.js"' in guarded.get("/").text
    (path,) = page_fixes.PATHS
    original = (STATIC / path.removeprefix("/")).read_text()
    script = guarded.get(path, headers={"If-None-Match": '"1"'})
    assert script.status_code == 200
    assert script.text == page_fixes.fix_file(path, original)
    assert "ETag" not in script.headers
    for wrong in ("_id.substring(0,8)", "fonts.googleapis.com"):
        assert wrong in original
        assert wrong not in script.text
    assert "i.utc(t.datequeued).fromNow()" in script.text
