"""The type of the setting S3_PRICES: what requests to the S3 server cost."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator

_KEYS = ("get", "list", "transfer")
_EXPECTED = 'dollars per 1,000 requests and per GB, such as {"get": 0.0004, "list": 0.005, "transfer": 0.09}'


@dataclass(frozen=True, slots=True)
class S3Prices:
    """The prices of an S3 server.

    Attributes:
        get, list_request: Dollars per 1,000 requests.
        transfer: Dollars per GB of 2^30 bytes that are read.
    """

    get: float = 0.0
    list_request: float = 0.0
    transfer: float = 0.0

    def __repr__(self) -> str:
        """Return the prices as they are written in settings.py."""
        return repr({"get": self.get, "list": self.list_request, "transfer": self.transfer})


def _parse_prices(value: object) -> object:
    if isinstance(value, str):
        # The text of an environment variable.
        try:
            value = json.loads(value) if value else None
        except ValueError:
            raise ValueError(_EXPECTED) from None
    if value is None or isinstance(value, S3Prices):
        return value
    if not isinstance(value, Mapping) or not set(value) <= set(_KEYS):
        raise ValueError(_EXPECTED)
    prices = [value.get(key, 0) for key in _KEYS]
    if any(isinstance(price, bool) or not isinstance(price, int | float) for price in prices):
        raise ValueError(_EXPECTED)
    if not all(math.isfinite(price) and 0 <= price <= 1_000_000 for price in prices):
        raise ValueError(_EXPECTED)
    return S3Prices(*map(float, prices))


OwnPrices = Annotated[S3Prices | None, BeforeValidator(_parse_prices)]
