"""Presign S3 URLs, so that clients download originals directly from S3."""

from __future__ import annotations

import threading
from typing import Any

from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError

from api.errors import ErrorCode, RequestRefused
from exifinator.config import Config
from exifinator.errors import EXIFinatorError
from exifinator.sources.folders import registry
from exifinator.sources.s3.client import S3Client

# How long a URL is valid.
URL_SECONDS = 600


class _SigningS3(S3Client):
    def _boto_config(self, **options: Any) -> BotoConfig:
        # By default boto3 presigns URLs with signature version 2, which newer regions and servers reject.
        return super()._boto_config(**{"signature_version": "s3v4", **options})


class Signer:
    """Presigns URLs with the configured credentials. The S3 client is created on first use."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._s3: S3Client | None = None
        self._payer = {"RequestPayer": "requester"} if config.s3_requester_pays else {}

    def sign(self, bucket: str, key: str) -> str:
        """Return a URL from which anyone can download the object for URL_SECONDS seconds.

        This sends no request to S3.

        The URL makes browsers save the object instead of showing it, because the object may be an HTML page
        with a script.

        Raises:
            RequestRefused: The object is a file in a local folder (404), or the URL cannot be signed, usually because
                there are no usable credentials (503).
        """
        if registry.lookup(bucket) is not None:
            raise RequestRefused(
                ErrorCode.NOT_FOUND, "There is no link to the original: it is a file in a local folder."
            )
        with self._lock:
            self._s3 = self._s3 or _SigningS3(self._config)
        try:
            url: str = self._s3.client(bucket).generate_presigned_url(
                "get_object",
                Params={"Bucket": bucket, "Key": key, "ResponseContentDisposition": "attachment", **self._payer},
                ExpiresIn=URL_SECONDS,
            )
        except (BotoCoreError, EXIFinatorError, ValueError) as error:
            raise RequestRefused(ErrorCode.CANNOT_SIGN, f"The link cannot be signed: {error}") from error
        return url

    def close(self) -> None:
        if self._s3 is not None:
            self._s3.close()
