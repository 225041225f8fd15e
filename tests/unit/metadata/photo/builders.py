"""Build the metadata of an image from a few values, and `photo` from that metadata."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from exifinator.metadata.iptc import read_iptc
from exifinator.metadata.limits import MemoryBudget
from exifinator.metadata.normalize import build_photo
from exifinator.metadata.photo.sources import Metadata
from exifinator.metadata.xmp import PREFIXES, read_xmp

NOW = datetime(2026, 1, 2)
_NAMESPACES = {prefix: uri for uri, prefix in PREFIXES.items()}


def xmp_of(body: str) -> dict[str, Any]:
    """Return the properties of an XMP packet with this body. The packet declares every known prefix."""
    names = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in _NAMESPACES.items())
    rdf = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    packet = f"<rdf:RDF {rdf} {names}><rdf:Description>{body}</rdf:Description></rdf:RDF>"
    properties, problem, _ = read_xmp(packet.encode(), MemoryBudget(64))
    assert problem is None
    return properties


def list_property(name: str, *values: str, kind: str = "Bag") -> str:
    """Return an XMP property whose value is a list: an unordered `Bag`, or an ordered `Seq`."""
    elements = "".join(f"<rdf:li>{value}</rdf:li>" for value in values)
    return f"<{name}><rdf:{kind}>{elements}</rdf:{kind}></{name}>"


def iptc_of(*datasets: tuple[int, str]) -> dict[str, Any]:
    """Return the fields of IPTC datasets of record 2, each given as (number of the dataset, value)."""
    data = b"".join(
        b"\x1c\x02" + bytes([number]) + len(text.encode()).to_bytes(2, "big") + text.encode()
        for number, text in datasets
    )
    return dict(read_iptc(data)[0])


def build(
    tags: dict[str, Any] | None = None,
    *,
    xmp: str = "",
    iptc: dict[str, Any] | None = None,
    printed: dict[str, str] | None = None,
    **attributes: Any,
) -> tuple[dict[str, Any], list[str]]:
    """Return `photo`, and the problems that were found in its values.

    Args:
        tags: Values of tags by name, each a string or a list of numbers.
        xmp: The body of an XMP packet.
        iptc: IPTC fields by name.
        printed: Printable values of tags by name: their meaning in words.
        attributes: Further attributes of Metadata.
    """
    all_tags = {name: {"values": values, "printable": str(values)} for name, values in (tags or {}).items()}
    for name, text in (printed or {}).items():
        all_tags.setdefault(name, {"values": [0]})["printable"] = text
    attributes.setdefault("now", NOW)
    return build_photo(Metadata(all_tags, xmp_of(xmp) if xmp else {}, iptc or {}, **attributes))


def photo(tags: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    """Return `photo` without its problems. The arguments are those of `build`."""
    return build(tags, **arguments)[0]
