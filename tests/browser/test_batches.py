"""The view "Indexing jobs", with a real S3 server, Redis, MongoDB and worker."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from exifinator.queue.admin import QueueAdmin
from tests.browser.accessible import assert_accessible
from tests.browser.conftest import PHONE, Explorer, Start
from tests.integration.api.fixtures import TOKEN
from tests.integration.conftest import Bucket, Installation
from tests.photos import make_jpeg
from tests.s3_proxy import Answer, Proxy, run_proxy, s3_error
from tests.servers import reserve_port, run_moto, run_redis, running

LOCKED = "locked"


@dataclass
class System:
    """All servers, a worker, and an explorer.

    Attributes:
        scheduled: A bucket with one photo that is indexed on a schedule.
        is_locked: Whether S3 denies access to the keys that contain LOCKED.
    """

    installation: Installation
    explorer: Explorer
    bucket: Bucket
    scheduled: Bucket
    is_locked: bool = True

    def open(self, address: str = "/?view=batches", *, token: str | None = TOKEN, **options: Any) -> Page:
        page = self.explorer.new_page(**options)
        if token:
            page.add_init_script(f"sessionStorage.setItem('explorer.token', '{token}')")
        page.goto(self.explorer.url + address)
        return page


@pytest.fixture(scope="module")
def system(browser: Browser, explorer_mongodb: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("system")
    with run_redis(folder) as redis_url, run_moto(folder) as moto, run_proxy(moto) as proxy:
        port = reserve_port()
        scheduled = Bucket(moto)
        scheduled.put("a.jpg", make_jpeg())
        schedule = [{"source": "no-such-bucket/2024/", "at": "02:00"}, {"source": scheduled.name, "every": "6h"}]
        settings = {"MONGODB_URI": explorer_mongodb, "REDIS_URL": redis_url, "S3_ENDPOINT_URL": proxy.url}
        settings |= {
            "API_PORT": port,
            "API_TOKEN": TOKEN,
            "API_PUBLIC_READ": True,
            "DASHBOARD_PORT": 15999,
            "RETRY_DELAY_SECONDS": 0.05,
            "SCHEDULE": json.dumps(schedule),
        }
        installation = Installation(settings, folder)
        try:
            with running([sys.executable, "-m", "api"], port, folder / "api.log", installation.environment):
                system = System(installation, Explorer(f"http://127.0.0.1:{port}", browser), Bucket(moto), scheduled)
                _deny_locked_keys(proxy, system)
                for index in range(12):
                    system.bucket.put(f"2024/{LOCKED if index < 3 else 'open'} {index:02}.jpg", make_jpeg(seed=index))
                installation.start_worker("download", "write")
                yield system
        finally:
            installation.close()


def _deny_locked_keys(proxy: Proxy, system: System) -> None:
    def answer(_: str, target: str, __: dict[str, str], response: Answer) -> Answer:
        if system.is_locked and LOCKED in target and "list-type" not in target:
            return s3_error(403, "AccessDenied")
        return response

    proxy.answer = answer


@pytest.fixture(autouse=True)
def clean_system(system: System) -> Iterator[None]:
    """Close the pages. Delete the failed jobs, because the view lists those of earlier tests too."""
    yield
    system.explorer.finish()
    system.installation.store.jobs.collection.delete_many({})


def start_batch(page: Page, bucket: str, prefix: str = "") -> None:
    page.get_by_role("combobox", name="Bucket").fill(bucket)
    page.get_by_role("textbox", name="Prefix").fill(prefix)
    page.get_by_role("button", name="Start", exact=True).click()


def row_of(page: Page, bucket: str, state: str) -> Locator:
    return page.get_by_role("row").filter(has_text=bucket).filter(has_text=state)


def test_batches__start__shows_progress_and_failures_that_can_be_retried(system: System) -> None:
    """Start a batch, wait until it is done, open its failures, fix the cause, and retry until all succeed."""
    page = system.open()
    page.get_by_text("No jobs running.").wait_for()
    start_batch(page, system.bucket.name, "2024/")
    expect(page.get_by_text(f"Started: s3://{system.bucket.name}/2024/.")).to_be_visible()
    row = row_of(page, system.bucket.name, "Done")
    expect(row).to_be_visible()
    # The row arrived through the event stream, without a reload.
    expect(row.get_by_role("cell").nth(3)).to_have_text("12")
    expect(row.get_by_role("cell").nth(5)).to_have_text("3")

    row.get_by_role("button", name="Details").click()
    expect(page).to_have_url(re.compile("batch="))
    details = page.locator("tr.details")
    expect(details.locator("dl.numbers")).to_contain_text(re.compile("Has EXIF9.*Failed3"))
    expect(details.get_by_role("link", name="View photos")).to_have_attribute("href", re.compile("prefix=2024"))

    cause = page.get_by_role("article", name="AccessDenied")
    expect(cause.get_by_role("heading")).to_have_text("Access denied (AccessDenied)")
    expect(cause).to_contain_text("3 photos")
    expect(cause).to_contain_text("S3 denies these credentials access to the file.")
    cause.get_by_role("button", name="Show 3 files").click()
    expect(page).to_have_url(re.compile("cause=AccessDenied"))
    jobs = cause.get_by_role("list").get_by_role("listitem")
    expect(jobs).to_have_count(3)
    first = jobs.first
    first.locator("summary").click()
    expect(first.locator("pre")).to_contain_text("AccessDenied")
    of_this_bucket = {"status": "failed", "params.bucket": system.bucket.name}
    job = system.installation.store.jobs.collection.find_one(of_this_bucket, sort=[("_id", -1)])
    assert job is not None
    expect(first.get_by_role("link")).to_have_attribute("href", f"http://127.0.0.1:15999/#jobs?id={job['_id']}")

    system.is_locked = False
    first.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("1 photo queued for retry")).to_be_visible()
    expect(jobs).to_have_count(2)
    cause.get_by_role("button", name="Retry all (2)").click()
    expect(page.get_by_text("2 photos queued for retry")).to_be_visible()
    expect(page.get_by_text("No failures.")).to_be_visible()
    records = system.installation.store.records.collection
    system.installation.wait_until(lambda: records.count_documents({"bucket": system.bucket.name}) == 12)


def test_batches__refused_source_or_pattern__is_shown_at_its_field(system: System) -> None:
    page = system.open(allow=("400", "404"))
    start_batch(page, "no-such-bucket")
    field = page.get_by_role("combobox", name="Bucket")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("Bucket not found"))
    expect(field).to_be_focused()
    field.fill("no-such-bucket-2")
    expect(field).not_to_have_attribute("aria-invalid", "true")
    # The error is shown at the field with the wrong pattern, in the part of the form that is now expanded.
    page.get_by_text("Patterns", exact=True).click()
    exclude = page.get_by_role("textbox", name="Exclude")
    exclude.fill("*.jpg\n{a,b}.jpg")
    page.get_by_text("Patterns", exact=True).click()
    start_batch(page, system.bucket.name)
    expect(exclude).to_be_focused()
    expect(exclude).to_have_attribute("aria-invalid", "true")
    expect(exclude).to_have_accessible_description(re.compile("give one pattern for each choice"))
    expect(field).not_to_have_attribute("aria-invalid", "true")
    assert_accessible(page)
    exclude.fill("  drafts/ \n\n*.png\n")
    page.get_by_role("textbox", name="Include only").fill("*.jpg")
    field.fill("no-such-bucket-3")
    with page.expect_request(lambda request: request.method == "POST" and request.url.endswith("/batches")) as sent:
        page.get_by_role("button", name="Start", exact=True).click()
    patterns = {"include": ["*.jpg"], "exclude": ["drafts/", "*.png"]}
    assert sent.value.post_data_json == {"source": "no-such-bucket-3", **patterns}
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(exclude).not_to_have_attribute("aria-invalid", "true")


def test_batches__cancel__asks_for_confirmation(system: System) -> None:
    many = Bucket(system.installation.settings["S3_ENDPOINT_URL"])
    body = make_jpeg(seed=1)
    for index in range(30):
        many.put(f"{index:03}.jpg", body)
    # Without a worker, the batch cannot end before it is cancelled.
    (worker,) = system.installation._workers
    worker.terminate()
    worker.wait(20)
    try:
        page = system.open()
        start_batch(page, many.name)
        batch = page.get_by_role("article", name=f"Indexing job for s3://{many.name}")
        expect(batch.locator(".state")).to_have_text("Indexing")
        expect(batch).to_contain_text("0 of 30, 0%")
        expect(page).to_have_title("0% · Indexing jobs · EXIFinator")
        expect(batch.locator(".rate-chart svg")).to_be_visible()
        assert_accessible(page)
        batch.get_by_role("button", name="Cancel…").click()
        expect(batch).to_contain_text("Cancel this job? Photos already indexed are kept.")
        batch.get_by_role("button", name="Keep running").click()
        expect(batch).to_be_visible()
        batch.get_by_role("button", name="Cancel…").click()
        batch.get_by_role("button", name="Cancel job").click()
        expect(row_of(page, many.name, "Cancelled")).to_be_visible()
        assert system.installation.store.records.collection.count_documents({"bucket": many.name}) == 0
    finally:
        system.installation._workers.clear()
        system.installation.start_worker("download", "write")


def test_batches__without_a_token__token_is_requested(system: System) -> None:
    page = system.open(token=None, allow=("401",))
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Index a bucket").wait_for()


def failures_response() -> dict[str, Any]:
    """Return a response of /failures with one failed job, whose texts contain HTML."""
    example = {
        "id": "0" * 24,
        "exception": "ObjectChanged",
        "message": "<img src=x>",
        "bucket": "b",
        "key": "<b>k</b>",
        "path": "x",
        "queue": "download",
        "status": "failed",
        "queued_at": None,
        "traceback": "<script>",
    }
    groups = [{"exception": "ObjectChanged", "count": 1, "example": example}]
    return {"total": 1, "groups": groups, "failures": [example], "next": None}


def test_batches__retry_with_an_api_without_a_token__is_allowed(explorer: Explorer, start_explorer: Start) -> None:
    """Retrying is protected like starting and cancelling: it needs a token only if the API has one."""
    page = explorer.new_page()
    page.route(re.compile(r"/failures\?"), lambda route: route.fulfill(json=failures_response()))
    page.goto(explorer.url + "/?view=batches&cause=ObjectChanged")
    cause = page.get_by_role("article", name="ObjectChanged")
    expect(cause).to_contain_text("b/<b>k</b>")
    cause.get_by_role("button", name="Retry all").click()
    expect(page.get_by_text("0 photos queued for retry")).to_be_visible()


def test_batches__failed_files_cannot_be_listed__try_again_lists_them(explorer: Explorer) -> None:
    page = explorer.new_page(allow=("503",))
    problem = {"status": 503, "code": "query_timeout", "detail": "The query exceeded its time limit."}
    is_slow = True

    def respond(route: Route) -> None:
        # The list of causes requests one job. The list of files requests more.
        if is_slow and "limit=1&" not in f"{route.request.url}&":
            route.fulfill(status=503, json=problem)
        else:
            route.fulfill(json=failures_response())

    page.route(re.compile(r"/failures\?"), respond)
    page.goto(explorer.url + "/?view=batches&cause=ObjectChanged")
    cause = page.get_by_role("article", name="ObjectChanged")
    expect(cause.get_by_role("alert")).to_contain_text("The query timed out")
    is_slow = False
    cause.get_by_role("button", name="Try again").click()
    expect(cause.get_by_role("list", name="Failed files")).to_contain_text("b/<b>k</b>")


def test_batches__schedule__shows_last_and_next_runs(system: System) -> None:
    """The bucket of one entry does not exist, so its batch cannot be started."""
    collection = system.installation.store.schedule.collection
    missing, indexed = re.compile("no-such-bucket"), re.compile(system.scheduled.name)
    assert system.installation.wait_until(lambda: collection.find_one({"_id": missing, "checked_at": {"$ne": None}}))
    long_ago = datetime.now(UTC) - timedelta(days=2)
    collection.update_one({"_id": missing}, {"$set": {"since": long_ago}, "$inc": {"version": 1}})
    page = system.open()
    table = page.get_by_role("region", name="Scheduled jobs").get_by_role("table")
    rows = table.get_by_role("row")
    expect(rows.nth(1)).to_contain_text("no-such-bucket/2024/")
    expect(rows.nth(1)).to_contain_text("Every day at 02:00 (UTC)")
    expect(rows.nth(2)).to_contain_text("Every 6 hours")
    done = rows.nth(2).get_by_role("link", name="Done")
    expect(done).to_be_visible()
    # No events are configured.
    events = page.get_by_role("region", name="Changes in the bucket")
    expect(events).to_have_count(0)
    done.click()
    expect(page).to_have_url(re.compile("batch="))
    expect(page.locator("tr.details")).to_contain_text("Has EXIF1")

    last = {"at": datetime.now(UTC), "outcome": "skipped", "problem": "Batch b was still running"}
    collection.update_one({"_id": indexed}, {"$set": {"last": last}, "$inc": {"version": 1}})
    assert system.installation.wait_until(lambda: collection.find_one({"_id": missing, "last.outcome": "failed"}))
    counts = {"received": 5, "queued": 2, "removed": 1, "unchanged": 1, "ignored": 1, "failed": 0, "malformed": 0}
    page.route("**/events/counts", lambda route: route.fulfill(json={"events": {**counts, "lag_seconds": 0.84}}))
    page.reload()
    expect(events).to_contain_text("Events5Indexed2Removed1Duplicate1Ignored1Applied 0.8 s after the change")
    recently = "(just now|.* ago)"
    expect(rows.nth(1)).to_contain_text(re.compile(f"Could not start {recently}: .*no-such-bucket"))
    expect(rows.nth(2)).to_contain_text(re.compile(rf"Skipped {recently}: the previous job was still running\."))


def test_batches__prefix_that_does_not_exist__is_reported_as_nothing_found(system: System) -> None:
    page = system.open()
    start_batch(page, system.bucket.name, "nosuchprefix/")
    row = row_of(page, system.bucket.name, "Nothing found")
    expect(row).to_be_visible()
    row.get_by_role("button", name="Details").click()
    expect(page.locator("tr.details")).to_contain_text("nosuchprefix/; check the spelling")


def test_batches__paused_queue__is_reported(system: System) -> None:
    paused = Bucket(system.installation.settings["S3_ENDPOINT_URL"])
    paused.put("a.jpg", make_jpeg(seed=1))
    admin = QueueAdmin(system.installation.queue, system.installation.config)
    admin.pause(system.installation.config.download_queue)
    try:
        page = system.open()
        start_batch(page, paused.name)
        batch = page.get_by_role("article", name=f"Indexing job for s3://{paused.name}")
        expect(batch.get_by_role("alert")).to_contain_text("the queue is paused")
    finally:
        admin.resume(system.installation.config.download_queue)
    expect(row_of(page, paused.name, "Done")).to_be_visible()
    # The gallery shows the stored photos, although it was open before the batch.
    page.get_by_role("row").filter(has_text=paused.name).get_by_role("button", name="Details").click()
    page.get_by_role("link", name="View photos").click()
    expect(page.locator(".gallery .tile")).to_have_count(1)


def test_batches__event_stream_breaks__is_reported_and_reconnects(system: System) -> None:
    page = system.open("/?view=statistics")
    broken = {"body": ": nothing\n\n", "content_type": "text/event-stream"}
    page.route(re.compile(r"/events$"), lambda route: route.fulfill(**broken))
    page.get_by_role("link", name="Indexing jobs").click()
    expect(page.get_by_text("Not live. Connecting…")).to_be_visible()
    page.unroute_all()
    expect(page.get_by_text("Not live. Connecting…")).to_have_count(0)


@pytest.mark.parametrize("options", [{}, {"viewport": PHONE, "color_scheme": "dark"}], ids=["desktop", "phone"])
def test_batches__any_screen__is_accessible(system: System, options: dict[str, Any]) -> None:
    system.installation.store.jobs.collection.insert_one(
        {
            "status": "failed",
            "path": "exifinator.worker.tasks.Download",
            "exceptiontype": "ObjectGone",
            "traceback": "a\nb",
        }
    )
    page = system.open("/?view=batches&cause=ObjectGone", **options)
    page.get_by_text("Traceback").first.click()
    # Retrying would not help.
    expect(page.get_by_role("article", name="ObjectGone").get_by_role("button", name="Retry all")).to_have_count(0)
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
