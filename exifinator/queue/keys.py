"""Names of the keys that EXIFinator keeps in Redis."""

from __future__ import annotations

from dataclasses import dataclass

from exifinator.config import Config


@dataclass(frozen=True, slots=True)
class QueueKeys:
    """Names of the Redis keys of one installation. All names start with MRQ_DATABASE.

    The two queues and the set of paused queues have the names that MRQ expects. This way, MRQ's dashboard shows the
    sizes of the queues, and MRQ's workers skip paused queues.

    A member is the string that stands for an image; see ImageRef.to_member.

    Attributes:
        downloads: The download queue. Sorted set of members; the score is the time from which the image may be
            delivered.
        writes: The write queue. List of elements "<length of member>:<member><message>".
        deliveries: Hash from each member to the number of deliveries of the image.
        in_progress: Hash from the member of each delivered or parked image to the number of its latest delivery,
            which is followed by the letter w while the image is withdrawn.
        withdrawn: Sorted set of the ids of images whose objects are gone; the score is the time of their withdrawal.
        write_bytes: The total size of the elements in the write queue, in bytes.
        responses_prefix: The key that results when the id of a request is appended holds the response to that request.
        batches: Hash from the id of each open batch to a JSON list of the batch's prefixes.
        batch_counts_prefix: The key that results when a batch id is appended is a hash from each result to a count.
        batch_prices: Hash from the id of each open batch that costs something to a JSON list with the prices of each of
            its prefixes. See Prices.to_queue in exifinator/cost/prices.py.
        batch_limits: Hash from the id of each open batch with a limit to a JSON object. See BatchLimits.set_limits.
        starting_batches: Sorted set of the batches whose process is starting; the score is the time until which they
            count as running.
        open_circuits: Hash from each refused bucket to a message for users. All its entries expire together.
        alive_workers: Sorted set of the workers that take images; the score is the time of their last report.
        served_prefix: The key that results when a bucket is appended is a sorted set of workers. The score is the time
            at which S3 last returned an object of the bucket to the worker.
        refused_workers_prefix: The key that results when the name of a worker is appended holds the reason why S3
            refuses only this worker.
        probe_objects: Hash from each bucket to the member of an object that S3 has returned.
        metrics: Hash from each field name of metrics.py to a count.
        metrics_senders_prefix: The key that results when the name of a process is appended holds the sequence number of
            the last counts that this process sent.
        paused_queues: Set of MRQ's names of the paused queues.
    """

    downloads: str
    writes: str
    deliveries: str
    in_progress: str
    withdrawn: str
    write_bytes: str
    responses_prefix: str
    batches: str
    batch_counts_prefix: str
    batch_prices: str
    batch_limits: str
    starting_batches: str
    open_circuits: str
    alive_workers: str
    served_prefix: str
    refused_workers_prefix: str
    probe_objects: str
    metrics: str
    metrics_senders_prefix: str
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
            in_progress=f"{own}:in-progress",
            withdrawn=f"{own}:withdrawn",
            write_bytes=f"{own}:write-bytes",
            responses_prefix=f"{own}:response:",
            batches=f"{own}:batches",
            batch_counts_prefix=f"{own}:batch:",
            batch_prices=f"{own}:batch-prices",
            batch_limits=f"{own}:batch-limits",
            starting_batches=f"{own}:starting",
            open_circuits=f"{own}:refused",
            alive_workers=f"{own}:alive",
            served_prefix=f"{own}:served:",
            refused_workers_prefix=f"{own}:refused-worker:",
            probe_objects=f"{own}:answering",
            metrics=f"{own}:metrics",
            metrics_senders_prefix=f"{own}:metrics:",
            paused_queues=f"{prefix}:s:paused",
        )
