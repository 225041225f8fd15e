"""The body of a ListObjectsV2 answer, read in a twentieth of the time that botocore's general parser takes.

botocore still sends, signs, retries and explains errors; only its parsing of a page that came whole is taken over, at
the hook that it has for that. At 1,000 keys a page the parser was most of what a listing cost, and its look for an
error in a 200 answer, which parses the body once more, half of what was left.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

# A private name of a pinned package: without it the import fails, which every test shows.
from botocore.handlers import _handle_200_error as look_for_error
from lxml import etree

_EVENT = "before-parse.s3.*"
_EMPTY_BODY = b"<ListBucketResult/>"
_FIELDS = ("Key", "Size", "LastModified", "ETag")


def take_over_parsing(client: Any) -> None:
    """Have a boto3 client's listings parsed by parse_listing; all else, errors too, is left to botocore."""
    client.meta.events.unregister(_EVENT, look_for_error)
    client.meta.events.register_first(_EVENT, _parse)


def _parse(
    operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    if operation_model.name == "ListObjectsV2" and response_dict["status_code"] == 200:
        try:
            customized_response_dict.update(parse_listing(response_dict["body"]))
        except (etree.XMLSyntaxError, ValueError):
            pass
        else:
            response_dict["body"] = _EMPTY_BODY
            return
    look_for_error(operation_model, response_dict)


def parse_listing(body: bytes) -> dict[str, Any]:
    """The answer as boto3 gives it, with what EXIFinator reads of it; keys are decoded.

    Raises: XMLSyntaxError, ValueError where it is no listing, or not one of the usual form.
    """
    # A listing has no document type, so no entities of its own; the parser would follow none.
    root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    namespace, _, name = root.tag.rpartition("}")
    if name != "ListBucketResult":
        raise ValueError(root.tag)
    find = _finders(namespace.removeprefix("{"))
    count, texts = int(find["count"](root)), {field: find[field](root) for field in _FIELDS}
    if not texts["ETag"]:
        texts["ETag"] = [""] * count
    if any(len(found) != count for found in texts.values()):
        # One that has no text, or several.
        raise ValueError("objects without their key, size, time or ETag")
    (truncated,) = find["IsTruncated"](root)
    encoded = find["EncodingType"](root) == ["url"]
    contents = [
        {
            "Key": unquote_plus(key) if encoded and ("%" in key or "+" in key) else key,
            "Size": int(size),
            "ETag": etag,
            "LastModified": _parse_time(modified),
        }
        for key, size, modified, etag in zip(*texts.values(), strict=True)
    ]
    answer: dict[str, Any] = {"IsTruncated": truncated == "true", "Contents": contents}
    if token := find["NextContinuationToken"](root):
        answer["NextContinuationToken"] = "".join(token)
    return answer


@cache
def _finders(namespace: str) -> dict[str, etree.XPath]:
    """By name, what finds the texts of a page's elements of that name; `count`: how many objects there are."""

    def compile_path(path: str) -> etree.XPath:
        return etree.XPath(path, namespaces={"s3": namespace} if namespace else None, smart_strings=False)

    prefix = "s3:" if namespace else ""
    finders = {name: compile_path(f"{prefix}Contents/{prefix}{name}/text()") for name in _FIELDS}
    for name in ("IsTruncated", "EncodingType", "NextContinuationToken"):
        finders[name] = compile_path(f"{prefix}{name}/text()")
    return {**finders, "count": compile_path(f"count({prefix}Contents)")}


def _parse_time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
