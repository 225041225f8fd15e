"""S3 fails during a whole batch. The records are nevertheless the same as without failures."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bench.data import PHOTO_BYTES
from bench.listing_server import ETAG
from exifinator.errors import SourceUnavailable
from exifinator.search_keys.search_text import search_terms
from exifinator.storage.failed_jobs import FailedJobs, failed_filter
from tests.faults.conftest import IMAGES, PHOTOS, Document, assert_complete, finish_and_check
from tests.integration.conftest import Installation
from tests.s3_proxy import Answer, Proxy, s3_error

NUMBER = re.compile(r"IMG_(\d+)")
REGION = re.compile(r"Credential=\w+/\d+/([\w-]+)/")
# More failures than one job retries within itself, so that the job is retried too.
FAULTS_PER_IMAGE = 5
# Small enough that most images take two requests.
FIRST_READ_BYTES = 4096
NEW_ETAG = "0123456789abcdef0123456789abcdef"

Fault = Callable[[Answer], Answer | None]


def with_header(answer: Answer, name: str, value: str | None) -> Answer:
    kept = {known: text for known, text in answer.headers.items() if known.lower() != name.lower()}
    return replace(answer, headers=kept if value is None else {**kept, name: value})


def half_length(answer: Answer) -> int:
    return len(answer.body) // 2


def shortened(answer: Answer) -> Answer:
    """Return the response with a body that is shorter than its range, and a Content-Length that fits this body."""
    kept = with_header(answer, "Content-Length", str(len(answer.body) - 3))
    return replace(kept, body=answer.body[:-3])


FAULTS: dict[str, Fault] = {
    "503 SlowDown": lambda answer: s3_error(503, "SlowDown"),
    "500": lambda answer: s3_error(500, "InternalError"),
    "closed before an answer": lambda answer: None,
    "reset before the body": lambda answer: replace(answer, sent_bytes=0, reset=True),
    "reset in the middle of the body": lambda answer: replace(answer, sent_bytes=half_length(answer), reset=True),
    "a body that stops": lambda answer: replace(answer, sent_bytes=half_length(answer), stalled_seconds=20),
    "a body shorter than its length": lambda answer: replace(answer, sent_bytes=len(answer.body) - 3),
    "a body shorter than its range": shortened,
    "another range": lambda answer: with_header(answer, "Content-Range", f"bytes 5-4100/{PHOTO_BYTES}"),
    "a page that is not S3's": lambda answer: Answer(200, {"Content-Type": "text/html"}, b"<html>Welcome</html>"),
}


class FaultyServer:
    """Applies faults, in turn, to the first FAULTS_PER_IMAGE requests for each image whose number `every` divides."""

    def __init__(self, faults: list[Fault], every: int = 5) -> None:
        self.faults, self.every = faults, every
        self.requests: Counter[int] = Counter()
        self.lock = threading.Lock()

    def __call__(self, method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer | None:
        match = NUMBER.search(target)
        if match is None or "list-type" in target or int(match[1]) % self.every:
            return answer
        number = int(match[1])
        with self.lock:
            self.requests[number] += 1
            tries = self.requests[number]
        if tries > FAULTS_PER_IMAGE:
            return answer
        return self.faults[(number // self.every + tries) % len(self.faults)](answer)


@pytest.fixture
def here(install: Callable[..., Installation], proxy: Proxy) -> Installation:
    return install(
        S3_ENDPOINT_URL=proxy.url, S3_TIMEOUT_SECONDS=3, FIRST_READ_BYTES=FIRST_READ_BYTES, GREENLETS=30, MAX_RETRIES=6
    )


def index_all(here: Installation, expected: dict[str, Document]) -> None:
    """Index the bucket of photos, and assert that the batch is complete and has the expected records."""
    here.start_worker("download", "write")
    assert finish_and_check(here, here.queue_batch(PHOTOS), expected).stored == IMAGES


def test_batch__every_fault_of_s3_simultaneously__is_complete(
    here: Installation, proxy: Proxy, undisturbed: dict[str, Document]
) -> None:
    proxy.answer = server = FaultyServer(list(FAULTS.values()), every=20)
    index_all(here, undisturbed)
    assert len(server.requests) == IMAGES // 20
    assert min(server.requests.values()) > FAULTS_PER_IMAGE


@pytest.mark.faults
@pytest.mark.parametrize("name", FAULTS)
def test_batch__one_fault_of_s3__is_complete(
    here: Installation, proxy: Proxy, undisturbed: dict[str, Document], name: str
) -> None:
    # Each body that stalls takes a whole read timeout.
    proxy.answer = server = FaultyServer([FAULTS[name]], every=20 if name == "a body that stops" else 5)
    index_all(here, undisturbed)
    assert min(server.requests.values()) > FAULTS_PER_IMAGE


@pytest.mark.faults
def test_batch__bucket_in_another_region__is_complete(
    here: Installation, proxy: Proxy, undisturbed: dict[str, Document]
) -> None:
    signed_for: list[str] = []

    def reject_other_regions(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        match = REGION.search(headers.get("Authorization", ""))
        assert match is not None
        signed_for.append(match[1])
        if match[1] == "eu-west-3":
            return answer
        return s3_error(400, "AuthorizationHeaderMalformed", more="<Region>eu-west-3</Region>")

    proxy.answer = reject_other_regions
    index_all(here, undisturbed)
    # The client sent a few requests to the wrong region, but not one per image.
    assert signed_for.count("eu-west-3") > IMAGES
    assert len(signed_for) - signed_for.count("eu-west-3") < IMAGES // 10


@pytest.mark.faults
def test_batch__server_without_ranges__is_complete(
    here: Installation, proxy: Proxy, undisturbed: dict[str, Document]
) -> None:
    """The server responds with 200 and the whole object instead of 206."""

    def send_whole_object(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer:
        if answer.status != 206:
            return answer
        plain = with_header(with_header(answer, "Content-Range", None), "Content-Length", str(PHOTO_BYTES))
        return Answer(200, plain.headers, answer.body.ljust(PHOTO_BYTES, b"\0"))

    def request_first_bytes(headers: dict[str, str]) -> None:
        for name in headers:
            if name.lower() == "range":
                headers[name] = "bytes=0-65535"

    proxy.answer, proxy.change_headers = send_whole_object, request_first_bytes
    index_all(here, undisturbed)


def with_small_pages(target: str) -> str:
    return f"{target}&max-keys=100" if "list-type" in target else target


@pytest.mark.faults
@pytest.mark.parametrize("fault", ["503 SlowDown", "reset in the middle of the body", "a page that is not S3's"])
def test_listing__failed_on_page_7__continues_from_there_when_run_again(
    here: Installation, proxy: Proxy, undisturbed: dict[str, Document], fault: str
) -> None:
    served: list[str] = []
    proxy.request = with_small_pages

    def fail(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer | None:
        if "list-type" not in target:
            return answer
        served.append(target)
        return answer if len(served) < 7 else FAULTS[fault](answer)

    proxy.answer = fail
    interrupted = here.batch(PHOTOS)
    interrupted.open()
    with pytest.raises(SourceUnavailable) as caught:
        for _ in interrupted.list_and_queue(pause=lambda seconds: None):
            pass
    interrupted.detach("stopped", problem=str(caught.value))
    assert 0 < interrupted.counts.listed < IMAGES
    proxy.answer = None

    here.start_worker("download", "write")
    seen = len(proxy.seen)
    batch = here.queue_batch(PHOTOS)
    assert (batch.resumed, batch.id) == (True, interrupted.id)
    # The part of the bucket that was listed before is not listed again.
    pages = [target for _, target, _ in proxy.seen[seen:] if "list-type" in target]
    assert pages
    assert all("start-after=" in target or "continuation-token=" in target for target in pages)
    assert finish_and_check(here, batch, undisturbed).stored == IMAGES


@pytest.mark.faults
def test_batch__objects_deleted_while_it_runs__are_failed_jobs(
    here: Installation, proxy: Proxy, undisturbed: dict[str, Document]
) -> None:
    """Some objects are deleted before they are fetched, and others between their two ranges."""

    def delete(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer | None:
        match = NUMBER.search(target)
        if match is None or "list-type" in target:
            return answer
        is_second_range = "if-match" in {name.lower() for name in headers}
        last_digit = int(match[1]) % 10
        return s3_error(404, "NoSuchKey") if last_digit == 0 or (last_digit == 5 and is_second_range) else answer

    proxy.answer = delete
    here.start_worker("download", "write")
    counts = here.run(PHOTOS)

    assert (counts.stored, counts.failed) == (IMAGES * 8 // 10, IMAGES * 2 // 10)
    assert_complete(here, undisturbed)
    assert {group["exception"] for group in FailedJobs(here.store.jobs).group(failed_filter())} == {"ObjectGone"}


def test_batch__objects_replaced_while_it_runs__are_read_again_and_not_mixed(
    here: Installation, proxy: Proxy, undisturbed: dict[str, Document]
) -> None:
    """Some objects are replaced between their two ranges, and others after they were listed."""
    replaced: set[int] = set()
    lock = threading.Lock()

    def is_replaced(target: str) -> bool:
        match = NUMBER.search(target)
        return match is not None and "list-type" not in target and int(match[1]) in replaced

    def next_photo(target: str) -> str:
        if not is_replaced(target):
            return target
        return NUMBER.sub(lambda match: f"IMG_{int(match[1]) + 1:09}", target)

    def replace_some(method: str, target: str, headers: dict[str, str], answer: Answer) -> Answer | None:
        if "list-type" in target:
            return replace(answer, body=new_listing(answer.body))
        match = NUMBER.search(target)
        if match is None:
            return answer
        if_match = next((value.strip('"') for name, value in headers.items() if name.lower() == "if-match"), "")
        number = int(match[1])
        if number % 5 == 0 and if_match == ETAG:
            with lock:
                replaced.add(number)
            return s3_error(412, "PreconditionFailed")
        return with_header(answer, "ETag", f'"{NEW_ETAG}"') if number in replaced else answer

    def new_listing(body: bytes) -> bytes:
        def row(match: re.Match[bytes]) -> bytes:
            number = NUMBER.search(match[0].decode())
            assert number is not None
            return match[0].replace(ETAG.encode(), NEW_ETAG.encode()) if int(number[1]) in replaced else match[0]

        return re.sub(rb"<Contents>.*?</Contents>", row, body)

    proxy.request, proxy.answer = next_photo, replace_some
    expected: dict[str, Any] = dict(undisturbed)
    for name, record in undisturbed.items():
        match = NUMBER.search(name)
        assert match is not None
        if int(match[1]) % 10 in (0, 1, 5):
            other = NUMBER.sub(f"IMG_{int(match[1]) + 1:09}", name)
            words = search_terms(record["key"], undisturbed[other]["photo"], undisturbed[other].get("xmp"))
            unchanged = {"key": record["key"], "family": record["family"], "etag": NEW_ETAG}
            expected[name] = {**undisturbed[other], **unchanged, **words}

    batch = here.queue_batch(PHOTOS)
    replaced.update(number for number in range(IMAGES) if number % 10 == 1)
    here.start_worker("download", "write")
    assert finish_and_check(here, batch, expected).stored == IMAGES
    assert len(replaced) == IMAGES * 3 // 10
