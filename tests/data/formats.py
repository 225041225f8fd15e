"""Build files of the formats that build.py does not cover, byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from tests.data import build

Heap = Mapping[int, "bytes | Heap"]

PICTURE_INFO = (
    b"OLYMPUS OPTICAL CO.,LTD.   \0 713\r\n[picture info]\r\nTimeDate=909698819\r\nShutter=33363\r\nFlash=1\r\n"
    b"ImageSize=640-480\r\nFNumber=F2.8\r\nExpBias=-0.3\r\n[camera info]\r\nType=SR55\r\nSerial#=#00000001\r\n"
    b"ID=OLYMPUS DIGITAL CAMERA\r\n[end]"
)


def heap(records: Heap, order: str = "<") -> bytes:
    """Return a CIFF heap: the values, the directory, and the directory's offset. A mapping is a heap inside it."""
    values, entries = b"", []
    for number, value in records.items():
        data = value if isinstance(value, bytes) else heap(value, order)
        if len(data) <= 8 and number & 0x3800 not in (0x2800, 0x3000):
            entries.append(struct.pack(order + "H", number | 0x4000) + data.ljust(8, b"\0"))
        else:
            entries.append(struct.pack(order + "HII", number, len(data), len(values)))
            values += data
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries)
    return values + directory + struct.pack(order + "I", len(values))


def crw(records: Heap, order: str = "<", kind: bytes = b"HEAPCCDR", picture_bytes: int = 100) -> bytes:
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "I", 26) + kind + bytes(12)
    return head + heap({0x2005: bytes(picture_bytes), 0x300A: records}, order)


def canon_records(order: str = "<") -> Heap:
    shot = [0] * 33
    shot[1], shot[2], shot[21], shot[22] = 0, 160, 116, 192  # ISO 100, f/3.6 (3 2/3 EV), 1/64 s
    settings = [0] * 46
    settings[23:26] = [55, 18, 1]
    return {
        0x1810: struct.pack(order + "IIfi3I", 3072, 2048, 1.0, 90, 8, 24, 257),
        0x180E: struct.pack(order + "IiI", 1068485966, 0, 0),
        0x2807: {0x080A: b"Canon\0Canon EOS D\0".ljust(32, b"\0"), 0x0810: b"Ada\0".ljust(32, b"\0")},
        0x300B: {
            0x1029: struct.pack(order + "4H", 2, 24, 914, 610),
            0x102A: struct.pack(order + "33h", *shot),
            0x102D: struct.pack(order + "46h", *settings),
        },
        0x180B: struct.pack(order + "I", 560018150),
    }


def big_tiff(
    directories: Sequence[Sequence[build.Entry | tuple[int, int, Sequence[int]]]],
    exif: Sequence[build.Entry] = (),
    order: str = "<",
) -> bytes:
    """Return a BigTIFF with a chain of directories. The first one points to `exif`. Types 16 to 18 have 64 bits."""
    out = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "HHHQ", 43, 8, 0, 16))

    def directory(entries: Sequence[build.Entry], is_last: bool) -> None:
        start = len(out)
        table, values = struct.pack(order + "Q", len(entries)), b""
        values_at = start + 8 + 20 * len(entries) + 8
        for tag, field_type, value in entries:
            if field_type in (16, 18):
                count, data = len(value), struct.pack(f"{order}{len(value)}Q", *value)
            else:
                count, data = build.pack_value(order, field_type, value)
            if len(data) <= 8:
                inline = data.ljust(8, b"\0")
            else:
                inline = struct.pack(order + "Q", values_at + len(values))
                values += data + bytes(-len(data) % 8)
            table += struct.pack(order + "HHQ", tag, field_type, count) + inline
        following = 0 if is_last else values_at + len(values)
        out.extend(table + struct.pack(order + "Q", following) + values)

    # Write EXIF first, so that its offset is known.
    exif_at = 0
    if exif:
        exif_at = len(out)
        directory(exif, True)
        struct.pack_into(order + "Q", out, 8, len(out))
    for index, entries in enumerate(directories):
        pointer = [(0x8769, 18, [exif_at])] if exif_at and not index else []
        directory([*entries, *pointer], index == len(directories) - 1)
    return bytes(out)


def sub_blocks(data: bytes) -> bytes:
    return b"".join(bytes([len(data[at : at + 255])]) + data[at : at + 255] for at in range(0, len(data), 255)) + b"\0"


def gif(before: bytes = b"", after: bytes = b"", picture_bytes: int = 400) -> bytes:
    """Return a GIF of 640 x 480 with extensions before and after its frame."""
    head = b"GIF89a" + struct.pack("<HHBBB", 640, 480, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<4HB", 0, 0, 640, 480, 0x81) + bytes(12) + b"\x02" + sub_blocks(bytes(picture_bytes))
    return head + before + frame + after + b"\x3b"


def gif_xmp(packet: bytes = build.XMP_PACKET) -> bytes:
    return b"\x21\xff\x0bXMP DataXMP" + packet + bytes([1, *range(255, -1, -1), 0])


def gif_comment(text: bytes) -> bytes:
    return b"\x21\xfe" + sub_blocks(text)


def icc(name: str = "Display P3", *, version: int = 4, space: bytes = b"RGB ") -> bytes:
    """Return the header, the tag table and the description of a profile."""
    if version == 4:
        text = name.encode("utf-16-be")
        value = b"mluc" + bytes(4) + struct.pack(">II", 1, 12) + b"enUS" + struct.pack(">II", len(text), 28) + text
    else:
        value = b"desc" + bytes(4) + struct.pack(">I", len(name) + 1) + name.encode() + bytes(80)
    tags = struct.pack(">I", 2) + b"cprt" + struct.pack(">II", 156, 4) + b"desc" + struct.pack(">II", 160, len(value))
    header = bytes(16) + space + b"XYZ " + bytes(12) + b"acsp" + bytes(88)
    return header + tags + bytes(4) + value


def x3f(properties: Mapping[str, str], photo: bytes = b"", *, version: int = 2) -> bytes:
    """Return an X3F of 2268 x 1512, turned by 90 degrees."""
    size = struct.pack("<III", 2268, 1512, 90)
    head = b"FOVb" + struct.pack("<HH", 2, version) + bytes(20)
    out = bytearray((head + size if version < 4 else head + bytes(12) + size).ljust(264, b"\0"))
    texts, entries = "", b""
    for name, value in properties.items():
        entries += struct.pack("<II", len(texts), len(texts) + len(name) + 1)
        texts += f"{name}\0{value}\0"
    sections = []
    if photo:
        image = b"SECi" + bytes(8) + struct.pack("<I", 18) + bytes(12) + photo
        sections.append((len(out), len(image), b"IMA2"))
        out += image
    section = b"SECp" + bytes(4) + struct.pack("<IIII", len(properties), 0, 0, len(texts)) + entries
    section += texts.encode("utf-16-le")
    sections.append((len(out), len(section), b"PROP"))
    out += section
    start = len(out)
    out += b"SECd" + bytes(4) + struct.pack("<I", len(sections))
    out += b"".join(struct.pack("<II4s", *entry) for entry in sections)
    return bytes(out + struct.pack("<I", start))


def afcp(photo: bytes, iptc: bytes = build.IPTC_DATA, *, order: str = ">", start: int | None = None) -> bytes:
    """Append an AFCP trailer with IPTC and a text."""
    magic = b"AXS!" if order == ">" else b"AXS*"
    at = len(photo)
    head = magic + struct.pack(order + "HHI", 1, 2, 0)
    data_at = at + 12 + 24
    head += b"IPTC" + struct.pack(order + "II", len(iptc), data_at)
    head += b"TEXT" + struct.pack(order + "II", 5, data_at + len(iptc))
    return photo + head + iptc + b"a tag" + magic + struct.pack(order + "II", at if start is None else start, 0)


def fotostation(photo: bytes, iptc: bytes = build.IPTC_DATA) -> bytes:
    """Append FotoStation's trailers: IPTC, then something else."""
    signature = b"\xa1\xb2\xc3\xd4"
    first = iptc + struct.pack(">HI", 1, len(iptc) + 10) + signature
    return photo + first + bytes(48) + struct.pack(">HI", 2, 58) + signature


def canon_vrd(packet: bytes = build.XMP_PACKET) -> bytes:
    """Return Canon's trailer with XMP."""
    record = struct.pack(">II", 0xFFFF00F6, len(packet)) + packet
    head = b"CANON OPTIONAL DATA\0" + struct.pack(">II", 0x10000, len(record))
    return head + record + b"CANON OPTIONAL DATA\0" + struct.pack(">I", len(record)) + bytes(40)


def bpg_number(number: int) -> bytes:
    """Return a number of the format BPG: seven bits in each byte, the highest ones first."""
    data = bytes([number & 0x7F])
    while number := number >> 7:
        data = bytes([number & 0x7F | 0x80]) + data
    return data


def bpg(*extensions: tuple[int, bytes], length: int | None = None) -> bytes:
    """Return a BPG of 640 by 480 pixels. `length` is a wrong length of all extensions in bytes."""
    data = b"".join(bpg_number(kind) + bpg_number(len(body)) + body for kind, body in extensions)
    head = b"BPG\xfb\x40" + bytes([8 if extensions else 0]) + bpg_number(640) + bpg_number(480) + bpg_number(300)
    if extensions:
        head += bpg_number(len(data) if length is None else length) + data
    return head + bytes(300)


def miff(*profiles: tuple[str, bytes], header: str = "columns=640  rows=480") -> bytes:
    """Return a file of ImageMagick's format with profiles, each given as (name, content)."""
    lengths = "".join(f"profile-{name}={len(body)}\n" for name, body in profiles)
    head = f"id=ImageMagick\nclass=DirectClass\n{header}  depth=8\ncomment={{columns=1 or 2}}\n{lengths}\f\n:\x1a"
    return head.encode() + b"".join(body for _, body in profiles) + bytes(300)


def every_format() -> dict[str, bytes]:
    """Return a small file of each format and structure of this module."""
    photo = build.jpeg(build.exif_segment(build.photo_tiff()))
    page = [(0x0100, build.LONG, [640]), (0x0101, build.LONG, [480]), (0x010F, build.ASCII, "ACME Cameras")]
    texts = [
        build.chunk(b"tEXt", b"parameters\0a quay\nNegative prompt: rain\nSteps: 20, Sampler: Euler a, Seed: 42"),
        build.chunk(b"tEXt", b'prompt\0{"3": {"inputs": {"text": "a quay", "positive": ["3", 0], "seed": 1}}}'),
        build.chunk(b"iTXt", b"Title\0\0\0de\0\0Kai"),
        build.chunk(b"tIME", struct.pack(">H5B", 2020, 1, 2, 3, 4, 5)),
    ]
    malformed = build.XMP_PACKET.replace(b"</rdf:RDF>", b"<Camera:Trait>a & b</Camera:Trait></rdf:RDF>")
    return {
        "gif": gif(gif_comment(b"a quay") + gif_xmp() + b"\x21\xff\x0bICCRGBG1012" + sub_blocks(icc())),
        "bpg": bpg((1, build.photo_tiff()), (3, build.XMP_PACKET), (2, icc())),
        "miff": miff(("APP1", b"Exif\0\0" + build.photo_tiff()), ("xmp", build.XMP_PACKET), ("icc", icc())),
        "crw": crw(canon_records()),
        "x3f-properties": x3f(
            {"CAMMANUF": "SIGMA", "TIME": "978309395", "ISO": "100", "LENSFRANGE": "15 to 30"}, photo
        ),
        "bigtiff": big_tiff([page, page], [(0x8827, build.SHORT, [400]), (0x829D, build.RATIO, [(28, 10)])]),
        "exv": b"\xff\x01Exiv2" + photo[2:],
        "jpeg-ciff": build.jpeg(build.segment(0xE0, crw(canon_records(), kind=b"HEAPJPGM"))),
        "jpeg-picture-info": build.jpeg(build.segment(0xEC, PICTURE_INFO)),
        "jpeg-afcp": afcp(build.jpeg()),
        "jpeg-fotostation": fotostation(build.jpeg()),
        "jpeg-vrd": photo + canon_vrd(),
        "jpeg-profile": build.jpeg(build.segment(0xE2, b"ICC_PROFILE\0\1\1" + icc())),
        "jpeg-xmp-malformed": build.jpeg(build.xmp_segment(malformed)),
        "png-texts": build.png(texts),
        "bmp": b"BM" + bytes(12) + struct.pack("<Iii", 40, 640, 480) + bytes(20),
        "ico": struct.pack("<HHH", 0, 1, 1) + bytes([16, 16]) + bytes(6) + struct.pack("<II", 99, 22) + bytes(99),
    }
