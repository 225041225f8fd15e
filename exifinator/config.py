"""Read the settings from settings.py and the environment into a frozen and validated Config.

settings.py explains each setting. Tests check that settings.py and Config have the same names and defaults.
"""

from __future__ import annotations

import functools
import os
import runpy
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

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
from exifinator.net import is_loopback_host
from exifinator.open_files import greenlets_within, open_files_limit
from exifinator.paths import find_root
from exifinator.setting_prices import OwnPrices
from exifinator.setting_schedule import Schedule, ScheduleEntry
from exifinator.setting_types import (
    BlankAsNone,
    CustomerKey,
    FirstReadBytes,
    Greenlets,
    HostNames,
    Networks,
    Origins,
    Token,
    UserPassword,
    WebhookSecret,
    split_list,
)
from exifinator.setting_urls import EndpointUrl, MongodbUri, RedisUrl, TilesUrl, WebAddress

# The number of greenlets of a worker if GREENLETS is "auto". Four fifths of them may fetch images.
MAX_AUTO_GREENLETS = 1250
# The size of first reads until it is learned. Measured: bench/FIRST_READ.md.
DEFAULT_FIRST_READ_BYTES = 48 * 1024
# The default limit on the processes of the API. Each takes about 100 MB.
MAX_AUTO_API_PROCESSES = 4
ROOT = find_root()
ENV_PREFIX = "EXIFINATOR_"
# First segments of the API's own paths. The API also serves the database under the path /MONGODB_DATABASE
# (api/routes/compat.py), so the database cannot have one of these names.
API_PATHS = frozenset(
    [
        "batches",
        "dbs",
        "docs",
        "duplicates",
        "events",
        "facets",
        "failures",
        "healthz",
        "library",
        "map",
        "metrics",
        "photos",
        "readyz",
        "schedule",
        "static",
        "statistics",
        "views",
    ]
)

Port = Annotated[int, Field(ge=1, le=65535)]
QueueName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,40}$")]
# MongoDB's rules for names, but without characters that have to be escaped in a shell or a URL.
DatabaseName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,38}$")]
CollectionName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,100}$")]


class Config(BaseModel):
    """All settings, under their names in settings.py in lower case. The repr does not show secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    s3_buckets: Annotated[tuple[str, ...], BeforeValidator(split_list)] = ()
    skip_junk_files: bool = True
    s3_endpoint_url: EndpointUrl = None
    aws_access_key: Annotated[str | None, BlankAsNone] = Field(None, repr=False)
    aws_secret_key: Annotated[SecretStr | None, BlankAsNone] = None
    aws_region: Annotated[str | None, BlankAsNone] = None
    s3_anonymous: bool = False
    s3_requester_pays: bool = False
    s3_addressing: Literal["auto", "path", "virtual"] = "auto"
    s3_timeout_seconds: float = Field(20.0, gt=0, le=600)
    s3_client: Literal["lean", "boto3"] = "lean"
    s3_ca_file: Annotated[str | None, BlankAsNone] = None
    s3_sse_c_key: CustomerKey = None
    s3_traffic: Literal["internet", "other-region", "same-region"] = "internet"
    s3_prices: OwnPrices = None

    mongodb_uri: MongodbUri = SecretStr("mongodb://127.0.0.1:27017")
    mongodb_database: DatabaseName = "waldo"
    mongodb_collection: CollectionName = "exif_data"

    redis_url: RedisUrl = SecretStr("redis://127.0.0.1:6379/0")
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
    batch_webhook_url: WebAddress = Field(None, repr=False)
    batch_webhook_secret: WebhookSecret = None
    events_sqs_url: WebAddress = None
    events_token: Token = None
    events_hmac_secret: Token = None
    schedule: Schedule = ()

    worker_processes: int = Field(0, ge=0, le=1024)
    greenlets: Greenlets = "auto"
    first_read_bytes: FirstReadBytes = "auto"
    parse_deadline_seconds: float = Field(2.0, gt=0, le=600)
    parse_memory_mb: int = Field(256, ge=32, le=65536)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"

    dashboard_host: str = Field("127.0.0.1", min_length=1)
    dashboard_port: Port = 5555
    dashboard_auth: UserPassword = None
    dashboard_allowed_hosts: HostNames = ()
    api_host: str = Field("127.0.0.1", min_length=1)
    api_port: Port = 3001
    api_processes: int = Field(0, ge=0, le=64)
    api_token: Token = None
    api_public_read: bool = False
    api_cors_origins: Origins = ()
    api_allowed_hosts: HostNames = ()
    api_trusted_proxies: Networks = ()
    api_sign_originals: bool | None = None
    api_previews: bool = True
    api_preview_max_mb: int = Field(64, ge=1, le=1024)
    api_preview_cache_mb: int = Field(1024, ge=0, le=1_048_576)
    indexed_tags: Annotated[tuple[str, ...], BeforeValidator(split_list)] = ("Image Make",)
    map_tiles_url: TilesUrl = None
    map_tiles_attribution: str = ""

    start_timeout_seconds: float = Field(60.0, gt=0, le=86400)

    @property
    def accepts_notifications(self) -> bool:
        """Whether S3 servers can post notifications to the API."""
        return self.events_token is not None or self.events_hmac_secret is not None

    @property
    def follows_events(self) -> bool:
        """Whether the index follows the events of S3 servers."""
        return self.events_sqs_url is not None or self.accepts_notifications

    @field_validator("s3_ca_file")
    @classmethod
    def _check_ca_file(cls, value: str | None) -> str | None:
        if value is None:
            return None
        path = ROOT / Path(value).expanduser()
        if not path.is_file():
            raise ValueError(f"a file of PEM certificates, but there is no file {path}")
        return str(path)

    @field_validator("dashboard_host", "api_host")
    @classmethod
    def _strip_brackets(cls, value: str) -> str:
        # In URLs, IPv6 addresses have brackets. Sockets require them without brackets.
        return value[1:-1] if value.startswith("[") and value.endswith("]") else value

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        problems = []
        if (self.aws_access_key is None) != (self.aws_secret_key is None):
            problems.append(
                "AWS_ACCESS_KEY and AWS_SECRET_KEY belong together: set both, or neither for boto3's credential chain"
            )
        if self.download_queue == self.write_queue:
            problems.append("DOWNLOAD_QUEUE and WRITE_QUEUE must differ")
        if self.mongodb_database in API_PATHS:
            problems.append(f"MONGODB_DATABASE cannot be {self.mongodb_database!r}: the API uses this name as a path")
        if self.mrq_database == self.mongodb_database:
            problems.append("MRQ_DATABASE and MONGODB_DATABASE must differ: one holds jobs, the other photos")
        problems += self._missing_secrets()
        if self.dashboard_port == self.api_port:
            problems.append("DASHBOARD_PORT and API_PORT must differ")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _missing_secrets(self) -> Iterator[str]:
        """Yield a message for each setting that allows access from outside although no token or password is set."""
        if self.dashboard_auth is None:
            required = 'DASHBOARD_AUTH must be "user:password" because'
            if not is_loopback_host(self.dashboard_host):
                yield f"{required} DASHBOARD_HOST is reachable from other machines; or set DASHBOARD_HOST to 127.0.0.1"
            if self.dashboard_allowed_hosts:
                yield f"{required} DASHBOARD_ALLOWED_HOSTS names a proxy that others can use; or remove its names"
        if self.api_token is None:
            required = "API_TOKEN must be set because"
            if not is_loopback_host(self.api_host):
                yield f"{required} API_HOST is reachable from other machines; or set API_HOST to 127.0.0.1"
            if self.api_allowed_hosts:
                yield f"{required} API_ALLOWED_HOSTS names a proxy that others can use; or remove its names"
            if "*" in self.api_cors_origins:
                yield f'{required} API_CORS_ORIGINS "*" lets every web page read the API; or list single origins'

    @property
    def dashboard_is_shared(self) -> bool:
        """Whether other machines can reach the dashboard, by its own address or through a proxy."""
        return not is_loopback_host(self.dashboard_host) or bool(self.dashboard_allowed_hosts)

    @property
    def api_is_shared(self) -> bool:
        """Whether other machines can reach the API, by its own address or through a proxy."""
        return not is_loopback_host(self.api_host) or bool(self.api_allowed_hosts)

    @property
    def signs_originals(self) -> bool:
        """Whether the API signs links to originals. By default, it does unless other machines can reach it."""
        return not self.api_is_shared if self.api_sign_originals is None else self.api_sign_originals

    @property
    def processes(self) -> int:
        """The number of worker processes to run."""
        return self.worker_processes or os.cpu_count() or 1

    @property
    def api_process_count(self) -> int:
        """The number of processes that serve the API."""
        return self.api_processes or min(os.cpu_count() or 1, MAX_AUTO_API_PROCESSES)

    @property
    def default_first_read_bytes(self) -> int:
        """The size of the first read of an image about which nothing is known yet."""
        return DEFAULT_FIRST_READ_BYTES if self.first_read_bytes == "auto" else self.first_read_bytes

    @property
    def max_greenlets(self) -> int:
        """The maximum number of jobs that one worker process runs at the same time."""
        return greenlets_within(open_files_limit(), MAX_AUTO_GREENLETS) if self.greenlets == "auto" else self.greenlets

    @property
    def download_set(self) -> str:
        """The download queue's name in MRQ. The suffix tells MRQ that the queue is a sorted set of timed raw jobs."""
        return f"{self.download_queue}_timed_set"

    @property
    def write_list(self) -> str:
        """The write queue's name in MRQ. The suffix tells MRQ that the queue is a list of raw jobs."""
        return f"{self.write_queue}_raw"


def setting_name(field: str) -> str:
    """Return the name in settings.py of a field of Config."""
    return field.upper()


# (term in pydantic's messages, plainer term that replaces it for people who edit settings.py).
_PLAIN_TERMS = (
    ("a valid boolean", "true or false"),
    ("a valid tuple", "a list"),
    ("a valid string", "text"),
    ("a valid dictionary or instance of ScheduleEntry", "an entry, such as {'source': 'my-bucket', 'every': '6h'}"),
    ("a valid integer", "a whole number"),
    ("greater than or equal to", "at least"),
    ("less than or equal to", "at most"),
)


def _explain(error: ValidationError, origins: Mapping[str, str], file: str) -> list[str]:
    """Return one line for each mistake, without the values of settings, which may be secret.

    Args:
        error: The mistakes.
        origins: Field of Config -> the file or environment variable that its value comes from.
        file: The name of the settings file.
    """
    lines = []
    for item in error.errors():
        if not item["loc"]:
            lines += str(item["ctx"]["error"]).split("\n")
            continue
        field = str(item["loc"][0])
        origin = origins.get(field, file)
        # Parts of an entry of SCHEDULE are named, such as SCHEDULE[0].every. Elements of other lists are not.
        name = setting_name(field)
        if field == "schedule":
            *parents, last = item["loc"]
            path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in item["loc"][1:])
            if item["type"] == "extra_forbidden":
                entry = f"{name}[{parents[1]}]"
                keys = ", ".join(ScheduleEntry.model_fields)
                lines.append(f"{origin}: {entry} has the unknown key {last!r}; the keys are {keys}")
                continue
            name += path
        if item["type"] == "extra_forbidden":
            lines.append(f"{origin}: unknown setting {name}")
        elif item["type"] == "missing":
            lines.append(f"{origin}: {name} is missing")
        else:
            validator_message = str(item.get("ctx", {}).get("error", ""))
            # pydantic's messages start with "Input" or "String" and may end with ", unable to parse ...".
            expected = (
                f"should be: {validator_message}"
                if validator_message
                else item["msg"].partition(" ")[2].partition(", unable")[0]
            )
            for term, plain_term in _PLAIN_TERMS:
                expected = expected.replace(term, plain_term)
            lines.append(f"{origin}: {name} {expected}")
    return lines


# Settings of earlier versions, which settings.py may still contain. They have no effect.
_RETIRED_SETTINGS = frozenset({"LOCAL_S3_PORT"})


def build_config(
    settings: Mapping[str, Any], environment: Mapping[str, str], *, file: str | Path = "settings.py"
) -> Config:
    """Build a Config from settings.py and the environment.

    Args:
        settings: The variables of settings.py. Variables whose names are not in upper case are ignored.
        environment: The environment variables. EXIFINATOR_<NAME> overrides the setting <NAME>.
        file: The name of the settings file to show in messages.

    Raises:
        ConfigError: A setting is wrong. The message has one line for each mistake.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, value in settings.items():
        if name.isupper() and not name.startswith("_") and name not in _RETIRED_SETTINGS:
            values[name.lower()] = value
            origins[name.lower()] = str(file)
    for field in Config.model_fields:
        variable = ENV_PREFIX + setting_name(field)
        if variable in environment:
            values[field] = environment[variable]
            origins[field] = f"{variable} in the environment"
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        fields = [item["loc"][0] for item in error.errors() if item["loc"]]
        pointer = setting_name(str(fields[0])) if len(fields) == 1 else None
        lines = _explain(error, origins, str(file))
        raise ConfigError("\n".join(lines), code="invalid_setting", pointer=pointer) from None


@functools.cache
def load_config() -> Config:
    """Return the settings of this process.

    The settings are read from settings.py, or from the file that EXIFINATOR_SETTINGS names. Environment variables
    override them.

    Raises:
        ConfigError: A setting is wrong, or the file cannot be read.
    """
    custom_path = os.environ.get("EXIFINATOR_SETTINGS")
    path = Path(custom_path or ROOT / "settings.py")
    settings: Mapping[str, Any] = {}
    if path.exists():
        try:
            settings = runpy.run_path(str(path))
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
        except Exception as error:  # noqa: BLE001 -- the file is a program that can fail in any way
            # Do not show the error's message and traceback, because they could contain a line with a secret.
            raise ConfigError(f"{path}{_line_of(error, path)} cannot be read ({type(error).__name__})") from None
    elif custom_path:
        raise ConfigError(f"EXIFINATOR_SETTINGS names {path}, which does not exist", pointer="EXIFINATOR_SETTINGS")
    return build_config(settings, os.environ, file=path if custom_path else "settings.py")


def _line_of(error: Exception, path: Path) -> str:
    """Return text such as ", line 7" for the line of the file that caused the error; "" if the line is unknown."""
    if isinstance(error, SyntaxError):
        line = error.lineno
    else:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == str(path)), None)
    return f", line {line}" if line else ""
