"""What MRQ has to know of EXIFinator, worked out from the settings; mrq-config.py names it for MRQ."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from exifinator.config import Config

DOWNLOAD_TASK = "exifinator.tasks.Download"
WRITE_TASK = "exifinator.tasks.Write"
# MRQ's own housekeeping, and what the dashboard's buttons do; every worker reads it.
MAINTENANCE_QUEUE = "maintenance"

# A whole image takes seconds; this is for what hangs although every network call has a timeout of its own.
JOB_TIMEOUT_SECONDS = 120
SUCCESS_KEPT_SECONDS = 24 * 3600
MAINTENANCE_KEPT_SECONDS = 600


def job_from_member(member: bytes) -> dict[str, Any]:
    """What MRQ asks for of a raw queue; EXIFinator's worker makes its jobs itself."""
    return {"path": DOWNLOAD_TASK, "params": {"member": repr(member)}}


def raw_queues(config: Config) -> dict[str, dict[str, Any]]:
    """MRQ's description of the two raw queues, by name."""
    unkept = () if config.task_history == "all" else ("started", "success")
    return {
        config.download_set: {
            "job_factory": job_from_member,
            "pushback_seconds": config.lease_seconds,
            "statuses_no_storage": unkept,
            "retry_queue": config.download_queue,
        },
        config.write_list: {
            "job_factory": job_from_member,
            "statuses_no_storage": unkept,
            "retry_queue": config.write_queue,
        },
    }


def tasks(config: Config) -> dict[str, dict[str, Any]]:
    """MRQ's description of the tasks: their queue, how long they may take, how long their records are kept."""
    image = {
        "timeout": JOB_TIMEOUT_SECONDS,
        "max_retries": config.max_retries,
        "result_ttl": SUCCESS_KEPT_SECONDS,
    }
    housekeeping = {
        "queue": MAINTENANCE_QUEUE,
        "timeout": JOB_TIMEOUT_SECONDS,
        "result_ttl": MAINTENANCE_KEPT_SECONDS,
        # One that fails, because Redis is away, is made up for by the next: it need not be kept for half a year.
        "default_ttl": MAINTENANCE_KEPT_SECONDS,
    }
    return {
        DOWNLOAD_TASK: {**image, "queue": config.download_queue},
        WRITE_TASK: {**image, "queue": config.write_queue},
        "mrq.basetasks.cleaning.RequeueRetryJobs": housekeeping,
        "mrq.basetasks.cleaning.RequeueInterruptedJobs": housekeeping,
        "mrq.basetasks.cleaning.RequeueStartedJobs": housekeeping,
        "mrq.basetasks.utils.JobAction": housekeeping,
    }


def scheduled_tasks() -> list[dict[str, Any]]:
    """MRQ's maintenance; without it delayed retries, and jobs of workers that died, never come back."""
    queue = MAINTENANCE_QUEUE
    return [
        {"path": "mrq.basetasks.cleaning.RequeueRetryJobs", "params": {}, "interval": 5, "queue": queue},
        {"path": "mrq.basetasks.cleaning.RequeueInterruptedJobs", "params": {}, "interval": 10, "queue": queue},
        {
            "path": "mrq.basetasks.cleaning.RequeueStartedJobs",
            "params": {"timeout": 30},
            "interval": 30,
            "queue": queue,
        },
    ]


def jobs_uri(config: Config) -> str:
    """MONGODB_URI with MRQ's database in it, which MRQ takes from there.

    Credentials go on being looked up where they were: in the database that the address named, else `admin`; those of
    certificates, clouds and Kerberos are looked up outside of all databases anyway.
    """
    uri = config.mongodb_uri.get_secret_value()
    match = re.fullmatch(r"(mongodb(?:\+srv)?://)([^/?]+)(?:/([^?]*))?(?:\?(.*))?", uri)
    if not match:
        return uri
    scheme, hosts, database, options = match.groups()
    names_source = re.search(r"(?i)authsource=|authmechanism=(mongodb-|gssapi)", options or "")
    if "@" in hosts and not names_source:
        source = f"authSource={quote(database or 'admin', safe='')}"
        options = f"{options}&{source}" if options else source
    return f"{scheme}{hosts}/{config.mrq_database}{'?' + options if options else ''}"
