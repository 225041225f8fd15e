"""Data that the stages of the pipeline pass to each other, and what is stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, TypedDict

from bson import decode as bson_decode
from bson import encode as bson_encode

Status = Literal["ok", "no_exif", "unsupported", "damaged"]
STATUSES: tuple[Status, ...] = ("ok", "no_exif", "unsupported", "damaged")

# The key is the last part of a queue member, so it may contain any character, even this one.
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class ImageRef:
    """One version of an object in a bucket, as a listing or a GET describes it.

    etag: without quotes; empty if the server has none.
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
        """Return the member of the download queue that stands for this image.

        It is bucket, size in bytes, last_modified in seconds since 1970, ETag and key, joined by U+001F. In Lua,
        queue/scripts/_member.lua parses this format.
        """
        seconds = int(self.last_modified.timestamp())
        return _SEPARATOR.join((self.bucket, str(self.size_bytes), str(seconds), self.etag, self.key)).encode()

    @classmethod
    def from_member(cls, member: bytes) -> ImageRef:
        """Return the image of a queue member.

        Raises: ValueError if to_member did not make it.
        """
        bucket, size, seconds, etag, key = member.decode().split(_SEPARATOR, 4)
        return cls(bucket, key, etag, int(size), datetime.fromtimestamp(int(seconds), UTC))

    def to_params(self) -> dict[str, Any]:
        """Return the image as parameters of a stored job: values that MongoDB, JSON and MRQ's dashboard support."""
        return {
            "bucket": self.bucket,
            "key": self.key,
            "etag": self.etag,
            "size": self.size_bytes,
            "last_modified": self.last_modified.isoformat(),
        }

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> ImageRef:
        """Return the image of a stored job.

        Raises: KeyError, ValueError if to_params did not make its parameters.
        """
        modified = datetime.fromisoformat(params["last_modified"])
        return cls(params["bucket"], params["key"], params["etag"], int(params["size"]), modified)


@dataclass(frozen=True, slots=True)
class ListedPage:
    """One page of a bucket's listing.

    next_token: None on the last page. served_at: the time of the response by the server's clock.
    """

    refs: list[ImageRef]
    next_token: str | None
    served_at: datetime


@dataclass(frozen=True, slots=True)
class RangeRead:
    """The response to one ranged GET: the bytes from `start` on, of an object with `total_bytes`."""

    start: int
    data: bytes
    total_bytes: int
    etag: str
    last_modified: datetime


class RangeReader(Protocol):
    """A source of bytes for fetch: S3, or a local file."""

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        """Read up to `length` bytes from `start`; fewer only at the end of the object.

        Args:
            if_match: the ETag that the object must still have; empty: any.

        Raises: SourceUnavailable, ObjectGone, BucketGone, AccessDenied, ObjectChanged (another ETag than if_match).
        """
        ...


@dataclass(frozen=True, slots=True)
class Block:
    """One block of metadata, with the bytes of it that were read.

    kind: `exif` is a TIFF structure, complete or with gaps; `exif/EXIF`, `exif/GPS` and `exif/MakerNote` are TIFF
    structures whose first directory is that one; `xmp` is a packet, `iptc` IIM datasets, `thumbnail` a JPEG.
    extents: the data by its offset within the block, in bytes; sorted, without overlaps.
    """

    kind: str
    extents: dict[int, bytes]


@dataclass(frozen=True, slots=True)
class HeaderBytes:
    """The metadata blocks of one image, cut out of its file, and what it cost to read them.

    ref: the version of the object that the GETs returned, which may be newer than that of the listing.
    status, problem: `unsupported` or `damaged` with the reason, if that is known before decoding; else `ok` and None.
    width_pixels, height_pixels: as stored in the file; if `turned`, as displayed, because the container itself
    describes the rotation.
    """

    ref: ImageRef
    format: str
    blocks: tuple[Block, ...] = ()
    status: Status = "ok"
    problem: str | None = None
    width_pixels: int | None = None
    height_pixels: int | None = None
    turned: bool = False
    requests: int = 0
    bytes_read: int = 0

    def to_bytes(self) -> bytes:
        """Return a message for the write queue, in BSON."""
        return bson_encode(
            {
                "ref": self.ref.to_member(),
                "format": self.format,
                "blocks": [[b.kind, [[at, data] for at, data in b.extents.items()]] for b in self.blocks],
                "status": self.status,
                "problem": self.problem,
                "size": [self.width_pixels, self.height_pixels, self.turned],
                "cost": [self.requests, self.bytes_read],
            }
        )

    @classmethod
    def from_bytes(cls, message: bytes) -> HeaderBytes:
        """Return the header of a message.

        Raises: bson.errors.InvalidBSON, KeyError, ValueError if to_bytes did not make it.
        """
        doc = bson_decode(message)
        width, height, turned = doc["size"]
        requests, bytes_read = doc["cost"]
        blocks = tuple(Block(kind, {at: bytes(data) for at, data in extents}) for kind, extents in doc["blocks"])
        ref = ImageRef.from_member(doc["ref"])
        return cls(
            ref, doc["format"], blocks, doc["status"], doc["problem"], width, height, turned, requests, bytes_read
        )


@dataclass(frozen=True, slots=True)
class ExifRecord:
    """What is stored about one image: its document and, if it has one, its embedded thumbnail, a JPEG."""

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
    """The process that owns a batch. started: its start time, in epoch seconds."""

    host: str
    pid: int
    started: float


class BatchOptions(TypedDict):
    """Options of a run. Only a run with the same options resumes a batch."""

    refresh: bool
    verify: bool


class SourceCheckpoint(TypedDict):
    """Ranges of keys of one source that are still to be listed: [after, end] each; end None: to the last key."""

    source: str
    ranges: list[list[str | None]]


class BucketEndpoint(TypedDict):
    """The S3 endpoint that a bucket was read from."""

    bucket: str
    endpoint: str


class BatchFields(TypedDict, total=False):
    """Fields of a batch's document.

    sources, as strings; numbers: BatchCounts.as_dict; empty, failed_before: images that were done when they were
    listed; rate: images per second; problem: why the batch ended early; owner: None once its process has detached;
    finished_by: id of the batch that finished the images of this one.
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
    """The document of a batch in MongoDB. One that another version stored may lack fields."""

    _id: str
