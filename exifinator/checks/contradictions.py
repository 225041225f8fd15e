"""Settings that say two things, or that cannot mean what was meant."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from pydantic import SecretStr

from exifinator.checks import Finding, ok, warning, wrong
from exifinator.config import ENV_PREFIX, LOOPBACK, ROOT, Config, setting_name

# Names that the programs themselves read from the environment, and that are no settings.
NOT_SETTINGS = frozenset({"SETTINGS", "HOME", "CWD", "DEBUG", "SUPERVISED", "FOLDERS"})
SHORTEST_TOKEN = 16
PROCESSES_A_CORE = 4


def check_settings(
    config: Config,
    environment: Mapping[str, str] = os.environ,
    *,
    settings_file: Path = ROOT / "settings.py",
    memory_bytes: int | None = None,
    cores: int | None = None,
) -> list[Finding]:
    """What contradicts; one finding that all is right where nothing does."""
    found = [
        *_unknown_variables(environment),
        *_about_s3(config),
        *_about_the_web(config),
        *_about_size(config, memory_bytes or psutil.virtual_memory().total, cores or os.cpu_count() or 1),
        *_readable_secrets(config, settings_file),
    ]
    return found or [ok("settings", "no setting contradicts another")]


def _unknown_variables(environment: Mapping[str, str]) -> Iterator[Finding]:
    known = {setting_name(field) for field in Config.model_fields}
    for variable in sorted(environment):
        name = variable.removeprefix(ENV_PREFIX)
        if name == variable or name in known or name in NOT_SETTINGS or name.startswith("TEST_"):
            continue
        near = difflib.get_close_matches(name, known, 1)
        fix = f"export {ENV_PREFIX}{near[0]}=...; unset {variable}" if near else f"unset {variable}"
        yield warning("settings", f"{variable} is in the environment, and there is no setting {name}", fix)


def _about_s3(config: Config) -> Iterator[Finding]:
    if config.s3_anonymous and config.aws_access_key:
        yield warning("settings", "S3_ANONYMOUS is set, so AWS_ACCESS_KEY is not used", "unset one of the two")
    if config.s3_anonymous and config.s3_requester_pays:
        yield wrong(
            "settings",
            "S3_REQUESTER_PAYS needs credentials to bill, and S3_ANONYMOUS sends none",
            "export EXIFINATOR_S3_ANONYMOUS=false",
        )
    endpoint = urlsplit(config.s3_endpoint_url or "")
    if endpoint.scheme == "http" and endpoint.hostname not in LOOPBACK:
        yield warning(
            "settings",
            "S3_ENDPOINT_URL is http: whoever is on the way can read the photos' metadata",
            f"set S3_ENDPOINT_URL to https://{endpoint.netloc}, if that server speaks TLS",
        )
    host = endpoint.hostname or ""
    # s3.<region>.amazonaws.com; without a region in its name it redirects.
    if host.endswith(".amazonaws.com") and host.count(".") > 2 and config.aws_region not in (None, *host.split(".")):
        yield warning(
            "settings",
            f"S3_ENDPOINT_URL and AWS_REGION ({config.aws_region}) are of two regions",
            "unset S3_ENDPOINT_URL: for Amazon S3 it is not needed",
        )


def _about_the_web(config: Config) -> Iterator[Finding]:
    token = config.api_token.get_secret_value() if config.api_token else ""
    if config.api_host not in LOOPBACK and len(token) < SHORTEST_TOKEN:
        yield warning(
            "settings",
            f"API_TOKEN has {len(token)} characters, and the API binds beyond this machine",
            "python -c 'import secrets; print(secrets.token_urlsafe(24))'   (makes a better one)",
        )
    password = config.dashboard_auth.get_secret_value().partition(":")[2] if config.dashboard_auth else ""
    if config.dashboard_host not in LOOPBACK and len(password) < SHORTEST_TOKEN // 2:
        yield warning(
            "settings",
            "the password of DASHBOARD_AUTH is short, and the dashboard binds beyond this machine",
            "python -c 'import secrets; print(secrets.token_urlsafe(24))'   (makes a better one)",
        )
    if config.api_allowed_hosts and config.api_host not in LOOPBACK:
        yield warning(
            "settings",
            "API_ALLOWED_HOSTS has no effect: an API that binds beyond this machine answers to every name",
            "set API_HOST to 127.0.0.1 behind a proxy, or drop API_ALLOWED_HOSTS",
        )


def _about_size(config: Config, memory_bytes: int, cores: int) -> Iterator[Finding]:
    if config.processes > PROCESSES_A_CORE * cores:
        yield warning(
            "settings",
            f"WORKER_PROCESSES is {config.processes} on {cores} cores: they only take turns",
            "export EXIFINATOR_WORKER_PROCESSES=0   (one a core)",
        )
    # A worker of its own weighs about 120 MiB; a parse may take PARSE_MEMORY_MB on top.
    needed = config.processes * (config.parse_memory_mb + 120) * 1024**2
    if needed > memory_bytes:
        yield warning(
            "settings",
            f"{config.processes} workers with PARSE_MEMORY_MB {config.parse_memory_mb} may take "
            f"{needed / 1e9:,.1f} GB, and this machine has {memory_bytes / 1e9:,.1f} GB",
            "a smaller PARSE_MEMORY_MB, or fewer WORKER_PROCESSES",
        )
    if config.lease_seconds < 10 and config.s3_timeout_seconds > config.lease_seconds:
        yield warning(
            "settings",
            f"LEASE_SECONDS is {config.lease_seconds}: a worker that is busy for so long is taken for dead",
            "export EXIFINATOR_LEASE_SECONDS=30",
        )


def _readable_secrets(config: Config, settings_file: Path) -> Iterator[Finding]:
    """Secrets in a file that every user of this machine can read."""
    if not settings_file.exists() or not settings_file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return
    text = settings_file.read_text(encoding="utf-8", errors="replace")
    for field, value in config:
        secret = value.get_secret_value() if isinstance(value, SecretStr) else ""
        if len(secret) > 5 and field not in ("mongodb_uri", "redis_url") and secret in text:
            yield warning(
                "settings",
                f"{setting_name(field)} stands in {settings_file.name}, which other users of this machine can read",
                f"chmod 600 {settings_file}",
            )
