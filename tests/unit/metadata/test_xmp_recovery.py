"""XMP that is not well-formed is read as far as its elements can be recognized."""

from __future__ import annotations

import pytest

from exifinator.metadata.limits import MemoryBudget
from exifinator.metadata.xmp import read_xmp
from tests.unit.readers import CASES, record_of

HEAD = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
)
SUBJECT = "<dc:subject><rdf:Bag><rdf:li>quay</rdf:li><rdf:li>dusk</rdf:li></rdf:Bag></dc:subject>"
TAIL = "</rdf:Description></rdf:RDF></x:xmpmeta>"


def packet(elements: str = "", attributes: str = "", before: str = "") -> bytes:
    """Return an XMP packet with two keywords, and with these elements and attributes in its description."""
    return f"{before}{HEAD}{attributes}>{elements}{SUBJECT}{TAIL}".encode()


def read(data: bytes):
    """Return the properties of an XMP packet, and the problem."""
    values, problem, _ = read_xmp(data, MemoryBudget(256))
    return values, problem


# Name -> the packet, the name of a property, and its value. The value is None if the property has another structure.
MALFORMED = {
    "undeclared-prefix": (packet(attributes=' xmp:Rating="4"'), "xmp:Rating", "4"),
    "undeclared-prefix-nobody-knows": (packet("<Camera:Trait>hdr</Camera:Trait>"), "Camera:Trait", "hdr"),
    "undeclared-rdf": (
        b'<rdf:RDF><rdf:Description xmp:Rating="4"><dc:subject><rdf:Bag><rdf:li>quay</rdf:li><rdf:li>dusk</rdf:li>'
        b"</rdf:Bag></dc:subject></rdf:Description></rdf:RDF>",
        "xmp:Rating",
        "4",
    ),
    "control-character": (packet("<photoshop:City>Gal\x0bway</photoshop:City>"), "photoshop:City", "Galway"),
    "reference-to-a-control-character": (packet("<photoshop:City>a&#11;b</photoshop:City>"), "photoshop:City", "ab"),
    "latin-1": (
        packet("<photoshop:City>Köln</photoshop:City>").replace("ö".encode(), b"\xf6"),
        "photoshop:City",
        "Köln",
    ),
    "windows-1252-within-utf-8": (
        packet("<photoshop:City>Köln – x</photoshop:City>").replace("–".encode(), b"\x96"),
        "photoshop:City",
        "Köln – x",
    ),
    "bare-ampersand": (
        packet("<photoshop:City>Tom & Anna &amp; Bo</photoshop:City>"),
        "photoshop:City",
        "Tom & Anna & Bo",
    ),
    "bare-ampersand-in-an-attribute": (packet(attributes=' photoshop:City="A&B"'), "photoshop:City", "A&B"),
    "less-than-sign-in-an-attribute": (packet(attributes=' photoshop:City="a<b"'), "photoshop:City", "a<b"),
    "nul-in-front": (b"\0" + packet(), "dc:subject", ["quay", "dusk"]),
    "nul-at-each-tag": (packet().replace(b"><", b">\0<"), "dc:subject", ["quay", "dusk"]),
    "false-encoding": (packet(before='<?xml version="1.0" encoding="UTF-16"?>'), "dc:subject", ["quay", "dusk"]),
    "unknown-encoding": (packet(before='<?xml version="1.0" encoding="x-none"?>'), "dc:subject", ["quay", "dusk"]),
    "late-declaration": (packet(before='<?xpacket begin=""?><?xml version="1.0"?>'), "dc:subject", ["quay", "dusk"]),
    "unquoted-attribute": (packet(attributes=" photoshop:City=Galway"), "photoshop:City", "Galway"),
    "end-without-a-start": (packet("</photoshop:City>"), "dc:subject", ["quay", "dusk"]),
    "start-without-an-end": (packet("<photoshop:City>Galway"), "dc:subject", None),
    "attribute-twice": (packet(attributes=' photoshop:City="A" photoshop:City="A"'), "photoshop:City", "A"),
    "utf-32": (packet(before="\ufeff").decode().encode("utf-32-be"), "dc:subject", ["quay", "dusk"]),
    "utf-16-without-a-mark-declared-as-utf-8": (
        packet(before='<?xml version="1.0" encoding="utf-8"?>').decode().encode("utf-16-le"),
        "dc:subject",
        ["quay", "dusk"],
    ),
    "truncated-inside-a-value": (packet().split(b"sk</rdf:li>")[0], "dc:subject", ["quay"]),
}


@pytest.mark.parametrize(("data", "name", "value"), MALFORMED.values(), ids=MALFORMED.keys())
def test_read_xmp__malformed_packet__is_read_with_a_problem(data, name, value):
    values, problem = read(data)
    if value is None:
        assert "quay" in str(values)
        return
    assert values[name] == value
    assert problem == "The XMP is not well-formed, or its encoding is not supported."
    if name != "dc:subject":
        assert values["dc:subject"] == ["quay", "dusk"]


def test_read_xmp__well_formed_packet__is_read_without_a_problem():
    assert read(packet()) == ({"dc:subject": ["quay", "dusk"]}, None)


def test_read_xmp__malformed_packet_with_languages__keeps_the_default_language():
    alternatives = '<dc:title><rdf:Alt><rdf:li xml:lang="de">Kai</rdf:li><rdf:li xml:lang="x-default">Quay & co'
    values, _ = read(packet(alternatives + "</rdf:li></rdf:Alt></dc:title>"))
    assert values["dc:title"] == "Quay & co"


def test_read_xmp__malformed_packet_with_cdata_and_comments__keeps_the_text():
    values, _ = read(packet("<photoshop:City><![CDATA[A <b> & c]]></photoshop:City><!-- < & --> & "))
    assert values["photoshop:City"] == "A <b> & c"


@pytest.mark.parametrize(
    "definition",
    ['<!DOCTYPE x [<!ENTITY a "aaaa">]>', '<!DOCTYPE x SYSTEM "file:///etc/passwd">&', "<!ENTITY a 'b'>"],
)
def test_read_xmp__malformed_packet_with_entity_definitions__is_refused(definition):
    values, problem = read(packet("<photoshop:City>&a; & &b;</photoshop:City>", before=definition))
    assert "photoshop:City" not in values
    assert problem


def test_read_xmp__entity_without_a_definition__stays_as_written():
    values, _ = read(packet("<photoshop:City>caf&eacute; & &unknown;</photoshop:City>"))
    assert values["photoshop:City"] == "caf&eacute; & &unknown;"


@pytest.mark.parametrize(
    "data",
    [
        b"<" * 300_000,
        b"<a " * 100_000,
        b"<a '" * 100_000,
        b'<a b="' * 100_000,
        b"<!--" * 100_000,
        b"</a" * 300_000,
        b"<rdf:RDF>" + b"<a:b>&" * 100_000,
        b"<rdf:RDF>" + b'<a:b c:d="1"/>' * 100_000,
        b"<rdf:RDF><rdf:Description " + b'a:b="1" ' * 100_000,
        b"\xff" * 300_000,
    ],
    ids=lambda data: data[:12].decode("latin-1"),
)
def test_read_xmp__packet_crafted_to_be_slow__is_read_within_the_cpu_limit(data):
    record = record_of(b"\xff\xd8" + b"".join(_segments(data)) + b"\xff\xd9")
    assert "of CPU time" not in record.document.get("problem", "")
    read(data)


def _segments(data: bytes):
    """Yield an XMP segment of a JPEG with as much of the data as one segment can contain."""
    identifier = b"http://ns.adobe.com/xap/1.0/\0"
    body = identifier + data[: 65_533 - len(identifier)]
    yield b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body


@pytest.mark.skipif(not CASES.exists(), reason="needs the folder of cases beside the project")
@pytest.mark.parametrize("letter", "abcdfgij")
def test_build_record__case_of_malformed_xmp__has_its_keywords(letter):
    path = next(CASES.glob(f"32*/08{letter}-*.jpg"))
    photo = record_of(path.read_bytes()).document["photo"]
    assert photo["keywords"] == ["sea", "boat"]
    assert photo.get("rating") == (4 if letter == "a" else None)
