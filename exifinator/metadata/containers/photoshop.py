"""Read Photoshop image resources, which occur in PSD files, JPEG segments and TIFF tags.

Source: Adobe Photoshop File Formats Specification, "Image Resources Section".
"""

from __future__ import annotations

from exifinator.metadata.containers.range_buffer import DamagedFile, LocatedMetadata, RangeBuffer

IPTC, EXIF, XMP = 1028, 1058, 1060
THUMBNAIL, ICC = 1036, 1039
KINDS = {IPTC: "iptc", EXIF: "exif", XMP: "xmp"}
# The signature of Adobe's image resources, and the signatures that other programs use.
SIGNATURES = frozenset({b"8BIM", b"PHUT", b"DCSR", b"AgHg", b"MeSa"})
# Length of the header that precedes the JPEG in a thumbnail resource.
THUMBNAIL_HEADER_BYTES = 28
MAX_RESOURCES = 1000
MAX_RESOURCES_BYTES = 16 * 1024 * 1024


def add_resources(data: bytes, metadata: LocatedMetadata, *, thumbnails: bool) -> None:
    """Add the image resources that contain metadata to `metadata`.

    Args:
        data: The bytes of all image resources.
        metadata: The result.
        thumbnails: Whether to add the thumbnail too.
    """
    offset = 0
    for _ in range(MAX_RESOURCES):
        if data[offset : offset + 4] not in SIGNATURES or offset + 12 > len(data):
            return
        resource = int.from_bytes(data[offset + 4 : offset + 6], "big")
        name_bytes = data[offset + 6] + 1
        offset += 6 + name_bytes + name_bytes % 2
        length = int.from_bytes(data[offset : offset + 4], "big")
        body = data[offset + 4 : offset + 4 + length]
        offset += 4 + length + length % 2
        if resource in KINDS:
            metadata.add(KINDS[resource], body)
        elif resource == ICC:
            metadata.add_profile(body)
        elif resource == THUMBNAIL and thumbnails:
            metadata.add("thumbnail", body[THUMBNAIL_HEADER_BYTES:])


def read_psd(file: RangeBuffer, metadata: LocatedMetadata) -> None:
    """Locate EXIF, XMP, IPTC and the thumbnail in a Photoshop document, and read its size."""
    metadata.format = "psd"
    head = file.read_exact(0, 30)
    metadata.height_pixels = int.from_bytes(head[14:18], "big")
    metadata.width_pixels = int.from_bytes(head[18:22], "big")
    offset = 30 + int.from_bytes(head[26:30], "big")
    length = int.from_bytes(file.read_exact(offset, 4, file.buffered_bytes), "big")
    if length > MAX_RESOURCES_BYTES:
        raise DamagedFile(f"The image resources claim to be {length} bytes long.")
    body = file.read(offset + 4, length)
    add_resources(body, metadata, thumbnails=True)
    if len(body) < length:
        raise DamagedFile(f"The file is truncated: it ends at byte {file.total_bytes}, inside the metadata.")
