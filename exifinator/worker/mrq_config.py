"""MRQ's configuration, derived from the settings. mrq-config.py passes it to MRQ."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from exifinator.config import Config
from exifinator.own_servers import durable_mongodb_uri
from exifinator.storage.jobs import DOWNLOAD_TASK, FORMER_TASKS, IMAGE_TASKS, WRITE_TASK

# The queue of MRQ's maintenance tasks and of the jobs that the dashboard's buttons start. Every worker serves it.
MAINTENANCE_QUEUE = "maintenance"
# The task that starts the batches of SCHEDULE.
SCHEDULE_TASK = "exifinator.worker.schedule_task.StartScheduledBatches"

# A job for an image takes at most seconds, and every network call has its own timeout. This limit ends jobs that hang
# nevertheless.
JOB_TIMEOUT_SECONDS = 120
SUCCESS_TTL_SECONDS = 24 * 3600
MAINTENANCE_TTL_SECONDS = 600


def job_from_member(member: bytes) -> dict[str, Any]:
    """Return MRQ's description of a job for a member of a raw queue.

    MRQ requires such a function for every raw queue, but never calls it, because mrq_queues.py creates the jobs.
    """
    return {"path": DOWNLOAD_TASK, "params": {"member": repr(member)}}


def raw_queues(config: Config) -> dict[str, dict[str, Any]]:
    """Return MRQ's settings for the two raw queues, by queue name."""
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
    """Return MRQ's settings for the tasks: their queues, time limits, and how long finished jobs are kept."""
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
        # How long MRQ keeps failed jobs; its default is half a year. If a maintenance job fails because Redis is down,
        # the next maintenance job does its work, so nobody needs the failed one.
        "default_ttl": MAINTENANCE_TTL_SECONDS,
    }
    return {
        **{path: {**image, "queue": queues[FORMER_TASKS.get(path, path)]} for path in IMAGE_TASKS},
        "mrq.basetasks.cleaning.RequeueRetryJobs": maintenance,
        "mrq.basetasks.cleaning.RequeueInterruptedJobs": maintenance,
        "mrq.basetasks.cleaning.RequeueStartedJobs": maintenance,
        "mrq.basetasks.utils.JobAction": maintenance,
        SCHEDULE_TASK: maintenance,
    }


def scheduled_tasks() -> list[dict[str, Any]]:
    """Return the schedule of the maintenance tasks.

    They queue delayed retries and the jobs of dead workers, and start the batches of SCHEDULE. The schedule does not
    depend on the settings: each worker that starts would remove the tasks that only other workers have.
    """
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
        {"path": SCHEDULE_TASK, "params": {}, "interval": 30, "queue": queue},
    ]


def jobs_uri(config: Config) -> str:
    """Return MONGODB_URI with its path replaced by the name of MRQ's database, because MRQ takes the name from there.

    The path of MONGODB_URI also names the database against which MongoDB verifies passwords; without a path, this is
    `admin`. In the returned URI, the option authSource names that database. Certificates, cloud credentials and
    Kerberos do not depend on a database.
    """
    uri = durable_mongodb_uri(config)
    match = re.fullmatch(r"(mongodb(?:\+srv)?://)([^/?]+)(?:/([^?]*))?(?:\?(.*))?", uri)
    if not match:
        return uri
    scheme, hosts, database, options = match.groups()
    has_auth_source = re.search(r"(?i)authsource=|authmechanism=(mongodb-|gssapi)", options or "")
    if "@" in hosts and not has_auth_source:
        auth_source = f"authSource={quote(database or 'admin', safe='')}"
        options = f"{options}&{auth_source}" if options else auth_source
    return f"{scheme}{hosts}/{config.mrq_database}{'?' + options if options else ''}"
