"""Signed links to originals in S3: the API never carries the photos themselves."""

from __future__ import annotations

import threading
from typing import Any

from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError

from api.errors import Refused
from exifinator.config import Config
from exifinator.s3 import S3

LINK_SECONDS = 600


class _SigningS3(S3):
    def _boto_config(self, **options: Any) -> BotoConfig:
        # Without being told, boto3 signs links in the old way, which newer regions and servers refuse.
        return super()._boto_config(**{"signature_version": "s3v4", **options})


class Signer:
    """Signs links with the credentials of the settings; connects when first used."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._s3: S3 | None = None
        self._payer = {"RequestPayer": "requester"} if config.s3_requester_pays else {}

    def sign(self, bucket: str, key: str) -> str:
        """An address under which anyone can fetch the object for LINK_SECONDS; nothing is asked of S3.

        It is saved rather than shown: what is called a photo may be a page with a script in it.
        Raises: Refused (503) where there are no credentials.
        """
        with self._lock:
            self._s3 = self._s3 or _SigningS3(self._config)
        try:
            url: str = self._s3.client(bucket).generate_presigned_url(
                "get_object",
                Params={"Bucket": bucket, "Key": key, "ResponseContentDisposition": "attachment", **self._payer},
                ExpiresIn=LINK_SECONDS,
            )
        except (BotoCoreError, ValueError) as error:
            raise Refused(503, f"No link can be signed: {error}") from error
        return url

    def close(self) -> None:
        if self._s3 is not None:
            self._s3.close()
