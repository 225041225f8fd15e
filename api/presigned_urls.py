"""Links to originals: presigned S3 URLs, and signed paths of the API for files in local folders."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError

from api.errors import ErrorCode, RequestRefused
from exifinator.config import Config
from exifinator.errors import EXIFinatorError
from exifinator.sources.s3.client import S3Client

log = logging.getLogger(__name__)

# How long a URL is valid, in seconds.
URL_SECONDS = 600
# Hosts that can be written into a Content-Security-Policy.
_HOST = re.compile(r"[a-z0-9.-]+")
_AMAZON_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn")


class _SigningS3(S3Client):
    def _boto_config(self, **options: Any) -> BotoConfig:
        # By default boto3 presigns URLs with signature version 2, which newer regions and servers reject.
        return super()._boto_config(**{"signature_version": "s3v4", **options})


class S3UrlSigner:
    """Presigns URLs with the configured credentials. The S3 client is created on first use."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._s3: S3Client | None = None
        self._is_anonymous = config.s3_anonymous
        self._payer_option = {"RequestPayer": "requester"} if config.s3_requester_pays else {}

    def sign(self, bucket: str, key: str, media_type: str) -> str:
        """Return a URL from which anyone can download the object for URL_SECONDS seconds.

        This sends no request to S3.

        A browser that opens the URL saves the object instead of showing it, because the object may be an HTML page
        with a script. <img> and <video> in a page show the object anyway. Without credentials, the URL lacks the
        options that request this, because S3 rejects them.

        Raises:
            RequestRefused: The URL cannot be signed, usually because there are no usable credentials (503).
        """
        options = {"ResponseContentDisposition": "attachment", "ResponseContentType": media_type}
        try:
            url: str = self._client(bucket).generate_presigned_url(
                "get_object",
                Params={"Bucket": bucket, "Key": key, **({} if self._is_anonymous else options), **self._payer_option},
                ExpiresIn=URL_SECONDS,
            )
        except (BotoCoreError, EXIFinatorError, ValueError) as error:
            raise RequestRefused(ErrorCode.CANNOT_SIGN, f"The link cannot be signed: {error}") from error
        return url

    def origins(self) -> str:
        """Return the origins of the URLs, separated by spaces, for a Content-Security-Policy; "" if there are none."""
        try:
            parts = urlsplit(self._client("").meta.endpoint_url)
            host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
        except (BotoCoreError, EXIFinatorError, ValueError) as error:
            log.warning("cannot create links to originals: %s", error, extra={"action": "skip"})
            return ""
        if not _HOST.fullmatch(host):
            return ""
        amazon_domain = next((domain for domain in _AMAZON_DOMAINS if host.endswith(domain)), None)
        if amazon_domain:
            # The host depends on the bucket and its region.
            return f"https://*{amazon_domain}"
        origin = f"{parts.scheme}://{host}{port}"
        # An IP address ends in a digit, and has no subdomains for buckets.
        return origin if host[-1].isdigit() else f"{origin} {parts.scheme}://*.{host}{port}"

    def _client(self, bucket: str) -> Any:
        with self._lock:
            self._s3 = self._s3 or _SigningS3(self._config)
        return self._s3.client(bucket)

    def close(self) -> None:
        if self._s3 is not None:
            self._s3.close()


class PathSigner:
    """Signs paths of this API, so that <img> and <video>, which cannot send the token, can load files from folders.

    The key is derived from API_TOKEN, so links are valid in all processes of the API, and become invalid when the token
    changes. Deriving the key is slow on purpose, so that nobody can find the token by trying tokens against a link. If
    no token is set, no signature is needed.
    """

    def __init__(self, config: Config) -> None:
        token = config.api_token
        self._key = (
            hashlib.scrypt(token.get_secret_value().encode(), salt=b"exifinator links", n=2**14, r=8, p=1)
            if token
            else None
        )

    def sign(self, path: str) -> str:
        """Return the path with a query that makes it valid without the token, for URL_SECONDS seconds."""
        if self._key is None:
            return path
        expires = int(time.time()) + URL_SECONDS
        return f"{path}?expires={expires}&signature={self._signature(path, expires)}"

    def is_valid(self, path: str, expires: int | None, signature: str | None) -> bool:
        """Return whether a signature was made by `sign` for this path, and has not expired."""
        if self._key is None or expires is None or signature is None or expires < time.time():
            return False
        return hmac.compare_digest(signature.encode(), self._signature(path, expires).encode())

    def _signature(self, path: str, expires: int) -> str:
        return hmac.new(self._key or b"", f"{expires} {path}".encode(), hashlib.sha256).hexdigest()
