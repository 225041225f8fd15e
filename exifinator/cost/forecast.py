"""Predict what a run takes: requests, bytes, dollars, MongoDB's disk and time."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from exifinator.config import Config
from exifinator.cost.disk import DiskUsage
from exifinator.cost.estimate import MeasuredStratum, Range, estimate_total
from exifinator.cost.measure import Measurement, measure
from exifinator.cost.prices import NANODOLLARS, Prices
from exifinator.cost.sample import Sampler, Stratum
from exifinator.models import RangeReader
from exifinator.net import is_loopback_host

# CPU time per image, measured in bench/RESULTS.md: of a worker without decoding, and of MongoDB and Redis together.
WORKER_CPU_SECONDS = 0.0003
SERVER_CPU_SECONDS = 0.00022
# The share of the CPU time of all cores that a run uses, by the same measurements.
CPU_SHARE = 0.85
# The speed of a machine varies, and so does that of S3. The range of the duration is its expected value divided and
# multiplied by this factor.
DURATION_FACTOR = 1.5
# Each worker process learns the size of first reads from other images than the sample, so its choice may differ. The
# ranges of requests, bytes and dollars are wider by this share.
LEARNING_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run is expected to take.

    Attributes:
        images: The number of images to read.
        is_exact: Whether all of them were read for the prediction, as a run would read them.
        requests: The number of ranged GETs.
        list_requests: The number of LIST requests: the sources are listed twice.
        bytes_read: The number of bytes read from S3.
        dollars: The price of all requests and the traffic.
        disk_bytes: How much MongoDB's disk grows.
        seconds: The duration.
        sample: What the prediction itself has taken: `images`, `failed`, `requests`, `list_requests`, `bytes_read` and
            `dollars`.
        prices: Where the prices come from, as sentences.
        assumptions: What the duration assumes, as a sentence.
    """

    images: int
    is_exact: bool
    requests: Range
    list_requests: int
    bytes_read: Range
    dollars: Range
    disk_bytes: Range
    seconds: Range
    sample: Mapping[str, float]
    prices: Sequence[str]
    assumptions: str

    def as_dict(self) -> dict[str, Any]:
        """Return the forecast as data for JSON."""
        return {
            "images": self.images,
            "exact": self.is_exact,
            "requests": self.requests.as_dict(),
            "list_requests": self.list_requests,
            "bytes_read": self.bytes_read.as_dict(),
            "dollars": self.dollars.as_dict(9),
            "disk_bytes": self.disk_bytes.as_dict(),
            "seconds": self.seconds.as_dict(1),
            "sample": dict(self.sample),
            "prices": list(self.prices),
            "assumptions": self.assumptions,
        }


@dataclass(frozen=True, slots=True)
class Listing:
    """What listing the sources for a forecast has taken."""

    requests: int
    dollars: float
    seconds: float


def make_forecast(
    sampler: Sampler,
    reader: RangeReader,
    config: Config,
    prices: Mapping[str, Prices],
    listing: Listing,
    disk: DiskUsage,
) -> Forecast:
    """Read a sample of the images that a run would read, and predict what the run takes.

    Args:
        sampler: The images.
        reader: Reads them.
        prices: The prices by bucket. Other buckets cost nothing.
        listing: What listing the images has taken.
        disk: How much of MongoDB's disk a record takes.
    """
    chosen = sampler.choose()
    refs = [ref for _, refs in chosen for ref in refs]
    # Workers learn the size of first reads from images of all strata, so read these in random order too.
    random.Random(0).shuffle(refs)  # noqa: S311
    measured = dict(zip((ref.id for ref in refs), measure(reader, refs, config, sampler.count), strict=True))
    strata = [MeasuredStratum(stratum, [measured[ref.id] for ref in refs]) for stratum, refs in chosen]
    return predict(strata, config, prices, listing, disk)


def predict(
    strata: Sequence[MeasuredStratum],
    config: Config,
    prices: Mapping[str, Prices],
    listing: Listing,
    disk: DiskUsage,
) -> Forecast:
    """Predict what a run takes, from the measurements of a sample. See make_forecast."""
    images = sum(item.stratum.count for item in strata)
    sample = [one for item in strata for one in item.measurements]
    list_passes = 2 if images else 1
    rate = _images_per_second(sample, config)
    margin = 0.0 if all(one.is_exact for one in sample) else LEARNING_MARGIN
    margins = (1 - margin, 1 + margin)
    seconds = list_passes * listing.seconds + max(0.0, images / rate - listing.seconds) if images else listing.seconds
    return Forecast(
        images=images,
        is_exact=len(sample) == images and not margin,
        requests=(estimate_total(strata, lambda _, one: one.requests - 1, step=lambda _: 1.0) + images).widen(*margins),
        list_requests=list_passes * listing.requests,
        bytes_read=(
            estimate_total(strata, lambda _, one: one.bytes_read - one.first_read_bytes, step=_first_read_bytes)
            + sum(item.stratum.first_read_bytes for item in strata)
        ).widen(*margins),
        dollars=(_nanodollars(strata, prices) * (1 / NANODOLLARS)).widen(*margins) + list_passes * listing.dollars,
        disk_bytes=_disk_bytes(strata, images, disk),
        seconds=Range(seconds, seconds / DURATION_FACTOR, seconds * DURATION_FACTOR),
        sample=_sample_cost(strata, prices, listing),
        prices=sorted({item.description for item in prices.values()}),
        assumptions=_describe_assumptions(config, rate),
    )


def _first_read_bytes(stratum: Stratum) -> float:
    """Return the average length of a first read, which stands for the length of one more read."""
    return stratum.first_read_bytes / stratum.count


def _nanodollars(strata: Sequence[MeasuredStratum], prices: Mapping[str, Prices]) -> Range:
    """Estimate the price of all ranged GETs."""

    def price(stratum: Stratum, requests: float, bytes_read: float) -> float:
        return prices.get(stratum.bucket, Prices()).nanodollars_for(requests, bytes_read, stratum.storage_class)

    further = estimate_total(
        strata,
        lambda stratum, one: price(stratum, one.requests - 1, one.bytes_read - one.first_read_bytes),
        step=lambda stratum: price(stratum, 1, _first_read_bytes(stratum)),
    )
    return further + sum(price(item.stratum, item.stratum.count, item.stratum.first_read_bytes) for item in strata)


def _disk_bytes(strata: Sequence[MeasuredStratum], images: int, disk: DiskUsage) -> Range:
    def stored(_: Stratum, one: Measurement) -> float:
        if one.problem:
            return 0.0
        return one.record_bytes * disk.compression + disk.index_bytes + one.thumbnail_bytes

    return estimate_total(strata, stored).widen(disk.low_factor, disk.high_factor) if images else Range(0, 0, 0)


def _images_per_second(sample: Sequence[Measurement], config: Config) -> float:
    """Estimate the rate of this machine's workers, from the time that the sample took."""
    readable = [one for one in sample if not one.problem]
    if not readable:
        return 1.0
    # The first image takes longer, because modules and tables are loaded for it.
    readable = readable[1:] or readable
    cores = os.cpu_count() or 1
    cpu_seconds = sum(one.cpu_seconds for one in readable) / len(readable) + WORKER_CPU_SECONDS
    wait_seconds = sum(one.wait_seconds for one in readable) / len(readable)
    by_processes = min(config.processes, cores) / cpu_seconds
    by_cores = cores / (cpu_seconds + (SERVER_CPU_SECONDS if _servers_are_here(config) else 0.0))
    by_latency = config.processes * config.max_greenlets / max(wait_seconds + cpu_seconds, 1e-6)
    return min(CPU_SHARE * min(by_processes, by_cores), by_latency)


def _servers_are_here(config: Config) -> bool:
    """Return whether MongoDB runs on this machine, as far as its address tells."""
    host = urlsplit(config.mongodb_uri.get_secret_value()).hostname or ""
    return host.startswith("%2f") or is_loopback_host(host)


def _describe_assumptions(config: Config, rate: float) -> str:
    here = "with MongoDB and Redis" if _servers_are_here(config) else "with MongoDB elsewhere"
    return (
        f"The duration assumes {config.processes} worker processes on this machine only, {here}, about "
        f"{rate:,.0f} images/s, no other load, and a network that is fast enough."
    )


def _sample_cost(strata: Sequence[MeasuredStratum], prices: Mapping[str, Prices], listing: Listing) -> dict[str, float]:
    sample = [one for item in strata for one in item.measurements]
    nanodollars = sum(
        prices.get(item.stratum.bucket, Prices()).nanodollars_for(
            one.sample_requests, one.sample_bytes, item.stratum.storage_class
        )
        for item in strata
        for one in item.measurements
    )
    return {
        "images": len(sample),
        "failed": sum(one.problem is not None for one in sample),
        "requests": sum(one.sample_requests for one in sample),
        "list_requests": listing.requests,
        "bytes_read": sum(one.sample_bytes for one in sample),
        "dollars": round(nanodollars / NANODOLLARS + listing.dollars, 9),
    }
