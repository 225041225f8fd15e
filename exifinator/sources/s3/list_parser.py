"""A parser for ListObjectsV2 responses that is twenty times as fast as botocore's generic parser.

botocore's parser was the largest part of a listing's CPU time, at 1,000 keys a page. botocore also searches responses
with status 200 for errors. To do so, it parses the body a second time, which took half of the remaining time.

This module replaces only the parsing of complete pages, in botocore's `before-parse` hook. botocore still signs, sends
and retries requests, and handles errors.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

# A private name of a pinned package. If an update of the package moves it, this import fails, and so do all tests.
from botocore.handlers import _handle_200_error as handle_200_error
from lxml import etree

_EVENT = "before-parse.s3.*"
# botocore's parser gets this body in place of a page that has already been parsed here.
_EMPTY_BODY = b"<ListBucketResult/>"
_FIELDS = ("Key", "Size", "LastModified", "ETag")


def install_list_parser(client: Any) -> None:
    """Make a boto3 client parse listings with parse_listing. botocore still handles all other responses and errors."""
    client.meta.events.unregister(_EVENT, handle_200_error)
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
    handle_200_error(operation_model, response_dict)


def parse_listing(body: bytes) -> dict[str, Any]:
    """Parse a page of a listing.

    Returns:
        What botocore's parser returns, but only the fields that EXIFinator uses. Keys are URL-decoded.

    Raises:
        XMLSyntaxError: The body is not XML.
        ValueError: The body is not a listing, or has an unusual form that botocore should parse.
    """
    # A listing need not define XML entities. For safety, do not resolve any.
    root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    namespace, _, name = root.tag.rpartition("}")
    if name != "ListBucketResult":
        raise ValueError(root.tag)
    find = _finders(namespace.removeprefix("{"))
    count, texts = int(find["count"](root)), {field: find[field](root) for field in _FIELDS}
    if not texts["ETag"]:
        texts["ETag"] = [""] * count
    if any(len(values) != count for values in texts.values()):
        # An object lacks one of the fields, or has it twice.
        raise ValueError("an object does not have exactly one key, size, time and ETag")
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
    page: dict[str, Any] = {"IsTruncated": truncated == "true", "Contents": contents}
    if token := find["NextContinuationToken"](root):
        page["NextContinuationToken"] = "".join(token)
    return page


@cache
def _finders(namespace: str) -> dict[str, etree.XPath]:
    """Return compiled XPaths by name: one for the texts of each field, and "count" for the number of objects."""

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
