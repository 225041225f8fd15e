"""The client of all sources: buckets in S3, and local folders that are registered as buckets."""

from __future__ import annotations

from typing import Literal

from exifinator.models import ImageRef, ListedPage, RangeRead
from exifinator.sources.folders.client import FolderClient
from exifinator.sources.s3.client import S3Client


class SourceClient:
    """Lists and reads sources. Passes each call to the S3 client or to the client of local folders.

    Args:
        s3: The S3 client.
        folders: The client of local folders.
    """

    def __init__(self, s3: S3Client, folders: FolderClient | None = None) -> None:
        self.s3 = s3
        self.folders = folders or FolderClient()

    def endpoint(self, bucket: str) -> str:
        """Return a name for the server or the folder of a bucket, to distinguish buckets that have the same name."""
        return self._client(bucket).endpoint(bucket)

    def s3_region(self, bucket: str) -> str | None:
        """Return the region of a bucket in S3, or None for a folder. See S3Client.region."""
        return None if self.folders.is_registered(bucket) else self.s3.region(bucket)

    def can_list_ranges(self, bucket: str) -> bool:
        """Return whether several ranges of keys can be listed at the same time, and whether this is faster."""
        return self._client(bucket).can_list_ranges(bucket)

    def list_page(
        self,
        bucket: str,
        prefix: str,
        token: str | None,
        *,
        start_after: str = "",
        max_keys: int = 1000,
        version: Literal[1, 2] = 2,
    ) -> ListedPage:
        """Fetch one page of a listing. See S3Client.list_page and FolderClient.list_page."""
        if self.folders.is_registered(bucket):
            return self.folders.list_page(bucket, prefix, token, start_after=start_after, max_keys=max_keys)
        return self.s3.list_page(bucket, prefix, token, start_after=start_after, max_keys=max_keys, version=version)

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        """Read a range of an image. See models.RangeReader."""
        client = self.folders if self.folders.has(ref) else self.s3
        return client.read_range(ref, start, length, if_match=if_match)

    def reload_credentials(self, bucket: str) -> bool:
        """Load the credentials of a bucket in S3 again. See S3Client.reload_credentials. Folders have none."""
        return not self.folders.is_registered(bucket) and self.s3.reload_credentials(bucket)

    def prepare(self) -> None:
        """Create the S3 client for S3_ENDPOINT_URL in advance, so that the first request need not wait for it."""
        self.s3.prepare()

    def close(self) -> None:
        """Close all connections and folders."""
        self.s3.close()
        self.folders.close()

    def _client(self, bucket: str) -> S3Client | FolderClient:
        return self.folders if self.folders.is_registered(bucket) else self.s3
