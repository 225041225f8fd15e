"""Show the forecast of a dry run on a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from exifinator.cli.formatting import format_bytes, format_count, format_dollars, format_duration
from exifinator.cost.estimate import Range
from exifinator.cost.forecast import Forecast

WIDTH = 80


def describe_forecast(forecast: Forecast) -> str:
    """Return a forecast as lines of at most WIDTH characters."""
    sample = forecast.sample
    images = format_count(forecast.images, "image")
    basis = "all of them were read" if forecast.is_exact else f"from a sample of {sample['images']:,.0f}"
    lines = [f"Forecast for {images} ({basis}):"]

    def add(name: str, estimate: Range, format_number: Callable[[float], str], unit: str = "") -> None:
        low, high = format_number(estimate.low), format_number(estimate.high)
        low_to_high = f"{low} to {high}" if low != high else ""
        lines.append(f"  {name:<15}{format_number(estimate.expected):>14}{unit:<5}{low_to_high}".rstrip())

    add("GET requests", forecast.requests, lambda count: f"{count:,.0f}")
    lines.append(f"  {'LIST requests':<15}{forecast.list_requests:>14,}")
    add("read from S3", forecast.bytes_read, format_bytes)
    add("price", forecast.dollars, format_dollars)
    add("MongoDB's disk", forecast.disk_bytes, format_bytes)
    add("duration", forecast.seconds, format_duration)
    failed = (
        f" {format_count(int(sample['failed']), 'image')} of the sample could not be read." if sample["failed"] else ""
    )
    notes = [
        f"The sample took {format_count(int(sample['requests']), 'GET request')} and the listing "
        f"{format_count(int(sample['list_requests']), 'LIST request')}: {format_bytes(sample['bytes_read'])}, "
        f"{format_dollars(sample['dollars'])}.{failed}",
        *forecast.prices,
        forecast.assumptions,
    ]
    return "\n".join([*lines, *(textwrap.fill(note, WIDTH) for note in notes)])
