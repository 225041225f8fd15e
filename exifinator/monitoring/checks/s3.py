"""Check that a run can read a source: check its credentials, listing, region and clock, and try a ranged GET."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from exifinator.config import Config
from exifinator.errors import AccessDenied, BucketGone, ClockSkew, EXIFinatorError, SourceUnavailable
from exifinator.models import ImageRef
from exifinator.monitoring.checks import Finding, error, ok, warning
from exifinator.monitoring.checks.clock import check_clock
from exifinator.sources.folders import registry
from exifinator.sources.folders.names import to_key
from exifinator.sources.s3.client import S3Client
from exifinator.sources.s3.errors import s3_errors
from exifinator.sources.source import Source

# Length of the ranged GET that is tried on the first object.
TRIAL_READ_BYTES = 64
_SET_CREDENTIALS = "aws configure   (or export EXIFINATOR_AWS_ACCESS_KEY=... EXIFINATOR_AWS_SECRET_KEY=...)"
# Maps the `code` of an error to a fix.
_FIXES = {
    "no_credentials": _SET_CREDENTIALS,
    "wrong_secret_key": (
        "set AWS_SECRET_KEY to the secret key for AWS_ACCESS_KEY   (or run aws configure, if boto3 finds the keys)"
    ),
    "unknown_access_key": "set AWS_ACCESS_KEY to a key that this server knows   (is S3_ENDPOINT_URL correct?)",
}


def check_folder(folder: Path) -> Finding:
    shown = to_key(str(folder))
    if not folder.is_dir():
        return error("source", f"the folder {shown} does not exist on this machine", "mount its drive")
    if os.access(folder, os.R_OK | os.X_OK):
        return ok("source", f"the folder {shown} is readable")
    return error("source", f"this user cannot read the folder {shown}", f"chmod u+rx {_quote(folder)}")


def _quote(path: Path) -> str:
    """Return a path as a shell reads it, with escapes for what a terminal cannot show."""
    text = str(path)
    if text.isprintable():
        return shlex.quote(text)
    letters = (chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}" for byte in os.fsencode(path))
    return f"$'{''.join(letters)}'"


def check_source(config: Config, source: Source) -> list[Finding]:
    """List a source, read some bytes of its first object, and check S3's clock and the region of the bucket.

    If the bucket is a local folder, only check that the folder is readable.
    """
    folder = registry.lookup(source.bucket)
    if folder is not None:
        return [check_folder(folder)]
    with closing(S3Client(config)) as s3:
        return list(_run_checks(config, s3, source))


def _run_checks(config: Config, s3: S3Client, source: Source) -> Iterator[Finding]:
    # The Date header of each response, and the Unix time at which the response arrived.
    dates: list[tuple[str, float]] = []
    try:
        client = s3.client(source.bucket)

        def note_date(parsed: dict[str, Any], **_: Any) -> None:
            headers = parsed.get("ResponseMetadata", {}).get("HTTPHeaders", {})
            dates.append((headers.get("date", ""), time.time()))

        client.meta.events.register("after-call.s3", note_date)
        credentials = _check_credentials(config, client, source)
        yield credentials
        if credentials.level == "error":
            return
        page = s3.list_page(source.bucket, source.prefix, None)
    except EXIFinatorError as exc:
        yield from _check_clock(dates)
        yield error("source", f"{source} cannot be listed: {exc.message}", _fix(exc, config, source))
        return
    yield from _check_clock(dates)
    yield _check_region(client, source)
    if page.lacks_token:
        yield warning(
            "source",
            f"the server of {source} truncates a listing, but does not say where it continues",
            "update the S3 server   (--prune and --verify refuse such a listing)",
        )
    objects = [ref for ref in page.refs if ref.size_bytes and not ref.is_archived]
    if objects:
        yield _check_read(config, s3, source, objects[0])
    elif page.refs:
        yield ok("source", f"{source} can be listed, but its first page has only archived or empty objects")
    else:
        yield warning(
            "source", f"{source} can be listed, but is empty", f"aws s3 ls '{source}/'   (is the prefix correct?)"
        )


def _check_read(config: Config, s3: S3Client, source: Source, ref: ImageRef) -> Finding:
    try:
        read = s3.read_range(ref, 0, TRIAL_READ_BYTES)
    except EXIFinatorError as exc:
        return error(
            "source",
            f"{source} can be listed, but its first object cannot be read: {exc.message}",
            _fix(exc, config, source),
        )
    if len(read.data) < min(TRIAL_READ_BYTES, ref.size_bytes):
        return error(
            "source",
            f"the server of {source} returns fewer bytes than a ranged GET requests",
            "ask the server's operator whether it supports range requests",
        )
    etags = "" if ref.etag else "; the server sends no ETags, so only size and date show whether an object has changed"
    return ok("source", f"{source} can be listed and read by ranged GETs{etags}")


def _check_clock(dates: list[tuple[str, float]]) -> Iterator[Finding]:
    """Compare the Date header of the first response with the time at which it arrived."""
    for text, received_at in dates[:1]:
        try:
            served_at: datetime = parsedate_to_datetime(text).astimezone(UTC)
        except (TypeError, ValueError):
            return
        yield check_clock("S3", served_at.timestamp() - received_at, resolution_seconds=1.0)


def _check_credentials(config: Config, client: Any, source: Source) -> Finding:
    """Report where the credentials come from. Never show the credentials themselves."""
    if config.s3_anonymous:
        return ok("credentials", "no credentials are used (S3_ANONYMOUS)")
    if config.aws_access_key:
        return ok("credentials", "AWS_ACCESS_KEY and AWS_SECRET_KEY are used")
    credentials = client._request_signer._credentials
    if credentials is None:
        return error(
            "credentials",
            f"there are no credentials for {source}: boto3 found none in the environment, in ~/.aws or on this machine",
            f"{_SET_CREDENTIALS}; export EXIFINATOR_S3_ANONYMOUS=true for a public bucket",
        )
    return ok("credentials", f"boto3 found credentials ({credentials.method})")


def _check_region(client: Any, source: Source) -> Finding:
    """Check that requests are signed for the bucket's region. Otherwise S3 redirects them."""
    signed_region = str(client.meta.region_name)
    response: dict[str, Any] = {}
    try:
        with s3_errors(source.bucket):
            response = client.head_bucket(Bucket=source.bucket)
    except EXIFinatorError as exc:
        if isinstance(exc.__cause__, ClientError):
            response = exc.__cause__.response
    region = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
    if region is None:
        return ok("source", f"the region of {source} is unknown; requests are signed for {signed_region}")
    if region == signed_region:
        return ok("source", f"{source} is in {region}, and requests are signed for that region")
    return warning(
        "source",
        f"{source} is in {region}, but requests are signed for {signed_region}: S3 redirects each process once",
        f"export EXIFINATOR_AWS_REGION={region}   (or set AWS_REGION in settings.py)",
    )


def _fix(exc: EXIFinatorError, config: Config, source: Source) -> str:
    if exc.code in _FIXES:
        return _FIXES[exc.code]
    if isinstance(exc, ClockSkew):
        return "sudo timedatectl set-ntp true"
    if type(exc) is BucketGone:
        endpoint = f" --endpoint-url {config.s3_endpoint_url}" if config.s3_endpoint_url else ""
        return f"aws s3 ls{endpoint}   (lists the buckets of these credentials)"
    if type(exc) is AccessDenied:
        arn = f"arn:aws:s3:::{source.bucket}"
        return f"allow these credentials s3:ListBucket on {arn} and s3:GetObject on {arn}/*"
    if isinstance(exc, SourceUnavailable):
        address = config.s3_endpoint_url or "https://s3.amazonaws.com"
        return f"curl -sI {address}   (does it respond? check S3_ENDPOINT_URL, firewall and proxy)"
    return exc.hint or "see the message"
