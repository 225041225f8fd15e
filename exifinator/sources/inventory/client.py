"""A client that takes a bucket's objects from an inventory report, and everything else from another client."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from typing import BinaryIO, Literal, Protocol, TypeVar, cast

from exifinator.errors import ConfigError, PermanentError, SourceUnavailable
from exifinator.models import ImageRef, ListedPage, RangeRead
from exifinator.sources.inventory.manifest import InventoryFile, Manifest, parse_manifest
from exifinator.sources.inventory.rows import read_objects
from exifinator.sources.source import Source, parse_user_source

READ_BYTES = 8 * 1024 * 1024
MAX_MANIFEST_BYTES = 32 * 1024 * 1024
_NO_TIME = datetime.fromtimestamp(0, UTC)

Item = TypeVar("Item")


class Client(Protocol):
    """The client that reads the report and its objects. Implemented by exifinator.sources.client.SourceClient."""

    def endpoint(self, bucket: str) -> str: ...

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead: ...


class InventoryClient:
    """Lists one bucket by an inventory report, without any request to list the bucket.

    The pages of the listing come from the report's files, in their order. A page's token is "FILE:BATCH", the
    numbers of a file and of a batch of its rows. Each file is downloaded once, into a temporary file, when its first
    page is requested, and checked.

    Args:
        client: Reads the report, and its objects.
        address: The address of the manifest: s3://bucket/path/manifest.json.

    Attributes:
        manifest: The manifest of the report.
    """

    def __init__(self, client: Client, address: str) -> None:
        self._client = client
        place = parse_user_source(address)
        self._report_bucket = place.bucket
        self.manifest: Manifest = parse_manifest(self._read(place.prefix, MAX_MANIFEST_BYTES), address)
        # The last downloaded file. It has no name, so the system deletes it however this process ends.
        self._file: BinaryIO | None = None
        # The pages that follow the page returned last, and the token of the first of them.
        self._batches: Generator[list[ImageRef]] | None = None
        self._token = ""

    def find_sources(self, names: tuple[str, ...]) -> list[Source]:
        """Return the sources of a run: the whole bucket of the report, or the named prefixes of it.

        Raises:
            ConfigError: A name is not in the bucket of the report.
        """
        sources = [parse_user_source(name) for name in names] or [Source(self.manifest.bucket)]
        for source in sources:
            if source.bucket != self.manifest.bucket:
                raise ConfigError(
                    f"The inventory report is of the bucket {self.manifest.bucket}, not of {source.bucket}",
                    code="inventory_bucket",
                    hint=f"name no source, or s3://{self.manifest.bucket}/prefix",
                )
        return sources

    def can_list_ranges(self, bucket: str) -> bool:  # noqa: ARG002
        """Return whether ranges of keys can be listed. They cannot: the keys of a report are in no order."""
        return False

    def endpoint(self, bucket: str) -> str:
        """Return a name for the server of a bucket. See SourceClient.endpoint."""
        return self._client.endpoint(bucket)

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        """Read a range of an object. See models.RangeReader."""
        return self._client.read_range(ref, start, length, if_match=if_match)

    def list_page(
        self,
        bucket: str,
        prefix: str,
        token: str | None,
        *,
        start_after: str = "",
        max_keys: int = 1000,  # noqa: ARG002
        version: Literal[1, 2] = 2,  # noqa: ARG002
    ) -> ListedPage:
        """Return one page of the report.

        Raises:
            PermanentError: The listing was to start after a key, or a file of the report cannot be read.
            SourceUnavailable: A file of the report cannot be fetched.
        """
        if bucket != self.manifest.bucket or start_after:
            raise PermanentError(f"An inventory report of {bucket} is read from its start", code="unordered_inventory")
        file_number, _, batch_number = (token or "0:0").partition(":")
        refs, next_token = self._page(int(file_number), int(batch_number))
        if prefix:
            refs = [ref for ref in refs if ref.key.startswith(prefix)]
        return ListedPage(refs, next_token, self.manifest.created_at)

    def close(self) -> None:
        """Stop reading, and delete the downloaded file."""
        if self._batches is not None:
            self._batches.close()
            self._batches = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def _page(self, file_number: int, batch_number: int) -> tuple[list[ImageRef], str | None]:
        """Return the objects in a batch of a file's rows, and the token of the next page; None at the end."""
        if file_number >= len(self.manifest.files):
            return [], None
        if self._batches is None or self._token != f"{file_number}:{batch_number}":
            self.close()
            self._batches = _read_ahead(islice(self._open(file_number), batch_number, None))
        try:
            refs = next(self._batches, None)
        except BaseException:
            # The rest of the file could not be told from its end.
            self._token = ""
            self.close()
            raise
        if refs is None:
            self._token = ""
            self.close()
            return [], f"{file_number + 1}:0" if file_number + 1 < len(self.manifest.files) else None
        self._token = f"{file_number}:{batch_number + 1}"
        return refs, self._token

    def _open(self, file_number: int) -> Iterator[list[ImageRef]]:
        file = self.manifest.files[file_number]
        name = f"s3://{self._report_bucket}/{file.key}"
        return read_objects(self._download(file, name), self.manifest, name)

    def _download(self, file: InventoryFile, name: str) -> BinaryIO:
        """Fetch a file, and check its checksum."""
        self._file = downloaded = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  closed by close()
        checksum = hashlib.md5(usedforsecurity=False)
        for start in range(0, file.size_bytes, READ_BYTES):
            data = self._read(file.key, READ_BYTES, start)
            checksum.update(data)
            downloaded.write(data)
        if checksum.hexdigest() != file.md5:
            raise SourceUnavailable(
                f"The checksum of {name} differs from that in the manifest",
                code="inventory_checksum",
                hint="the file is damaged, or the manifest belongs to another report",
            )
        downloaded.seek(0)
        return downloaded

    def _read(self, key: str, length: int, start: int = 0) -> bytes:
        ref = ImageRef(self._report_bucket, key, "", start + length, _NO_TIME)
        return self._client.read_range(ref, start, length).data


def _read_ahead(items: Iterator[Item]) -> Generator[Item]:
    """Yield items, and let a thread prepare the next one meanwhile: while the caller waits for Redis and MongoDB."""
    with ThreadPoolExecutor(1, "inventory") as executor:
        following = executor.submit(next, items, None)
        while (item := following.result()) is not None:
            following = executor.submit(next, items, None)
            yield item
