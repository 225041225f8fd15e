"""The forecast of a dry run, compared with the true cost of buckets with ten different mixes of objects."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache

import pytest

from exifinator.cli.forecast_view import WIDTH, describe_forecast
from exifinator.config import Config, build_config
from exifinator.cost.disk import DiskUsage
from exifinator.cost.estimate import MeasuredStratum
from exifinator.cost.forecast import Forecast, Listing, make_forecast, predict
from exifinator.cost.measure import Measurement, measure
from exifinator.cost.prices import NANODOLLARS, Prices, find_prices
from exifinator.cost.sample import SAMPLE_SIZE, Sampler
from exifinator.errors import ObjectGone
from exifinator.metadata.fetch import fetch_metadata
from exifinator.metadata.first_read import MIN_IMAGES, FirstReads
from exifinator.models import FetchedMetadata, ImageRef, RangeRead
from exifinator.sources.source import Source
from tests.data.mixes import MIXES, Mix, bodies

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
SETTINGS = {"WORKER_PROCESSES": 2, "AWS_REGION": "eu-central-1"}
CONFIG = build_config({**SETTINGS, "FIRST_READ_BYTES": 49152}, {})
LISTING = Listing(requests=3, dollars=3 * 5e-6, seconds=1.5)
SOURCE = Source("b", "photos/")


class Bucket:
    """A bucket of generated objects. Objects with the same name have the same content."""

    def __init__(self, mix: Mix, count: int, *, seed: int) -> None:
        rng = random.Random(seed)
        names = rng.choices(mix, [share for _, share, _ in mix], k=count)
        self.refs = [
            ImageRef(
                "b",
                f"photos/{rng.randrange(9) if rng.random() < 0.9 else i}/{i}-{name}",
                "e",
                len(bodies()[name]),
                NOON,
                storage_class=storage_class,
            )
            for i, (name, _, storage_class) in enumerate(names)
        ]
        self.reads = 0
        self.bytes_read = 0

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        body = bodies()[ref.key.partition("-")[2]]
        data = body[start : start + length]
        self.reads += 1
        self.bytes_read += len(data)
        return RangeRead(start, data, len(body), "e", NOON, storage_class=ref.storage_class)

    def sampler(self) -> Sampler:
        sampler = Sampler(CONFIG.default_first_read_bytes)
        for start in range(0, len(self.refs), 100):
            sampler.add(SOURCE, self.refs[start : start + 100])
        return sampler


@dataclass(frozen=True)
class TrueCost:
    """The true cost of reading all objects of a bucket."""

    requests: int
    bytes_read: int
    dollars: float


@cache
def measurement_of(name: str) -> Measurement:
    """Return the requests, bytes and time that a batch needs to read an object."""
    bucket = Bucket([(name, 1, "")], 1, seed=0)
    return next(measure(bucket, bucket.refs, CONFIG))


@cache
def fetch_object(name: str, first_read_bytes: int) -> tuple[FetchedMetadata, Sequence[tuple[int, int]]]:
    """Return the metadata of an object, and the byte ranges in which the metadata was found."""

    class Recorder(FirstReads):
        used: Sequence[tuple[int, int]] = ()

        def learn(self, ref: ImageRef, used: Iterable[tuple[int, int]]) -> None:
            self.used = list(used)

    bucket, recorder = Bucket([(name, 1, "")], 1, seed=0), Recorder(first_read_bytes)
    fetched = fetch_metadata(bucket, bucket.refs[0], first_read_bytes=first_read_bytes, first_reads=recorder)
    return fetched, recorder.used


def true_cost(bucket: Bucket, prices: Prices) -> TrueCost:
    reads = [(measurement_of(ref.key.partition("-")[2]), ref.storage_class) for ref in bucket.refs]
    nanodollars = sum(prices.nanodollars_for(one.requests, one.bytes_read, storage) for one, storage in reads)
    dollars = nanodollars / NANODOLLARS + 2 * LISTING.dollars
    return TrueCost(sum(one.requests for one, _ in reads), sum(one.bytes_read for one, _ in reads), dollars)


def forecast_of(bucket: Bucket, prices: Prices, config: Config = CONFIG) -> Forecast:
    """Return the forecast from a sample of a bucket. Objects with the same content are read only once."""
    strata = [
        MeasuredStratum(stratum, [measurement_of(ref.key.partition("-")[2]) for ref in refs])
        for stratum, refs in bucket.sampler().choose()
    ]
    return predict(strata, config, {"b": prices}, LISTING, DiskUsage())


@pytest.mark.parametrize("number", range(len(MIXES)))
@pytest.mark.parametrize("traffic", ["internet", "same-region"])
def test_predict__bucket_with_one_mix_of_objects__is_within_five_percent(number: int, traffic: str) -> None:
    bucket = Bucket(MIXES[number], 20_000, seed=number)
    config = build_config({"S3_TRAFFIC": traffic}, {})
    prices = find_prices(config, "b", "Amazon S3", "eu-central-1")
    truth, forecast = true_cost(bucket, prices), forecast_of(bucket, prices)

    assert forecast.sample["images"] <= SAMPLE_SIZE
    assert forecast.dollars.expected == pytest.approx(truth.dollars, rel=0.05)
    assert forecast.requests.expected == pytest.approx(truth.requests, rel=0.05)
    assert forecast.bytes_read.expected == pytest.approx(truth.bytes_read, rel=0.05)
    # One true value in twenty may be outside the predicted range. With these seeds, none is.
    for predicted, true in (
        (forecast.dollars, truth.dollars),
        (forecast.requests, truth.requests),
        (forecast.bytes_read, truth.bytes_read),
    ):
        assert predicted.low - 1e-9 <= true <= predicted.high + 1e-9
        assert predicted.high - predicted.low < 0.25 * true


def test_bodies__objects_of_the_mixes__take_one_or_more_requests() -> None:
    assert {measurement_of(name).requests for name in bodies()} >= {1, 2}
    assert measurement_of("deep.jpg").requests > 1
    assert measurement_of("small.jpg").problem is None


def test_make_forecast__small_bucket__reads_all_objects_and_is_exact() -> None:
    bucket = Bucket(MIXES[9], 60, seed=1)
    prices = find_prices(CONFIG, "b", "Amazon S3", "eu-central-1")
    forecast = make_forecast(bucket.sampler(), bucket, CONFIG, {"b": prices}, LISTING, DiskUsage())

    assert (forecast.images, forecast.is_exact) == (60, True)
    for predicted, true in ((forecast.requests, bucket.reads), (forecast.bytes_read, bucket.bytes_read)):
        assert (predicted.low, predicted.expected, predicted.high) == (true, true, true)
    assert forecast.dollars.low == forecast.dollars.high == pytest.approx(true_cost(bucket, prices).dollars)
    assert forecast.list_requests == 6
    # A run lists the sources twice, the dry run only once.
    assert forecast.sample["dollars"] == pytest.approx(forecast.dollars.expected - LISTING.dollars, abs=1e-9)
    assert forecast.sample["requests"] == bucket.reads


def test_make_forecast__missing_object__counts_as_failed_and_costs_a_request() -> None:
    bucket = Bucket([("small.jpg", 1, "")], 10, seed=1)
    missing_key = bucket.refs[3].key

    class Reader:
        def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
            if ref.key == missing_key:
                raise ObjectGone("it was deleted")
            return bucket.read_range(ref, start, length)

    forecast = make_forecast(bucket.sampler(), Reader(), CONFIG, {}, LISTING, DiskUsage())
    assert (forecast.sample["failed"], forecast.requests.expected) == (1, 10)
    assert forecast.bytes_read.expected == 9 * len(bodies()["small.jpg"])
    assert "1 image of the sample could not be read" in describe_forecast(forecast).replace("\n", " ")


def test_make_forecast__no_object_to_read__costs_only_the_listing() -> None:
    forecast = make_forecast(Sampler(1), _UnusedReader(), CONFIG, {}, LISTING, DiskUsage())
    assert (forecast.requests.high, forecast.list_requests, forecast.dollars.expected) == (0, 3, LISTING.dollars)
    assert forecast.as_dict()["seconds"]["expected"] == LISTING.seconds
    describe_forecast(forecast)


class _UnusedReader:
    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        raise AssertionError("no object should be read")


def test_predict__sample_of_one_format__allows_for_formats_that_it_missed() -> None:
    forecast = forecast_of(Bucket(MIXES[0], 20_000, seed=0), Prices())
    assert forecast.requests.low == forecast.requests.expected == 20_000
    assert 20_000 * 1.005 < forecast.requests.high < 20_000 * 1.01


def test_predict__duration__depends_on_workers_and_latency() -> None:
    bucket = Bucket(MIXES[0], 20_000, seed=0)

    def seconds(wait_seconds: float, **settings: int) -> float:
        config = build_config({"WORKER_PROCESSES": 1, "GREENLETS": 10, **settings}, {})
        measurement = replace(measurement_of("small.jpg"), wait_seconds=wait_seconds, cpu_seconds=0.001)
        strata = [MeasuredStratum(stratum, [measurement] * len(refs)) for stratum, refs in bucket.sampler().choose()]
        return predict(strata, config, {}, LISTING, DiskUsage()).seconds.expected

    # 20,000 images of 0.1 s each, ten at a time, take 200 s. The first of two listings takes place meanwhile.
    assert seconds(0.099) == pytest.approx(200 + LISTING.seconds, rel=0.02)
    assert seconds(0.099, GREENLETS=20) == pytest.approx(100 + LISTING.seconds, rel=0.02)
    assert seconds(0.099, WORKER_PROCESSES=4) == pytest.approx(50 + LISTING.seconds, rel=0.1)
    # The CPU limits the rate, however many images are in flight.
    assert seconds(0.0, GREENLETS=1000) > 20_000 * 0.001


@pytest.mark.parametrize("count", [1, 60, 2_000_000])
def test_describe_forecast__any_size__fits_80_columns(count: int) -> None:
    prices = find_prices(CONFIG, "b", "Amazon S3", "a-region-of-tomorrow-1")
    forecast = forecast_of(Bucket(MIXES[9], min(count, 5000), seed=1), prices)
    if count > 5000:
        factor = 1e6
        names = ("requests", "bytes_read", "dollars", "disk_bytes", "seconds")
        forecast = replace(forecast, images=count, **{name: getattr(forecast, name) * factor for name in names})
    text = describe_forecast(forecast)
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    for word in ("GET requests", "LIST requests", "read from S3", "price", "MongoDB's disk", "duration", "The sample"):
        assert word in text


@pytest.mark.parametrize("number", range(len(MIXES)))
def test_make_forecast__learned_first_read_sizes__predicts_a_batch_that_learns_them(number: int) -> None:
    bucket = Bucket(MIXES[number], 8000, seed=number)
    config = build_config(SETTINGS, {})
    prices = find_prices(config, "b", "Amazon S3", "eu-central-1")
    forecast = make_forecast(bucket.sampler(), bucket, config, {"b": prices}, LISTING, DiskUsage())
    assert (forecast.sample["requests"], forecast.sample["bytes_read"]) == (bucket.reads, bucket.bytes_read)
    assert forecast.sample["images"] == SAMPLE_SIZE

    nanodollars, requests, bytes_read = 0.0, 0, 0
    processes = [FirstReads(config.default_first_read_bytes) for _ in range(config.processes)]
    for i, ref in enumerate(bucket.refs):
        first_reads = processes[i % len(processes)]
        fetched, used = fetch_object(ref.key.partition("-")[2], first_reads.choose(ref))
        first_reads.learn(ref, used)
        requests += fetched.requests
        bytes_read += fetched.bytes_read
        nanodollars += prices.nanodollars_for(fetched.requests, fetched.bytes_read, ref.storage_class)
    for predicted, true in (
        (forecast.dollars, nanodollars / NANODOLLARS + 2 * LISTING.dollars),
        (forecast.requests, requests),
        (forecast.bytes_read, bytes_read),
    ):
        assert predicted.expected == pytest.approx(true, rel=0.05)
        assert predicted.low <= true <= predicted.high


def test_make_forecast__too_few_images_to_learn_first_read_sizes__is_exact() -> None:
    bucket = Bucket(MIXES[2], MIN_IMAGES, seed=1)
    forecast = make_forecast(bucket.sampler(), bucket, build_config(SETTINGS, {}), {}, LISTING, DiskUsage())
    assert (forecast.is_exact, forecast.requests.expected) == (True, bucket.reads)
    bucket = Bucket(MIXES[2], MIN_IMAGES + 1, seed=1)
    assert not make_forecast(bucket.sampler(), bucket, build_config(SETTINGS, {}), {}, LISTING, DiskUsage()).is_exact
