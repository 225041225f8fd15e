"""Every error that EXIFinator raises.

EXIFinatorError
├── ConfigError                     a setting or an argument is wrong
├── BadQuery                        the API cannot run this query
│   └── BadParameter                a parameter of the URL is wrong (api.errors)
├── Refused                         the API answers with this HTTP status (api.errors)
├── ServiceFailed                   a program that EXIFinator starts did not come up
├── BatchTaken                      another process has taken over the batch
├── NoSuchBatch                     there is no batch with this id
├── BatchEnded                      the batch has ended: nothing is left to cancel
├── TooManyBatches                  as many batches are running as may run at once
├── TransientError                  may succeed when retried
│   ├── SourceUnavailable           S3: timeout, reset, 5xx, SlowDown, a response that is not S3's
│   │   └── ClockSkew               S3 rejects the time of this machine's clock
│   ├── ObjectChanged               the object was replaced between two reads
│   ├── StoreUnavailable            MongoDB: no primary, timeout, not writable, out of disk
│   └── QueueUnavailable            Redis: unreachable, loading, out of memory
└── PermanentError                  fails again when retried
    ├── AccessDenied                S3 denies these credentials access to the bucket or object
    │   ├── CredentialsRefused      S3 rejects the credentials themselves: unknown, expired, wrong, none
    │   ├── UntrustedServer         the server's certificate is not trusted, or another host's
    │   └── WrongRegion             the bucket is in another region than requests are signed for
    ├── BucketGone                  the bucket does not exist
    │   └── InvalidBucketName       no bucket can have this name
    ├── ObjectGone                  the object was listed and no longer exists
    ├── ObjectArchived              the object is in an archive storage class: S3 gives no bytes of it
    ├── EncryptedObject             the object's encryption key is missing, disabled or not sent
    ├── RecordRefused               MongoDB rejects the document
    └── KilledWorker                the image ended the process that read it, each time

A photo without EXIF, damaged or of an unsupported format is not an error: it is a record with that `status`.
Messages name what failed, where, and what to do, and never a credential. Failed jobs store the name of the class
(`exceptiontype`), so a class keeps its name. A unit test compares this drawing with the classes.
"""

from __future__ import annotations

import re


class EXIFinatorError(Exception):
    """An error with one message for the person who runs EXIFinator.

    Code decides by the class or by `code`, never by the words of the message.

    Args:
        message: What failed, and where.
        code: A stable snake_case word for the cause; by default the name of the class.
        hint: What to do about it. It follows the message when the error is shown.
        pointer: What is wrong: a setting, a parameter, or a JSON path.
    """

    code = "exifinator_error"

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


class ServiceFailed(EXIFinatorError):
    """A program that EXIFinator starts did not come up."""


class BatchTaken(EXIFinatorError):
    """Another process has taken over the batch that this one was watching."""


class NoSuchBatch(EXIFinatorError):
    """There is no batch with this id."""


class BatchEnded(EXIFinatorError):
    """The batch has ended, so it cannot be cancelled."""


class TooManyBatches(EXIFinatorError):
    """As many batches are running as may run at once."""


class TransientError(EXIFinatorError):
    """May succeed when retried."""


class SourceUnavailable(TransientError):
    """S3 does not respond, or cannot serve the request now.

    Codes: `no_response`, `rate_limited`, `server_error`, `not_s3` (another kind of server answers), `bad_response` (the
    bytes are not those that were requested), `credentials_unavailable` (their provider does not respond).
    """


class ClockSkew(SourceUnavailable):
    """S3 rejects the time in the request: the clock of this machine is wrong."""


class ObjectChanged(TransientError):
    """The object was replaced while it was being read."""


class StoreUnavailable(TransientError):
    """MongoDB cannot be reached or cannot write now."""


class QueueUnavailable(TransientError):
    """Redis cannot be reached or cannot write now."""


class PermanentError(EXIFinatorError):
    """Fails again when retried."""


class AccessDenied(PermanentError):
    """S3 denies these credentials access to the bucket or object."""


class CredentialsRefused(AccessDenied):
    """S3 rejects the credentials themselves, for whatever request.

    Codes: `no_credentials`, `unknown_access_key`, `wrong_secret_key`, `expired_credentials`, `credentials_refused`.
    """


class UntrustedServer(AccessDenied):
    """The server's certificate is not one that the settings trust, or is another host's."""


class WrongRegion(AccessDenied):
    """The bucket is in another region than requests are signed for, and boto3's redirect did not lead there."""


class BucketGone(PermanentError):
    """The bucket does not exist."""


class InvalidBucketName(BucketGone):
    """No bucket can have this name."""


class ObjectGone(PermanentError):
    """The object was listed and no longer exists."""


class ObjectArchived(PermanentError):
    """The object is in an archive storage class and has to be restored before it can be read."""


class EncryptedObject(PermanentError):
    """S3 cannot decrypt the object: its KMS key is disabled or gone, or it needs a key of the customer's (SSE-C)."""


class RecordRefused(PermanentError):
    """MongoDB rejects the document."""


class KilledWorker(PermanentError):
    """The image ended the process that read it, each time it was tried."""
