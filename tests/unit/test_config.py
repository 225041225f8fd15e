"""settings.py and the environment become one checked Config."""

from __future__ import annotations

import re
import runpy
from typing import Any

import pytest

from exifinator.config import ROOT, Config, build_config, setting_name
from exifinator.errors import ConfigError
from tests.settings_table import make_table, read_settings


def test_settings_file__every_setting__stands_there_with_its_default() -> None:
    written = {n: v for n, v in runpy.run_path(str(ROOT / "settings.py")).items() if n.isupper()}

    assert set(written) == {setting_name(field) for field in Config.model_fields}
    assert build_config(written, {}) == Config()


def test_settings_file__every_setting__has_a_line_of_help() -> None:
    assert all(text.endswith(".") for _, _, text in read_settings())


def test_readme__settings_table__is_that_of_the_settings_file() -> None:
    assert make_table() in (ROOT / "README.md").read_text(encoding="utf-8"), "python -m tests.settings_table makes it"


def test_build_config__environment__wins_over_the_file() -> None:
    config = build_config(
        {"GREENLETS": 10, "API_PORT": 3005},
        {"EXIFINATOR_GREENLETS": "20", "EXIFINATOR_S3_BUCKETS": "a, b/c,", "EXIFINATOR_S3_ANONYMOUS": "true"},
    )

    assert (config.greenlets, config.api_port, config.s3_buckets, config.s3_anonymous) == (20, 3005, ("a", "b/c"), True)


def test_build_config__blank_in_the_environment__is_none() -> None:
    config = build_config({"S3_ENDPOINT_URL": "http://x:1"}, {"EXIFINATOR_S3_ENDPOINT_URL": ""})

    assert config.s3_endpoint_url is None


@pytest.mark.parametrize(
    ("settings", "environment", "said"),
    [
        pytest.param({"GREENLET": 3}, {}, "settings.py: there is no setting GREENLET", id="unknown"),
        pytest.param({"API_PORT": "x"}, {}, "settings.py: API_PORT should be", id="type"),
        pytest.param({}, {"EXIFINATOR_GREENLETS": "1"}, "EXIFINATOR_GREENLETS in the environment", id="origin"),
        pytest.param({"S3_ENDPOINT_URL": "minio:9000"}, {}, "S3_ENDPOINT_URL should be: an address", id="endpoint"),
        pytest.param({"REDIS_URL": "127.0.0.1"}, {}, "REDIS_URL should be: an address such as", id="redis"),
        pytest.param({"MONGODB_URI": "http://x"}, {}, "MONGODB_URI should be: an address such as", id="mongodb"),
        pytest.param({"AWS_ACCESS_KEY": "a"}, {}, "AWS_ACCESS_KEY and AWS_SECRET_KEY go together", id="half a pair"),
        pytest.param({"API_HOST": "0.0.0.0"}, {}, "API_TOKEN must be set", id="open api"),
        pytest.param({"DASHBOARD_HOST": "::"}, {}, "DASHBOARD_AUTH must be", id="open dashboard"),
        pytest.param({"DASHBOARD_AUTH": "nopassword"}, {}, '"user:password"', id="no password"),
        pytest.param({"API_PORT": 5555}, {}, "must differ", id="same port"),
        pytest.param({"WRITE_QUEUE": "download"}, {}, "must differ", id="same queue"),
        pytest.param({"MRQ_DATABASE": "waldo"}, {}, "must differ", id="same database"),
        pytest.param({"MONGODB_DATABASE": "a/b"}, {}, "MONGODB_DATABASE should be", id="database name"),
    ],
)
def test_build_config__mistake__is_named(settings: dict[str, Any], environment: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        build_config(settings, environment)


def test_build_config__several_mistakes__are_reported_together() -> None:
    with pytest.raises(ConfigError) as caught:
        build_config({"GREENLETS": 0, "API_PORT": 0, "NOPE": 1}, {})

    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("name", ["AWS_SECRET_KEY", "MONGODB_URI", "REDIS_URL", "API_TOKEN", "DASHBOARD_AUTH"])
def test_config__secret__shows_neither_in_repr_nor_in_errors(name: str) -> None:
    config = build_config(
        {
            "AWS_ACCESS_KEY": "marked-id",
            "AWS_SECRET_KEY": "marked-1",
            "MONGODB_URI": "mongodb://u:marked-2@h",
            "REDIS_URL": "redis://:marked-3@h",
            "API_TOKEN": "marked-4",
            "DASHBOARD_AUTH": "u:marked-5",
        },
        {},
    )
    assert "marked" not in repr(config)
    with pytest.raises(ConfigError) as caught:
        build_config({name: ["marked"], "API_PORT": 0}, {})
    assert "marked" not in str(caught.value)
