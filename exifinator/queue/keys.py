"""Names of the keys that EXIFinator keeps in Redis."""

from __future__ import annotations

from dataclasses import dataclass

from exifinator.config import Config


@dataclass(frozen=True, slots=True)
class QueueKeys:
    """Key names of one installation. All start with MRQ_DATABASE.

    The two queues and the set of paused queues have the names that MRQ expects: its dashboard shows the sizes of the
    queues, and its workers skip paused queues.
    """

    # Sorted set: member -> the time from which the image may be delivered.
    downloads: str
    # List of "<length of member>:<member><message>".
    writes: str
    # Hash: member -> how often the image was delivered.
    deliveries: str
    # Number: the total size of the write queue's elements, in bytes.
    write_bytes: str
    # Hash: id of each open batch -> JSON list of its prefixes.
    batches: str
    # Prefix of a batch's id. Hash: result -> count.
    batch_counts_prefix: str
    # Hash: refused bucket -> message. The whole hash expires.
    open_circuits: str
    # Hash: bucket -> member of an object that S3 has returned.
    probe_objects: str
    # Hash: field of metrics.py -> count.
    metrics: str
    # Prefix of a sender's name. Sequence number of its last addition to the metrics.
    metrics_senders_prefix: str
    # Set of the names of paused queues.
    paused_queues: str

    @classmethod
    def from_config(cls, config: Config) -> QueueKeys:
        """Return the key names for these settings."""
        prefix = config.mrq_database
        own = f"{prefix}:exifinator"
        return cls(
            downloads=f"{prefix}:q:{config.download_set}",
            writes=f"{prefix}:q:{config.write_list}",
            deliveries=f"{own}:deliveries",
            write_bytes=f"{own}:write-bytes",
            batches=f"{own}:batches",
            batch_counts_prefix=f"{own}:batch:",
            open_circuits=f"{own}:refused",
            probe_objects=f"{own}:answering",
            metrics=f"{own}:metrics",
            metrics_senders_prefix=f"{own}:metrics:",
            paused_queues=f"{prefix}:s:paused",
        )
