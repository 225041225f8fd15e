"""Batches with a limit of requests or dollars."""

from __future__ import annotations

import pytest

from exifinator.batches.limits import BatchLimits, CostTerms
from exifinator.batches.runner import Batch
from exifinator.cost.prices import Prices
from exifinator.errors import LimitReached
from tests.integration.batches.batches import fill, list_all, open_batch
from tests.integration.conftest import Bucket, Installation, SharedInstallation
from tests.photos import make_jpeg

# Prices of a request and of a byte read, in nanodollars.
GET, LIST, BYTE = 400.0, 5000.0, 0.1


def open_limited(installation: Installation, bucket: Bucket, limits: BatchLimits) -> Batch:
    prices = {bucket.name: Prices(LIST, {"": (GET, BYTE)})}
    return open_batch(installation, bucket.name, terms=CostTerms(prices, limits))


def stop(installation: Installation, batch: Batch) -> str:
    """Run a batch until it reaches its limit, and return the message with which it stops."""
    with pytest.raises(LimitReached) as raised:
        installation.finish_here(list_all(batch))
    for _ in batch.stop(raised.value, pause=lambda seconds: installation.read_queued()):
        pass
    return str(raised.value)


@pytest.mark.parametrize("limits", [BatchLimits(max_requests=30), BatchLimits(max_dollars=0.00005)], ids=str)
def test_batch__limit_is_reached__stops_until_a_higher_limit_resumes_it(
    installation: Installation, bucket: Bucket, limits: BatchLimits
) -> None:
    fill(bucket, 60)
    batch = open_limited(installation, bucket, limits)
    message = stop(installation, batch)

    counts = batch.counts
    assert limits.explain(counts) == message
    # The batch exceeds its limit by one image at most.
    if limits.max_requests:
        assert limits.max_requests <= counts.requests + counts.list_requests <= limits.max_requests + 1
    if limits.max_dollars:
        per_image = (GET + BYTE * counts.bytes_read / counts.requests) / 1e9
        assert limits.max_dollars <= counts.dollars <= limits.max_dollars + per_image
    assert 0 < counts.stored < 60
    assert installation.queue.sizes() == (0, 0)
    assert installation.queue.batches.open_ids() == []
    stored = installation.store.batches.find(batch.id)
    assert stored
    assert (stored["state"], stored["problem"], stored["limit_reached"]) == ("stopped", message, True)

    # With the same limit, the batch stops again at once.
    again = open_limited(installation, bucket, limits)
    assert stop(installation, again) == message
    assert again.counts.stored == counts.stored

    rest = open_limited(installation, bucket, BatchLimits(max_requests=1000))
    assert (rest.id, rest.resumed) == (batch.id, True)
    done = installation.finish_here(list_all(rest))
    assert (done.listed, done.stored, done.unchanged, done.requests) == (60, 60, 0, 60)
    assert done.list_requests > counts.list_requests
    assert done.dollars == pytest.approx(
        (60 * GET + done.bytes_read * BYTE + done.list_requests * LIST) / 1e9, abs=1e-7
    )
    stored = installation.store.batches.find(batch.id)
    assert stored
    assert (stored["state"], stored["limit_reached"]) == ("done", False)


def test_batch__last_image_reaches_the_limit__is_done(installation: Installation, bucket: Bucket) -> None:
    fill(bucket, 10)
    # The listing takes two requests: ten objects fill the first page.
    batch = open_limited(installation, bucket, BatchLimits(max_requests=10 + 2))
    counts = installation.finish_here(list_all(batch))
    assert (counts.stored, batch.ended) == (10, True)


def test_batch__limit_is_reached_while_listing__stops_the_listing(installation: Installation, bucket: Bucket) -> None:
    fill(bucket, 60)
    batch = open_limited(installation, bucket, BatchLimits(max_requests=3))
    with pytest.raises(LimitReached, match="limit of 3 requests, after 3"):
        list_all(batch)
    assert batch.counts.listed < 60


@pytest.mark.parametrize("client", ["lean", "boto3"])
def test_batch__storage_classes__are_priced_as_s3_reports_them(
    shared: SharedInstallation, bucket: Bucket, client: str
) -> None:
    body = make_jpeg()
    bucket.put("a.jpg", body)
    for key in ("b.jpg", "c.jpg"):
        bucket.client.put_object(Bucket=bucket.name, Key=key, Body=body, StorageClass="STANDARD_IA")
    classes = {"": (1_000.0, 0.0), "STANDARD_IA": (1_000_000.0, 0.0)}
    terms = CostTerms({bucket.name: Prices(0, classes)})
    if client == "lean":
        counts = shared.finish(list_all(open_batch(shared, bucket.name, terms=terms)))
    else:
        with shared.stopped():
            counts = shared.finish_here(list_all(open_batch(shared, bucket.name, terms=terms)))
    assert counts.stored == 3
    assert counts.dollars == pytest.approx(0.002001)
