"""Data types that the stages of the pipeline pass to each other, and types of stored documents."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NotRequired, Protocol, TypedDict

from bson import decode as bson_decode
from bson import encode as bson_encode

from exifinator.bucket_names import normalize_bucket

Status = Literal["ok", "no_exif", "unsupported", "damaged"]
STATUSES: tuple[Status, ...] = ("ok", "no_exif", "unsupported", "damaged")

# Separates the parts of a queue member. The key is the last part, so it may contain this character too.
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class ImageRef:
    """One version of an object in a bucket, as described by a listing or a GET.

    Attributes:
        bucket: The bucket.
        key: The key.
        etag: The ETag without quotes; empty if the server sent none.
        size_bytes: The size of the object.
        last_modified: The modification time, with a time zone.
        is_archived: Whether the object has to be restored before it can be read, according to the listing.
        storage_class: The storage class, according to the listing. Empty for STANDARD, and if the server sent none.
    """

    bucket: str
    key: str
    etag: str
    size_bytes: int
    last_modified: datetime
    is_archived: bool = False
    storage_class: str = ""

    @property
    def id(self) -> str:
        """The id of the image's record: bucket/key. A file that is in no bucket has only its path."""
        return f"{self.bucket}/{self.key}" if self.bucket else self.key

    @property
    def is_folder(self) -> bool:
        """Whether this is an empty object that stands for a folder. S3 consoles create such objects."""
        return self.size_bytes == 0 and self.key.endswith("/")

    def to_member(self) -> bytes:
        """Return this image as a member of the download queue, which is a sorted set.

        The parts of a member are the bucket, the size in bytes, last_modified as Unix time in seconds, the ETag and the
        key, joined by U+001F. queue/scripts/_member.lua also parses this format.
        """
        seconds = int(self.last_modified.timestamp())
        return _SEPARATOR.join((self.bucket, str(self.size_bytes), str(seconds), self.etag, self.key)).encode()

    @classmethod
    def from_member(cls, member: bytes) -> ImageRef:
        """Parse a member of the download queue.

        Raises:
            ValueError: `member` was not made by to_member.
        """
        bucket, size, seconds, etag, key = member.decode().split(_SEPARATOR, 4)
        modified = datetime.fromtimestamp(int(seconds), UTC)
        # Version 0.1 queued images of access points with colons in the ARN.
        return cls(normalize_bucket(bucket), key, etag, int(size), modified)

    def to_params(self) -> dict[str, Any]:
        """Return this image as the parameters of a job: values that MongoDB, JSON and MRQ's dashboard support."""
        return {
            "bucket": self.bucket,
            "key": self.key,
            "etag": self.etag,
            "size": self.size_bytes,
            "last_modified": self.last_modified.isoformat(),
        }

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> ImageRef:
        """Parse the parameters of a stored job.

        Raises:
            KeyError, ValueError: `params` was not made by to_params.
        """
        modified = datetime.fromisoformat(params["last_modified"])
        bucket = normalize_bucket(params["bucket"])  # see from_member
        return cls(bucket, params["key"], params["etag"], int(params["size"]), modified)


@dataclass(frozen=True, slots=True)
class ListedPage:
    """One page of a bucket's listing.

    Attributes:
        refs: The objects on the page.
        next_token: The server's token for the next page; None on the last page.
        served_at: The time of the response, by the server's clock.
        lacks_token: Whether more objects follow although the server sent no token for the next page.
        unlisted: Local folders only: the prefixes of subfolders that could not be read. Each ends in a slash.
    """

    refs: list[ImageRef]
    next_token: str | None
    served_at: datetime
    lacks_token: bool = False
    unlisted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RangeRead:
    """The response to one ranged GET.

    Attributes:
        start: The offset of `data` in the object, in bytes.
        data: The bytes that were read.
        total_bytes: The size of the object.
        etag: The object's ETag, without quotes.
        last_modified: The object's modification time.
        content_encoding: The Content-Encoding of the stored object, such as "gzip"; empty if it has none.
        is_etag_weak: Whether the ETag is weak, so that S3 does not accept it in If-Match.
        is_settling: Local files only: whether the file was modified so recently that it may be incomplete.
        storage_class: The storage class. Empty for STANDARD, and if the server sent none.
    """

    start: int
    data: bytes
    total_bytes: int
    etag: str
    last_modified: datetime
    content_encoding: str = ""
    is_etag_weak: bool = False
    is_settling: bool = False
    storage_class: str = ""


class RangeReader(Protocol):
    """Reads ranges of objects from S3, or of local files."""

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        """Read `length` bytes from offset `start`, or fewer at the end of the object.

        Args:
            ref: The image.
            start: Offset in bytes.
            length: Number of bytes.
            if_match: The ETag that the object must still have; empty if any ETag is accepted.

        Raises:
            ObjectChanged: The object's ETag is not `if_match`.
            SourceUnavailable, ObjectGone, BucketGone, AccessDenied: S3 or the disk did not return the bytes.
        """
        ...


@dataclass(frozen=True, slots=True)
class Block:
    """One metadata block of an image, such as its EXIF or its XMP.

    The kinds of blocks:
        `exif`: A TIFF structure, complete or with gaps.
        `exif/EXIF`, `exif/GPS`, `exif/MakerNote`: A TIFF structure whose only directory is the named one.
        `xmp`: An XMP packet.
        `iptc`: IPTC datasets (IIM).
        `thumbnail`: A JPEG.
        `text/NAME`: A text value of the container in UTF-8, such as a comment.
        `icc/NAME`: A field of the ICC profile.
        `tags`: Tags of the container as JSON. See metadata/containers/container_tags.py.
        `note/TABLE`: A structure that the MakerNotes' table of this name describes, stored outside a MakerNote.

    Attributes:
        kind: The kind of the block.
        pieces: The bytes that were read, by offset within the block. The pieces are sorted and do not overlap.
    """

    kind: str
    pieces: dict[int, bytes]


@dataclass(frozen=True, slots=True)
class FetchedMetadata:
    """The metadata blocks of one image before decoding, and the cost of fetching them.

    Attributes:
        ref: The version of the object that the GETs returned. It may be newer than the listed version.
        format: The name of the file's format.
        blocks: The metadata blocks.
        status: `unsupported` or `damaged` if the container shows it; otherwise `ok`.
        problem: What is wrong with the file, as a sentence; None for an intact file.
        width_pixels: The width of the picture as stored, or as displayed if `rotation_applied`.
        height_pixels: The height of the picture as stored, or as displayed if `rotation_applied`.
        rotation_applied: Whether the container specifies a rotation, and the width and height take it into account.
        requests: The number of ranged GETs.
        bytes_read: The number of bytes that the GETs returned.
        fingerprint: Equal for copies of a file; see metadata/fingerprint.py. None for an empty object.
        storage_class: The object's storage class, on which the price of the GETs depends. See RangeRead.
    """

    ref: ImageRef
    format: str
    blocks: tuple[Block, ...] = ()
    status: Status = "ok"
    problem: str | None = None
    width_pixels: int | None = None
    height_pixels: int | None = None
    rotation_applied: bool = False
    requests: int = 0
    bytes_read: int = 0
    fingerprint: str | None = None
    storage_class: str = ""

    def to_bytes(self) -> bytes:
        """Encode as a BSON message for the write queue."""
        return bson_encode(
            {
                "ref": self.ref.to_member(),
                "format": self.format,
                "blocks": [[b.kind, [[offset, data] for offset, data in b.pieces.items()]] for b in self.blocks],
                "status": self.status,
                "problem": self.problem,
                "size": [self.width_pixels, self.height_pixels, self.rotation_applied],
                "cost": [self.requests, self.bytes_read],
                "fingerprint": self.fingerprint,
                "storage_class": self.storage_class,
            }
        )

    @classmethod
    def from_bytes(cls, message: bytes) -> FetchedMetadata:
        """Decode a message from the write queue.

        Raises:
            bson.errors.InvalidBSON, KeyError, ValueError: `message` was not made by to_bytes.
        """
        doc = bson_decode(message)
        blocks = tuple(Block(kind, {offset: bytes(data) for offset, data in pieces}) for kind, pieces in doc["blocks"])
        ref = ImageRef.from_member(doc["ref"])
        width, height, rotation_applied = doc["size"]
        requests, bytes_read = doc["cost"]
        # An older version of EXIFinator may have queued the message without the last two fields.
        return cls(
            ref, doc["format"], blocks, doc["status"], doc["problem"], width, height, rotation_applied, requests,
            bytes_read, doc.get("fingerprint"), doc.get("storage_class", ""),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExifRecord:
    """The record of one image, and the image's thumbnail, which is stored in a collection of its own.

    Attributes:
        document: The record.
        thumbnail: The embedded thumbnail (a JPEG), or None.
    """

    document: dict[str, Any]
    thumbnail: bytes | None = field(default=None, repr=False)

    @property
    def id(self) -> str:
        return str(self.document["_id"])

    @property
    def status(self) -> Status:
        status: Status = self.document["status"]
        return status


class BatchOwner(TypedDict):
    """The process that owns a batch.

    Attributes:
        host: The name of the process's host.
        pid: The process id.
        started: When the process was started, as Unix time in seconds. It distinguishes the process from a later
            process with the same id.
    """

    host: str
    pid: int
    started: float


# The value of `photo.taken_source` for a date from the file name.
TAKEN_FROM_FILE_NAME = "file name"


class SourcePatterns(TypedDict):
    """The patterns by which the objects of a source are chosen. See sources/patterns.py."""

    source: str
    include: list[str]
    exclude: list[str]


class BatchOptions(TypedDict):
    """Options of a batch. An interrupted batch is resumed only by a run with the same options.

    Attributes:
        refresh: Whether images are indexed again if their records are from an older version of the extractor.
        verify: Whether failed images stay failed. By default, they are queued again.
        patterns: The patterns of the sources that have patterns. Missing if no source has any.
        includes_junk: Whether junk files are indexed. Missing means False.
        inventory: The address of the inventory report that takes the place of the listing.
    """

    refresh: bool
    verify: bool
    patterns: NotRequired[list[SourcePatterns]]
    includes_junk: NotRequired[bool]
    inventory: NotRequired[str]


class PruneResult(TypedDict):
    """What was removed after a batch.

    Attributes:
        records: The number of records of deleted objects that were removed.
        failed_jobs: The number of failed jobs of deleted objects that were removed.
        problem: Why nothing was removed; None if there was no problem.
    """

    records: int
    failed_jobs: int
    problem: str | None


class SourceCheckpoint(TypedDict):
    """The part of a source that is still to be listed.

    Attributes:
        source: The source, such as "s3://bucket/prefix".
        ranges: Ranges of keys, each as [after, end]: keys greater than `after`, up to and including `end`. If `end` is
            None, the range extends to the last key.
    """

    source: str
    ranges: list[list[str | None]]


class BucketEndpoint(TypedDict):
    """The S3 endpoint that a bucket was read from."""

    bucket: str
    endpoint: str


class BatchFields(TypedDict, total=False):
    """The fields of a batch's document, except its id.

    Attributes:
        sources: The batch's sources, such as "s3://bucket/prefix".
        options: The batch's options.
        state: The state, one of the names in exifinator.batches.model.
        started_at: When the batch was started.
        updated_at: When the document was last saved.
        numbers: The counts, as returned by BatchCounts.as_dict.
        empty: The number of empty objects. No worker counts them, because they are not queued.
        failed_before: The number of failed images that are not queued again. No worker counts them, either.
        rate: Images per second; None if the rate is unknown.
        problem: Why the batch ended early; None if it did not.
        limit_reached: Whether the batch stopped at its limit of requests or dollars.
        owner: The process that lists or watches the batch; None after that process has detached.
        checkpoint: The parts of the sources that are still to be listed.
        endpoints: The S3 endpoints of the batch's buckets.
        cancel_requested_at: When cancellation was requested; None if it was not.
        finished_by: The id of a later batch that finished the images of this batch; None if there is none.
        pruned: What was removed after the batch. Missing if there was nothing to remove, or it has not been removed
            yet.
    """

    sources: list[str]
    options: BatchOptions
    state: str
    started_at: datetime
    updated_at: datetime
    numbers: dict[str, Any]
    empty: int
    failed_before: int
    rate: float | None
    problem: str | None
    limit_reached: bool
    owner: BatchOwner | None
    checkpoint: list[SourceCheckpoint]
    endpoints: list[BucketEndpoint]
    cancel_requested_at: datetime | None
    finished_by: str | None
    pruned: PruneResult


class BatchDocument(BatchFields):
    """The MongoDB document of a batch. Fields may be missing if another version of EXIFinator wrote the document."""

    _id: str
