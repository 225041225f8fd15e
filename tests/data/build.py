"""Build minimal photos byte by byte: a TIFF block, and every container around it."""

from __future__ import annotations

import binascii
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

BYTE, ASCII, SHORT, LONG, RATIO, UNDEFINED, SRATIO, FLOAT, DOUBLE = 1, 2, 3, 4, 5, 7, 10, 11, 12
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
LETTERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I"}

# Tag, type and value. A value is bytes, a string, a list of numbers, or a list of pairs for rationals.
Entry = tuple[int, int, Any]

THUMBNAIL = b"\xff\xd8\xff\xdb" + bytes(range(200)) + b"\xff\xd9"


def pack_value(order: str, field_type: int, value: Any) -> tuple[int, bytes]:
    """Return the count of the values, and their bytes."""
    if isinstance(value, str):
        value = value.encode() + b"\0"
    if isinstance(value, bytes):
        return len(value) // SIZES[field_type], value
    if field_type in (RATIO, SRATIO):
        letter = "I" if field_type == RATIO else "i"
        return len(value), b"".join(struct.pack(f"{order}2{letter}", *pair) for pair in value)
    return len(value), struct.pack(f"{order}{len(value)}{LETTERS[field_type]}", *value)


def tiff(
    image: Sequence[Entry] = (),
    exif: Sequence[Entry] = (),
    gps: Sequence[Entry] = (),
    thumbnail: bytes = b"",
    *,
    order: str = "<",
    magic: bytes = b"",
    subs: Sequence[Sequence[Entry]] = (),
    padding: int = 0,
) -> bytes:
    """Return a TIFF structure of IFD0, EXIF, GPS, SubIFDs and IFD1. `padding` bytes precede IFD0."""
    head = magic or (b"II*\0" if order == "<" else b"MM\0*")
    out = bytearray(head + struct.pack(order + "I", 8 + padding) + bytes(padding))

    def directory(entries: list[Entry], pointers: dict[int, int], following: int = 0) -> int:
        """Append an IFD, followed by its values, and return its offset."""
        start = len(out)
        entries = [*entries, *((tag, LONG, [at]) for tag, at in pointers.items())]
        entries.sort(key=lambda entry: entry[0])
        values_at = start + 2 + 12 * len(entries) + 4
        table, values = struct.pack(order + "H", len(entries)), b""
        for tag, field_type, value in entries:
            count, data = pack_value(order, field_type, value)
            if len(data) <= 4:
                inline = data.ljust(4, b"\0")
            else:
                inline = struct.pack(order + "I", values_at + len(values))
                values += data + bytes(len(data) % 2)
            table += struct.pack(order + "HHI", tag, field_type, count) + inline
        out.extend(table + struct.pack(order + "I", following) + values)
        return start

    # IFD0 comes first, and the others' offsets depend on its length. So the first of two passes finds the offsets.
    def lay(exif_at: int, gps_at: int, sub_at: list[int], thumb_ifd: int) -> dict[str, Any]:
        del out[8 + padding :]
        pointers: dict[int, int] = {}
        if exif:
            pointers[0x8769] = exif_at
        if gps:
            pointers[0x8825] = gps_at
        own = list(image)
        if subs:
            own.append((0x014A, LONG, sub_at))
        directory(own, pointers, thumb_ifd if thumbnail else 0)
        places: dict[str, Any] = {"subs": []}
        places["exif"] = directory(list(exif), {}) if exif else 0
        places["gps"] = directory(list(gps), {}) if gps else 0
        for sub in subs:
            places["subs"].append(directory(list(sub), {}))
        places["thumb"] = 0
        if thumbnail:
            at = len(out) + 2 + 12 * 2 + 4
            places["thumb"] = directory([(0x0201, LONG, [at]), (0x0202, LONG, [len(thumbnail)])], {})
            out.extend(thumbnail)
        return places

    first = lay(0, 0, [0] * len(subs), 0)
    lay(first["exif"], first["gps"], first["subs"], first["thumb"])
    return bytes(out)


def photo_tiff(**changes: Any) -> bytes:
    """Return the TIFF block of a photo, as a camera writes it."""
    return tiff(
        [
            (0x010E, ASCII, "A quay at dusk"),
            (0x010F, ASCII, "NIKON CORPORATION  "),
            (0x0110, ASCII, "NIKON D750"),
            (0x0112, SHORT, [6]),
            (0x0131, ASCII, "Ver.1.01"),
            (0x0132, ASCII, "2019:05:01 21:00:00"),
            (0x013B, ASCII, "Ada Example"),
            (0x8298, ASCII, "(c) Ada Example"),
        ],
        [
            (0x829A, RATIO, [(1, 250)]),
            (0x829D, RATIO, [(28, 10)]),
            (0x8827, SHORT, [400]),
            (0x9000, UNDEFINED, b"0231"),
            (0x9003, ASCII, "2019:05:01 20:13:07"),
            (0x9011, ASCII, "+02:00"),
            (0x9291, ASCII, "25"),
            (0x9209, SHORT, [16]),
            (0x920A, RATIO, [(50, 1)]),
            (0xA405, SHORT, [50]),
            (0xA432, RATIO, [(24, 1), (70, 1), (28, 10), (28, 10)]),
        ],
        [
            (0x0001, ASCII, "N"),
            (0x0002, RATIO, [(53, 1), (33, 1), (0, 1)]),
            (0x0003, ASCII, "W"),
            (0x0004, RATIO, [(9, 1), (59, 1), (24, 1)]),
            (0x0005, BYTE, [0]),
            (0x0006, RATIO, [(123, 10)]),
        ],
        THUMBNAIL,
        **changes,
    )


XMP_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:xap="http://ns.adobe.com/xap/1.0/" xap:Rating="4">'
    "<dc:subject><rdf:Bag><rdf:li>quay</rdf:li><rdf:li>dusk</rdf:li></rdf:Bag></dc:subject>"
    "</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
).encode()


def iptc(*fields: tuple[int, bytes]) -> bytes:
    """Return IPTC datasets of the application record, in UTF-8."""
    sets = [(1, 90, b"\x1b%G"), *((2, number, value) for number, value in fields)]
    return b"".join(struct.pack(">BBBH", 0x1C, *head, len(value)) + value for *head, value in sets)


IPTC_DATA = iptc((25, b"quay"), (25, b"dusk"), (90, b"Galway"), (120, b"A quay at dusk"))


def resources(*pairs: tuple[int, bytes]) -> bytes:
    """Return Photoshop image resources."""
    return b"".join(
        b"8BIM" + struct.pack(">HH", number, 0) + struct.pack(">I", len(data)) + data + bytes(len(data) % 2)
        for number, data in pairs
    )


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def exif_segment(block: bytes) -> bytes:
    return segment(0xE1, b"Exif\0\0" + block)


def xmp_segment(packet: bytes = XMP_PACKET) -> bytes:
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)


def extended_xmp(packet: bytes, piece_bytes: int = 40_000) -> bytes:
    digest = b"0123456789ABCDEF0123456789ABCDEF"
    return b"".join(
        segment(
            0xE1,
            b"http://ns.adobe.com/xmp/extension/\0"
            + digest
            + struct.pack(">II", len(packet), at)
            + packet[at : at + piece_bytes],
        )
        for at in range(0, len(packet), piece_bytes)
    )


def repeat(pattern: bytes, n_bytes: int) -> bytes:
    """Return a pattern repeated up to a length."""
    return (pattern * (n_bytes // len(pattern) + 1))[:n_bytes]


def jpeg(*segments: bytes, width: int = 640, height: int = 480, picture_bytes: int = 5000) -> bytes:
    """Return a JPEG that begins with these segments. Its picture is noise."""
    frame = segment(0xC0, struct.pack(">BHHB", 8, height, width, 3) + bytes(9))
    picture = repeat(bytes(index * 31 % 251 for index in range(251)), picture_bytes)
    return b"\xff\xd8" + b"".join(segments) + frame + segment(0xDA, bytes(10)) + picture + b"\xff\xd9"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", binascii.crc32(kind + data))


def png(before: Iterable[bytes] = (), after: Iterable[bytes] = (), picture: Iterable[int] = (3000,)) -> bytes:
    """Return a PNG with chunks before and after the picture.

    Args:
        picture: Lengths of the IDAT chunks.
    """
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 640, 480, 8, 2, 0, 0, 0))
    data = [chunk(b"IDAT", repeat(bytes((index * 7 + n) % 256 for index in range(256)), n)) for n in picture]
    return b"\x89PNG\r\n\x1a\n" + header + b"".join([*before, *data, *after]) + chunk(b"IEND", b"")


def raw_profile(name: bytes, data: bytes, *, packed: bool = True) -> bytes:
    """Return ImageMagick's text chunk for metadata, compressed if `packed`."""
    text = b"\n" + name + b"\n" + str(len(data)).encode() + b"\n" + data.hex().encode() + b"\n"
    if packed:
        return chunk(b"zTXt", b"Raw profile type " + name + b"\0\0" + zlib.compress(text))
    return chunk(b"tEXt", b"Raw profile type " + name + b"\0" + text)


def itxt_xmp(packet: bytes = XMP_PACKET) -> bytes:
    return chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)


def webp(block: bytes = b"", packet: bytes = b"", picture_bytes: int = 3000) -> bytes:
    def part(kind: bytes, data: bytes) -> bytes:
        return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)

    flags = (8 if block else 0) | (4 if packet else 0)
    parts = part(b"VP8X", struct.pack("<I", flags) + (639).to_bytes(3, "little") + (479).to_bytes(3, "little"))
    parts += part(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 640, 480) + bytes(picture_bytes))
    if block:
        parts += part(b"EXIF", block)
    if packet:
        parts += part(b"XMP ", packet)
    return b"RIFF" + struct.pack("<I", len(parts) + 4) + b"WEBP" + parts


def box(kind: bytes, *bodies: bytes) -> bytes:
    body = b"".join(bodies)
    return struct.pack(">I", len(body) + 8) + kind + body


def uuid_box(uuid: bytes, *bodies: bytes) -> bytes:
    return box(b"uuid", uuid, *bodies)


def heic(block: bytes, packet: bytes = b"", *, brand: bytes = b"heic", turn: int = 0, exif_name: bool = True) -> bytes:
    """Return a HEIC whose Exif item is in two extents behind the picture, and whose XMP item is in `idat`."""
    item = (struct.pack(">I", 6) + b"Exif\0\0" if exif_name else struct.pack(">I", 0)) + block
    cut = len(item) // 2

    def full(kind: bytes, *bodies: bytes, version: int = 0, flags: int = 0) -> bytes:
        return box(kind, struct.pack(">I", version << 24 | flags), *bodies)

    def infe(number: int, kind: bytes, extra: bytes = b"\0") -> bytes:
        return full(b"infe", struct.pack(">HH", number, 0), kind, extra, version=2)

    def build(base: int) -> bytes:
        # Item id, construction method (0: file, 1: idat), data reference, base offset, extent count; then the offset
        # and length of each extent.
        exif_entry = struct.pack(">HHHIH", 2, 0, 0, base, 2)
        exif_entry += struct.pack(">IIII", 3000, cut, 3000 + cut + 64, len(item) - cut)
        xmp_entry = struct.pack(">HHHIHII", 3, 1, 0, 0, 1, 0, len(packet))
        entries = exif_entry + (xmp_entry if packet else b"")
        iloc = full(b"iloc", b"\x44\x40", struct.pack(">H", 2 if packet else 1), entries, version=1)
        items = [infe(1, b"hvc1"), infe(2, b"Exif")]
        if packet:
            items.append(infe(3, b"mime", b"\0application/rdf+xml\0"))
        properties = box(
            b"iprp",
            box(b"ipco", full(b"ispe", struct.pack(">II", 640, 480)), box(b"irot", bytes([turn]))),
            full(b"ipma", struct.pack(">IHB", 1, 1, 2 if turn else 1), b"\x81\x02" if turn else b"\x81"),
        )
        return full(
            b"meta",
            full(b"hdlr", bytes(4), b"pict", bytes(13)),
            full(b"pitm", struct.pack(">H", 1)),
            full(b"iinf", struct.pack(">H", len(items)), *items),
            properties,
            box(b"idat", packet) if packet else b"",
            iloc,
        )

    head = box(b"ftyp", brand, bytes(4), b"mif1", b"heic" if brand == b"heic" else brand)
    length = len(head) + len(build(0))
    data = bytes(3000) + item[:cut] + bytes(64) + item[cut:]
    return head + build(length + 8) + box(b"mdat", data)


def cr3(parts: dict[bytes, bytes], packet: bytes = b"") -> bytes:
    canon = uuid_box(
        bytes.fromhex("85c0b687820f11e08111f4ce462b6a48"), *(box(kind, data) for kind, data in parts.items())
    )
    xmp = uuid_box(bytes.fromhex("be7acfcb97a942e89c71999491e3afac"), packet) if packet else b""
    return box(b"ftyp", b"crx ", bytes(4), b"crx isom") + box(b"moov", canon) + xmp + box(b"mdat", bytes(5000))


def jxl(*boxes: bytes) -> bytes:
    codestream = b"\xff\x0a" + (479 << 3 | 3 << 12).to_bytes(4, "little") + bytes(40)
    head = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl \0\0\0\0jxl ")
    return head + b"".join(boxes) + box(b"jxlc", codestream)


def jp2(block: bytes, packet: bytes = b"") -> bytes:
    head = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    header = box(b"jp2h", box(b"ihdr", struct.pack(">IIHBBBB", 480, 640, 3, 7, 7, 0, 0)))
    xmp = uuid_box(bytes.fromhex("be7acfcb97a942e89c71999491e3afac"), packet) if packet else b""
    return head + header + uuid_box(b"JpgTiffExif->JP2", block) + xmp + box(b"jp2c", bytes(4000))


def psd(*pairs: tuple[int, bytes]) -> bytes:
    parts = resources(*pairs)
    head = b"8BPS" + struct.pack(">H6xHIIHHI", 1, 3, 480, 640, 8, 3, 0)
    return head + struct.pack(">I", len(parts)) + parts + bytes(4000)


def raf(photo: bytes) -> bytes:
    head = b"FUJIFILMCCD-RAW 0201FF383501".ljust(84, b"\0") + struct.pack(">II", 148, len(photo))
    return head.ljust(148, b"\0") + photo + bytes(3000)


def mrw(block: bytes) -> bytes:
    size = struct.pack(">8sHHHHII", b"27820001", 490, 650, 480, 640, 0, 0)
    parts = b"\0PRD" + struct.pack(">I", len(size)) + size + b"\0TTW" + struct.pack(">I", len(block)) + block
    return b"\0MRM" + struct.pack(">I", len(parts)) + parts + bytes(3000)


def x3f(photo: bytes) -> bytes:
    head = b"FOVb".ljust(100, b"\0")
    image = b"SECi" + struct.pack("<IIIIII", 2, 2, 18, 640, 480, 0) + photo
    sections = b"SECd" + struct.pack("<II", 2, 1) + struct.pack("<II4s", len(head), len(image), b"IMA2")
    return head + image + sections + struct.pack("<I", len(head) + len(image))


def every_format() -> dict[str, bytes]:
    """Return one photo per format, nearly all with the same metadata."""
    block = photo_tiff()
    plain = jpeg(exif_segment(block), xmp_segment(), segment(0xED, b"Photoshop 3.0\0" + resources((1028, IPTC_DATA))))
    raw = [(0x0103, SHORT, [34713]), (0x010F, ASCII, "NIKON"), (0x0110, ASCII, "D1")]
    return {
        "jpeg": plain,
        "tiff": photo_tiff(padding=2000) + bytes(2000),
        "tiff-motorola": photo_tiff(order=">") + bytes(2000),
        "nef": tiff(raw, [(0x8827, SHORT, [100])], subs=[[(0x0100, LONG, [4000])]]),
        "rw2": tiff([(0x002E, UNDEFINED, plain), (0x010F, ASCII, "Panasonic")], magic=b"IIU\0"),
        "png": png([chunk(b"eXIf", block), itxt_xmp()]),
        "png-behind": png([], [raw_profile(b"exif", b"Exif\0\0" + block), itxt_xmp()], [2000] * 9 + [700]),
        "webp": webp(block, XMP_PACKET),
        "heic": heic(block, XMP_PACKET),
        "avif": heic(block, brand=b"avif", exif_name=False),
        "cr3": cr3({b"CMT1": block, b"CMT2": tiff([(0x8827, SHORT, [100])])}, XMP_PACKET),
        "jxl": jxl(box(b"Exif", bytes(4), block), box(b"xml ", XMP_PACKET)),
        "jp2": jp2(block, XMP_PACKET),
        "psd": psd((1058, block), (1060, XMP_PACKET), (1028, IPTC_DATA)),
        "raf": raf(plain),
        "mrw": mrw(block),
        "x3f": x3f(plain),
    }
