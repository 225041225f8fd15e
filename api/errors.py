"""The API's errors, and the codes that identify their causes.

api/http/problems.py sends each error as problem+json (RFC 9457). Clients should branch on `code`, never on the wording
of `detail`: codes are stable, sentences are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from exifinator.errors import BadQuery, EXIFinatorError


class ErrorCode(StrEnum):
    """The cause of an error: a stable word for clients, its HTTP status and its meaning."""

    status: int
    meaning: str

    def __new__(cls, code: str, status: int, meaning: str) -> ErrorCode:
        member = str.__new__(cls, code)
        member._value_ = code
        member.status = status
        member.meaning = meaning
        return member

    MALFORMED_REQUEST = "malformed_request", 400, "The request is not valid HTTP, or its head is too large."
    BAD_PARAMETER = "bad_parameter", 400, "A parameter or a field of the body has an invalid value."
    UNKNOWN_PARAMETER = "unknown_parameter", 400, "This path has no such parameter, or its body has no such field."
    REPEATED_PARAMETER = "repeated_parameter", 400, "The parameter takes one value but was sent several times."
    BAD_JSON = "bad_json", 400, "A parameter or the body is not valid JSON."
    BAD_HINT = "bad_hint", 400, "The index that `hint` names does not exist or cannot serve the query."
    QUERY_REJECTED = "query_rejected", 400, "MongoDB rejected the query, or cannot represent a value in it."
    TOKEN_MISSING = "token_missing", 401, "The request requires an access token and has none."
    TOKEN_WRONG = "token_wrong", 401, "The access token is wrong."
    TOKEN_NOT_SET = "token_not_set", 403, "The request requires an access token, but the server has no API_TOKEN."
    FOREIGN_ORIGIN = "foreign_origin", 403, "A web page from another origin sent the request."
    ACCESS_DENIED = (
        "access_denied",
        403,
        "S3 denies access to the bucket or rejects the credentials, the bucket is in another region, or S3's "
        "certificate cannot be trusted.",
    )
    ORIGINALS_DISABLED = "originals_disabled", 403, "Links to originals are disabled (API_SIGN_ORIGINALS)."
    PREVIEWS_DISABLED = (
        "previews_disabled",
        403,
        "Making previews is disabled (API_PREVIEWS), or the package Pillow is not installed.",
    )
    NOT_FOUND = "not_found", 404, "The path or the item does not exist."
    BUCKET_GONE = "bucket_gone", 404, "The bucket does not exist."
    NO_PREVIEW = "no_preview", 404, "The file has no preview, and its format cannot be decoded."
    ORIGINAL_GONE = "original_gone", 404, "The original no longer exists in its bucket or folder."
    BAD_CURSOR = "bad_cursor", 404, "The cursor is malformed or belongs to another query."
    METHOD_NOT_ALLOWED = "method_not_allowed", 405, "The path does not support this method; see the Allow header."
    CONFLICTING_PARAMETERS = (
        "conflicting_parameters",
        409,
        "Two parameters, or a parameter and the path, cannot be combined.",
    )
    ORIGINAL_CHANGED = "original_changed", 409, "The original was replaced after it was indexed."
    ORIGINAL_ARCHIVED = "original_archived", 409, "The original is archived and has to be restored first."
    NAME_TAKEN = "name_taken", 409, "Another saved view has this name."
    VIEW_CHANGED = "view_changed", 409, "The saved view was changed after it was read."
    TOO_MANY_VIEWS = "too_many_views", 409, "The maximum number of saved views exists; delete one first."
    BATCH_ENDED = "batch_ended", 409, "The batch has ended and cannot be cancelled."
    BODY_TOO_LARGE = "body_too_large", 413, "The body is too large."
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type", 415, "The body is not declared as JSON."
    RANGE_NOT_SATISFIABLE = "range_not_satisfiable", 416, "The range begins after the end of the file."
    UNKNOWN_HOST = "unknown_host", 421, "The Host header is not a name of this server."
    PREVIEW_DAMAGED = "preview_damaged", 422, "The picture in the file cannot be decoded."
    PREVIEW_TOO_LARGE = "preview_too_large", 422, "The file, or the picture in it, is too large for a preview."
    TOO_MANY_ATTEMPTS = "too_many_attempts", 429, "Too many wrong access tokens; see the Retry-After header."
    HTTP_ERROR = "http_error", 400, "Any other HTTP error; see `status`."
    INTERNAL_ERROR = "internal_error", 500, "Internal error; see the API's log."
    PARQUET_UNAVAILABLE = "parquet_unavailable", 501, "The package that writes Parquet is not installed."
    QUERY_TIMEOUT = "query_timeout", 503, "The query exceeded its time limit."
    OUT_OF_MEMORY = "out_of_memory", 503, "The query needs more memory than MongoDB allows."
    TOO_MANY_QUERIES = "too_many_queries", 503, "Too many queries are waiting for MongoDB."
    TOO_MANY_CONNECTIONS = "too_many_connections", 503, "Too many connections are open."
    TOO_MANY_LISTENERS = "too_many_listeners", 503, "Too many clients are listening to /events."
    TOO_MANY_EXPORTS = "too_many_exports", 503, "Too many exports are running."
    TOO_MANY_PREVIEWS = "too_many_previews", 503, "Too many previews are waiting to be made."
    TOO_MANY_BATCHES = "too_many_batches", 503, "The maximum number of batches is already running."
    MONGODB_UNAVAILABLE = "mongodb_unavailable", 503, "MongoDB cannot be reached, or cannot serve the request now."
    MONGODB_ACCESS_DENIED = (
        "mongodb_access_denied",
        503,
        "MongoDB rejects the credentials in MONGODB_URI, or their user lacks a permission.",
    )
    MONGODB_ERROR = "mongodb_error", 503, "A MongoDB operation failed."
    REDIS_UNAVAILABLE = "redis_unavailable", 503, "Redis cannot be reached, or cannot serve the request now."
    S3_UNAVAILABLE = "s3_unavailable", 503, "S3 does not respond, or cannot serve the request now."
    CANNOT_SIGN = "cannot_sign", 503, "The link cannot be signed, usually for lack of usable S3 credentials."
    UNAVAILABLE = "unavailable", 503, "Any other temporary failure; retry later."


class RequestRefused(EXIFinatorError):
    """Raised to answer the request with an error response.

    Args:
        code: The cause.
        detail: What is wrong, as one sentence for the user.
        parameter: The parameter at fault.
        hint: What to do about the error.
        headers: Extra headers of the response.
    """

    def __init__(
        self,
        code: ErrorCode,
        detail: str,
        *,
        parameter: str | None = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail, code=code)
        self.error_code = code
        self.status = code.status
        self.parameter = parameter
        self.hint = hint
        self.headers = dict(headers or {})


class BadParameter(BadQuery):
    """A parameter, or a field of the body, is invalid.

    Args:
        parameter: The name of the parameter or field.
        detail: Why the value is invalid. The name is put in front of it.
        path: The keys and indexes that lead to the wrong value, if the parameter holds JSON. Rendered as a JSON pointer
            (RFC 6901) in `pointer`, and as `query.$or[1].photo.iso` in the message.
    """

    def __init__(
        self,
        parameter: str,
        detail: str,
        *,
        path: Sequence[str | int] | None = None,
        code: ErrorCode = ErrorCode.BAD_PARAMETER,
    ) -> None:
        # Field names come from the client, so truncate them in the message. The pointer needs no limit: it is at
        # most about twice as long as the query.
        place = _dotted_path(parameter, path or ())[:_MAX_PLACE_CHARS]
        super().__init__(f"{place}: {detail}", code=code, pointer=None if path is None else json_pointer(path))
        self.error_code = code
        self.parameter = parameter


_MAX_PLACE_CHARS = 200


def _dotted_path(parameter: str, path: Sequence[str | int]) -> str:
    """Return keys and indexes in the form `query.$or[1].photo.iso`."""
    return parameter + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def json_pointer(path: Sequence[str | int]) -> str:
    """Return keys and indexes as a JSON pointer (RFC 6901). An empty path gives "", which points to the whole value."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
