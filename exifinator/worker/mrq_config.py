"""MRQ's configuration, derived from the settings. mrq-config.py passes it to MRQ."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from exifinator.config import Config
from exifinator.storage.jobs import DOWNLOAD_TASK, FORMER_TASKS, IMAGE_TASKS, WRITE_TASK

# Queue of MRQ's maintenance and of the dashboard's buttons. Every worker reads it.
MAINTENANCE_QUEUE = "maintenance"

# An image takes seconds. This limit is for a job that hangs although every network call has its own timeout.
JOB_TIMEOUT_SECONDS = 120
SUCCESS_TTL_SECONDS = 24 * 3600
MAINTENANCE_TTL_SECONDS = 600


def job_from_member(member: bytes) -> dict[str, Any]:
    """Return the job of a member, as MRQ requires of a raw queue. EXIFinator's worker makes its jobs itself."""
    return {"path": DOWNLOAD_TASK, "params": {"member": repr(member)}}


def raw_queues(config: Config) -> dict[str, dict[str, Any]]:
    """Return MRQ's settings of the two raw queues, by name."""
    not_stored = () if config.task_history == "all" else ("started", "success")
    return {
        config.download_set: {
            "job_factory": job_from_member,
            "pushback_seconds": config.lease_seconds,
            "statuses_no_storage": not_stored,
            "retry_queue": config.download_queue,
        },
        config.write_list: {
            "job_factory": job_from_member,
            "statuses_no_storage": not_stored,
            "retry_queue": config.write_queue,
        },
    }


def tasks(config: Config) -> dict[str, dict[str, Any]]:
    """Return MRQ's settings of the tasks: queue, time limit, and how long finished jobs are kept."""
    image = {
        "timeout": JOB_TIMEOUT_SECONDS,
        "max_retries": config.max_retries,
        "result_ttl": SUCCESS_TTL_SECONDS,
    }
    queues = {DOWNLOAD_TASK: config.download_queue, WRITE_TASK: config.write_queue}
    maintenance = {
        "queue": MAINTENANCE_QUEUE,
        "timeout": JOB_TIMEOUT_SECONDS,
        "result_ttl": MAINTENANCE_TTL_SECONDS,
        # If one fails because Redis is down, the next one does its work: no need to keep it for MRQ's half a year.
        "default_ttl": MAINTENANCE_TTL_SECONDS,
    }
    return {
        **{path: {**image, "queue": queues[FORMER_TASKS.get(path, path)]} for path in IMAGE_TASKS},
        "mrq.basetasks.cleaning.RequeueRetryJobs": maintenance,
        "mrq.basetasks.cleaning.RequeueInterruptedJobs": maintenance,
        "mrq.basetasks.cleaning.RequeueStartedJobs": maintenance,
        "mrq.basetasks.utils.JobAction": maintenance,
    }


def scheduled_tasks() -> list[dict[str, Any]]:
    """Return MRQ's maintenance tasks. Without them, delayed retries and jobs of dead workers are never queued again."""
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
    """Return MONGODB_URI with MRQ's database in it, where MRQ expects its name.

    The credentials are still verified against the database that MONGODB_URI names, or `admin`. Certificates, cloud
    credentials and Kerberos do not depend on a database.
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
