"""Compare the forecast of a dry run with the run itself, for ten buckets with different mixes of files.

Usage: python -m bench.cost [--images N] [--buckets N]

Each bucket is a folder that rclone serves. A bucket is first read by a dry run, and then indexed by two workers that
are running already. Prints a table with the difference of the forecast from the run, in percent of the run.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

from exifinator.batches.limits import CostTerms
from exifinator.batches.model import BatchCounts
from exifinator.batches.runner import Batch
from exifinator.cost.disk import measure_disk_usage
from exifinator.cost.forecast import Forecast, Listing, make_forecast
from exifinator.cost.prices import Prices, find_prices
from exifinator.cost.sample import Sampler
from exifinator.sources.source import Source
from tests.data.mixes import MIXES, Mix, bodies
from tests.integration.conftest import Installation
from tests.servers import run_mongod, run_rclone, run_redis

WORKERS = 2
FOLDERS = 9


@dataclass(frozen=True)
class Row:
    """A bucket with its forecast, and the counts of the batch that indexed it."""

    bucket: str
    forecast: Forecast
    counts: BatchCounts


def make_bucket(folder: Path, mix: Mix, images: int, files: Path) -> None:
    """Fill a folder with links to the files of a mix, in subfolders."""
    rng = random.Random(images)
    for number, (name, _, _) in enumerate(rng.choices(mix, [share for _, share, _ in mix], k=images)):
        path = folder / str(number % FOLDERS) / f"{number}-{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(files / name, path)


def forecast_bucket(installation: Installation, source: Source, prices: dict[str, Prices]) -> Forecast:
    """Return the forecast of a dry run over a bucket."""
    config, store = installation.config, installation.store
    sampler = Sampler(config.default_first_read_bytes)
    batch = Batch([source], installation.s3, store, installation.queue, terms=CostTerms(prices), sampler=sampler)
    for _ in batch.list_and_queue(dry_run=True):
        pass
    listing = Listing(batch.counts.list_requests, batch.counts.list_dollars, batch.counts.seconds)
    return make_forecast(sampler, installation.s3, config, prices, listing, measure_disk_usage(store))


def index_bucket(installation: Installation, source: Source, prices: dict[str, Prices]) -> BatchCounts:
    """Index a bucket with the workers, and return the counts of the batch."""
    batch = Batch([source], installation.s3, installation.store, installation.queue, terms=CostTerms(prices))
    batch.open()
    for _ in batch.list_and_queue():
        pass
    for _ in batch.wait():
        pass
    return batch.counts


def compare(forecast: Forecast, counts: BatchCounts) -> list[tuple[float, float]]:
    """Return (predicted, measured) for the requests, the bytes, the dollars and the seconds."""
    return [
        (forecast.requests.expected, counts.requests),
        (forecast.bytes_read.expected, counts.bytes_read),
        (forecast.dollars.expected, counts.dollars),
        (forecast.seconds.expected, counts.seconds),
    ]


def print_table(rows: list[Row]) -> None:
    """Print a table in Markdown."""
    print("| bucket | images | requests | bytes | dollars | duration, predicted | measured | difference |")
    print("|--:|--:|--:|--:|--:|--:|--:|--:|")
    for row in rows:
        pairs = compare(row.forecast, row.counts)
        requests, read_bytes, dollars, seconds = (f"{predicted / measured - 1:+.1%}" for predicted, measured in pairs)
        predicted_seconds, measured_seconds = pairs[-1]
        print(
            f"| {row.bucket} | {row.counts.queued:,} | {requests} | {read_bytes} | {dollars} | "
            f"{predicted_seconds:.1f} s | "
            f"{measured_seconds:.1f} s | {seconds} |",
            flush=True,
        )


def main() -> None:
    """Compare forecasts with runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000, help="images in each bucket")
    parser.add_argument("--buckets", type=int, default=len(MIXES), help="number of buckets")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-cost-") as temporary:
        folder = Path(temporary)
        files, buckets, logs = folder / "files", folder / "buckets", folder / "logs"
        for path in (files, buckets, logs):
            path.mkdir()
        for name, body in bodies().items():
            (files / name).write_bytes(body)
        for number, mix in enumerate(MIXES[: arguments.buckets]):
            make_bucket(buckets / f"mix{number}", mix, arguments.images, files)
        with run_mongod() as mongodb_uri, run_redis() as redis_url, run_rclone(buckets, cache="1h") as url:
            settings = {
                "MONGODB_URI": mongodb_uri,
                "REDIS_URL": redis_url,
                "S3_ENDPOINT_URL": url,
                "WORKER_PROCESSES": WORKERS,
            }
            installation = Installation(settings, logs)
            try:
                installation.store.ensure_indexes()
                for _ in range(WORKERS):
                    installation.start_ready_worker("download", "write")
                rows = []
                for number in range(min(arguments.buckets, len(MIXES))):
                    source = Source(f"mix{number}")
                    prices = {source.bucket: find_prices(installation.config, source.bucket, "Amazon S3", "us-east-1")}
                    forecast = forecast_bucket(installation, source, prices)
                    rows.append(Row(source.bucket, forecast, index_bucket(installation, source, prices)))
                print_table(rows)
            finally:
                installation.close()


if __name__ == "__main__":
    main()
