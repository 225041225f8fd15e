"""build_config makes one validated Config from settings.py and the environment."""

from __future__ import annotations

import ast
import random
import re
import runpy
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pymongo.uri_parser
import pytest
from redis.connection import parse_url

from docgen.settings import read_settings
from exifinator.config import ROOT, Config, build_config, load_config, setting_name
from exifinator.errors import ConfigError


def test_settings_file__every_setting__is_listed_with_its_default() -> None:
    settings = {n: v for n, v in runpy.run_path(str(ROOT / "settings.py")).items() if n.isupper()}

    assert set(settings) == {setting_name(field) for field in Config.model_fields}
    assert build_config(settings, {}) == Config()


def test_settings_file__every_setting__has_a_line_of_help() -> None:
    assert all(text.endswith(".") for _, _, text in read_settings())


def test_build_config__environment_variable__overrides_the_file() -> None:
    config = build_config(
        {"GREENLETS": 10, "API_PORT": 3005},
        {"EXIFINATOR_GREENLETS": "20", "EXIFINATOR_S3_BUCKETS": "a, b/c,", "EXIFINATOR_S3_ANONYMOUS": "true"},
    )

    assert (config.greenlets, config.api_port, config.s3_buckets, config.s3_anonymous) == (20, 3005, ("a", "b/c"), True)


def test_build_config__schedule__is_the_same_from_the_file_and_the_environment() -> None:
    text = '[{"source": "a/b", "every": "6h", "at": "02:00", "prune": true}]'
    entries = [{"source": "a/b", "every": "6h", "at": "02:00", "prune": True}]

    from_file, from_environment = (
        build_config({"SCHEDULE": entries}, {}),
        build_config({}, {"EXIFINATOR_SCHEDULE": text}),
    )

    assert from_file == from_environment
    # The command `settings` prints an entry in a form that settings.py accepts.
    (entry,) = from_file.schedule
    assert build_config({"SCHEDULE": [ast.literal_eval(repr(entry))]}, {}) == from_file


def test_build_config__empty_environment_variable__is_none() -> None:
    config = build_config({"S3_ENDPOINT_URL": "http://x:1"}, {"EXIFINATOR_S3_ENDPOINT_URL": ""})

    assert config.s3_endpoint_url is None


@pytest.mark.parametrize(
    ("settings", "environment", "expected"),
    [
        pytest.param({"GREENLET": 3}, {}, "settings.py: unknown setting GREENLET", id="unknown"),
        pytest.param({"API_PORT": "x"}, {}, "settings.py: API_PORT should be a whole number", id="type"),
        pytest.param({"API_PORT": 99_999}, {}, "settings.py: API_PORT should be at most 65535", id="range"),
        pytest.param({"S3_ANONYMOUS": "maybe"}, {}, "S3_ANONYMOUS should be true or false", id="truth"),
        pytest.param({"LOG_LEVEL": "loud"}, {}, "should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'", id="choice"),
        pytest.param({}, {"EXIFINATOR_GREENLETS": "1"}, "EXIFINATOR_GREENLETS in the environment", id="origin"),
        pytest.param({"S3_ENDPOINT_URL": "minio:9000"}, {}, "S3_ENDPOINT_URL should be: a URL", id="endpoint"),
        pytest.param({"REDIS_URL": "127.0.0.1"}, {}, "REDIS_URL should be: a URL such as", id="redis"),
        pytest.param({"MONGODB_URI": "http://x"}, {}, "MONGODB_URI should be: a URL such as", id="mongodb"),
        pytest.param({"AWS_ACCESS_KEY": "a"}, {}, "AWS_SECRET_KEY belong together", id="half a pair"),
        pytest.param({"MONGODB_DATABASE": "photos"}, {}, "MONGODB_DATABASE cannot be 'photos'", id="path of the api"),
        pytest.param({}, {"EXIFINATOR_MONGODB_DATABASE": "map"}, "MONGODB_DATABASE cannot be 'map'", id="other path"),
        pytest.param({"API_HOST": "0.0.0.0"}, {}, "API_TOKEN must be set", id="open api"),
        pytest.param({"DASHBOARD_HOST": "::"}, {}, "DASHBOARD_AUTH must be", id="open dashboard"),
        pytest.param({"API_ALLOWED_HOSTS": ["a.example"]}, {}, "API_TOKEN must be set", id="proxy of the api"),
        pytest.param({"DASHBOARD_ALLOWED_HOSTS": ["a.b"]}, {}, "DASHBOARD_AUTH must be", id="proxy of the dashboard"),
        pytest.param({"API_CORS_ORIGINS": ["*"]}, {}, "API_TOKEN must be set", id="every origin"),
        pytest.param({"API_CORS_ORIGINS": "a.example"}, {}, "API_CORS_ORIGINS should be: origins", id="no origin"),
        pytest.param({"API_CORS_ORIGINS": "https://a.b/c"}, {}, "API_CORS_ORIGINS should be: origins", id="a page"),
        pytest.param({"API_ALLOWED_HOSTS": ["https://a.b"]}, {}, "API_ALLOWED_HOSTS should be: names", id="url"),
        pytest.param({"API_ALLOWED_HOSTS": "*.a.b"}, {}, "API_ALLOWED_HOSTS should be: names", id="wildcard"),
        pytest.param({"DASHBOARD_ALLOWED_HOSTS": "a..b"}, {}, "DASHBOARD_ALLOWED_HOSTS should be", id="empty label"),
        pytest.param({"API_TRUSTED_PROXIES": "*"}, {}, "API_TRUSTED_PROXIES should be: IP", id="every proxy"),
        pytest.param({"API_TRUSTED_PROXIES": "proxy"}, {}, "API_TRUSTED_PROXIES should be: IP", id="name of a proxy"),
        pytest.param({"API_TOKEN": "schlüssel"}, {}, "API_TOKEN should be: ASCII", id="token beyond ASCII"),
        pytest.param({"API_TOKEN": "a b"}, {}, "API_TOKEN should be: ASCII", id="token with a space"),
        pytest.param({"DASHBOARD_AUTH": "nopassword"}, {}, '"user:password"', id="no password"),
        pytest.param({"API_PORT": 5555}, {}, "must differ", id="same port"),
        pytest.param({"WRITE_QUEUE": "download"}, {}, "must differ", id="same queue"),
        pytest.param({"MRQ_DATABASE": "waldo"}, {}, "must differ", id="same database"),
        pytest.param({"MONGODB_DATABASE": "a/b"}, {}, "MONGODB_DATABASE should match", id="database name"),
        pytest.param({"SCHEDULE": [{"source": "./a"}]}, {}, "SCHEDULE[0].source should be: a bucket", id="folder"),
        pytest.param({"SCHEDULE": [{"source": "a"}, {}]}, {}, "SCHEDULE[1].source is missing", id="no source"),
        pytest.param(
            {"SCHEDULE": [{"source": "a", "evry": "1h"}]},
            {},
            "settings.py: SCHEDULE[0] has the unknown key 'evry'; the keys are source, every,",
            id="unknown key",
        ),
        pytest.param(
            {"SCHEDULE": [{"source": "a", "every": "6"}]}, {}, "SCHEDULE[0].every should be: an interval", id="interval"
        ),
        pytest.param(
            {"SCHEDULE": [{"source": "a", "every": "0h"}]}, {}, "SCHEDULE[0].every should be: an inter", id="no time"
        ),
        pytest.param(
            {"SCHEDULE": [{"source": "a", "at": "24:00"}]}, {}, "SCHEDULE[0].at should be: a time of day", id="time"
        ),
        pytest.param(
            {"SCHEDULE": [{"source": "a", "at": "02:00", "every": "5h"}]}, {}, 'whose "every" divides a day', id="day"
        ),
        pytest.param(
            {"SCHEDULE": [{"source": "a", "at": "02:00", "timezone": "../UTC"}]},
            {},
            "SCHEDULE[0].timezone should be: the name of a time zone",
            id="time zone",
        ),
        pytest.param(
            {"SCHEDULE": [{"source": "a"}, {"source": "s3://a", "every": "1h"}]}, {}, "names a source twice", id="twice"
        ),
        pytest.param({}, {"EXIFINATOR_SCHEDULE": "a"}, "SCHEDULE should be: a list of entries", id="no JSON"),
        pytest.param({"SCHEDULE": ["a"]}, {}, "SCHEDULE[0] should be an entry, such as {'source'", id="no entry"),
    ],
)
def test_build_config__invalid_setting__is_named_with_the_reason(
    settings: dict[str, Any], environment: dict[str, str], expected: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(expected)):
        build_config(settings, environment)


def test_build_config__setting_of_an_earlier_version__is_ignored() -> None:
    assert build_config({"LOCAL_S3_PORT": 9000}, {"EXIFINATOR_LOCAL_S3_PORT": "x"}) == build_config({}, {})


def test_build_config__several_invalid_settings__are_reported_together() -> None:
    with pytest.raises(ConfigError) as caught:
        build_config({"GREENLETS": 0, "API_PORT": 0, "NOPE": 1}, {})

    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("name", ["AWS_SECRET_KEY", "MONGODB_URI", "REDIS_URL", "API_TOKEN", "DASHBOARD_AUTH"])
def test_config__secret__is_neither_in_repr_nor_in_errors(name: str) -> None:
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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "redis://:MARKED/x@127.0.0.1:1/0"),
        ("REDIS_URL", "redis://lena:MARKED#x@127.0.0.1:1/0"),
        ("REDIS_URL", "redis://lena:MARKED?x@127.0.0.1:1/0"),
        ("REDIS_URL", "redis://127.0.0.1:MARKED/0"),
        ("REDIS_URL", "redis://[MARKED"),
        ("MONGODB_URI", "mongodb://lena:MARKED/x@127.0.0.1"),
        ("MONGODB_URI", "mongodb://lena:MARKED?x@127.0.0.1"),
        ("MONGODB_URI", "mongodb+srv://lena:MARKED#x@example.org"),
        ("REDIS_URL", "redis://:MARKED@127.0.0.1:1/0?socket_timeout=MARKED"),
        ("MONGODB_URI", "mongodb://lena:MARKED@[::1"),
        ("S3_ENDPOINT_URL", "https://id:MARKED@127.0.0.1:9000"),
        ("S3_ENDPOINT_URL", "https://127.0.0.1:MARKED"),
        ("DASHBOARD_AUTH", "MARKED"),
        ("API_PORT", "MARKED"),
    ],
)
def test_build_config__invalid_url_with_a_password__is_reported_without_the_password(name: str, value: str) -> None:
    """Such a URL is split in the wrong place. A part of the password must not be shown as a host or port."""
    with pytest.raises(ConfigError, match=f"{name} should be") as caught:
        build_config({name: value}, {})
    assert "MARKED" not in str(caught.value)


ENCODE, PORT, HOST, IPV6 = "must be percent-encoded", "the port must be a number", "the host is missing", "in brackets"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("MONGODB_URI", "mongodb://lena:MA@RKED@db.example.org", ENCODE),
        ("MONGODB_URI", "mongodb://lena:MA:RKED@db.example.org:27017/?authSource=admin", ENCODE),
        ("MONGODB_URI", "mongodb+srv://lena@MARKED:x@db.example.org", ENCODE),
        ("MONGODB_URI", "mongodb://lena:MARKED%@db.example.org", ENCODE),
        ("MONGODB_URI", "mongodb://lena:MAR[KED@db.example.org", ENCODE),
        ("MONGODB_URI", "mongodb://lena:MARKED+x@db.example.org", ENCODE),
        ("REDIS_URL", "redis://lena:MARKED[x@cache.example.org", ENCODE),
        ("REDIS_URL", "rediss://:MARKED/@cache.example.org", ENCODE),
        ("REDIS_URL", "redis://:MARKED\nx@cache.example.org", ENCODE),
        ("REDIS_URL", "redis://:MARKED\u2100@cache.example.org", ENCODE),
        ("REDIS_URL", "redis://lena:MARKED@cache.example.org:sixteen/0", PORT),
        ("REDIS_URL", "redis://lena:MARKED@cache.example.org:65536", PORT),
        ("REDIS_URL", "redis://cache.example.org:0", PORT),
        ("MONGODB_URI", "mongodb://lena:MARKED", PORT),
        ("MONGODB_URI", "mongodb://lena:MARKED@a:1,b:port2/?replicaSet=r", PORT),
        ("MONGODB_URI", "mongodb://a:" + "9" * 5000, PORT),
        ("S3_ENDPOINT_URL", "https://minio.example.org:MARKED", PORT),
        ("BATCH_WEBHOOK_URL", "https://example.org:MARKED/hook", PORT),
        ("REDIS_URL", "redis://:MARKED@/0", HOST),
        ("REDIS_URL", "redis:///0", HOST),
        ("MONGODB_URI", "mongodb://lena:MARKED@", HOST),
        ("MONGODB_URI", "mongodb://lena:MARKED@a:1,/?replicaSet=r", HOST),
        ("S3_ENDPOINT_URL", "http://:9000", HOST),
        ("REDIS_URL", "redis://::1:6379/0", IPV6),
        ("REDIS_URL", "redis://:MARKED@[::1", PORT),
        ("REDIS_URL", "redis://:MARKED@[::g]:6379", IPV6),
        ("MONGODB_URI", "mongodb://lena:MARKED@2001:db8::1/photos", IPV6),
        ("MONGODB_URI", "mongodb://a,fe80::1:27017", IPV6),
        ("S3_ENDPOINT_URL", "http://::1", IPV6),
        ("REDIS_URL", "http://:MARKED@cache.example.org", "it must start with redis:// or rediss://"),
        ("REDIS_URL", "lena:MARKED@cache.example.org", "it must start with redis:// or rediss://"),
        ("MONGODB_URI", "mongo://lena:MARKED@a", "it must start with mongodb:// or mongodb+srv://"),
        ("S3_ENDPOINT_URL", "s3://MARKED", "it must start with http:// or https://"),
        ("MONGODB_URI", "mongodb+srv://lena:MARKED@a.example.org:27017", "one host and no port"),
        ("MONGODB_URI", "mongodb+srv://lena:MARKED@a.example.org,b.example.org", "one host and no port"),
        ("REDIS_URL", "unix://var/run/redis.sock", "with the path of the socket"),
        ("REDIS_URL", "redis://cache.example.org/photos", "its path must be the database number"),
    ],
)
def test_build_config__malformed_address__is_reported_with_the_reason_and_without_secrets(
    name: str, value: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        build_config({name: value}, {})
    message = str(caught.value)
    assert message.startswith(f"settings.py: {name} should be: a URL such as ")
    assert expected in message
    assert "MARKED" not in message
    assert "lena" not in message
    assert "\n" not in message


# Digits, and every character that has a meaning in a URL.
_URL_ALPHABET = "ab17:/?#[]@%+,.=&\\ "


def test_mongodb_uri__any_password__is_rejected_or_parsed_alike_by_the_driver() -> None:
    """EXIFinator must reject what the driver rejects: the driver's message may quote a part of the password."""
    rng = random.Random(7)
    accepted = 0
    for _ in range(4000):
        secret = "".join(rng.choices(_URL_ALPHABET, k=rng.randrange(1, 7)))
        uri = f"mongodb://u:{secret}@127.0.0.1:27017/?appName=x"
        try:
            build_config({"MONGODB_URI": uri}, {})
        except ConfigError:
            continue
        parsed = pymongo.uri_parser.parse_uri(uri)
        assert parsed["nodelist"] == [("127.0.0.1", 27017)]
        assert parsed["password"] == unquote(secret)
        accepted += 1
    assert accepted > 100


def test_redis_url__any_password__is_rejected_or_parsed_alike_by_the_client() -> None:
    rng = random.Random(8)
    accepted = 0
    for _ in range(4000):
        secret = "".join(rng.choices(_URL_ALPHABET, k=rng.randrange(1, 7)))
        url = f"redis://u:{secret}@127.0.0.1:6379/3"
        try:
            build_config({"REDIS_URL": url}, {})
        except ConfigError:
            continue
        parsed = parse_url(url)
        assert (parsed["host"], parsed["port"], parsed["db"]) == ("127.0.0.1", 6379, 3)
        assert parsed["password"] == unquote(secret)
        accepted += 1
    assert accepted > 100


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "rediss://:a%2Fb%40@127.0.0.1:1/0?ssl_ca_certs=/a/ca.pem"),
        ("REDIS_URL", "redis://lena:p@ss:word@cache.example.org:6379/0"),
        ("REDIS_URL", "redis://cache.example.org"),
        ("REDIS_URL", "unix:///run/redis/redis.sock?db=1"),
        ("MONGODB_URI", "mongodb://lena:p%40ss@[2001:db8::1]:27017,[fe80::1%25eth0]/photos"),
        ("MONGODB_URI", "mongodb://%2Frun%2Fmongodb.sock/"),
        ("BATCH_WEBHOOK_URL", "https://example.org:8443/hooks?to=photos"),
        ("REDIS_URL", "redis://[::1]:6379"),
        ("MONGODB_URI", "mongodb://u:a%2Fb@a:1,b:2/?replicaSet=r&authSource=$external"),
        ("MONGODB_URI", "mongodb+srv://u:p@example.org"),
        ("S3_ENDPOINT_URL", "https://[::1]:9000"),
    ],
)
def test_build_config__valid_address__is_accepted(name: str, value: str) -> None:
    setting = getattr(build_config({name: value}, {}), name.lower())
    assert (setting if isinstance(setting, str) else setting.get_secret_value()) == value


def test_build_config__missing_certificate_file__is_named() -> None:
    with pytest.raises(
        ConfigError, match=r"S3_CA_FILE should be: a file of PEM certificates, but there is no file /nowhere/ca.pem"
    ):
        build_config({"S3_CA_FILE": "/nowhere/ca.pem"}, {})


@pytest.mark.parametrize("host", ["[::]", "0", "0.0.0.0", "::", "*", "127.1", "example.org", "[::ffff:0.0.0.0]"])
@pytest.mark.parametrize(("setting", "remedy"), [("API_HOST", "API_TOKEN"), ("DASHBOARD_HOST", "DASHBOARD_AUTH")])
def test_build_config__address_other_than_loopback__requires_a_password(setting: str, remedy: str, host: str) -> None:
    with pytest.raises(ConfigError, match=f"{remedy} must be .*{setting} to 127.0.0.1"):
        build_config({setting: host}, {})


@pytest.mark.parametrize(("host", "bound"), [("[::1]", "::1"), ("::1", "::1"), ("localhost", "localhost")])
def test_build_config__loopback_address__requires_no_password(host: str, bound: str) -> None:
    config = build_config({"API_HOST": host, "DASHBOARD_HOST": host}, {})
    assert (config.api_host, config.dashboard_host) == (bound, bound)


def test_build_config__hosts_proxies_and_origins__are_normalized() -> None:
    environment = {
        "EXIFINATOR_API_TOKEN": "x",
        "EXIFINATOR_API_ALLOWED_HOSTS": "Foto.Example.org:443, [FD00::1]",
        "EXIFINATOR_API_TRUSTED_PROXIES": "127.0.0.1, 10.1.2.3/8",
        "EXIFINATOR_API_CORS_ORIGINS": "HTTPS://Photos.example/",
    }
    config = build_config({}, environment)
    assert config.api_allowed_hosts == ("foto.example.org", "fd00::1")
    assert config.api_trusted_proxies == ("127.0.0.1", "10.0.0.0/8")
    assert config.api_cors_origins == ("https://photos.example",)


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Config]:
    """Return a function that writes a text to a settings file outside the checkout, and loads it."""

    def write_and_load(text: str) -> Config:
        path = tmp_path / "own.py"
        path.write_text(text)
        monkeypatch.setenv("EXIFINATOR_SETTINGS", str(path))
        return load_config.__wrapped__()

    return write_and_load


def test_load_config__file_in_exifinator_settings__is_used(load: Callable[[str], Config]) -> None:
    assert load("API_PORT = 3999\n").api_port == 3999


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("API_PORT = 'x'\n", r"own.py: API_PORT should be"),
        ("NOPE = 1\n", r"own.py: unknown setting NOPE"),
        ("\nAPI_TOKEN = MARKED\n", r"own.py, line 2 cannot be read \(NameError\)"),
        ("API_TOKEN = 'MARKED\n", r"own.py, line 1 cannot be read \(SyntaxError\)"),
        ("import os\nAPI_TOKEN = os.environ['MARKED']\n", r"own.py, line 2 cannot be read \(KeyError\)"),
        ("raise RuntimeError('MARKED')\n", r"own.py, line 1 cannot be read \(RuntimeError\)"),
    ],
)
def test_load_config__mistake_in_the_file__is_reported_with_its_place_and_without_secrets(
    load: Callable[[str], Config], text: str, expected: str
) -> None:
    with pytest.raises(ConfigError, match=expected) as caught:
        load(text)
    # The secret must not even be in a traceback that a program logs.
    assert "MARKED" not in "".join(traceback.format_exception(caught.value))
