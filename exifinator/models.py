"""Data types that the stages of the pipeline pass to each other, and those that are stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, TypedDict

from bson import decode as bson_decode
from bson import encode as bson_encode

Status = Literal["ok", "no_exif", "unsupported", "damaged"]
STATUSES: tuple[Status, ...] = ("ok", "no_exif", "unsupported", "damaged")

# The key is the last part of a queue member, so it may contain any character, including this one.
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class ImageRef:
    """One version of an object in a bucket, as a listing or a GET describes it.

    Attributes:
        etag: The ETag without quotes; empty if the server has none.
    """

    bucket: str
    key: str
    etag: str
    size_bytes: int
    last_modified: datetime

    @property
    def id(self) -> str:
        """The `_id` of the image's record: bucket/key."""
        return f"{self.bucket}/{self.key}"

    def to_member(self) -> bytes:
        """Return the member that represents this image in the download queue.

        Its parts are bucket, size in bytes, last_modified as Unix time in seconds, ETag and key, joined by U+001F.
        queue/scripts/_member.lua parses this format too.
        """
        seconds = int(self.last_modified.timestamp())
        return _SEPARATOR.join((self.bucket, str(self.size_bytes), str(seconds), self.etag, self.key)).encode()

    @classmethod
    def from_member(cls, member: bytes) -> ImageRef:
        """Parse a queue member.

        Raises:
            ValueError: The member is not from to_member.
        """
        bucket, size, seconds, etag, key = member.decode().split(_SEPARATOR, 4)
        return cls(bucket, key, etag, int(size), datetime.fromtimestamp(int(seconds), UTC))

    def to_params(self) -> dict[str, Any]:
        """Return the image as job parameters: values that MongoDB, JSON and MRQ's dashboard support."""
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
            KeyError, ValueError: The parameters are not from to_params.
        """
        modified = datetime.fromisoformat(params["last_modified"])
        return cls(params["bucket"], params["key"], params["etag"], int(params["size"]), modified)


@dataclass(frozen=True, slots=True)
class ListedPage:
    """One page of a bucket's listing.

    Attributes:
        next_token: The token for the next page; None on the last page.
        served_at: The time of the response, by the server's clock.
    """

    refs: list[ImageRef]
    next_token: str | None
    served_at: datetime


@dataclass(frozen=True, slots=True)
class RangeRead:
    """The response to one ranged GET.

    Attributes:
        start: The offset of `data` in the object, in bytes.
        total_bytes: The size of the object.
    """

    start: int
    data: bytes
    total_bytes: int
    etag: str
    last_modified: datetime


class RangeReader(Protocol):
    """What fetch reads from: S3, or a local file."""

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        """Read up to `length` bytes from `start`; fewer only at the end of the object.

        Args:
            if_match: The ETag that the object must still have; empty for any.

        Raises:
            ObjectChanged: The object's ETag is not `if_match`.
            SourceUnavailable, ObjectGone, BucketGone, AccessDenied: S3 did not return the bytes.
        """
        ...


@dataclass(frozen=True, slots=True)
class Block:
    """One metadata block of an image, as far as it was read.

    Attributes:
        kind: `exif` is a TIFF structure, complete or with gaps; `exif/EXIF`, `exif/GPS` and `exif/MakerNote` are TIFF
            structures that start with that directory; `xmp` is a packet, `iptc` IIM datasets, `thumbnail` a JPEG.
            `text/NAME` is a text of the container in UTF-8, such as a comment, and `icc/NAME` a field of its ICC
            profile.
        extents: The bytes that were read, by their offset within the block; sorted, without overlaps.
    """

    kind: str
    extents: dict[int, bytes]


@dataclass(frozen=True, slots=True)
class HeaderBytes:
    """The metadata blocks of one image, extracted from its file, and the cost of reading them.

    Attributes:
        ref: The version of the object that the GETs returned, which may be newer than the listed version.
        status, problem: `unsupported` or `damaged` and the reason, if known before decoding; otherwise `ok` and None.
        width_pixels, height_pixels: The size of the picture as stored, unless `rotation_applied`.
        rotation_applied: Whether the size is as displayed, because the container itself describes the rotation.
        requests, bytes_read: The number of ranged GETs and the bytes that they returned.
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

    def to_bytes(self) -> bytes:
        """Encode as a BSON message for the write queue."""
        return bson_encode(
            {
                "ref": self.ref.to_member(),
                "format": self.format,
                "blocks": [[b.kind, [[offset, data] for offset, data in b.extents.items()]] for b in self.blocks],
                "status": self.status,
                "problem": self.problem,
                "size": [self.width_pixels, self.height_pixels, self.rotation_applied],
                "cost": [self.requests, self.bytes_read],
            }
        )

    @classmethod
    def from_bytes(cls, message: bytes) -> HeaderBytes:
        """Decode a message from the write queue.

        Raises:
            bson.errors.InvalidBSON, KeyError, ValueError: The message is not from to_bytes.
        """
        doc = bson_decode(message)
        width, height, rotation_applied = doc["size"]
        requests, bytes_read = doc["cost"]
        blocks = tuple(
            Block(kind, {offset: bytes(data) for offset, data in extents}) for kind, extents in doc["blocks"]
        )
        ref = ImageRef.from_member(doc["ref"])
        return cls(
            ref,
            doc["format"],
            blocks,
            doc["status"],
            doc["problem"],
            width,
            height,
            rotation_applied,
            requests,
            bytes_read,
        )


@dataclass(frozen=True, slots=True)
class ExifRecord:
    """What is stored about one image.

    Attributes:
        document: The record.
        thumbnail: The embedded thumbnail, a JPEG, or None.
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
        started: The start of the process, as Unix time in seconds.
    """

    host: str
    pid: int
    started: float


class BatchOptions(TypedDict):
    """Options of a run. Only a run with the same options resumes a batch."""

    refresh: bool
    verify: bool


class SourceCheckpoint(TypedDict):
    """The part of a source that is still to be listed.

    Attributes:
        ranges: Ranges of keys, each as [after, end]: the keys after `after`, up to `end`. An `end` of None means up to
            the last key.
    """

    source: str
    ranges: list[list[str | None]]


class BucketEndpoint(TypedDict):
    """The S3 endpoint that a bucket was read from."""

    bucket: str
    endpoint: str


class BatchFields(TypedDict, total=False):
    """Fields of a batch's document.

    Attributes:
        numbers: The counts, from BatchCounts.as_dict.
        empty, failed_before: The number of empty objects, and of images that had failed before. No worker reads them.
        rate: Images per second.
        problem: Why the batch ended early.
        owner: The process that lists or watches the batch; None once it has detached.
        finished_by: The id of a later batch that finished the images of this one.
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
    owner: BatchOwner | None
    checkpoint: list[SourceCheckpoint]
    endpoints: list[BucketEndpoint]
    cancel_requested_at: datetime | None
    finished_by: str | None


class BatchDocument(BatchFields):
    """The MongoDB document of a batch. A document from another version may lack fields."""

    _id: str
