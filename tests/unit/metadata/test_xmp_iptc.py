"""XMP packets and IPTC datasets, among them malformed and hostile ones."""

from __future__ import annotations

import tracemalloc

import pytest

from exifinator.metadata.iptc import read_iptc
from exifinator.metadata.limits import MemoryBudget, MemoryExceeded
from exifinator.metadata.xmp import (
    MAX_ELEMENTS,
    MAX_REFERENCED_CHARACTERS,
    MAX_VALUES,
    PARSER_MEMORY_PER_BYTE,
    read_xmp,
)
from tests.data import build

NAMESPACES = (
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" '
    'xmlns:stRef="http://ns.adobe.com/xap/1.0/sType/ResourceRef#" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
)


def packet(elements: str, attributes: str = "") -> bytes:
    """Return an XMP packet whose description has these elements and attributes."""
    return f"<rdf:RDF {NAMESPACES}><rdf:Description {attributes}>{elements}</rdf:Description></rdf:RDF>".encode()


def graph(*nodes: str) -> bytes:
    """Return an XMP packet with several nodes of RDF."""
    return f"<rdf:RDF {NAMESPACES}>{''.join(nodes)}</rdf:RDF>".encode()


def read(data: bytes, limit_mb: int = 64):
    """Return the properties of an XMP packet, the problem, and the names of dropped values."""
    return read_xmp(data, MemoryBudget(limit_mb))


@pytest.mark.parametrize(
    ("data", "properties"),
    [
        (packet("", 'xmp:Rating="3" photoshop:City="Galway"'), {"xmp:Rating": "3", "photoshop:City": "Galway"}),
        (packet("<photoshop:City> Galway </photoshop:City>"), {"photoshop:City": "Galway"}),
        (
            packet("<dc:subject><rdf:Bag><rdf:li>a</rdf:li><rdf:li>b</rdf:li></rdf:Bag></dc:subject>"),
            {"dc:subject": ["a", "b"]},
        ),
        (packet("<dc:creator><rdf:Seq><rdf:li>Ada</rdf:li></rdf:Seq></dc:creator>"), {"dc:creator": ["Ada"]}),
        (
            packet(
                '<dc:title><rdf:Alt><rdf:li xml:lang="de">Kai</rdf:li>'
                '<rdf:li xml:lang="x-default">Quay</rdf:li></rdf:Alt></dc:title>'
            ),
            {"dc:title": "Quay", "dc:title[de]": "Kai"},
        ),
        (
            packet('<dc:title><rdf:Alt><rdf:li xml:lang="de">Kai</rdf:li></rdf:Alt></dc:title>'),
            {"dc:title": "Kai", "dc:title[de]": "Kai"},
        ),
        (
            packet(
                '<xmpMM:DerivedFrom rdf:parseType="Resource"><stRef:documentID>7</stRef:documentID></xmpMM:DerivedFrom>'
            ),
            {"xmpMM:DerivedFrom/stRef:documentID": "7"},
        ),
        (packet('<xmpMM:DerivedFrom stRef:documentID="7"/>'), {"xmpMM:DerivedFrom/stRef:documentID": "7"}),
        (packet('<dc:relation rdf:resource="urn:x"/>'), {"dc:relation": "urn:x"}),
        (
            graph(
                '<rdf:Bag rdf:nodeID="n2"><rdf:li>a</rdf:li><rdf:li>b</rdf:li></rdf:Bag>',
                '<rdf:Description><dc:subject rdf:nodeID="n2"/><xmp:Rating>3</xmp:Rating></rdf:Description>',
            ),
            {"dc:subject": ["a", "b"], "xmp:Rating": "3"},
        ),
        (
            graph(
                '<rdf:Description><dc:creator rdf:nodeID="who"/><dc:title rdf:nodeID="name"/></rdf:Description>',
                '<rdf:Seq rdf:nodeID="who"><rdf:li>Ada</rdf:li></rdf:Seq>',
                '<rdf:Alt rdf:nodeID="name"><rdf:li xml:lang="x-default">Quay</rdf:li>'
                '<rdf:li xml:lang="de">Kai</rdf:li></rdf:Alt>',
                '<rdf:Bag rdf:nodeID="unused"><rdf:li>x</rdf:li></rdf:Bag>',
            ),
            {"dc:creator": ["Ada"], "dc:title": "Quay", "dc:title[de]": "Kai"},
        ),
        (graph('<rdf:Description><dc:subject rdf:nodeID="missing"/></rdf:Description>'), {}),
        (packet('<a:b.c$d xmlns:a="urn:own">1</a:b.c$d>'.replace("$d", "")), {"a:b_c": "1"}),
        (packet('<dc:x xmlns:dc="urn:not-dublin-core">1</dc:x>'), {"dc-other:x": "1"}),
        (packet('<dc:x xmlns:xap="http://ns.adobe.com/xap/1.0/" xap:Rating="2"/>'), {"dc:x/xmp:Rating": "2"}),
        (packet("<dc:x>Zoë &amp; &lt;b&gt;</dc:x>"), {"dc:x": "Zoë & <b>"}),
        (
            b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + packet("<dc:x>1</dc:x>") + b"</x:xmpmeta>" + bytes(9),
            {"dc:x": "1"},
        ),
        (packet("<dc:x>1</dc:x>").decode().encode("utf-16"), {"dc:x": "1"}),
    ],
    ids=[
        "attributes",
        "element",
        "bag",
        "seq",
        "default-language",
        "one-language",
        "resource",
        "named list",
        "named lists at the end",
        "name without a list",
        "compact-resource",
        "address",
        "own-names",
        "stolen-prefix",
        "other-prefix",
        "characters",
        "wrapped",
        "utf-16",
    ],
)
def test_read_xmp__packet__gives_flat_properties(data, properties):
    assert read(data) == (properties, None, [])


RESOURCE = 'rdf:parseType="Resource"'


@pytest.mark.parametrize(
    ("body", "properties"),
    [
        # The second structure has no dc:a, and does not get the dc:a of the third one.
        (
            f"<xmpMM:Pantry><rdf:Bag><rdf:li {RESOURCE}><dc:a>1</dc:a><dc:b>2</dc:b></rdf:li>"
            f"<rdf:li {RESOURCE}><dc:b>3</dc:b></rdf:li><rdf:li><rdf:Description dc:a='4'/></rdf:li>"
            "</rdf:Bag></xmpMM:Pantry>",
            {"xmpMM:Pantry": [{"dc:a": "1", "dc:b": "2"}, {"dc:b": "3"}, {"dc:a": "4"}]},
        ),
        (
            f"<xmpMM:Pantry><rdf:Seq><rdf:li {RESOURCE}><dc:a {RESOURCE}><dc:b>1</dc:b></dc:a>"
            "<dc:subject><rdf:Bag><rdf:li>x</rdf:li></rdf:Bag></dc:subject></rdf:li></rdf:Seq></xmpMM:Pantry>",
            {"xmpMM:Pantry": [{"dc:a/dc:b": "1", "dc:subject": ["x"]}]},
        ),
        (
            "<dc:x><rdf:Bag><rdf:li><rdf:Bag><rdf:li>a</rdf:li><rdf:li>b</rdf:li></rdf:Bag></rdf:li></rdf:Bag></dc:x>",
            {"dc:x": ["a", "b"]},
        ),
        (
            "<dc:x><rdf:Bag><rdf:li><rdf:Description><rdf:value>a</rdf:value><dc:q>b</dc:q></rdf:Description></rdf:li>"
            "</rdf:Bag></dc:x>",
            {"dc:x": [{"rdf:value": "a", "dc:q": "b"}]},
        ),
        (
            '<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Quay</rdf:li><rdf:li xml:lang="de-DE">Kai</rdf:li>'
            '<rdf:li xml:lang="ga">Cé</rdf:li><rdf:li xml:lang="$.">no</rdf:li></rdf:Alt></dc:title>',
            {"dc:title": "Quay", "dc:title[de-DE]": "Kai", "dc:title[ga]": "Cé"},
        ),
    ],
    ids=["list", "nested", "list-in-list", "qualifier", "languages"],
)
def test_read_xmp__structures_and_languages__keep_their_values_together(body, properties):
    assert read(packet(body)) == (properties, None, [])


def test_read_xmp__packet_truncated_in_a_structure__keeps_the_start_of_the_structure():
    body = f"<dc:x><rdf:Bag><rdf:li {RESOURCE}><dc:a>1</dc:a><dc:b>2</dc:b></rdf:li></rdf:Bag></dc:x>"
    data = packet(body)
    assert read(data[: data.index(b"<dc:b>")])[0] == {"dc:x": [{"dc:a": "1"}]}


def test_read_xmp__thousands_of_structures__are_cut_off_at_the_value_limit():
    body = "".join(f"<rdf:li {RESOURCE}><dc:a>{number}</dc:a></rdf:li>" for number in range(5000))
    properties, _, dropped = read(packet(f"<dc:x><rdf:Bag>{body}</rdf:Bag></dc:x>"))
    assert len(properties["dc:x"]) <= MAX_VALUES
    assert dropped == [f"values past the first {MAX_VALUES}"]


def test_read_xmp__truncated_packet__keeps_the_properties_before_the_end():
    properties, problem, _ = read(packet("<dc:a>1</dc:a><dc:b>2</dc:b>")[:-35])
    assert properties["dc:a"] == "1"
    assert problem == "The XMP is not well-formed, or its encoding is not supported."


LAUGHS = b"""<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>"""
OUTSIDE = b"""<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>"""


@pytest.mark.parametrize("start", [LAUGHS, OUTSIDE], ids=["billion-laughs", "file"])
def test_read_xmp__entities__are_refused(start):
    properties, problem, _ = read(start + packet("<dc:x>&a;</dc:x>"))
    assert properties == {}
    assert problem == "The XMP defines entities, which are not allowed."


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"<" * 5000,
        packet("<dc:x>" * 5000),
        b'<?xml version="1.0" encoding="no-such"?>' + packet("<dc:x>1</dc:x>"),
        packet("<dc:x>\xff</dc:x>").replace("\xff".encode(), b"\xff"),
    ],
    ids=["empty", "bytes", "brackets", "deep", "encoding", "no-utf-8"],
)
def test_read_xmp__malformed_packet__gives_a_problem(data):
    assert read(data)[1] is not None


def test_read_xmp__many_or_long_values__are_cut_off_or_dropped():
    values = "".join(f"<rdf:li>{number}</rdf:li>" for number in range(MAX_VALUES * 3))
    properties, _, dropped = read(packet(f"<dc:subject><rdf:Bag>{values}</rdf:Bag></dc:subject>"))
    assert len(properties["dc:subject"]) == MAX_VALUES
    assert dropped == [f"values past the first {MAX_VALUES}"]
    properties, _, dropped = read(packet(f"<dc:x>{'A' * 100_000}</dc:x><dc:y>1</dc:y>"))
    assert properties == {"dc:y": "1"}
    assert dropped == ["dc:x"]


def test_read_xmp__packet_that_exceeds_the_remaining_memory__raises_memory_exceeded():
    budget = MemoryBudget(64)
    budget.spend((64 << 20) - 1000)
    with pytest.raises(MemoryExceeded):
        read_xmp(packet("<dc:x>1</dc:x>" * 3), budget)


def test_read_xmp__packet_that_exceeds_the_memory_limit_when_parsed__is_dropped():
    assert read(packet("<dc:x>1</dc:x>" + " " * 1_000_000), limit_mb=64) == ({}, None, ["packet of 1,000,370 bytes"])


def test_read_xmp__thousands_of_attributes__take_no_more_memory_than_estimated():
    attributes = " ".join(f'a:b{number}=""' for number in range(10_000))
    data = packet("", f'xmlns:a="urn:a" {attributes}')
    tracemalloc.start()
    try:
        assert read(data) == ({}, None, [])
        assert tracemalloc.get_traced_memory()[1] < PARSER_MEMORY_PER_BYTE * len(data)
    finally:
        tracemalloc.stop()


def test_read_xmp__a_mebibyte_of_small_elements__is_read_up_to_the_value_limit():
    budget = MemoryBudget(128)
    properties, problem, dropped = read_xmp(packet("<dc:x>1</dc:x>" * 70_000), budget)
    assert (len(properties["dc:x"]), problem, dropped) == (MAX_VALUES, None, [f"values past the first {MAX_VALUES}"])
    assert budget.spent_bytes < 1024 * 1024


@pytest.mark.parametrize(
    ("empty_elements", "properties"),
    [(MAX_ELEMENTS - 3, {"dc:x": "1"}), (MAX_ELEMENTS - 2, {})],
    ids=["limit", "one-more"],
)
def test_read_xmp__empty_elements__are_read_up_to_the_element_limit(empty_elements, properties):
    # The packet has three further elements: rdf:RDF, rdf:Description and the element that has a value.
    assert read(packet("<dc:y/>" * empty_elements + "<dc:x>1</dc:x>"))[0] == properties


def test_read_iptc__fields__are_named():
    fields, problem = read_iptc(build.IPTC_DATA)
    assert problem is None
    assert fields == {"Keywords": ["quay", "dusk"], "City": "Galway", "Caption-Abstract": "A quay at dusk"}


@pytest.mark.parametrize(
    ("data", "fields", "problem"),
    [
        (b"", {}, None),
        (b"\x1c\x02\x5a\x00\x03Zo\xeb", {"City": "Zoë"}, None),
        (b"\x1c\x02\x5a\x00\x04Zo\xc3\xab", {"City": "Zoë"}, None),
        (b"\x1c\x02\x5a\x80\x04\0\0\0\x03Zoe", {"City": "Zoe"}, None),
        (b"\x1c\x02\x5a\x00\xffZoe", {}, "The IPTC data is truncated, or a length in it is invalid."),
        (b"\x1c\x02\x5a\xff\xffZoe", {}, "The IPTC data is truncated, or a length in it is invalid."),
        (b"\x1c\x02\x5a\x00\x03 \0 ", {}, None),
        (b"\x1c\x02\xfa\x00\x03abc", {}, None),
        (b"not IPTC at all", {}, None),
    ],
    ids=["empty", "latin-1", "utf-8", "extended", "truncated", "invalid-length", "blank", "unknown", "other"],
)
def test_read_iptc__data__is_read_as_far_as_possible(data, fields, problem):
    assert read_iptc(data) == (fields, problem)


def test_read_xmp__many_references_to_a_list__do_not_exceed_the_limit_of_values():
    items = "<rdf:li>a</rdf:li>" * 500
    references = "".join(f'<xmp:P{number} rdf:nodeID="n"/>' for number in range(1000))
    data = graph(f'<rdf:Bag rdf:nodeID="n">{items}</rdf:Bag>', f"<rdf:Description>{references}</rdf:Description>")
    properties, _, _ = read(data)
    assert sum(map(len, properties.values())) == MAX_VALUES - 500


@pytest.mark.parametrize(
    ("lists", "references"),
    [
        (['<rdf:Bag rdf:nodeID="n"><rdf:li>' + "x" * 32_000 + "</rdf:li></rdf:Bag>"], 1990),
        ([f'<rdf:Bag rdf:nodeID="n{at}"><rdf:li>t</rdf:li></rdf:Bag>' for at in range(1900)], 17_000),
    ],
    ids=["long list", "many lists"],
)
def test_read_xmp__references_to_named_lists__multiply_neither_text_nor_time(lists, references):
    names = "".join(f'<xmp:P{at} rdf:nodeID="n"/>' for at in range(references))
    properties, problem, dropped = read(graph("".join(lists), f"<rdf:Description>{names}</rdf:Description>"))
    assert sum(len(name) + len(str(value)) for name, value in properties.items()) < 2 * MAX_REFERENCED_CHARACTERS
    assert problem is None
    assert dropped


def test_read_xmp__reference_at_a_long_path__is_dropped():
    opening = "".join(f"<xmp:{letter * 190}>" for letter in "abc")
    closing = "".join(f"</xmp:{letter * 190}>" for letter in "cba")
    element = f'<rdf:Description>{opening}<xmp:P rdf:nodeID="n"/>{closing}</rdf:Description>'
    properties, _, dropped = read(graph('<rdf:Bag rdf:nodeID="n"><rdf:li>t</rdf:li></rdf:Bag>', element))
    assert properties == {}
    assert len(dropped) == 1
