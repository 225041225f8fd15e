"""The prices of requests to S3."""

from __future__ import annotations

import pytest

from exifinator.config import build_config
from exifinator.cost.prices import GB_BYTES, NANODOLLARS, find_prices, price_table
from exifinator.errors import ConfigError

AMAZON = "Amazon S3"


@pytest.mark.parametrize(
    ("settings", "bucket", "endpoint", "region", "storage_class", "dollars"),
    [
        ({"S3_TRAFFIC": "same-region"}, "b", AMAZON, "us-east-1", "", 0.4),
        ({"S3_TRAFFIC": "internet"}, "b", AMAZON, "us-east-1", "", 0.4 + 0.09),
        ({"S3_TRAFFIC": "other-region"}, "b", AMAZON, "sa-east-1", "", 0.56 + 0.138),
        ({"S3_TRAFFIC": "same-region"}, "b", AMAZON, "eu-central-1", "STANDARD_IA", 1 + 0.01),
        ({"S3_TRAFFIC": "same-region"}, "b", AMAZON, "us-east-1", "GLACIER_IR", 10 + 0.03),
        # A restored object is billed as in STANDARD, and so is an object in an unknown storage class.
        ({"S3_TRAFFIC": "same-region"}, "b", AMAZON, "us-east-1", "DEEP_ARCHIVE", 0.4),
        ({"S3_TRAFFIC": "same-region"}, "b", AMAZON, "moon-1", "NEW_CLASS", 0.4),
        ({"S3_TRAFFIC": "same-region"}, "b--use1-az4--x-s3", AMAZON, "us-east-1", "", 0.03 + 0.0006),
        ({}, "b", "https://minio.example.org", "us-east-1", "STANDARD_IA", 0.0),
        ({"S3_PRICES": {"get": 0.002, "transfer": 0.01}}, "b", "https://minio.example.org", "", "COLD", 2 + 0.01),
        ({"S3_PRICES": {"get": 0.002}}, "b", AMAZON, "us-east-1", "GLACIER_IR", 2),
    ],
)
def test_find_prices__million_requests_and_one_gigabyte__cost_the_listed_price(
    settings: dict[str, object], bucket: str, endpoint: str, region: str, storage_class: str, dollars: float
) -> None:
    prices = find_prices(build_config(settings, {}), bucket, endpoint, region)
    assert prices.nanodollars_for(1_000_000, GB_BYTES, storage_class) / NANODOLLARS == pytest.approx(dollars)
    queued = prices.to_queue()
    assert queued.get(storage_class, queued.get("", [0, 0])) == list(prices.unit_prices(storage_class))


def test_find_prices__list_requests__have_the_price_of_the_region() -> None:
    config = build_config({}, {})
    assert find_prices(config, "b", AMAZON, "us-east-1").list_request * 1000 == pytest.approx(0.005 * NANODOLLARS)
    assert find_prices(config, "b", AMAZON, "sa-east-1").list_request * 1000 == pytest.approx(0.007 * NANODOLLARS)
    assert find_prices(config, "b", "https://minio.example.org", "").is_free
    assert "does not have moon-1" in find_prices(config, "b", AMAZON, "moon-1").description


def test_price_table__every_region__has_every_price() -> None:
    table = price_table()
    assert table["source"].startswith("https://")
    assert table["date"]
    for row in table["regions"].values():
        assert set(row) == {"get", "list", "internet", "other-region"}
        assert 0 < row["get"] < row["list"] < row["other-region"] < row["internet"] < 1


@pytest.mark.parametrize(
    "text", ["5", "[]", '{"get": -1}', '{"put": 1}', '{"get": "1"}', '{"get": NaN}', '{"get": true}', "{"]
)
def test_s3_prices__invalid_value__names_the_setting(text: str) -> None:
    with pytest.raises(ConfigError, match="S3_PRICES in the environment: S3_PRICES should be: dollars per 1,000"):
        build_config({}, {"EXIFINATOR_S3_PRICES": text})


def test_s3_prices__environment_variable__is_json_or_empty() -> None:
    assert build_config({}, {"EXIFINATOR_S3_PRICES": ""}).s3_prices is None
    prices = build_config({}, {"EXIFINATOR_S3_PRICES": '{"get": 0.1, "list": 1}'}).s3_prices
    assert repr(prices) == "{'get': 0.1, 'list': 1.0, 'transfer': 0.0}"
