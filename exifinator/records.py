"""The shapes that the stages of the pipeline hand each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from bson import decode as bson_decode
from bson import encode as bson_encode

Status = Literal["ok", "no_exif", "unsupported", "damaged"]
STATUSES: tuple[Status, ...] = ("ok", "no_exif", "unsupported", "damaged")

# In a queue member the key comes last, so that it may hold any character, this one too.
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class ImageRef:
    """One object of a bucket, as its listing or a GET describes it.

    etag: without quotes; empty where the server gives none.
    """

    bucket: str
    key: str
    etag: str
    size_bytes: int
    last_modified: datetime

    @property
    def id(self) -> str:
        """`<bucket>/<key>`: the `_id` of the image's record."""
        return f"{self.bucket}/{self.key}"

    def to_member(self) -> bytes:
        """The small string that stands for this image in the download queue."""
        seconds = int(self.last_modified.timestamp())
        return _SEPARATOR.join((self.bucket, str(self.size_bytes), str(seconds), self.etag, self.key)).encode()

    @classmethod
    def from_member(cls, member: bytes) -> ImageRef:
        """Raises: ValueError where the member is not one that to_member made."""
        bucket, size, seconds, etag, key = member.decode().split(_SEPARATOR, 4)
        return cls(bucket, key, etag, int(size), datetime.fromtimestamp(int(seconds), UTC))

    def to_params(self) -> dict[str, Any]:
        """What a stored job says of its image: plain values that MongoDB, JSON and MRQ's dashboard take."""
        return {
            "bucket": self.bucket,
            "key": self.key,
            "etag": self.etag,
            "size": self.size_bytes,
            "last_modified": self.last_modified.isoformat(),
        }

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> ImageRef:
        """Raises: KeyError, ValueError where the parameters are not those of to_params."""
        modified = datetime.fromisoformat(params["last_modified"])
        return cls(params["bucket"], params["key"], params["etag"], int(params["size"]), modified)


@dataclass(frozen=True, slots=True)
class ListedPage:
    """One page of a bucket's listing. served_at: the server's clock; next_token: None on the last page."""

    refs: list[ImageRef]
    next_token: str | None
    served_at: datetime


@dataclass(frozen=True, slots=True)
class RangeRead:
    """What one ranged GET brought: `data` lies at `start` (bytes) of an object of `total_bytes`."""

    start: int
    data: bytes
    total_bytes: int
    etag: str
    last_modified: datetime


class RangeReader(Protocol):
    """The seam between fetching and where the bytes come from: S3, or a local file."""

    def read_range(self, ref: ImageRef, start: int, length: int, *, if_match: str = "") -> RangeRead:
        """Read at most `length` bytes from `start`; fewer only where the object ends.

        if_match: the ETag that the object must still have; empty: any.
        Raises: SourceUnavailable, ObjectGone, BucketGone, AccessDenied, ObjectChanged (if_match did not hold).
        """
        ...


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of metadata as it lies in the file.

    kind: `exif` is a TIFF structure, whole or with holes; `exif/EXIF`, `exif/GPS`, `exif/MakerNote` one whose first
    directory is that one; `xmp` a packet, `iptc` IIM datasets, `thumbnail` a JPEG.
    extents: offset (bytes, in the block's own coordinates) -> data; sorted, not overlapping.
    """

    kind: str
    extents: dict[int, bytes]


@dataclass(frozen=True, slots=True)
class HeaderBytes:
    """The metadata of one image, trimmed from its file, and what reading it cost.

    ref: as the GETs described the object, which may be newer than its listing.
    status, problem: what locating found already (`unsupported`, `damaged`); else `ok` and None.
    width_pixels, height_pixels: as stored; as shown where `turned` says that the container turns the picture itself.
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
        """One binary message (BSON) for the write queue."""
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
        """Raises: bson.errors.InvalidBSON, KeyError, ValueError where the message is not one that to_bytes made."""
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
    """What is stored of one image: its document in `exif_data` and its embedded thumbnail (a JPEG), if it has one."""

    document: dict[str, Any]
    thumbnail: bytes | None = field(default=None, repr=False)

    @property
    def id(self) -> str:
        return str(self.document["_id"])

    @property
    def status(self) -> Status:
        status: Status = self.document["status"]
        return status
