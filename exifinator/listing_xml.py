"""The body of a ListObjectsV2 answer, read in a tenth of the time that botocore's general parser takes.

botocore still sends, signs, retries and explains errors; only its parsing of a page that came whole is taken over, at
the hook that it has for that. At 1,000 keys a page the parser was most of what a listing cost, and its look for an
error in a 200 answer, which parses the body once more, half of what was left.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus
from xml.etree.ElementTree import Element, ParseError, fromstring  # nosec B405  # see parse_listing

# A private name of a pinned package: without it the import fails, which every test shows.
from botocore.handlers import _handle_200_error as look_for_error

_EVENT = "before-parse.s3.*"
_EMPTY_BODY = b"<ListBucketResult/>"


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
        except (ParseError, ValueError, KeyError):
            pass
        else:
            response_dict["body"] = _EMPTY_BODY
            return
    look_for_error(operation_model, response_dict)


def parse_listing(body: bytes) -> dict[str, Any]:
    """The answer as boto3 gives it, with what EXIFinator reads of it; keys are decoded.

    Raises: ParseError, ValueError, KeyError where it is no listing.
    """
    # The server is the one that the settings trust, botocore reads it so too, and expat bounds what entities grow to.
    root = fromstring(body)  # noqa: S314
    namespace = root.tag.rpartition("}")[0]
    prefix = f"{namespace}}}" if namespace else ""
    if root.tag != f"{prefix}ListBucketResult":
        raise ValueError(root.tag)
    found = {child.tag.removeprefix(prefix): child.text or "" for child in root}
    encoded = found.get("EncodingType") == "url"
    decode = unquote_plus if encoded else str
    tags = [f"{prefix}{name}" for name in ("Key", "Size", "ETag", "LastModified")]
    contents = [_parse_object(item, tags, decode) for item in root.iterfind(f"{prefix}Contents")]
    answer: dict[str, Any] = {"IsTruncated": found["IsTruncated"] == "true", "Contents": contents}
    if found.get("NextContinuationToken"):
        answer["NextContinuationToken"] = found["NextContinuationToken"]
    return answer


def _parse_time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _parse_object(item: Element, tags: list[str], decode: Callable[[str], str]) -> dict[str, Any]:
    key, size, etag, modified = map(item.findtext, tags)
    if not key or not size or not modified:
        raise ValueError("an object without its key, size or time")
    return {"Key": decode(key), "Size": int(size), "ETag": etag or "", "LastModified": _parse_time(modified)}
