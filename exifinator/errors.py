"""Every error that EXIFinator raises itself.

EXIFinatorError
├── ConfigError               a setting or an argument is wrong: said once, at start
├── BadQuery                  the API cannot take this query
├── ServiceFailed             a program that setup or start runs did not come up
├── BatchTaken                another process goes on with the batch of this one
├── TransientError            may pass on another try
│   ├── SourceUnavailable     S3: timeout, reset, 5xx, SlowDown, an answer that is not S3's
│   ├── ObjectChanged         the object was replaced between two reads of it
│   ├── StoreUnavailable      MongoDB: no primary, timeout, not writable, out of disk
│   └── QueueUnavailable      Redis: gone, loading, out of memory
└── PermanentError            will not pass by itself
    ├── AccessDenied          S3 refuses these credentials this bucket or object
    │   ├── CredentialsRefused    it does not take the credentials themselves: unknown, expired, wrong
    │   └── UntrustedServer   its certificate is not one that the settings trust
    ├── BucketGone            there is no such bucket
    ├── ObjectGone            the object was listed and is there no more
    ├── RecordRefused         MongoDB takes no such document
    └── KilledWorker          the image ended the process that read it, each time

A photo without EXIF, damaged or of an unknown type is no error: it is a record with that `status`.
Messages name what failed, where, and what to do; never a credential.
"""


class EXIFinatorError(Exception):
    """Whatever EXIFinator itself has to say; the message is one sentence for the person who runs it."""


class ConfigError(EXIFinatorError):
    """A setting or an argument is wrong."""


class BadQuery(EXIFinatorError):
    """The API cannot take this query."""


class ServiceFailed(EXIFinatorError):
    """A program that EXIFinator starts did not come up."""


class BatchTaken(EXIFinatorError):
    """Another process goes on with the batch that this one watched."""


class TransientError(EXIFinatorError):
    """May pass on another try."""


class SourceUnavailable(TransientError):
    """S3 did not answer, or answered that it cannot now."""


class ObjectChanged(TransientError):
    """The object was replaced while it was being read."""


class StoreUnavailable(TransientError):
    """MongoDB cannot be reached or cannot write now."""


class QueueUnavailable(TransientError):
    """Redis cannot be reached or cannot write now."""


class PermanentError(EXIFinatorError):
    """Will not pass by itself."""


class AccessDenied(PermanentError):
    """S3 refuses these credentials this bucket or object."""


class CredentialsRefused(AccessDenied):
    """S3 does not take the credentials themselves, whatever they are used for."""


class UntrustedServer(AccessDenied):
    """What answers as S3 has a certificate that the settings do not trust, or another host's."""


class BucketGone(PermanentError):
    """There is no such bucket."""


class ObjectGone(PermanentError):
    """The object was listed and is there no more."""


class RecordRefused(PermanentError):
    """MongoDB takes no such document."""


class KilledWorker(PermanentError):
    """The image ended the process that read it, each time it was tried."""
