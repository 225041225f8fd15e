"""Read the `meta` box of HEIC, HEIF and AVIF: EXIF and XMP items, their locations, and the size of the picture.

Source: ISO/IEC 14496-12, 8.11 (meta, iinf, iloc, idat, pitm) and 23008-12, 6.5 (ispe, irot), annex A (Exif).
"""

from __future__ import annotations

from collections.abc import Iterator

from exifinator.metadata.containers.range_buffer import DamagedFile, LocatedMetadata, MissingBytes, RangeBuffer

XMP_TYPE = b"application/rdf+xml"
EXIF_NAME = b"Exif\0\0"
MAX_ITEM_BYTES = 4 * 1024 * 1024
MAX_ITEMS = 20_000
MAX_EXTENTS = 100


class _Fields:
    """Reads consecutive big-endian numbers."""

    def __init__(self, body: bytes, offset: int = 0) -> None:
        self.body = body
        self.offset = offset

    def number(self, n_bytes: int) -> int:
        self.offset += n_bytes
        if self.offset > len(self.body):
            raise DamagedFile("A box inside the meta box is truncated.")
        return int.from_bytes(self.body[self.offset - n_bytes : self.offset], "big")


def strip_exif_identifier(data: bytes) -> bytes:
    """Strip the "Exif" identifier that some writers put before the TIFF structure."""
    offset = data.find(EXIF_NAME, 0, 16)
    return data[offset + 6 :] if offset >= 0 else data


def tiff_of_exif_item(data: bytes) -> bytes:
    """Return the TIFF structure of an Exif item. The item begins with the offset of the TIFF header."""
    body = data[4:]
    offset = int.from_bytes(data[:4], "big")
    if body[offset : offset + 2] in (b"II", b"MM"):
        return body[offset:]
    return strip_exif_identifier(body)


def _boxes(body: bytes, offset: int = 0) -> Iterator[tuple[bytes, int, int]]:
    """Yield the type of each box in `body`, and the start and end of the box's own body."""
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
    """Return item id -> "exif" or "xmp" from an `iinf` box. Other items are skipped: they belong to the picture."""
    items: dict[int, str] = {}
    count_bytes = 2 if body[:1] == b"\0" else 4
    for kind, start, end in _boxes(body, 4 + count_bytes):
        version = body[start : start + 1]
        if kind != b"infe" or version not in (b"\2", b"\3"):
            continue
        id_bytes = 2 if version == b"\2" else 4
        item = int.from_bytes(body[start + 4 : start + 4 + id_bytes], "big")
        item_type = body[start + 6 + id_bytes : end]
        if item_type[:4] == b"Exif":
            items.setdefault(item, "exif")
        elif item_type[:4] == b"mime" and XMP_TYPE in item_type:
            items.setdefault(item, "xmp")
    return items


def _read_locations(body: bytes, wanted: dict[int, str]) -> dict[int, tuple[int, list[tuple[int, int]]]]:
    """Return the locations of the wanted items from an `iloc` box.

    Returns:
        Item id -> construction method (0: in the file, 1: in `idat`) and (offset, length) of its extents, in bytes.
    """
    version = body[0] if body else 0
    fields = _Fields(body, 4)
    sizes = fields.number(2)
    offset_bytes, length_bytes = sizes >> 12, sizes >> 8 & 15
    base_bytes, index_bytes = sizes >> 4 & 15, sizes & 15 if version else 0
    id_bytes = 2 if version < 2 else 4
    locations = {}
    for _ in range(min(fields.number(id_bytes), MAX_ITEMS)):
        item = fields.number(id_bytes)
        method = fields.number(2) & 15 if version else 0
        fields.number(2)
        base = fields.number(base_bytes)
        extents = []
        count = fields.number(2)
        if count > MAX_EXTENTS:
            raise DamagedFile(f"A metadata item claims to consist of {count} extents.")
        for _ in range(count):
            fields.number(index_bytes)
            extents.append((base + fields.number(offset_bytes), fields.number(length_bytes)))
        if item in wanted:
            locations[item] = (method, extents)
    return locations


def _read_size(body: bytes, item: int, located: LocatedMetadata) -> None:
    """Read the size of the primary picture from an `iprp` box, apply its rotation (`irot`), and name its profile.

    The size is that of the picture as displayed.
    """
    properties: list[tuple[bytes, bytes]] = []
    associated: list[int] = []
    for kind, start, end in _boxes(body):
        if kind == b"ipco":
            inner = body[start:end]
            properties = [(name, inner[begin:stop]) for name, begin, stop in _boxes(inner)]
        elif kind == b"ipma":
            associated = associated or _associations(body[start:end], item)
    for index in associated:
        name, value = properties[index - 1] if 0 < index <= len(properties) else (b"", b"")
        if name == b"ispe" and len(value) >= 12:
            located.width_pixels = int.from_bytes(value[4:8], "big")
            located.height_pixels = int.from_bytes(value[8:12], "big")
        elif name == b"irot" and value:
            if value[0] & 1:
                located.width_pixels, located.height_pixels = located.height_pixels, located.width_pixels
        elif name == b"colr" and value[:4] in (b"prof", b"rICC"):
            located.add_profile(value[4:])


def _associations(body: bytes, wanted: int) -> list[int]:
    """Return the 1-based indices of an item's properties from an `ipma` box."""
    fields = _Fields(body)
    version, flags = fields.number(1), fields.number(3)
    for _ in range(min(fields.number(4), MAX_ITEMS)):
        item = fields.number(2 if version < 1 else 4)
        count = fields.number(1)
        if item == wanted:
            if flags & 1:
                return [fields.number(2) & 0x7FFF for _ in range(count)]
            return [fields.number(1) & 0x7F for _ in range(count)]
        fields.offset += count * (2 if flags & 1 else 1)
    return []


def read_meta(file: RangeBuffer, start: int, body: bytes, located: LocatedMetadata) -> None:
    """Add the metadata items of the `meta` box at offset `start` (bytes) to `located`.

    Raises:
        MissingBytes: If some items are not held yet. All of those are requested.
        DamagedFile: If a box or an item is invalid.
    """
    parts: dict[bytes, tuple[int, int]] = {}
    for kind, begin, end in _boxes(body, 4):
        parts.setdefault(kind, (begin, end))

    def part(kind: bytes) -> bytes:
        begin, end = parts.get(kind, (0, 0))
        return body[begin:end]

    if b"pitm" in parts and b"iprp" in parts:
        pitm = part(b"pitm")
        primary = int.from_bytes(pitm[4:6] if pitm[:1] == b"\0" else pitm[4:8], "big")
        _read_size(part(b"iprp"), primary, located)
    items = _read_items(part(b"iinf")) if b"iinf" in parts else {}
    if not items:
        return
    locations = _read_locations(part(b"iloc"), items)
    idat = start + parts.get(b"idat", (0, 0))[0]
    blocks = []
    is_missing = is_truncated = False
    for item, (method, extents) in locations.items():
        ranges = [(offset + (idat if method == 1 else 0), length) for offset, length in extents]
        if method > 1 or sum(length for _, length in ranges) > MAX_ITEM_BYTES:
            raise DamagedFile("A metadata item is too long, or stored in an unsupported way.")
        # Length 0 means everything up to the end of the file.
        ranges = [
            (offset, length or min(MAX_ITEM_BYTES, max(file.total_bytes - offset, 0))) for offset, length in ranges
        ]
        # A list, not a generator, because every missing range has to be requested.
        if all([file.request(offset, length) for offset, length in ranges]):  # noqa: C419
            blocks.append((items[item], b"".join(file.read(offset, length) for offset, length in ranges)))
        else:
            is_missing = True
        is_truncated = is_truncated or any(offset + length > file.total_bytes for offset, length in ranges)
    if is_missing and not file.closed:
        raise MissingBytes
    for block_kind, data in blocks:
        located.add(block_kind, tiff_of_exif_item(data) if block_kind == "exif" else data)
    if is_truncated:
        raise DamagedFile(f"The file is truncated: it ends at byte {file.total_bytes}, inside the metadata.")
