"""A source: asked, as a run would, for its list and for some bytes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from exifinator import local_s3
from exifinator.checks import Finding, ok, warning, wrong
from exifinator.checks.clocks import check_clock
from exifinator.config import Config
from exifinator.errors import AccessDenied, BucketGone, EXIFinatorError, SourceUnavailable
from exifinator.listing import Source
from exifinator.records import ImageRef
from exifinator.s3 import S3

PROBE_BYTES = 64


def check_folder(folder: Path) -> Finding:
    if os.access(folder, os.R_OK | os.X_OK):
        return ok("source", f"the folder {folder} can be read")
    return wrong("source", f"the folder {folder} cannot be read by this user", f"chmod u+rx '{folder}'")


def check_source(config: Config, source: Source) -> list[Finding]:
    """List it, read some bytes of its first object, and compare region and clock. One request each."""
    with closing(S3(config)) as s3:
        return list(_look(config, s3, source))


def _look(config: Config, s3: S3, source: Source) -> Iterator[Finding]:
    dates: list[tuple[str, float]] = []
    try:
        client = s3.client(source.bucket)

        def note_date(parsed: dict[str, Any], **_: Any) -> None:
            headers = parsed.get("ResponseMetadata", {}).get("HTTPHeaders", {})
            dates.append((headers.get("date", ""), time.time()))

        client.meta.events.register("after-call.s3", note_date)
        credentials = _name_credentials(config, client, source)
        yield credentials
        if credentials.level == "wrong":
            return
        page = s3.list_page(source.bucket, source.prefix, None)
    except EXIFinatorError as exc:
        yield from _clock(dates)
        yield wrong("source", f"{source} cannot be listed: {exc}", _remedy(exc, config, source))
        return
    yield from _clock(dates)
    yield _check_region(client, source)
    objects = [ref for ref in page.refs if ref.size_bytes]
    if not objects:
        yield warning(
            "source", f"{source} can be listed, and nothing is in there", f"aws s3 ls '{source}/'   (a prefix?)"
        )
        return
    yield _read(config, s3, source, objects[0])


def _read(config: Config, s3: S3, source: Source, ref: ImageRef) -> Finding:
    try:
        read = s3.read_range(ref, 0, PROBE_BYTES)
    except EXIFinatorError as exc:
        return wrong(
            "source",
            f"{source} can be listed, but its first object cannot be read: {exc}",
            _remedy(exc, config, source),
        )
    if len(read.data) < min(PROBE_BYTES, ref.size_bytes):
        return wrong("source", f"{source} answers a ranged GET with too few bytes", "ask whoever runs that server")
    etags = "" if ref.etag else "; it gives no ETags, so size and date decide what is unchanged"
    return ok("source", f"{source} can be listed, and read by ranged GETs{etags}")


def _clock(dates: list[tuple[str, float]]) -> Iterator[Finding]:
    for text, answered_at in dates[:1]:
        try:
            served_at: datetime = parsedate_to_datetime(text).astimezone(UTC)
        except (TypeError, ValueError):
            return
        yield check_clock("S3", served_at.timestamp() - answered_at, resolution_seconds=1.0)


def _name_credentials(config: Config, client: Any, source: Source) -> Finding:
    """Where the credentials come from; never what they are."""
    if local_s3.lookup(source.bucket):
        return ok("credentials", f"{source} is a folder of this machine")
    if config.s3_anonymous:
        return ok("credentials", "none are used (S3_ANONYMOUS)")
    if config.aws_access_key:
        return ok("credentials", "those of AWS_ACCESS_KEY and AWS_SECRET_KEY")
    credentials = client._request_signer._credentials
    if credentials is None:
        return wrong(
            "credentials",
            "there are none: boto3 finds none in the environment, in ~/.aws or on this machine",
            "aws configure   (or export EXIFINATOR_AWS_ACCESS_KEY=... EXIFINATOR_AWS_SECRET_KEY=...; "
            "EXIFINATOR_S3_ANONYMOUS=true for a public bucket)",
        )
    return ok("credentials", f"found by boto3 ({credentials.method})")


def _check_region(client: Any, source: Source) -> Finding:
    """Whether requests go to the bucket's own region at once, instead of by a redirect."""
    signed_for = str(client.meta.region_name)
    try:
        answer = client.head_bucket(Bucket=source.bucket)
    except ClientError as exc:
        answer = exc.response
    except BotoCoreError:
        answer = {}
    lies_in = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
    if lies_in is None:
        return ok("source", f"{source} does not say its region; requests are signed for {signed_for}")
    if lies_in == signed_for:
        return ok("source", f"{source} lies in {lies_in}, for which requests are signed")
    return warning(
        "source",
        f"{source} lies in {lies_in}, and requests are signed for {signed_for}: each process is redirected first",
        f"export EXIFINATOR_AWS_REGION={lies_in}   (or AWS_REGION in settings.py)",
    )


def _remedy(exc: EXIFinatorError, config: Config, source: Source) -> str:
    text = str(exc)
    where = f" --endpoint-url {config.s3_endpoint_url}" if config.s3_endpoint_url else ""
    if "SignatureDoesNotMatch" in text:
        return "set AWS_SECRET_KEY to the secret that belongs to AWS_ACCESS_KEY   (aws configure, if boto3 finds them)"
    if "InvalidAccessKeyId" in text:
        return "set AWS_ACCESS_KEY to a key of this server's   (is S3_ENDPOINT_URL the right one?)"
    if "RequestTimeTooSkewed" in text:
        return "sudo timedatectl set-ntp true"
    if "no credentials" in text:
        return "aws configure   (or export EXIFINATOR_AWS_ACCESS_KEY=... EXIFINATOR_AWS_SECRET_KEY=...)"
    if isinstance(exc, BucketGone):
        return f"aws s3 ls{where}   (shows the buckets that these credentials have)"
    if isinstance(exc, AccessDenied):
        return (
            f"allow these credentials s3:ListBucket on arn:aws:s3:::{source.bucket} and s3:GetObject on "
            f"arn:aws:s3:::{source.bucket}/*"
        )
    if isinstance(exc, SourceUnavailable):
        address = config.s3_endpoint_url or "https://s3.amazonaws.com"
        return f"curl -sI {address}   (does it answer? S3_ENDPOINT_URL, firewall, proxy)"
    return "see the message"
