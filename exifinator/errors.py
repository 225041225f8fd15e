"""Every error that EXIFinator raises.

EXIFinatorError
├── ConfigError                     a setting or an argument is wrong
├── BadQuery                        the API cannot run this query
│   └── BadParameter                a parameter of the URL is wrong (api.errors)
│       └── SearchSyntaxError       the text of a search is invalid (api.query.search_syntax)
├── RequestRefused                  the API sends an error response instead of a result (api.errors)
├── MalformedNotification           a message is not a notification of an S3 server
├── ServiceFailed                   a program that EXIFinator starts did not come up
├── BatchTaken                      another process has taken over this process's batch
├── LimitReached                    the batch has reached its limit of requests or dollars
├── DeliveryLost                    the image was delivered again, or its batch was cancelled
├── NoSuchBatch                     there is no batch with this id
├── BatchEnded                      the batch has ended: nothing is left to cancel
├── TooManyBatches                  the maximum number of batches is already running
├── NoSuchView                      there is no saved view with this id
├── ViewChanged                     the saved view was changed after it was read
├── NameTaken                       another saved view has this name
├── TooManyViews                    the maximum number of saved views exists
├── TransientError                  may succeed when retried
│   ├── SourceUnavailable           S3: timeout, reset, 5xx, SlowDown, a server that is not S3
│   │   ├── ClockSkew               S3 rejects the request's time: this machine's clock is wrong
│   │   └── FolderUnavailable       this machine does not have the local folder: other host, drive not mounted
│   ├── ObjectChanged               the object was replaced between two reads
│   ├── StoreUnavailable            MongoDB: no primary, timeout, access denied, not writable, out of disk
│   └── QueueUnavailable            Redis: unreachable, access denied, loading, out of memory
│       └── MetadataNotQueued       Redis failed while it received metadata, perhaps because of the size
└── PermanentError                  fails again when retried
    ├── AccessDenied                S3 denies these credentials access to the bucket or object
    │   ├── CredentialsRefused      S3 rejects the credentials themselves: unknown, expired, wrong, none
    │   ├── EncryptedObject         the object's encryption key is missing, disabled or not sent
    │   ├── UntrustedServer         the server's certificate is not trusted, is for another host, or has expired
    │   ├── WrongEndpoint           the server redirects to another server
    │   └── WrongRegion             requests are signed for a region that is not the bucket's
    ├── BucketGone                  the bucket does not exist
    │   └── InvalidBucketName       no bucket can have this name
    ├── IncompleteListing           the S3 server does not list the whole bucket
    ├── ObjectGone                  the object was listed but no longer exists
    ├── ObjectArchived              the object is in an archive storage class and has to be restored first
    ├── RecordRefused               MongoDB rejects the document or the request
    └── KilledWorker                reading the image crashes its process or exceeds the deadline

It is not an error if an image has no EXIF, is damaged or has an unsupported format: the `status` of its record says so.
Messages say what failed, where, and what to do. They never contain credentials. Failed jobs store the name of the
error's class (`exceptiontype`), so classes must not be renamed. A unit test compares this tree with the classes.
"""

from __future__ import annotations

import re


class EXIFinatorError(Exception):
    """Base class of all errors. The message is for the person who runs EXIFinator.

    Code must branch on the class or on `code`, never on the wording of the message.

    Args:
        message: What failed, and where.
        code: A stable name for the cause, in snake_case. By default, the class name in snake_case.
        hint: What the user can do about the error. It is shown after the message.
        pointer: Where the mistake is: the name of a setting or parameter, or a JSON path.
    """

    code = "exifinator_error"
    # The number of GETs and of bytes read before the error, if it occurred while reading an image.
    requests = 0
    bytes_read = 0

    def __init__(
        self, message: str = "", *, code: str | None = None, hint: str | None = None, pointer: str | None = None
    ) -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.message = message
        self.code = code or type(self).code
        self.hint = hint
        self.pointer = pointer

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" not in vars(cls):
            cls.code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()


class ConfigError(EXIFinatorError):
    """A setting or an argument is wrong."""


class BadQuery(EXIFinatorError):
    """The API cannot run this query."""


class MalformedNotification(EXIFinatorError):
    """A message is not a notification of an S3 server in a supported shape."""


class ServiceFailed(EXIFinatorError):
    """A program that EXIFinator starts did not become ready."""


class BatchTaken(EXIFinatorError):
    """Another process has taken over the batch that this one was watching."""


class LimitReached(EXIFinatorError):
    """The batch has reached its limit of requests or dollars."""


class DeliveryLost(EXIFinatorError):
    """The image no longer belongs to this delivery, so its outcome must not be stored.

    Its lease expired and it was delivered again, its batch was cancelled, or Redis has lost its data.
    """


class NoSuchBatch(EXIFinatorError):
    """There is no batch with this id."""


class BatchEnded(EXIFinatorError):
    """The batch has ended, so it cannot be cancelled."""


class TooManyBatches(EXIFinatorError):
    """The maximum number of batches is already running."""


class NoSuchView(EXIFinatorError):
    """There is no saved view with this id."""


class ViewChanged(EXIFinatorError):
    """The saved view was changed after it was read."""


class NameTaken(EXIFinatorError):
    """Another saved view has this name."""


class TooManyViews(EXIFinatorError):
    """The maximum number of saved views exists."""


class TransientError(EXIFinatorError):
    """The operation may succeed when it is retried."""


class SourceUnavailable(TransientError):
    """S3 does not respond, or cannot serve the request now.

    Codes:
        `no_response`: The connection failed, timed out, or broke before the response was complete.
        `rate_limited`: S3 limits the rate of requests.
        `server_error`: S3 cannot serve the request at the moment.
        `not_s3`: The server is not an S3 server.
        `bad_response`: The response does not contain the requested bytes.
        `read_error`: The operating system cannot read a local file or folder.
    """


class ClockSkew(SourceUnavailable):
    """S3 rejects the time in the request, because this machine's clock is wrong."""


class FolderUnavailable(SourceUnavailable):
    """This machine does not have the local folder of a bucket: it is on another host, or its drive is not mounted.

    It is transient, because a worker on another host may have the folder.
    """


class ObjectChanged(TransientError):
    """The object was replaced while it was being read."""


class StoreUnavailable(TransientError):
    """MongoDB cannot be reached, or cannot do what it is asked now, for example because it denies access."""


class QueueUnavailable(TransientError):
    """Redis cannot be reached, or cannot do what it is asked now, for example because it is full."""


class MetadataNotQueued(QueueUnavailable):
    """Redis became unavailable while it received the metadata of images, perhaps because of one of them."""


class PermanentError(EXIFinatorError):
    """The operation would fail again when it is retried."""


class AccessDenied(PermanentError):
    """S3 denies these credentials access to the bucket or object."""


class CredentialsRefused(AccessDenied):
    """S3 would reject these credentials for any request, or there are none.

    Codes: `no_credentials`, `credentials_unavailable` (they cannot be fetched), `unknown_access_key`,
    `wrong_secret_key`, `expired_credentials`, `credentials_refused`.
    """


class UntrustedServer(AccessDenied):
    """The server's certificate is not signed by a trusted authority, is for another host, or has expired."""


class EncryptedObject(AccessDenied):
    """S3 cannot decrypt the object.

    Codes:
        `encrypted_object`: The KMS key is disabled or deleted, or these credentials may not use it.
        `customer_key_required`: The object needs the customer-provided key that it was stored with (SSE-C).
    """


class WrongEndpoint(AccessDenied):
    """The server redirects to another server, so S3_ENDPOINT_URL is wrong."""


class WrongRegion(AccessDenied):
    """Requests are signed for a region that is not the bucket's, and boto3 did not find the right region itself."""


class BucketGone(PermanentError):
    """The bucket does not exist."""


class InvalidBucketName(BucketGone):
    """No bucket can have this name."""


class IncompleteListing(PermanentError):
    """The S3 server lists only a part of the bucket, or a part of its listing cannot be used.

    Codes:
        `no_token`: A page is truncated, but the server does not say where the listing continues.
        `repeated_page`: The server returns the same page again and again.
        `empty_pages`: The server returns one empty page after another.
        `malformed_listing`: A page is complete, but is not a listing as S3 defines it.
    """


class ObjectGone(PermanentError):
    """The object was listed but no longer exists."""


class ObjectArchived(PermanentError):
    """The object is in an archive storage class and has to be restored before it can be read."""


class RecordRefused(PermanentError):
    """MongoDB rejects the document or the request, or the document cannot be encoded for MongoDB."""


class KilledWorker(PermanentError):
    """Reading the image crashed a subprocess, or took longer than its deadline.

    A subprocess is used only after several deliveries of the image to workers have ended without a result.
    """
