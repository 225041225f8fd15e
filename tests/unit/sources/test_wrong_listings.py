"""Listings from servers that deviate from S3 are complete, or end with an error that says why."""

from __future__ import annotations

from collections.abc import Callable
from xml.sax.saxutils import escape

import pytest

from exifinator.errors import IncompleteListing, SourceUnavailable
from exifinator.sources.listing import PartitionedListing, list_pages
from exifinator.sources.s3.list_parser import parse_listing
from exifinator.sources.source import Source
from tests.stub_s3 import Reply, Request, StubS3, connect_stub

KEYS = [f"p/{i:03}.jpg" for i in range(35)]
TRUNCATED = "<IsTruncated>{}</IsTruncated>"
# How a stub server responds to a listing request.
Listing = Callable[[StubS3, Request], Reply]


def v1_only(stub: StubS3, request: Request) -> Reply:
    """Respond to ListObjectsV2 as to version 1, which continues at `marker`."""
    keys, more = stub.keys_after(request, request.query.get("marker", ""))
    return stub.page(request, keys, TRUNCATED.format(str(more).lower()))


def v1_with_next_marker(stub: StubS3, request: Request) -> Reply:
    keys, more = stub.keys_after(request, request.query.get("marker", ""))
    marker = f"<NextMarker>{escape(keys[-1])}</NextMarker>" if more else ""
    return stub.page(request, keys, TRUNCATED.format(str(more).lower()) + marker)


def no_token(stub: StubS3, request: Request) -> Reply:
    """Support start-after, but send no continuation token."""
    keys, more = stub.keys_after(request, request.query.get("start-after", ""))
    return stub.page(request, keys, TRUNCATED.format(str(more).lower()))


def empty_token(stub: StubS3, request: Request) -> Reply:
    keys, more = stub.keys_after(request, request.query.get("start-after", ""))
    return stub.page(request, keys, TRUNCATED.format(str(more).lower()) + "<NextContinuationToken/>")


def next_marker_in_v2(stub: StubS3, request: Request) -> Reply:
    keys, more = stub.keys_after(request, request.query.get("start-after", ""))
    return stub.page(request, keys, TRUNCATED.format(str(more).lower()) + f"<NextMarker>{keys[-1]}</NextMarker>")


def token_without_truncated(stub: StubS3, request: Request) -> Reply:
    reply = stub.list_objects(request)
    body = reply.body.replace(b"<IsTruncated>true</IsTruncated>", b"").replace(b"<IsTruncated>false</IsTruncated>", b"")
    return Reply(200, body)


def neither_token_nor_truncated(stub: StubS3, request: Request) -> Reply:
    keys, _ = stub.keys_after(request, request.query.get("start-after", ""))
    return stub.page(request, keys, "")


def same_page(stub: StubS3, request: Request) -> Reply:
    keys, _ = stub.keys_after(request, "")
    return stub.page(request, keys, TRUNCATED.format("true") + "<NextContinuationToken>same</NextContinuationToken>")


def same_page_with_new_tokens(stub: StubS3, request: Request) -> Reply:
    keys, _ = stub.keys_after(request, "")
    token = f"<NextContinuationToken>{len(stub.seen)}</NextContinuationToken>"
    return stub.page(request, keys, TRUNCATED.format("true") + token)


def two_pages_in_turn(stub: StubS3, request: Request) -> Reply:
    after = {"": "", "b": KEYS[9], "a": ""}[request.query.get("continuation-token", "")]
    keys, _ = stub.keys_after(request, after)
    token = "a" if after else "b"
    return stub.page(
        request, keys, TRUNCATED.format("true") + f"<NextContinuationToken>{token}</NextContinuationToken>"
    )


def same_page_without_token(stub: StubS3, request: Request) -> Reply:
    keys, _ = stub.keys_after(request, "")
    return stub.page(request, keys, TRUNCATED.format("true"))


def same_empty_page(stub: StubS3, request: Request) -> Reply:
    return stub.page(request, [], TRUNCATED.format("true") + "<NextContinuationToken>same</NextContinuationToken>")


def empty_page_without_token(stub: StubS3, request: Request) -> Reply:
    return stub.page(request, [], TRUNCATED.format("true"))


def endless_empty_pages(stub: StubS3, request: Request) -> Reply:
    token = f"<NextContinuationToken>{len(stub.seen)}</NextContinuationToken>"
    return stub.page(request, [], TRUNCATED.format("true") + token)


def stub_with(listing: Listing, keys: list[str] = KEYS, page_size: int = 10) -> StubS3:
    return StubS3({"b": dict.fromkeys(keys, b"x")}, on_list={"b": listing}, page_size=page_size)


def list_keys(stub: StubS3, **options: bool) -> list[str]:
    pages = list_pages(connect_stub(stub), Source("b"), pause=lambda seconds: None, **options)
    return [ref.key for page in pages for ref in page.refs]


@pytest.mark.parametrize(
    "listing",
    [v1_only, v1_with_next_marker, no_token, empty_token, next_marker_in_v2, token_without_truncated],
)
def test_list_pages__server_without_usable_tokens__lists_each_object_once(listing: Listing) -> None:
    stub = stub_with(listing)

    assert list_keys(stub) == KEYS
    assert len(stub.seen) <= 6


def test_list_pages__full_page_without_token_or_truncation_flag__is_continued() -> None:
    keys = [f"{i:05}.jpg" for i in range(2100)]

    assert list_keys(stub_with(neither_token_nor_truncated, keys, 1000)) == keys


@pytest.mark.parametrize(
    ("listing", "code"),
    [
        (same_page, "repeated_page"),
        (same_page_with_new_tokens, "repeated_page"),
        (two_pages_in_turn, "repeated_page"),
        (same_empty_page, "repeated_page"),
        (same_page_without_token, "no_token"),
        (empty_page_without_token, "no_token"),
    ],
)
def test_list_pages__server_that_repeats_pages__raises_incomplete_listing(listing: Listing, code: str) -> None:
    stub = stub_with(listing)

    with pytest.raises(IncompleteListing, match="s3://b cannot be listed completely") as caught:
        list_keys(stub)

    assert caught.value.code == code
    assert len(stub.seen) <= 5


def test_list_pages__endless_empty_pages__raises_incomplete_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exifinator.sources.page_sequence.MAX_EMPTY_PAGES", 20)
    stub = stub_with(endless_empty_pages)

    with pytest.raises(IncompleteListing, match="one empty page after another"):
        list_keys(stub)

    assert len(stub.seen) == 21


def test_list_pages__empty_pages_between_others__are_skipped() -> None:
    def with_empty_pages(stub: StubS3, request: Request) -> Reply:
        token = request.query.get("continuation-token", "")
        if token and not token.startswith("full:"):
            more = f"<NextContinuationToken>full:{token}</NextContinuationToken>"
            return stub.page(request, [], TRUNCATED.format("true") + more)
        request.query["continuation-token"] = token.removeprefix("full:")
        return stub.list_objects(request)

    assert list_keys(stub_with(with_empty_pages)) == KEYS


@pytest.mark.parametrize("listing", [v1_only, no_token, next_marker_in_v2, same_page_without_token])
def test_list_pages__strict_mode__refuses_a_page_without_a_token(listing: Listing) -> None:
    with pytest.raises(IncompleteListing, match="does not say where it continues"):
        list_keys(stub_with(listing), is_strict=True)


def test_list_pages__strict_mode__lists_a_server_with_tokens() -> None:
    assert list_keys(stub_with(StubS3.list_objects), is_strict=True) == KEYS


def test_listing__parallel_on_a_server_without_tokens__lists_each_object_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exifinator.sources.listing.STARVED_SHARE", -1.0)
    keys = [f"{i % 7}/{i:04}.jpg" for i in range(400)]
    listing = PartitionedListing(connect_stub(stub_with(no_token, keys, 5)), Source("b"), threads=3)
    listed = []
    for page in listing.pages():
        listed += [ref.key for ref in page.refs]
        listing.mark_processed()

    assert sorted(listed) == sorted(keys)
    assert listing.started_threads > 1


@pytest.mark.parametrize("listing", [v1_only, same_page])
def test_listing__resumed_on_a_server_without_tokens__is_complete_or_raises(listing: Listing) -> None:
    resumed = PartitionedListing(connect_stub(stub_with(listing)), Source("b"), ranges=[[KEYS[12], None]])

    if listing is v1_only:
        assert {ref.key for page in resumed.pages() for ref in page.refs} >= set(KEYS[13:])
    else:
        with pytest.raises(IncompleteListing):
            list(resumed.pages())


def test_list_pages__server_that_ignores_the_prefix__lists_only_the_prefix() -> None:
    def all_keys(stub: StubS3, request: Request) -> Reply:
        request.query["prefix"] = ""
        return stub.list_objects(request)

    stub = stub_with(all_keys, ["a/1", "b/1", "b/2", "c/1"])
    pages = list_pages(connect_stub(stub), Source("b", "b/"))

    assert [ref.key for page in pages for ref in page.refs] == ["b/1", "b/2"]


UNUSUAL_KEYS = [
    "vt\x0bhere.jpg",
    "nul\x00.jpg",
    "esc\x1b[2J.jpg",
    "tab\t.jpg",
    "no\ufffe.jpg",
    "plane\U0010ff0b.jpg",
    "a&b.jpg",
]


@pytest.mark.parametrize(
    "write_key", [str, escape, lambda key: escape(key).replace("\x0b", "&#x0b;").replace("\x1b", "&#27;")]
)
def test_list_page__keys_with_characters_that_xml_forbids__are_unchanged(write_key: Callable[[str], str]) -> None:
    keys = [key for key in UNUSUAL_KEYS if "\t" not in key or write_key is not str]

    def raw(stub: StubS3, request: Request) -> Reply:
        return stub.page(request, sorted(keys), TRUNCATED.format("false"), write_key)

    stub = stub_with(raw, keys)

    assert sorted(ref.key for ref in connect_stub(stub).list_page("b", "", None).refs) == sorted(keys)
    assert len(stub.seen) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a<b.jpg</Key></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>\xff\xfe.jpg</Key></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>a.jpg</Key><LastModified>2025-01-01T00:00:00Z</LastModified></Contents>"
        b"</ListBucketResult>",
        b"<ListBucketResult><Contents><Size>3</Size></Contents></ListBucketResult>",
    ],
    ids=["unescaped", "no UTF-8", "no size", "no key"],
)
def test_list_page__complete_but_malformed_page__raises_without_a_retry(body: bytes) -> None:
    stub = stub_with(lambda *_: Reply(200, body))

    with pytest.raises(IncompleteListing, match="The listing of b cannot be used") as caught:
        connect_stub(stub).list_page("b", "", None)

    assert caught.value.code == "malformed_listing"
    assert len(stub.seen) == 1


def test_list_page__truncated_response__is_retried() -> None:
    complete = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
    bodies = [b"<ListBucketResult><IsTruncated>fal", complete]
    stub = stub_with(lambda *_: Reply(200, bodies.pop(0)))

    assert parse_listing(complete)["Contents"] == []
    assert connect_stub(stub).list_page("b", "", None).refs == []
    assert len(stub.seen) == 2


@pytest.mark.parametrize("date", [None, "yesterday", "Wed, 01 Jan 2025 00:00:00 -0000"])
def test_list_page__missing_or_invalid_date_header__is_replaced_by_a_time(date: str | None) -> None:
    def with_date(stub: StubS3, request: Request) -> Reply:
        reply = stub.list_objects(request)
        reply.headers["Date"] = date
        return reply

    page = connect_stub(stub_with(with_date)).list_page("b", "", None)

    assert page.served_at.tzinfo is not None


def test_list_page__response_of_another_server__raises_not_an_s3_server() -> None:
    with pytest.raises(SourceUnavailable, match="is not an S3 server"):
        connect_stub(stub_with(lambda *_: Reply(200, b"<html></html>"))).list_page("b", "", None)


STORAGE_CLASSES = {
    "a": "",
    "b": "<StorageClass>GLACIER</StorageClass>",
    "c": "<StorageClass>DEEP_ARCHIVE</StorageClass>",
    "d": "<StorageClass>GLACIER_IR</StorageClass>",
    "e": "<StorageClass>GLACIER</StorageClass><RestoreStatus><IsRestoreInProgress>true</IsRestoreInProgress>"
    "</RestoreStatus>",
    "f": "<StorageClass>GLACIER</StorageClass><RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress>"
    "<RestoreExpiryDate>2099-01-01T00:00:00Z</RestoreExpiryDate></RestoreStatus>",
}


@pytest.mark.parametrize("has_etags", [True, False], ids=["own parser", "botocore's parser"])
def test_list_page__storage_class_and_restore_status__tell_whether_the_object_is_archived(has_etags: bool) -> None:
    def with_classes(stub: StubS3, request: Request) -> Reply:
        body = stub.list_objects(request).body.decode()
        for key, text in STORAGE_CLASSES.items():
            body = body.replace(f"<Key>{key}</Key>", f"<Key>{key}</Key>{text}")
        # If an ETag is missing, EXIFinator's own parser leaves the page to botocore's parser.
        return Reply(
            200, (body if has_etags else body.replace("<ETag>", "<Tag>", 1).replace("</ETag>", "</Tag>", 1)).encode()
        )

    page = connect_stub(stub_with(with_classes, list(STORAGE_CLASSES))).list_page("b", "", None)

    assert [ref.key for ref in page.refs if ref.is_archived] == ["b", "c", "e"]
    classes = {ref.key: ref.storage_class for ref in page.refs if ref.storage_class}
    assert classes == {"b": "GLACIER", "c": "DEEP_ARCHIVE", "d": "GLACIER_IR", "e": "GLACIER", "f": "GLACIER"}


@pytest.mark.parametrize(("url", "attributes"), [(None, "RestoreStatus"), ("http://stub.test", None)])
def test_list_page__restore_status__is_requested_only_from_amazon(url: str | None, attributes: str | None) -> None:
    # For Amazon, the bucket is in the host and not in the path, so the stub needs a bucket with an empty name.
    stub = StubS3({"b": {}, "": {}})

    connect_stub(stub, S3_ENDPOINT_URL=url).list_page("b", "", None)

    assert stub.seen[-1].headers.get("x-amz-optional-object-attributes") == attributes
