"""MRQ's configuration, derived from the settings. mrq-config.py passes it to MRQ."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from exifinator.config import Config
from exifinator.storage.jobs import DOWNLOAD_TASK, FORMER_TASKS, IMAGE_TASKS, WRITE_TASK

# The queue of MRQ's maintenance tasks and of the dashboard's buttons. Every worker reads it.
MAINTENANCE_QUEUE = "maintenance"

# An image takes seconds, and every network call has its own timeout. This limit ends jobs that hang anyway.
JOB_TIMEOUT_SECONDS = 120
SUCCESS_TTL_SECONDS = 24 * 3600
MAINTENANCE_TTL_SECONDS = 600


def job_from_member(member: bytes) -> dict[str, Any]:
    """Return the job for a member. MRQ requires this function for a raw queue, but mrq_queues.py does not call it."""
    return {"path": DOWNLOAD_TASK, "params": {"member": repr(member)}}


def raw_queues(config: Config) -> dict[str, dict[str, Any]]:
    """Return MRQ's settings of the two raw queues, by name."""
    unstored_statuses = () if config.task_history == "all" else ("started", "success")
    return {
        config.download_set: {
            "job_factory": job_from_member,
            "pushback_seconds": config.lease_seconds,
            "statuses_no_storage": unstored_statuses,
            "retry_queue": config.download_queue,
        },
        config.write_list: {
            "job_factory": job_from_member,
            "statuses_no_storage": unstored_statuses,
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
        # If one fails because Redis is down, the next one does its work. MRQ would keep it for half a year.
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
    """Return MRQ's maintenance tasks, which queue delayed retries and the jobs of dead workers again."""
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
    """Return MONGODB_URI with the name of MRQ's database as its path, where MRQ expects it.

    MongoDB verifies passwords against the database in the path of MONGODB_URI, or against `admin`. That database is now
    passed as authSource. Certificates, cloud credentials and Kerberos do not depend on a database.
    """
    uri = config.mongodb_uri.get_secret_value()
    match = re.fullmatch(r"(mongodb(?:\+srv)?://)([^/?]+)(?:/([^?]*))?(?:\?(.*))?", uri)
    if not match:
        return uri
    scheme, hosts, database, options = match.groups()
    has_auth_source = re.search(r"(?i)authsource=|authmechanism=(mongodb-|gssapi)", options or "")
    if "@" in hosts and not has_auth_source:
        auth_source = f"authSource={quote(database or 'admin', safe='')}"
        options = f"{options}&{auth_source}" if options else auth_source
    return f"{scheme}{hosts}/{config.mrq_database}{'?' + options if options else ''}"
