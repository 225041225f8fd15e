"""The prices of requests to S3.

Amazon's prices are in prices.json, with their date and their source. Requests to other servers cost nothing, unless
S3_PRICES says what they cost.

All amounts are in nanodollars, because Redis adds up whole numbers: a GET costs 400 nanodollars, and the transfer of
48 KiB to the internet about 4,000.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exifinator.bucket_names import is_directory_bucket
from exifinator.config import Config
from exifinator.sources.s3.endpoint import AMAZON_S3

NANODOLLARS = 1_000_000_000
# Amazon counts in GB of this many bytes.
GB_BYTES = 1 << 30
# The region whose prices apply to regions that are not in the table.
DEFAULT_REGION = "us-east-1"
EXPRESS_CLASS = "EXPRESS_ONEZONE"


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of requests to one bucket, in nanodollars.

    Attributes:
        list_request: The price of one LIST request.
        classes: The price of a GET and of a byte, by storage class. The class "" stands for all that have no entry.
        description: Where the prices come from, as a sentence for users.
    """

    list_request: float = 0.0
    classes: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    description: str = "Requests to this server cost nothing, or S3_PRICES does not say what they cost."

    @property
    def is_free(self) -> bool:
        """Whether no request costs anything."""
        return not self.list_request and not any(map(any, self.classes.values()))

    def unit_prices(self, storage_class: str = "") -> tuple[float, float]:
        """Return the price of a GET, and the price of a byte."""
        return self.classes.get(storage_class) or self.classes.get("", (0.0, 0.0))

    def nanodollars_for(self, requests: float, bytes_read: float, storage_class: str = "") -> float:
        """Return what GETs of objects in a storage class cost."""
        per_request, per_byte = self.unit_prices(storage_class)
        return requests * per_request + bytes_read * per_byte

    def to_queue(self) -> dict[str, list[float]]:
        """Return the price of a GET and of a byte, by storage class, in the form that acknowledge.lua uses."""
        return {} if self.is_free else {name: list(prices) for name, prices in self.classes.items()}


@functools.cache
def price_table() -> dict[str, Any]:
    """Return the content of prices.json."""
    text = importlib.resources.files(__package__ or "").joinpath("prices.json").read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


def find_prices(config: Config, bucket: str, endpoint: str, region: str) -> Prices:
    """Return the prices of requests to a bucket in S3.

    Args:
        endpoint: The name of the bucket's server. See S3Client.endpoint.
        region: The bucket's region.
    """
    own = config.s3_prices
    if own is not None:
        per_byte = _per_byte(own.transfer)
        return Prices(
            _per_request(own.list_request),
            {"": (_per_request(own.get), per_byte)},
            "The prices are those in S3_PRICES.",
        )
    if not endpoint.startswith(AMAZON_S3):
        return Prices()
    table = price_table()
    is_known = region in table["regions"]
    row = table["regions"][region if is_known else DEFAULT_REGION]
    transfer = 0.0 if config.s3_traffic == "same-region" else row[config.s3_traffic]
    classes = {
        name: (_per_request(prices.get("get", row["get"])), _per_byte(transfer + prices["retrieval"]))
        for name, prices in table["classes"].items()
    }
    list_price = row["list"]
    if is_directory_bucket(bucket):
        # All objects of a directory bucket are in this class, whether the server names it or not.
        classes[""] = classes[EXPRESS_CLASS]
        list_price = table["classes"][EXPRESS_CLASS]["list"]
    place = region if is_known else f"{DEFAULT_REGION}, because the table does not have {region or 'the region'}"
    targets = {"internet": "to the internet", "other-region": "to another region", "same-region": "in the region"}
    return Prices(
        _per_request(list_price),
        classes,
        f"Amazon S3's list prices of {table['date']} for {place}; transfer {targets[config.s3_traffic]} (S3_TRAFFIC).",
    )


def _per_request(dollars_per_thousand: float) -> float:
    return dollars_per_thousand / 1000 * NANODOLLARS


def _per_byte(dollars_per_gb: float) -> float:
    return dollars_per_gb / GB_BYTES * NANODOLLARS
