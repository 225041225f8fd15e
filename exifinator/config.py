"""settings.py and the environment, read once into a frozen, validated Config."""

from __future__ import annotations

import functools
import os
import re
import runpy
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from exifinator.errors import ConfigError
from exifinator.home import find_root

ROOT = find_root()
ENV_PREFIX = "EXIFINATOR_"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
# Its origin goes into a Content-Security-Policy, so nothing that could end a word there is in it.
_TILES = r"(?=.*\{z\})(?=.*\{x\})(?=.*\{y\})https?://(\{s\}\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?/[!-:<-~]*"

Port = Annotated[int, Field(ge=1, le=65535)]
QueueName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,40}$")]
# MongoDB's own rules, without what a shell or an address would have to escape.
DatabaseName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,38}$")]
CollectionName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,100}$")]


def _split_list(value: object) -> object:
    """In the environment a list is written with commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _none_if_blank(value: object) -> object:
    return None if value == "" else value


Optional = BeforeValidator(_none_if_blank)


class Config(BaseModel):
    """Every setting, under its name in settings.py in lower case; secrets do not show in its repr."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    s3_buckets: Annotated[tuple[str, ...], BeforeValidator(_split_list)] = ()
    s3_endpoint_url: Annotated[str | None, Optional] = None
    aws_access_key: Annotated[str | None, Optional] = Field(None, repr=False)
    aws_secret_key: Annotated[SecretStr | None, Optional] = None
    aws_region: Annotated[str | None, Optional] = None
    s3_anonymous: bool = False
    s3_requester_pays: bool = False
    s3_addressing: Literal["auto", "path", "virtual"] = "auto"
    s3_timeout_seconds: float = Field(20.0, gt=0, le=600)
    s3_client: Literal["lean", "boto3"] = "lean"
    s3_ca_file: Annotated[str | None, Optional] = None

    mongodb_uri: SecretStr = SecretStr("mongodb://127.0.0.1:27017")
    mongodb_database: DatabaseName = "waldo"
    mongodb_collection: CollectionName = "exif_data"

    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    mrq_database: DatabaseName = "mrq"
    download_queue: QueueName = "download"
    write_queue: QueueName = "write"
    max_queued: int = Field(1_000_000, ge=1)
    write_queue_mb: int = Field(64, ge=1, le=65536)
    lease_seconds: int = Field(30, ge=3, le=3600)
    max_deliveries: int = Field(3, ge=2, le=100)
    max_retries: int = Field(4, ge=0, le=100)
    retry_delay_seconds: float = Field(5.0, ge=0, le=3600)
    task_history: Literal["failures", "all"] = "failures"

    worker_processes: int = Field(0, ge=0, le=1024)
    greenlets: int = Field(100, ge=2, le=2000)
    first_read_bytes: int = Field(49152, ge=64, le=32 * 1024 * 1024)
    parse_deadline_seconds: float = Field(2.0, gt=0, le=600)
    parse_memory_mb: int = Field(256, ge=32, le=65536)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"

    dashboard_host: str = Field("127.0.0.1", min_length=1)
    dashboard_port: Port = 5555
    dashboard_auth: Annotated[SecretStr | None, Optional] = None
    api_host: str = Field("127.0.0.1", min_length=1)
    api_port: Port = 3001
    api_token: Annotated[SecretStr | None, Optional] = None
    api_cors_origins: Annotated[tuple[str, ...], BeforeValidator(_split_list)] = ()
    api_allowed_hosts: Annotated[tuple[str, ...], BeforeValidator(_split_list)] = ()
    api_sign_originals: bool = False
    indexed_tags: Annotated[tuple[str, ...], BeforeValidator(_split_list)] = ("Image Make",)
    map_tiles_url: Annotated[str | None, Optional] = None
    map_tiles_attribution: str = ""
    local_s3_port: Port = 9000

    @field_validator("s3_endpoint_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = split_address(value)
        if parts is None or parts.scheme not in ("http", "https") or parts.path.strip("/") or parts.query:
            raise ValueError('an address such as "https://minio.example.org:9000", with nothing behind the host')
        if "@" in parts.netloc:
            raise ValueError("an address without user and password: AWS_ACCESS_KEY and AWS_SECRET_KEY are for those")
        return value.rstrip("/")

    @field_validator("s3_ca_file")
    @classmethod
    def _is_file(cls, value: str | None) -> str | None:
        if value is None:
            return None
        path = ROOT / Path(value).expanduser()
        if not path.is_file():
            raise ValueError(f"a file of certificates (PEM), and there is no file {path}")
        return str(path)

    @field_validator("map_tiles_url")
    @classmethod
    def _is_tiles(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(_TILES, value):
            raise ValueError('an address with {z}, {x} and {y}, as in "https://tiles.example.org/{z}/{x}/{y}.png"')
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr) -> SecretStr:
        parts = split_address(value.get_secret_value())
        if parts is None or parts.scheme not in ("redis", "rediss"):
            raise ValueError(f'an address such as "redis://127.0.0.1:6379/0", rediss:// for TLS; {_ESCAPED}')
        if not re.fullmatch(r"/?\d*", parts.path):
            raise ValueError("what stands behind the host is the number of the database, as in /0")
        from redis.connection import parse_url

        # It names the option that has a wrong value, and not the value.
        parse_url(value.get_secret_value())  # type: ignore[no-untyped-call]
        return value

    @field_validator("mongodb_uri")
    @classmethod
    def _is_mongodb(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if not re.match(r"mongodb(\+srv)?://[^/?#]", text) or _has_loose_password(text) or not _is_whole(text):
            raise ValueError(f'an address such as "mongodb://127.0.0.1:27017"; {_ESCAPED}')
        return value

    @field_validator("dashboard_host", "api_host")
    @classmethod
    def _is_host(cls, value: str) -> str:
        # Sockets take an IPv6 address without the brackets that it has in a URL.
        return value[1:-1] if value.startswith("[") and value.endswith("]") else value

    @field_validator("dashboard_auth")
    @classmethod
    def _is_pair(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            user, _, password = value.get_secret_value().partition(":")
            if not user or not password:
                raise ValueError('"user:password"')
        return value

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        problems = []
        if (self.aws_access_key is None) != (self.aws_secret_key is None):
            problems.append("AWS_ACCESS_KEY and AWS_SECRET_KEY go together: set both, or neither for boto3's own chain")
        if self.download_queue == self.write_queue:
            problems.append("DOWNLOAD_QUEUE and WRITE_QUEUE must differ")
        if self.mrq_database == self.mongodb_database:
            problems.append("MRQ_DATABASE and MONGODB_DATABASE must differ: one holds jobs, the other photos")
        if self.dashboard_host not in LOOPBACK and self.dashboard_auth is None:
            problems.append(
                'DASHBOARD_AUTH must be "user:password" because DASHBOARD_HOST is reachable from other machines; '
                "or set DASHBOARD_HOST to 127.0.0.1"
            )
        if self.api_host not in LOOPBACK and self.api_token is None:
            problems.append(
                "API_TOKEN must be set because API_HOST is reachable from other machines; or set API_HOST to 127.0.0.1"
            )
        if len({self.dashboard_port, self.api_port, self.local_s3_port}) < 3:
            problems.append("DASHBOARD_PORT, API_PORT and LOCAL_S3_PORT must differ")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def processes(self) -> int:
        """How many worker processes to run."""
        return self.worker_processes or os.cpu_count() or 1

    @property
    def download_set(self) -> str:
        """MRQ's name of the download queue: the suffix makes it a raw timed set."""
        return f"{self.download_queue}_timed_set"

    @property
    def write_list(self) -> str:
        """MRQ's name of the write queue: the suffix makes it a raw list."""
        return f"{self.write_queue}_raw"


# What is said of an address that may have a password in it: pieces of it could be pieces of the password.
_ESCAPED = 'a "/", "?", "#" or "@" of a user or password is written %2F, %3F, %23 or %40'


def _has_loose_password(address: str) -> bool:
    """Whether a user or password goes on where, by the rules of addresses, the host has ended."""
    authority, rest = re.fullmatch(r"(?:[^/?#]*//)?([^/?#]*)(.*)", address, re.DOTALL).groups()  # type: ignore[union-attr]
    return "@" not in authority and "@" in rest


def _is_whole(address: str) -> bool:
    """Whether what it has of the brackets around an IPv6 address is whole."""
    try:
        urlsplit(address)
    except ValueError:
        return False
    return True


def split_address(address: str) -> SplitResult | None:
    """An address in its parts; None where it is none, or has a user or password that is not escaped."""
    try:
        parts = urlsplit(address)
        # Looked at here, for a wrong port is an error that repeats it.
        whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if whole and not _has_loose_password(address) else None


def setting_name(field: str) -> str:
    """The name of a Config field in settings.py."""
    return field.upper()


# What pydantic calls it, and what one types.
_PLAINLY = (
    ("a valid boolean", "true or false"),
    ("a valid tuple", "a list"),
    ("a valid integer", "a whole number"),
    ("greater than or equal to", "at least"),
    ("less than or equal to", "at most"),
)


def _explain(error: ValidationError, origin: Mapping[str, str], file: str) -> list[str]:
    lines = []
    for item in error.errors():
        if not item["loc"]:
            lines += str(item["ctx"]["error"]).split("\n")
            continue
        field = str(item["loc"][0])
        where = origin.get(field, file)
        if item["type"] == "extra_forbidden":
            lines.append(f"{where}: there is no setting {setting_name(field)}")
        else:
            should = str(item.get("ctx", {}).get("error", ""))
            # pydantic's own sentences: "Input should be a valid integer, unable to parse ..."
            # pydantic's own sentences begin with "Input should be", or "String"; some go on with what it tried.
            said = f"should be: {should}" if should else item["msg"].partition(" ")[2].partition(", unable")[0]
            for theirs, ours in _PLAINLY:
                said = said.replace(theirs, ours)
            lines.append(f"{where}: {setting_name(field)} {said}")
    return lines


def build_config(
    settings: Mapping[str, Any], environment: Mapping[str, str], *, file: str | Path = "settings.py"
) -> Config:
    """A Config from the upper-case names of `settings`, overridden by EXIFINATOR_<NAME> in `environment`.

    file: what the settings were read from, as mistakes in them name it.
    Raises: ConfigError, one line a mistake, all of them at once; values are not repeated, for they may be secret.
    """
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for name, value in settings.items():
        if name.isupper() and not name.startswith("_"):
            values[name.lower()] = value
            origin[name.lower()] = str(file)
    for field in Config.model_fields:
        variable = ENV_PREFIX + setting_name(field)
        if variable in environment:
            values[field] = environment[variable]
            origin[field] = f"{variable} in the environment"
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(error, origin, str(file)))) from None


@functools.cache
def load_config() -> Config:
    """The settings of this process: settings.py of its folder (or EXIFINATOR_SETTINGS), then the environment.

    Raises: ConfigError.
    """
    named = os.environ.get("EXIFINATOR_SETTINGS")
    path = Path(named or ROOT / "settings.py")
    settings: Mapping[str, Any] = {}
    if path.exists():
        try:
            settings = runpy.run_path(str(path))
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
        except Exception as error:  # noqa: BLE001 -- it is a program, and may fail in any way
            # Neither its words nor a traceback, which would show the line: a secret may stand there.
            raise ConfigError(f"{path}{_line_of(error, path)} cannot be read ({type(error).__name__})") from None
    elif named:
        raise ConfigError(f"EXIFINATOR_SETTINGS names {path}, which does not exist")
    return build_config(settings, os.environ, file=path if named else "settings.py")


def _line_of(error: Exception, path: Path) -> str:
    """ ", line 7" where the error is one of line 7 of this file."""
    if isinstance(error, SyntaxError):
        line = error.lineno
    else:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == str(path)), None)
    return f", line {line}" if line else ""
