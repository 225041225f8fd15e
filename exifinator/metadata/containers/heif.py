"""Read the `meta` box of HEIC, HEIF and AVIF files: the EXIF and XMP items, and the size of the picture.

Source: ISO/IEC 14496-12, 8.11 (meta, iinf, iloc, idat, pitm) and 23008-12, 6.5 (ispe, irot), annex A (Exif).
"""

from __future__ import annotations

from collections.abc import Iterator

from exifinator.metadata.containers.range_buffer import (
    MAX_FILE_BYTES,
    DamagedFile,
    LocatedMetadata,
    MissingBytes,
    RangeBuffer,
)

XMP_TYPE = b"application/rdf+xml"
EXIF_NAME = b"Exif\0\0"
MAX_ITEM_BYTES = 4 * 1024 * 1024
MAX_ITEMS = 20_000
MAX_EXTENTS = 100


class _Fields:
    """Reads consecutive unsigned big-endian integers from the body of a box."""

    def __init__(self, body: bytes, offset: int = 0) -> None:
        self.body = body
        self.offset = offset

    def read_uint(self, n_bytes: int) -> int:
        self.offset += n_bytes
        if self.offset > len(self.body):
            raise DamagedFile("A box inside the meta box is truncated.")
        return int.from_bytes(self.body[self.offset - n_bytes : self.offset], "big")

    def skip(self, n_bytes: int) -> None:
        self.read_uint(n_bytes)


def strip_exif_identifier(data: bytes) -> bytes:
    """Strip the "Exif" identifier that some writers put before the TIFF structure."""
    offset = data.find(EXIF_NAME, 0, 16)
    return data[offset + 6 :] if offset >= 0 else data


def tiff_of_exif_item(data: bytes) -> bytes:
    """Return the TIFF structure in an Exif item.

    The first four bytes of the item are the offset of the TIFF header. If the offset is wrong, the structure is
    expected right after these bytes.
    """
    body = data[4:]
    offset = int.from_bytes(data[:4], "big")
    if body[offset : offset + 2] in (b"II", b"MM"):
        return body[offset:]
    return strip_exif_identifier(body)


def split_boxes(body: bytes, offset: int = 0) -> Iterator[tuple[bytes, int, int]]:
    """Yield each box in `body` as (type, start, end); start and end delimit the box's own body within `body`."""
    while offset + 8 <= len(body):
        size, head = int.from_bytes(body[offset : offset + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(body[offset + 8 : offset + 16], "big"), 16
        elif size == 0:
            size = len(body) - offset
        if size < head:
            raise DamagedFile("A box inside the meta box has an invalid size.")
        yield body[offset + 4 : offset + 8], offset + head, min(offset + size, len(body))
        offset += size


def _read_items(body: bytes) -> dict[int, str]:
    """Return the kind, "exif" or "xmp", of each metadata item in an `iinf` box, by item id.

    Items of other types are skipped, because they belong to the picture.
    """
    items: dict[int, str] = {}
    count_bytes = 2 if body[:1] == b"\0" else 4
    for kind, start, end in split_boxes(body, 4 + count_bytes):
        version = body[start : start + 1]
        if kind != b"infe" or version not in (b"\2", b"\3"):
            continue
        id_bytes = 2 if version == b"\2" else 4
        item_id = int.from_bytes(body[start + 4 : start + 4 + id_bytes], "big")
        item_type = body[start + 6 + id_bytes : end]
        if item_type[:4] == b"Exif":
            items.setdefault(item_id, "exif")
        elif item_type[:4] == b"mime" and XMP_TYPE in item_type:
            items.setdefault(item_id, "xmp")
    return items


def read_locations(body: bytes, items: dict[int, str]) -> dict[int, tuple[int, list[tuple[int, int]]]]:
    """Return the locations of the given items from an `iloc` box.

    Args:
        body: The body of the `iloc` box.
        items: The items to locate: the keys are item ids.

    Returns:
        By item id: the construction method (0: stored in the file, 1: stored in the `idat` box), and the extents of the
        item as (offset, length) in bytes.
    """
    version = body[0] if body else 0
    fields = _Fields(body, 4)
    sizes = fields.read_uint(2)
    offset_bytes, length_bytes = sizes >> 12, sizes >> 8 & 15
    base_bytes, index_bytes = sizes >> 4 & 15, sizes & 15 if version else 0
    id_bytes = 2 if version < 2 else 4
    locations = {}
    for _ in range(min(fields.read_uint(id_bytes), MAX_ITEMS)):
        item_id = fields.read_uint(id_bytes)
        method = fields.read_uint(2) & 15 if version else 0
        fields.skip(2)  # data_reference_index
        base = fields.read_uint(base_bytes)
        extents = []
        count = fields.read_uint(2)
        if count > MAX_EXTENTS:
            raise DamagedFile(f"An item in the meta box claims to consist of {count} extents.")
        for _ in range(count):
            fields.skip(index_bytes)  # item_reference_index
            extents.append((base + fields.read_uint(offset_bytes), fields.read_uint(length_bytes)))
        if item_id in items:
            locations[item_id] = (method, extents)
    return locations


def _read_size(body: bytes, primary_id: int, metadata: LocatedMetadata) -> None:
    """Read the size and the colour profile of the primary item, which is the picture, from an `iprp` box.

    The size is the displayed size, after the rotation in `irot`.
    """
    properties: list[tuple[bytes, bytes]] = []
    property_indices: list[int] = []
    for kind, start, end in split_boxes(body):
        if kind == b"ipco":
            inner = body[start:end]
            properties = [(name, inner[begin:stop]) for name, begin, stop in split_boxes(inner)]
        elif kind == b"ipma":
            property_indices = property_indices or _property_indices(body[start:end], primary_id)
    for index in property_indices:
        name, value = properties[index - 1] if 0 < index <= len(properties) else (b"", b"")
        if name == b"ispe" and len(value) >= 12:
            metadata.width_pixels = int.from_bytes(value[4:8], "big")
            metadata.height_pixels = int.from_bytes(value[8:12], "big")
        elif name == b"irot" and value:
            if value[0] & 1:
                metadata.width_pixels, metadata.height_pixels = metadata.height_pixels, metadata.width_pixels
        elif name == b"colr" and value[:4] in (b"prof", b"rICC"):
            metadata.add_profile(value[4:])


def _property_indices(body: bytes, item_id: int) -> list[int]:
    """Return the 1-based indices of an item's properties from an `ipma` box."""
    fields = _Fields(body)
    version, flags = fields.read_uint(1), fields.read_uint(3)
    for _ in range(min(fields.read_uint(4), MAX_ITEMS)):
        associated_id = fields.read_uint(2 if version < 1 else 4)
        count = fields.read_uint(1)
        if associated_id == item_id:
            if flags & 1:
                return [fields.read_uint(2) & 0x7FFF for _ in range(count)]
            return [fields.read_uint(1) & 0x7F for _ in range(count)]
        fields.offset += count * (2 if flags & 1 else 1)
    return []


def read_meta(file: RangeBuffer, start: int, body: bytes, metadata: LocatedMetadata) -> None:
    """Add the metadata items of a `meta` box to `metadata`, and the size of the picture.

    Args:
        file: The file.
        start: Offset of the box's body, in bytes.
        body: The body of the box.
        metadata: The metadata found so far, to which this function adds.

    Raises:
        MissingBytes: If bytes of some items have not been fetched yet. All missing ranges are requested first.
        DamagedFile: If a box or an item is invalid.
    """
    child_boxes: dict[bytes, tuple[int, int]] = {}
    for kind, begin, end in split_boxes(body, 4):
        child_boxes.setdefault(kind, (begin, end))

    def child_body(kind: bytes) -> bytes:
        begin, end = child_boxes.get(kind, (0, 0))
        return body[begin:end]

    if b"pitm" in child_boxes and b"iprp" in child_boxes:
        pitm = child_body(b"pitm")
        primary_id = int.from_bytes(pitm[4:6] if pitm[:1] == b"\0" else pitm[4:8], "big")
        _read_size(child_body(b"iprp"), primary_id, metadata)
    items = _read_items(child_body(b"iinf")) if b"iinf" in child_boxes else {}
    if not items:
        return
    locations = read_locations(child_body(b"iloc"), items)
    idat_start = start + child_boxes.get(b"idat", (0, 0))[0]
    blocks: dict[tuple[str, tuple[tuple[int, int], ...]], bytes] = {}
    total_bytes = 0
    needs_more_bytes = is_truncated = is_too_long = False
    for item_id, (method, extents) in locations.items():
        ranges = [(offset + (idat_start if method == 1 else 0), length) for offset, length in extents]
        if method > 1 or sum(length for _, length in ranges) > MAX_ITEM_BYTES:
            raise DamagedFile("A metadata item is too long, or its storage method is not supported.")
        # Length 0 means everything up to the end of the file.
        ranges = [
            (offset, length or min(MAX_ITEM_BYTES, max(file.total_bytes - offset, 0))) for offset, length in ranges
        ]
        # Several items may refer to the same bytes. Read them once.
        block = items[item_id], tuple(ranges)
        if block in blocks:
            continue
        item_bytes = sum(length for _, length in ranges)
        if total_bytes + item_bytes > MAX_FILE_BYTES:
            is_too_long = True
            break
        total_bytes += item_bytes
        # A list, not a generator: all() would stop at the first missing range, but every one has to be requested.
        if all([file.has_or_request(offset, length) for offset, length in ranges]):  # noqa: C419
            blocks[block] = b"".join(file.read(offset, length) for offset, length in ranges)
        else:
            needs_more_bytes = True
        is_truncated = is_truncated or any(offset + length > file.total_bytes for offset, length in ranges)
    if needs_more_bytes and not file.is_final:
        raise MissingBytes
    for (block_kind, _), data in blocks.items():
        metadata.add(block_kind, tiff_of_exif_item(data) if block_kind == "exif" else data)
    if is_too_long:
        raise DamagedFile(f"The metadata is longer than {MAX_FILE_BYTES >> 20} MiB.")
    if is_truncated:
        raise DamagedFile(f"The file is truncated: it ends at byte {file.total_bytes}, inside the metadata.")
