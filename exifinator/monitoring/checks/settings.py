"""Check for settings that contradict each other, or that are unlikely to be intended."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from pydantic import SecretStr

from exifinator.config import ENV_PREFIX, ROOT, Config, setting_name
from exifinator.monitoring.checks import Finding, error, ok, warning
from exifinator.net import is_loopback_host

# Environment variables that have the prefix of settings but are not settings: programs read them directly.
NOT_SETTINGS = frozenset({"SETTINGS", "HOME", "CWD", "DEBUG", "SUPERVISED", "FOLDERS"})
MIN_TOKEN_CHARS = 16
MIN_PASSWORD_CHARS = 12
MAX_PROCESSES_PER_CORE = 4
# Memory of a worker process, besides the memory that decoding an image may use (PARSE_MEMORY_MB).
WORKER_MEMORY_MB = 120
MIN_LEASE_SECONDS = 10
# Shorter secrets are not searched for, because they could occur in settings.py by chance.
MIN_SECRET_CHARS = 6

_MAKE_TOKEN = "python -c 'import secrets; print(secrets.token_urlsafe(24))'   (prints a strong one)"  # noqa: S105


def check_settings(
    config: Config,
    environment: Mapping[str, str] = os.environ,
    *,
    settings_file: Path = ROOT / "settings.py",
    memory_bytes: int | None = None,
    cores: int | None = None,
) -> list[Finding]:
    """Return a finding for each problem with the settings, or a single `ok` finding if there are none."""
    findings = [
        *_check_names(environment),
        *_check_s3(config),
        *_check_web(config),
        *_check_sizes(config, memory_bytes or psutil.virtual_memory().total, cores or os.cpu_count() or 1),
        *_check_secrets(config, settings_file),
    ]
    return findings or [ok("settings", "no contradictions")]


def _check_names(environment: Mapping[str, str]) -> Iterator[Finding]:
    known = {setting_name(field) for field in Config.model_fields}
    for variable in sorted(environment):
        name = variable.removeprefix(ENV_PREFIX)
        if name == variable or name in known or name in NOT_SETTINGS or name.startswith("TEST_"):
            continue
        similar = difflib.get_close_matches(name, known, 1)
        fix = f"export {ENV_PREFIX}{similar[0]}=...; unset {variable}" if similar else f"unset {variable}"
        yield warning("settings", f"the environment has {variable}, but there is no setting {name}", fix)


def _check_s3(config: Config) -> Iterator[Finding]:
    if config.s3_anonymous and config.aws_access_key:
        yield warning("settings", "S3_ANONYMOUS is set, so AWS_ACCESS_KEY is ignored", "unset one of them")
    if config.s3_anonymous and config.s3_requester_pays:
        yield error(
            "settings",
            "S3_REQUESTER_PAYS needs credentials to bill, but S3_ANONYMOUS sends none",
            "export EXIFINATOR_S3_ANONYMOUS=false",
        )
    endpoint = urlsplit(config.s3_endpoint_url or "")
    host = endpoint.hostname or ""
    if endpoint.scheme == "http" and not is_loopback_host(host):
        yield warning(
            "settings",
            "S3_ENDPOINT_URL uses http: anyone on the network path can read the photos' metadata",
            f"set S3_ENDPOINT_URL to https://{endpoint.netloc}, if that server supports TLS",
        )
    # Compare only hosts that contain a region, such as s3.<region>.amazonaws.com. Hosts without a region redirect.
    if host.endswith(".amazonaws.com") and host.count(".") > 2 and config.aws_region not in (None, *host.split(".")):
        yield warning(
            "settings",
            f"S3_ENDPOINT_URL names another region than AWS_REGION ({config.aws_region})",
            "unset S3_ENDPOINT_URL: Amazon S3 does not need it",
        )


def _check_web(config: Config) -> Iterator[Finding]:
    token = config.api_token.get_secret_value() if config.api_token else ""
    if config.api_is_shared and len(token) < MIN_TOKEN_CHARS:
        yield warning(
            "settings",
            f"API_TOKEN has only {len(token)} characters, and other machines can reach the API",
            _MAKE_TOKEN,
        )
    password = config.dashboard_auth.get_secret_value().partition(":")[2] if config.dashboard_auth else ""
    if config.dashboard_is_shared and len(password) < MIN_PASSWORD_CHARS:
        yield warning(
            "settings",
            "the password of DASHBOARD_AUTH is short, and other machines can reach the dashboard",
            _MAKE_TOKEN,
        )
    for server, host, names in (
        ("API", config.api_host, config.api_allowed_hosts),
        ("DASHBOARD", config.dashboard_host, config.dashboard_allowed_hosts),
    ):
        if names and not is_loopback_host(host):
            yield warning(
                "settings",
                f"{server}_ALLOWED_HOSTS has no effect: a server that other machines can reach accepts every host name",
                f"set {server}_HOST to 127.0.0.1 behind a proxy, or remove {server}_ALLOWED_HOSTS",
            )
    if config.api_public_read and not token:
        yield warning(
            "settings", "API_PUBLIC_READ has no effect without API_TOKEN", "export EXIFINATOR_API_PUBLIC_READ=false"
        )
    elif config.api_public_read and config.api_is_shared:
        yield warning(
            "settings",
            "API_PUBLIC_READ is set: everyone who can reach the API can read all photos' metadata, and where they were "
            "taken",
            "export EXIFINATOR_API_PUBLIC_READ=false   (reading then requires API_TOKEN)",
        )
    if config.api_allowed_hosts and not config.api_trusted_proxies:
        yield warning(
            "settings",
            "API_ALLOWED_HOSTS names a proxy, but API_TRUSTED_PROXIES is empty: wrong tokens of all clients count as "
            "those of one",
            'set API_TRUSTED_PROXIES to the address of the proxy, such as ["127.0.0.1"]',
        )


def _check_sizes(config: Config, memory_bytes: int, cores: int) -> Iterator[Finding]:
    if config.processes > MAX_PROCESSES_PER_CORE * cores:
        yield warning(
            "settings",
            f"WORKER_PROCESSES is {config.processes} on {cores} cores: this is not faster than one per core",
            "export EXIFINATOR_WORKER_PROCESSES=0   (one per core)",
        )
    needed_bytes = config.processes * (config.parse_memory_mb + WORKER_MEMORY_MB) * 1024**2
    if needed_bytes > memory_bytes:
        yield warning(
            "settings",
            f"{config.processes} workers with PARSE_MEMORY_MB {config.parse_memory_mb} may use "
            f"{needed_bytes / 1e9:,.1f} GB, but this machine has {memory_bytes / 1e9:,.1f} GB",
            "set a smaller PARSE_MEMORY_MB, or fewer WORKER_PROCESSES",
        )
    if config.lease_seconds < MIN_LEASE_SECONDS and config.s3_timeout_seconds > config.lease_seconds:
        yield warning(
            "settings",
            f"LEASE_SECONDS is {config.lease_seconds}: a worker that is busy for that long counts as dead",
            "export EXIFINATOR_LEASE_SECONDS=30",
        )


def _check_secrets(config: Config, settings_file: Path) -> Iterator[Finding]:
    """Check that no other user of this machine can read secrets in settings.py."""
    if not settings_file.exists() or not settings_file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return
    text = settings_file.read_text(encoding="utf-8", errors="replace")
    for field, value in config:
        secret = value.get_secret_value() if isinstance(value, SecretStr) else ""
        if len(secret) >= MIN_SECRET_CHARS and field not in ("mongodb_uri", "redis_url") and secret in text:
            yield warning(
                "settings",
                f"other users of this machine can read {setting_name(field)} in {settings_file.name}",
                f"chmod 600 {settings_file}",
            )
