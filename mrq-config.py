"""The options that mrq-worker, mrq-run and mrq-dashboard use in this folder. To change them, edit settings.py."""

import gc
import signal
import sys

if "worker" in sys.argv[0]:
    # Until the worker polls its queues (freeze_startup_heap): the collector would take a tenth of the imports' time.
    gc.disable()
    # Make Ctrl-C exit without a traceback while the worker starts. MRQ installs its own handlers before it serves
    # queues.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from exifinator.worker import mrq_compat

mrq_compat.install()

from exifinator import logging_setup  # noqa: E402
from exifinator.config import load_config  # noqa: E402
from exifinator.queue import redis_client  # noqa: E402
from exifinator.worker import mrq_config  # noqa: E402

config = load_config()
logging_setup.configure(config)

REDIS = redis_client.connect_redis(config)
REDIS_PREFIX = config.mrq_database
MONGODB_JOBS = mrq_config.jobs_uri(config)
MONGODB_LOGS = "1"

WORKER_CLASS = "exifinator.worker.worker.ImageWorker"
GREENLETS = config.max_greenlets
# How long a worker waits between two polls, in seconds. If it is idle, it waits longer: see PollPause.
MAX_LATENCY = 0.05
REPORT_INTERVAL = 5
PAUSED_QUEUES_REFRESH_INTERVAL = 2
# Workers create MRQ's indexes themselves, and continue without them if MongoDB denies it.
ENSURE_INDEXES = False

LOG_HANDLER = "exifinator.worker.job.JobLogHandler"
LOG_LEVEL = config.log_level
LOG_FORMAT = logging_setup.FORMAT

RAW_QUEUES = mrq_config.raw_queues(config)
TASKS = mrq_config.tasks(config)
SCHEDULER = True
SCHEDULER_INTERVAL = 5
SCHEDULER_TASKS = mrq_config.scheduled_tasks()

DASHBOARD_IP = config.dashboard_host
DASHBOARD_PORT = config.dashboard_port
DASHBOARD_HTTPAUTH = config.dashboard_auth.get_secret_value() if config.dashboard_auth else ""
DASHBOARD_QUEUE = mrq_config.MAINTENANCE_QUEUE
